import { type CarriedError, uncarriedError } from './carried-errors.js'
import { type CodecMemory, type RawBytes, shortLength, tag, toCell } from './codec-format.js'
import { bytesKind, bytesOfKind, kind } from './codec-kinds.js'
import type { Extension } from './extension.js'
import { FatalError } from '../runtime/errors.js'
import { ReadShapes } from './key-shape.js'
import { ReadStrings } from './read-strings.js'

/** Reads what the writer wrote. Every result is a copy: nothing in it looks into the memory. */
export class Reader {
  private at = 0
  private readonly bytes: RawBytes
  /** The same as `bytes`, without Buffer's methods: its `slice` copies. */
  private readonly plainBytes: Uint8Array
  private readonly words: Int32Array
  private readonly floats: Float64Array
  private readonly bigints: BigInt64Array
  private readonly shapes: ReadShapes
  private readonly strings: ReadStrings
  private readonly extensions: (Extension | undefined)[]

  constructor(
    memory: CodecMemory,
    extensions: readonly Extension[],
    private readonly readGraph: (serialized: Buffer) => unknown,
  ) {
    const { buffer, byteOffset, length } = memory.bytes
    this.bytes = memory.bytes as RawBytes
    this.plainBytes = new Uint8Array(buffer, byteOffset, length)
    this.words = memory.words
    this.floats = memory.floats
    this.bigints = new BigInt64Array(memory.floats.buffer, 0, memory.floats.length)
    this.shapes = new ReadShapes(memory.words, this.bytes)
    this.strings = new ReadStrings(memory.words, this.bytes)
    this.extensions = []
    for (const extension of extensions) this.extensions[extension.tag] = extension
  }

  readAt(at: number): unknown {
    this.at = at
    return this.read()
  }

  private read(): unknown {
    const at = this.at
    const word = this.words[at >> 2] as number
    const second = this.words[(at >> 2) + 1] as number
    this.at = at + 8
    switch (word & 0xff) {
      case tag.int:
        return second
      case tag.latin1:
        this.at = at + 8 + toCell(second)
        return second <= shortLength
          ? this.strings.at(at + 8, second)
          : this.bytes.latin1Slice(at + 8, at + 8 + second)
      case tag.object:
        return this.object({}, word >>> 8, second)
      case tag.array:
        return this.array(second)
      case tag.float:
        return this.float()
      case tag.true:
        return true
      case tag.false:
        return false
      case tag.null:
        return null
      case tag.undefined:
        return undefined
      case tag.bytes:
        return this.copy(word >>> 8, second)
      default:
        return this.rare(word, second)
    }
  }

  private rare(word: number, second: number): unknown {
    switch (word & 0xff) {
      case tag.ucs2: {
        const at = this.at
        this.at = at + toCell(second)
        return this.bytes.ucs2Slice(at, at + second)
      }
      case tag.bareObject:
        return this.object(Object.create(null), word >>> 8, second)
      case tag.dictionary:
        return this.dictionary({}, second)
      case tag.bareDictionary:
        return this.dictionary(Object.create(null), second)
      case tag.bigint64:
        this.at += 8
        return this.bigints[(this.at >> 3) - 1]
      case tag.bigint:
        return bigintOf(this.read() as string)
      case tag.date:
        return new Date(this.float())
      case tag.regexp:
        return new RegExp(this.read() as string, this.read() as string)
      case tag.map:
        return this.map(second)
      case tag.set:
        return this.set(second)
      case tag.error:
        return uncarriedError(this.read() as CarriedError)
      case tag.extension:
        return this.extended(word >>> 8)
      case tag.graph:
        return this.readGraph(Buffer.from(this.slice(second).buffer))
      default:
        throw new FatalError(`codec: no value begins at byte ${this.at - 8}, but ${word} ${second}`)
    }
  }

  private float(): number {
    const at = this.at
    this.at = at + 8
    return this.floats[at >> 3] as number
  }

  private object(into: Record<string, unknown>, length: number, hash: number): object {
    const at = this.at
    const keys = this.shapes.keysAt(at >> 2, length, hash)
    this.at = at + length * 4
    for (let i = 0; i < keys.length; i++) into[keys[i] as string] = this.read()
    return into
  }

  private dictionary(into: Record<string, unknown>, count: number): object {
    for (let i = 0; i < count; i++) setOwn(into, this.read() as string, this.read())
    return into
  }

  private array(count: number): unknown[] {
    // As literals, the short ones get no room to grow.
    switch (count) {
      case 0:
        return []
      case 1:
        return [this.read()]
      case 2:
        return [this.read(), this.read()]
      case 3:
        return [this.read(), this.read(), this.read()]
    }
    const values: unknown[] = []
    for (let i = 0; i < count; i++) values.push(this.read())
    return values
  }

  private map(count: number): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>()
    for (let i = 0; i < count; i++) map.set(this.read(), this.read())
    return map
  }

  private set(count: number): Set<unknown> {
    const set = new Set<unknown>()
    for (let i = 0; i < count; i++) set.add(this.read())
    return set
  }

  private copy(offset: number, size: number): unknown {
    const what = offset + bytesKind
    if (what !== kind.buffer) return bytesOfKind(what, this.slice(size))
    const at = this.at
    this.at = at + toCell(size)
    const buffer = Buffer.allocUnsafe(size)
    buffer.set(this.plainBytes.subarray(at, at + size))
    return buffer
  }

  private slice(size: number): Uint8Array<ArrayBuffer> {
    const at = this.at
    this.at = at + toCell(size)
    return this.plainBytes.slice(at, at + size)
  }

  private extended(number: number): unknown {
    const extension = this.extensions[number]
    if (extension === undefined)
      throw new FatalError(`codec: extension ${number} is not known on this thread`)
    return extension.unpack(this.read())
  }
}

/** Gives `into` a property of its own, whatever its name. */
export function setOwn(into: object, key: string, value: unknown): void {
  if (key !== '__proto__') (into as Record<string, unknown>)[key] = value
  else Object.defineProperty(into, key, { value, enumerable: true, configurable: true, writable: true })
}

function bigintOf(hex: string): bigint {
  return hex.startsWith('-') ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`)
}
