import { Canceled, MisuseError } from './errors.js'
import type { Goroutine, Outcome } from './goroutine.js'
import { spawn, type GoTarget } from './go.js'
import type { Routine } from './operation.js'
import type { GoFunction } from './origin.js'
import { scheduler } from './scheduler.js'

/** The goroutines of one block: none outlives it. */
export class Scope {
  private readonly children = new Set<Goroutine<unknown>>()
  private failure: { readonly error: unknown } | undefined = undefined
  private ended = false

  /**
   * Starts a goroutine that ends before the scope does. Its failure cancels the others; one that is started after a
   * failure is canceled before it runs.
   * @throws MisuseError if the scope has ended.
   */
  go<A extends unknown[], T>(fn: (...args: A) => Routine<T>, ...args: A): Goroutine<T>
  go<A extends unknown[], T>(fn: (...args: A) => PromiseLike<T>, ...args: A): Goroutine<T>
  go<A extends unknown[], T>(fn: (...args: A) => T, ...args: A): Goroutine<T>
  go<A extends unknown[], T>(fn: GoTarget<A, T>, ...args: A): Goroutine<T> {
    return this.start(this.go as GoFunction, fn, args)
  }

  /** Cancels all children that are still running. */
  cancel(cause?: unknown): void {
    for (const child of this.children) child.cancel(cause)
  }

  /** @internal */
  start<A extends unknown[], T>(above: GoFunction, fn: GoTarget<A, T>, args: A): Goroutine<T> {
    if (this.ended)
      throw new MisuseError('this scope has ended: a goroutine that outlives it is started with go()')
    const child = spawn(scheduler(), above, fn, args)
    this.children.add(child)
    const outcome = child.outcome()
    outcome.claim().attempt()
    outcome.parkFor({
      wake: () => {
        this.children.delete(child)
        const how = outcome.value as Outcome<T>
        if ('error' in how && !(how.error instanceof Canceled)) this.fail(how.error)
      },
    })
    if (this.failure !== undefined) child.cancel(this.failure.error)
    return child
  }

  /** @internal Cancels all children and waits until they have ended. */
  *end(): Routine<void> {
    this.failure ??= { error: undefined } // whoever is started from now on, by a `finally` say, is canceled too
    this.cancel()
    while (!this.ended) {
      try {
        yield* this.drain()
      } catch {} // canceled once more: no reason to leave before the children
    }
  }

  /** @internal Waits until all children have ended; throws what the first failure was. */
  *join(): Routine<void> {
    yield* this.drain()
    if (this.failure !== undefined) throw this.failure.error
  }

  private *drain(): Routine<void> {
    for (const child of this.children) yield* child.outcome()
    this.ended = true
  }

  /** @internal The first failure cancels the children, and comes out of the scope. */
  fail(error: unknown): void {
    if (this.failure !== undefined) return
    this.failure = { error }
    this.cancel(error)
  }
}

/**
 * Runs `body` with a scope for its goroutines, and ends only when all of them have ended: with the value of `body`
 * once they are through, or with the first failure, of `body` or of a child, which cancels all the others. Canceling
 * the goroutine that waits here cancels them too. Source: Trio's nursery; Go has no such thing.
 *
 * ```ts
 * const [a, b] = yield* scope(function* (s) {
 *   const left = s.go(load, 'a'), right = s.go(load, 'b')
 *   return [yield* left, yield* right]
 * })
 * ```
 */
export function* scope<T>(body: (s: Scope) => Routine<T>): Routine<T> {
  const s = new Scope()
  // The body is a child as well, so that the failure of another one reaches it where it is parked.
  const main = s.start(scope as unknown as GoFunction, body, [s])
  let ended = false
  try {
    const how = yield* main.outcome()
    // Canceled is no failure of a child, but a body that ends so, by a context say, has left early.
    if ('error' in how) s.fail(how.error)
    yield* s.join()
    ended = true
    return yield* main
  } finally {
    if (!ended) yield* s.end()
  }
}
