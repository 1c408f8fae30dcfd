import type { RecvChan } from '../runtime/chan.js'
import type { Operation, Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import type { BodySource, BodyWriter, ResponseBody } from './response.js'

/** Runs a source to its end, and sends what it produces. One that is canceled is told to clean up, not waited for. */
export function* produceBody(source: BodySource, out: BodyWriter): Routine<void> {
  if (typeof source === 'function') {
    const made = source(out)
    if (Symbol.iterator in made) yield* made
    else yield* wait(made)
  } else if ('recv' in source) yield* forEachReceived(source, (chunk) => out.send(chunk))
  else yield* forEachOf(source, (chunk) => out.send(chunk))
}

/** Tells a source whose body nobody is going to ask for to clean up. What it fails with then nobody can be told. */
export function discardBody(body: ResponseBody): void {
  if (typeof body !== 'object' || !(Symbol.asyncIterator in body) || 'recv' in body) return
  try {
    body[Symbol.asyncIterator]()
      .return?.()
      .then(undefined, () => undefined)
  } catch {}
}

/** Waits for `act` on each value of a channel, until it is closed. */
export function* forEachReceived<T>(source: RecvChan<T>, act: (value: T) => Operation<void>): Routine<void> {
  for (;;) {
    const { done, value } = yield* source.next()
    if (done === true) return
    yield* act(value)
  }
}

/** Waits for `act` on each value of an iterable. Whoever leaves early has it `return`, so that its `finally` runs. */
export function* forEachOf<T>(source: AsyncIterable<T>, act: (value: T) => Operation<void>): Routine<void> {
  const iterator = source[Symbol.asyncIterator]()
  let isOver = false
  try {
    for (;;) {
      const { done, value } = yield* wait(iterator.next())
      isOver = done === true
      if (isOver) return
      yield* act(value)
    }
  } finally {
    // What it fails with on the way out nobody can be told any more.
    if (!isOver) iterator.return?.().then(undefined, () => undefined)
  }
}
