import { MessagePort } from 'node:worker_threads'
import { ArgumentError } from '../runtime/errors.js'

/** Buffers to be handed over rather than copied. */
const moved = new WeakSet<ArrayBufferLike>()
let count = 0

/**
 * Marks bytes to be handed to the other thread instead of copied, which pays from about 64 KB on: `run(move(bytes))`.
 * Afterwards they are empty here, and a second use is refused. The whole buffer goes; a view of a part of one is
 * copied as ever, since the rest may be somebody else's (a small `Buffer` lies in a pool of Node's).
 *
 * @throws ArgumentError for anything but an ArrayBuffer or a view of one.
 */
export function move<T extends ArrayBuffer | ArrayBufferView>(value: T): T {
  const buffer = bufferOf(value)
  if (!(buffer instanceof ArrayBuffer)) {
    throw new ArgumentError(`move() takes an ArrayBuffer or a view of one, not ${described(value)}`)
  }
  if (buffer.byteLength === value.byteLength && buffer.byteLength > 0) {
    moved.add(buffer)
    count++
  }
  return value
}

/** `move` was called for this buffer. */
export function isMoved(buffer: ArrayBufferLike): boolean {
  return count > 0 && moved.has(buffer)
}

/**
 * What `postMessage` has to be given to transfer with `message`: the moved buffers and the ports that it holds. Given
 * what `toMessage` made, it also finds those that an error has as its cause.
 */
export function transferListOf(message: unknown): (ArrayBuffer | MessagePort)[] {
  const list: (ArrayBuffer | MessagePort)[] = []
  // A set goes on to what is added to it while it is gone through.
  const met = new Set<unknown>([message])
  for (const each of met) {
    if (typeof each !== 'object' || each === null) continue
    const buffer = bufferOf(each)
    if (buffer !== undefined) {
      if (buffer instanceof ArrayBuffer && buffer.byteLength > 0 && isMoved(buffer) && !list.includes(buffer))
        list.push(buffer)
    } else if (each instanceof MessagePort) list.push(each)
    else {
      for (const part of partsOf(each)) if (typeof part === 'object') met.add(part)
    }
  }
  return list
}

function partsOf(value: object): Iterable<unknown> {
  if (value instanceof Map) return [...value.keys(), ...value.values()]
  return value instanceof Set || Array.isArray(value) ? value : Object.values(value)
}

function bufferOf(value: object): unknown {
  return ArrayBuffer.isView(value) ? value.buffer : value instanceof ArrayBuffer ? value : undefined
}

function described(value: unknown): string {
  if (ArrayBuffer.isView(value)) return 'one of shared memory, which needs no moving'
  return value instanceof SharedArrayBuffer ? 'shared memory, which needs no moving' : String(value)
}
