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

/** What `postMessage` has to be given to transfer with `value`: the moved buffers and the ports that it holds. */
export function transferListOf(value: unknown): (ArrayBuffer | MessagePort)[] {
  const list = new Set<ArrayBuffer | MessagePort>()
  const seen = new Set<object>()
  const rest: unknown[] = [value]
  for (let each = rest.pop(); each !== undefined || rest.length > 0; each = rest.pop()) {
    if (typeof each !== 'object' || each === null || seen.has(each)) continue
    seen.add(each)
    const buffer = bufferOf(each)
    if (buffer instanceof ArrayBuffer) {
      if (isMoved(buffer) && buffer.byteLength > 0) list.add(buffer)
    } else if (each instanceof MessagePort) list.add(each)
    else if (each instanceof Map) rest.push(...each.keys(), ...each.values())
    else if (each instanceof Set) rest.push(...each)
    else rest.push(...Object.values(each))
  }
  return [...list]
}

function bufferOf(value: object): unknown {
  return ArrayBuffer.isView(value) ? value.buffer : value instanceof ArrayBuffer ? value : undefined
}

function described(value: unknown): string {
  if (ArrayBuffer.isView(value)) return 'one of shared memory, which needs no moving'
  return value instanceof SharedArrayBuffer ? 'shared memory, which needs no moving' : String(value)
}
