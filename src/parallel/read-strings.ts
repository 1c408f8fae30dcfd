import type { RawBytes } from './codec-format.js'

/** A short string and the words that it was read from. */
interface Known {
  readonly text: string
  readonly length: number
  readonly words: readonly [number, number, number, number]
}

const known = 512

/**
 * Short strings that come again: `'ok'`, a name, a unit. Found by their words, which takes a tenth of the time of
 * making a string; up to 16 characters, one byte each, filled up with zeros to whole cells.
 */
export class ReadStrings {
  private readonly known: (Known | undefined)[] = new Array<Known | undefined>(known).fill(undefined)

  constructor(
    private readonly memoryWords: Int32Array,
    private readonly bytes: RawBytes,
  ) {}

  at(at: number, length: number): string {
    if (length === 0) return ''
    const from = at >> 2
    const words = this.memoryWords
    const w0 = words[from] as number
    const w1 = words[from + 1] as number
    const w2 = length > 8 ? (words[from + 2] as number) : 0
    const w3 = length > 8 ? (words[from + 3] as number) : 0
    const mixed = Math.imul(
      w0 ^ Math.imul(w1 ^ Math.imul(w2 ^ Math.imul(w3, 31), 31), 31) ^ length,
      0x9e3779b1,
    )
    const place = mixed >>> 23 // the 9 best mixed bits: 512 places
    const found = this.known[place]
    if (found !== undefined && found.length === length) {
      const { words } = found
      if (words[0] === w0 && words[1] === w1 && words[2] === w2 && words[3] === w3) return found.text
    }
    const text = this.bytes.latin1Slice(at, at + length)
    this.known[place] = { text, length, words: [w0, w1, w2, w3] }
    return text
  }
}
