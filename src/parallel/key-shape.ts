import type { RawBytes } from './codec-format.js'

/**
 * The keys of objects, sent as words that both sides know again: the writer finds the words of keys that it has seen,
 * the reader finds the keys of words that it has seen. Neither makes a string for them.
 *
 * The words hold each key and a newline after it, in latin1, filled up with zeros. Keys that this cannot say, too many
 * or too long ones go as a dictionary.
 */
export interface Shape {
  readonly keys: readonly string[]
  /** An even number, so that values follow on a whole cell. */
  readonly words: Int32Array
  readonly hash: number
}

/** Objects of more keys are tables rather than records: their keys differ each time. */
const mostKeys = 32
const mostCharacters = 1024
/** Known shapes for each number of keys. */
const shapesPerCount = 8

/** The shapes that a thread writes. */
export class WrittenShapes {
  /** By the number of keys. */
  private readonly byCount: Shape[][] = Array.from({ length: mostKeys + 1 }, () => [])

  /** `undefined` for keys that have to go as a dictionary. */
  of(keys: readonly string[]): Shape | undefined {
    const shapes = this.byCount[keys.length]
    if (shapes === undefined) return undefined
    for (let i = 0; i < shapes.length; i++) {
      const shape = shapes[i] as Shape
      if (sameKeys(shape.keys, keys)) return shape
    }
    return this.learn(keys, shapes)
  }

  private learn(keys: readonly string[], shapes: Shape[]): Shape | undefined {
    const shape = shapeOf(keys)
    if (shape === undefined) return undefined
    // Takes the place of a random one: the oldest would be wrong for ten shapes that come in turn.
    if (shapes.length === shapesPerCount) shapes[(Math.random() * shapesPerCount) | 0] = shape
    else shapes.push(shape)
    return shape
  }
}

function sameKeys(known: readonly string[], keys: readonly string[]): boolean {
  for (let i = 0; i < keys.length; i++) if (known[i] !== keys[i]) return false
  return true
}

function shapeOf(keys: readonly string[]): Shape | undefined {
  const text = keys.map((key) => `${key}\n`).join('')
  if (text.length > mostCharacters || keys.some(isUnsuited)) return undefined
  const bytes = Buffer.alloc((text.length + 7) & ~7)
  bytes.write(text, 'latin1')
  const words = new Int32Array(new Uint8Array(bytes).buffer)
  return { keys, words, hash: hashOf(words, 0, words.length) }
}

// `__proto__` would set the prototype where the reader assigns it.
function isUnsuited(key: string): boolean {
  return key === '__proto__' || /[^\0-\xff]|\n/.test(key)
}

function hashOf(words: Int32Array, from: number, to: number): number {
  let hash = to - from
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (words[i] as number), 0x9e3779b1) ^ (hash >>> 15)
  return hash
}

const readShapes = 256

/** The shapes that a thread reads. */
export class ReadShapes {
  private readonly shapes: (Shape | undefined)[] = new Array<Shape | undefined>(readShapes).fill(undefined)

  constructor(
    private readonly words: Int32Array,
    private readonly bytes: RawBytes,
  ) {}

  /** The keys that lie in `length` words from word `from`. */
  keysAt(from: number, length: number, hash: number): readonly string[] {
    const shape = this.shapes[hash & (readShapes - 1)]
    if (shape === undefined || shape.hash !== hash || shape.words.length !== length) {
      return this.learn(from, length, hash)
    }
    for (let i = 0; i < length; i++) {
      if (this.words[from + i] !== shape.words[i]) return this.learn(from, length, hash)
    }
    return shape.keys
  }

  private learn(from: number, length: number, hash: number): readonly string[] {
    const keys = this.bytes.latin1Slice(from * 4, (from + length) * 4).split('\n')
    keys.pop() // the zeros that fill up
    this.shapes[hash & (readShapes - 1)] = { keys, words: this.words.slice(from, from + length), hash }
    return keys
  }
}
