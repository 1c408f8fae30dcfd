/**
 * How a value lies in memory. Each value begins with a cell of 8 bytes, on an address that 8 divides: a word with the
 * tag in its low byte and a small number above it, then a word of its own use. What follows is filled up to 8 again,
 * so that floats, keys and bytes are read where they lie.
 *
 * ```
 * int      tag | value                  object   tag, words of keys | hash of keys | keys | values
 * float    tag | – | float64            array    tag | count | values
 * string   tag | length | characters    bytes    tag, kind | bytes | bytes
 * ```
 */
export const tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  int: 4,
  float: 5,
  /** One byte a character. */
  latin1: 6,
  /** Two bytes a character. */
  ucs2: 7,
  /** Keys as a `Shape`, then values in their order. */
  object: 8,
  /** The same without a prototype. */
  bareObject: 9,
  /** Key, value, key, value: for keys that no shape holds. */
  dictionary: 10,
  bareDictionary: 11,
  array: 12,
  bytes: 13,
  bigint64: 14,
  /** As a hexadecimal string. */
  bigint: 15,
  date: 16,
  regexp: 17,
  map: 18,
  set: 19,
  error: 20,
  extension: 21,
  /** What `v8.serialize` made of the whole value. */
  graph: 22,
} as const

/** What the codec reads and writes: shared memory, or a scratch buffer of the thread. All three see the same bytes. */
export interface CodecMemory {
  readonly bytes: Buffer
  readonly floats: Float64Array
  readonly words: Int32Array
}

/** Buffer's own methods that skip the choice of an encoding by its name; Node has them, its types do not. */
export interface RawBytes extends Buffer {
  latin1Slice(start: number, end: number): string
  ucs2Slice(start: number, end: number): string
  latin1Write(text: string, at: number, bytes: number): number
  ucs2Write(text: string, at: number, bytes: number): number
}

/** The value does not fit below the limit. */
export const noRoom = -1
/** The value holds something that only a MessagePort carries. */
export const needsPort = -2
/** The value is nested deeper than `mostDepth`, or in itself. */
export const tooDeep = -3
/** The value holds something that cannot cross. */
export const refused = -4

/** Deeper values, and so all that hold themselves, go by `v8.serialize`. */
export const mostDepth = 100

/** Up to here strings are written character by character, and read from a cache. */
export const shortLength = 16

/** `size` filled up to whole cells. */
export function toCell(size: number): number {
  return (size + 7) & ~7
}
