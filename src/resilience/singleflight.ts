import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { Figures, type GuardStats } from './figures.js'
import type { Attempt, Wrapper } from './guard.js'
import { type SharedCall, SharedCalls } from './shared-calls.js'

export interface SingleflightOptions {
  /** What it protects. */
  readonly name?: string
}

/**
 * Makes one call for all that ask for the same key at the same time: they share its value or its error. One who gives up does
 * not take it away from the others; when the last one has given up the call ends. A call without a key is made by itself.
 *
 * What is shared belongs to no caller: it has the values of the first one's context, and nobody's deadline. So what bounds it
 * is a `timeout` behind this guard.
 *
 * The key has to say all: two calls of one key are one call, whatever their functions and their priorities.
 *
 * ```ts
 * const products = policy(singleflight(), breaker())
 * yield* products.run(ctx, (ctx) => load(ctx, id), { key: id })
 * ```
 * Source: golang.org/x/sync/singleflight.
 */
export function singleflight({ name = 'singleflight' }: SingleflightOptions = {}): Singleflight {
  return new Singleflight(new Figures('singleflight', name))
}

/** Shared calls as a guard. */
export class Singleflight implements Wrapper {
  private readonly calls = new SharedCalls(singleflight as GoFunction)
  private shared = 0

  /** @internal */
  constructor(readonly figures: Figures) {}

  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    const { figures } = this
    const { key } = attempt
    figures.admitted++
    if (key === undefined) return yield* attempt.run(attempt.ctx)
    const flying = this.calls.get(key)
    if (flying === undefined) return yield* this.calls.join(key, this.calls.start(key, attempt), attempt)
    this.shared++
    figures.waited++
    figures.waiting++
    try {
      // A key stands for one call, so the value is of its type.
      return yield* this.calls.join(key, flying as SharedCall<T>, attempt)
    } finally {
      figures.waiting--
    }
  }

  /** The next call for `key` is made anew, even while one is under way. */
  forget(key: string): void {
    this.calls.forget(key)
  }

  stats(): GuardStats {
    return this.figures.stats('ok', { shared: this.shared, inFlight: this.calls.size })
  }
}
