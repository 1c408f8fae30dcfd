import { carriedError } from './carried-errors.js'
import {
  type CodecMemory,
  mostDepth,
  needsPort,
  noRoom,
  type RawBytes,
  refused,
  shortLength,
  tag,
  toCell,
  tooDeep,
} from './codec-format.js'
import { bytesKind, isDetached, isError, kind, kindOf } from './codec-kinds.js'
import type { Extension } from './extension.js'
import { WrittenShapes } from './key-shape.js'
import { isMoved } from './move.js'

/** Plain data as far as the writer is concerned: it reads by keys that it asked for. */
type Keyed = Record<string, unknown>

/**
 * Writes values; see codec-format.ts for what it writes. Every method takes the address to write at and gives the one
 * behind, or one of the negative outcomes: a check for each value, which is cheaper than an exception and needs no
 * state, so that a getter in a value may use the codec itself.
 */
export class Writer {
  /** Objects of extensions that were met. */
  readonly packed: object[] = []
  private readonly bytes: RawBytes
  private readonly words: Int32Array
  private readonly floats: Float64Array
  private readonly bigints: BigInt64Array
  private readonly shapes = new WrittenShapes()

  constructor(
    memory: CodecMemory,
    private readonly extensions: readonly Extension[],
    private readonly carries: (value: unknown) => boolean,
  ) {
    this.bytes = memory.bytes as RawBytes
    this.words = memory.words
    this.floats = memory.floats
    this.bigints = new BigInt64Array(memory.floats.buffer, 0, memory.floats.length)
  }

  write(value: unknown, at: number, limit: number, depth: number): number {
    if (at + 8 > limit) return noRoom
    switch (typeof value) {
      case 'number':
        return this.number(value, at, limit)
      case 'string':
        return this.string(value, at, limit)
      case 'object':
        return value === null ? this.cell(tag.null, at) : this.object(value, at, limit, depth)
      case 'boolean':
        return this.cell(value ? tag.true : tag.false, at)
      case 'undefined':
        return this.cell(tag.undefined, at)
      case 'bigint':
        return this.bigint(value, at, limit)
      default:
        return refused
    }
  }

  /** The whole value as `v8.serialize` has it. */
  writeGraph(serialized: Uint8Array, at: number, limit: number): number {
    const end = at + 8 + toCell(serialized.length)
    if (end > limit) return noRoom
    this.cell(tag.graph, at, serialized.length)
    this.bytes.set(serialized, at + 8)
    return end
  }

  private cell(word: number, at: number, second = 0): number {
    this.words[at >> 2] = word
    this.words[(at >> 2) + 1] = second
    return at + 8
  }

  private number(value: number, at: number, limit: number): number {
    const int = value | 0
    if (int === value && (int !== 0 || 1 / value > 0)) {
      this.words[at >> 2] = tag.int
      this.words[(at >> 2) + 1] = int
      return at + 8
    }
    return this.float(tag.float, value, at, limit)
  }

  private float(word: number, value: number, at: number, limit: number): number {
    if (at + 16 > limit) return noRoom
    this.words[at >> 2] = word
    this.floats[(at >> 3) + 1] = value
    return at + 16
  }

  private string(text: string, at: number, limit: number): number {
    const { length } = text
    if (length > shortLength) return this.longString(text, at, limit)
    const end = at + 8 + toCell(length)
    if (end > limit) return noRoom
    this.cell(tag.latin1, at, length)
    // Zeros behind the last character: the reader compares whole words.
    if (length > 0) this.cell(0, end - 8)
    const bytes = this.bytes
    for (let i = 0; i < length; i++) {
      const character = text.charCodeAt(i)
      if (character > 0xff) return this.wideString(text, at, limit)
      bytes[at + 8 + i] = character
    }
    return end
  }

  private longString(text: string, at: number, limit: number): number {
    if (isWide(text)) return this.wideString(text, at, limit)
    const end = at + 8 + toCell(text.length)
    if (end > limit) return noRoom
    this.cell(tag.latin1, at, text.length)
    this.bytes.latin1Write(text, at + 8, text.length)
    return end
  }

  private wideString(text: string, at: number, limit: number): number {
    const size = text.length * 2
    const end = at + 8 + toCell(size)
    if (end > limit) return noRoom
    this.cell(tag.ucs2, at, size)
    this.bytes.ucs2Write(text, at + 8, size)
    return end
  }

  private bigint(value: bigint, at: number, limit: number): number {
    if (BigInt.asIntN(64, value) === value) {
      if (at + 16 > limit) return noRoom
      this.bigints[(at >> 3) + 1] = value
      this.cell(tag.bigint64, at)
      return at + 16
    }
    return this.string(value.toString(16), this.cell(tag.bigint, at), limit)
  }

