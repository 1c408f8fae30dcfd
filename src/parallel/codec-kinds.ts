import { types } from 'node:util'

/** What an object is to the codec, told by its prototype. Bytes are `bytesKind` and above. */
export const kind = {
  plain: 1,
  bare: 2,
  array: 3,
  date: 4,
  regexp: 5,
  map: 6,
  set: 7,
  /** Neither of these: an extension, an error, or refused. */
  other: 8,
  /** Only a MessagePort carries it. */
  port: 9,
  buffer: 16,
  arrayBuffer: 17,
  dataView: 18,
} as const

/** The first kind of bytes; the kind less this is the number that goes with `tag.bytes`. */
export const bytesKind = kind.buffer

/** Makes a typed array over a whole buffer. */
type ViewClass = new (buffer: ArrayBuffer) => ArrayBufferView

/** In the order of their kinds, after `dataView`. */
const viewClasses: readonly ViewClass[] = [
  DataView,
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]

export const uint8Kind = kind.dataView + 1

const kinds = new Map<unknown, number>([
  [Object.prototype, kind.plain],
  [null, kind.bare],
  [Array.prototype, kind.array],
  [Date.prototype, kind.date],
  [RegExp.prototype, kind.regexp],
  [Map.prototype, kind.map],
  [Set.prototype, kind.set],
  [Buffer.prototype, kind.buffer],
  [ArrayBuffer.prototype, kind.arrayBuffer],
  [SharedArrayBuffer.prototype, kind.port],
  ...viewClasses.map((view, i): [unknown, number] => [view.prototype, kind.dataView + i]),
])

const plainPrototype = Object.prototype
const arrayPrototype = Array.prototype

/** The same for classes that are not listed, from the first object on. */
const otherKinds = new WeakMap<object, number>()

export function kindOf(value: object): number {
  const prototype: unknown = Object.getPrototypeOf(value)
  // Most are these two, and comparing takes a fifth of looking up.
  if (prototype === plainPrototype) return kind.plain
  if (prototype === arrayPrototype) return kind.array
  return kinds.get(prototype) ?? otherKinds.get(prototype as object) ?? learn(value, prototype as object)
}

function learn(value: object, prototype: object): number {
  const what = isPortOnly(value) ? kind.port : kind.other
  otherKinds.set(prototype, what)
  return what
}

/** The bytes of `kind`, which own their buffer, as what they were. */
export function bytesOfKind(byteKind: number, bytes: Uint8Array<ArrayBuffer>): unknown {
  if (byteKind === uint8Kind) return bytes
  if (byteKind === kind.arrayBuffer) return bytes.buffer
  const view = viewClasses[byteKind - kind.dataView]
  return view === undefined ? undefined : new view(bytes.buffer)
}

function isPortOnly(value: object): boolean {
  return (
    value instanceof MessagePort ||
    value instanceof Blob ||
    isWasmModule(value) ||
    types.isKeyObject(value) ||
    types.isCryptoKey(value)
  )
}

// Node's types leave WebAssembly to the types of browsers.
function isWasmModule(value: object): boolean {
  return Object.prototype.toString.call(value) === '[object WebAssembly.Module]'
}

/** Errors of this realm and DOMException: all that a `catch` would call an error. */
export function isError(value: object): value is Error {
  return value instanceof Error || types.isNativeError(value)
}

/** Memory that was transferred to another thread: nothing of it is left here. Asked for where the length is 0. */
export function isDetached(buffer: ArrayBuffer | SharedArrayBuffer): boolean {
  try {
    new Uint8Array(buffer)
    return false
  } catch {
    return true
  }
}
