import { type GoTarget, invoke } from '../runtime/go.js'
import type { Routine } from '../runtime/operation.js'
import { Mutex } from './mutex.js'

/**
 * Does something exactly once. Source: Go's `sync.Once`.
 *
 * ```ts
 * yield* once.do(connect)
 * ```
 */
export class Once {
  private finished = false
  private readonly mutex = new Mutex()

  /** True when the one call has ended. */
  get done(): boolean {
    return this.finished
  }

  /**
   * Calls `fn` if this is the first call; in any case returns only when that first call has ended. A call that throws,
   * or is canceled, counts. From within `fn` it waits for itself for ever.
   */
  *do(fn: GoTarget<[], unknown>): Routine<void> {
    if (this.finished) return
    using _ = yield* this.mutex.lock()
    if (this.finished) return
    try {
      yield* invoke(fn, [])
    } finally {
      this.finished = true
    }
  }
}

/**
 * A function that calls `fn` once, and each time gives what that call gave: its value, or what it threw. `fn` is let
 * go of after that call. Source: Go's `sync.OnceValue`.
 */
export function onceValue<T>(fn: GoTarget<[], T>): () => Routine<T> {
  const once = new Once()
  let pending: GoTarget<[], T> | undefined = fn
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined
  function* first(): Routine<void> {
    const call = pending as GoTarget<[], T>
    pending = undefined
    try {
      outcome = { value: yield* invoke(call, []) }
    } catch (error) {
      outcome = { error }
    }
  }
  return function* () {
    if (outcome === undefined) yield* once.do(first)
    if (outcome !== undefined && 'error' in outcome) throw outcome.error
    return outcome?.value as T // nothing, when the one call ended by goexit
  }
}

/** The same for a `fn` that gives several values, as a tuple. Source: Go's `sync.OnceValues`. */
export function onceValues<const T extends readonly unknown[]>(fn: GoTarget<[], T>): () => Routine<T> {
  return onceValue(fn)
}

/** A function that calls `fn` once; what it throws is thrown each time. Source: Go's `sync.OnceFunc`. */
export function onceFunc(fn: GoTarget<[], unknown>): () => Routine<void> {
  return onceValue(fn) as () => Routine<void>
}