  private object(value: object, at: number, limit: number, depth: number): number {
    if (depth > mostDepth) return tooDeep
    // The prototypes were looked at, so the classes are these.
    const what = kindOf(value)
    switch (what) {
      case kind.plain:
        return this.plain(value as Keyed, tag.object, at, limit, depth)
      case kind.array:
        return this.array(value as unknown[], at, limit, depth)
      case kind.bare:
        return this.plain(value as Keyed, tag.bareObject, at, limit, depth)
      case kind.date:
        return this.float(tag.date, (value as Date).getTime(), at, limit)
      case kind.regexp:
        return this.regexp(value as RegExp, at, limit)
      case kind.map:
        return this.map(value as Map<unknown, unknown>, at, limit, depth)
      case kind.set:
        return this.set(value as Set<unknown>, at, limit, depth)
      case kind.port:
        return needsPort
      case kind.other:
        return this.other(value, at, limit, depth)
      default:
        return this.copy(value as ArrayBuffer | ArrayBufferView, what, at, limit)
    }
  }

  private plain(value: Keyed, word: number, at: number, limit: number, depth: number): number {
    const keys = Object.keys(value)
    const shape = this.shapes.of(keys)
    if (shape === undefined) return this.dictionary(value, keys, word + 2, at, limit, depth)
    const from = shape.words
    let next = at + 8 + from.length * 4
    if (next > limit) return noRoom
    this.cell(word | (from.length << 8), at, shape.hash)
    const words = this.words
    const to = (at >> 2) + 2
    for (let i = 0; i < from.length; i++) words[to + i] = from[i] as number
    for (let i = 0; i < keys.length; i++) {
      next = this.write(value[keys[i] as string], next, limit, depth + 1)
      if (next < 0) return next
    }
    return next
  }

  private dictionary(
    value: Keyed,
    keys: readonly string[],
    word: number,
    at: number,
    limit: number,
    depth: number,
  ): number {
    let next = this.cell(word, at, keys.length)
    for (const key of keys) {
      next = this.write(key, next, limit, depth)
      if (next > 0) next = this.write(value[key], next, limit, depth + 1)
      if (next < 0) return next
    }
    return next
  }

  private array(values: readonly unknown[], at: number, limit: number, depth: number): number {
    const { length } = values
    let next = this.cell(tag.array, at, length)
    for (let i = 0; i < length; i++) {
      next = this.write(values[i], next, limit, depth + 1)
      if (next < 0) return next
    }
    return next
  }

  private regexp({ source, flags }: RegExp, at: number, limit: number): number {
    const next = this.string(source, this.cell(tag.regexp, at), limit)
    return next < 0 ? next : this.write(flags, next, limit, 0)
  }

  private map(map: ReadonlyMap<unknown, unknown>, at: number, limit: number, depth: number): number {
    let count = 0
    let next = at + 8
    for (const [key, value] of map) {
      next = this.write(key, next, limit, depth + 1)
      if (next > 0) next = this.write(value, next, limit, depth + 1)
      if (next < 0) return next
      count++
    }
    this.cell(tag.map, at, count) // last, for a getter may have changed the map
    return next
  }

  private set(set: ReadonlySet<unknown>, at: number, limit: number, depth: number): number {
    let count = 0
    let next = at + 8
    for (const value of set) {
      next = this.write(value, next, limit, depth + 1)
      if (next < 0) return next
      count++
    }
    this.cell(tag.set, at, count)
    return next
  }

  private copy(value: ArrayBuffer | ArrayBufferView, what: number, at: number, limit: number): number {
    const buffer = ArrayBuffer.isView(value) ? value.buffer : value
    const size = value.byteLength
    if (buffer instanceof SharedArrayBuffer) return needsPort
    if (size === 0 && isDetached(buffer)) return refused
    if (isMoved(buffer)) return needsPort
    const end = at + 8 + toCell(size)
    if (end > limit) return noRoom
    this.cell(tag.bytes | ((what - bytesKind) << 8), at, size)
    if (value instanceof Uint8Array) this.bytes.set(value, at + 8)
    else {
      const offset = ArrayBuffer.isView(value) ? value.byteOffset : 0
      this.bytes.set(new Uint8Array(buffer, offset, size), at + 8)
    }
    return end
  }

  private other(value: object, at: number, limit: number, depth: number): number {
    for (const extension of this.extensions) {
      if (extension.matches(value)) {
        this.packed.push(value)
        const next = this.cell(tag.extension | (extension.tag << 8), at)
        return this.write(extension.pack(value), next, limit, depth + 1)
      }
    }
    if (!isError(value)) return refused
    return this.write(carriedError(value, this.carries), this.cell(tag.error, at), limit, depth + 1)
  }
}

/** Has characters that do not fit one byte. A string that is stored by bytes passes without being searched. */
export function isWide(text: string): boolean {
  return /[^\0-\xff]/.test(text)
}
