import type { Clock } from '../runtime/clock.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import type { Routine } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { Figures, type GuardStats } from './figures.js'
import type { Attempt, Wrapper } from './guard.js'
import { type Callee, invokeWithin } from './invoke-within.js'
import { LruMap } from './lru-map.js'
import { isRetryable } from './is-retryable.js'

/** What is given instead: exactly one of `value`, `call` and `lastGood`. */
export type FallbackOptions = (
  | { readonly value: unknown }
  | {
      /** Gives something else: it gets the context and the error. What it throws comes out. */
      readonly call: Callee<unknown>
    }
  | {
      /** The last good value that the call gave for its key; calls without one share one. The same object each time. */
      readonly lastGood: true
      /** How old it may be, in ms. */
      readonly maxAgeMs: number
      /** Of how many keys it is kept: 1000 unless said. The one that was not used for longest goes first. */
      readonly maxKeys?: number
      readonly clock?: Clock
    }
) & {
  /** Which errors it stands in for. By default all but misuse; never where the caller has given up. */
  readonly isFallback?: (error: unknown) => boolean
  /** What it protects. */
  readonly name?: string
}

/**
 * Gives something else where a call failed or was refused: a value, what a function gives, or the last good value. Where
 * there is nothing to give the error of the call comes out. It stands before the guards whose refusals it makes good.
 *
 * ```ts
 * const prices = policy(fallback({ lastGood: true, maxAgeMs: 60_000 }), timeout({ ms: 200 }), breaker())
 * ```
 * @throws ArgumentError if it is not exactly one of the three, or a limit is none.
 */
export function fallback(options: FallbackOptions): Fallback {
  return new Fallback(new Figures('fallback', options.name ?? 'fallback'), options)
}

interface Kept {
  readonly value: unknown
  readonly atMs: number
}

/** What stands in for failed calls, as a guard. */
export class Fallback implements Wrapper {
  private fellBack = 0
  private hadNone = 0
  private readonly clock: Clock
  private readonly maxAgeMs: number
  private readonly lastGood: LruMap<string | undefined, Kept> | undefined

  /** @internal */
  constructor(
    readonly figures: Figures,
    private readonly options: FallbackOptions,
  ) {
    checkOptions(options)
    const { maxAgeMs = 0, maxKeys = 1000, clock = undefined } = 'lastGood' in options ? options : {}
    this.clock = clock ?? scheduler().coarseClock
    this.maxAgeMs = maxAgeMs
    this.lastGood = 'lastGood' in options ? new LruMap(maxKeys) : undefined
  }

  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    this.figures.admitted++
    let value: T
    try {
      value = yield* attempt.run(attempt.ctx)
    } catch (error) {
      if (!this.isFallback(attempt, error)) throw error
      return (yield* this.instead(attempt, error, () => {
        throw error
      })) as T // that it is of this type is the caller's promise
    }
    if (attempt.isFailure(value)) return (yield* this.instead(attempt, value, () => value)) as T
    this.lastGood?.set(attempt.key, { value, atMs: this.clock.now() })
    return value
  }

  stats(): GuardStats {
    const { fellBack, hadNone, lastGood } = this
    return this.figures.stats('ok', { fellBack, hadNone, keys: lastGood?.size })
  }

  private isFallback({ ctx }: Attempt<unknown>, error: unknown): boolean {
    if (ctx.err !== undefined || error instanceof Canceled) return false
    return (this.options.isFallback ?? isRetryable)(error)
  }

  private *instead(attempt: Attempt<unknown>, failure: unknown, otherwise: () => unknown): Routine<unknown> {
    const { options, lastGood } = this
    const kept = lastGood?.get(attempt.key)
    if (lastGood !== undefined && (kept === undefined || this.clock.now() - kept.atMs > this.maxAgeMs)) {
      this.hadNone++
      return otherwise()
    }
    this.fellBack++
    this.figures.tell('fell back', failure)
    if ('value' in options) return options.value
    if ('call' in options) return yield* invokeWithin(options.call, attempt.ctx, failure)
    return kept?.value
  }
}

function checkOptions(options: FallbackOptions): void {
  const given = ['value', 'call', 'lastGood'].filter((each) => each in options)
  if (given.length !== 1) {
    throw new ArgumentError(
      `a fallback gives exactly one of value, call and lastGood, not ${given.join(' and ') || 'none'}`,
    )
  }
  if ('call' in options && typeof options.call !== 'function') {
    throw new ArgumentError(`the call of a fallback is a function, not ${String(options.call)}`)
  }
  if (!('lastGood' in options)) return
  const { maxAgeMs, maxKeys = 1000 } = options
  if (!(maxAgeMs > 0)) {
    throw new ArgumentError(`maxAgeMs is a time above 0 ms, Infinity for any age, not ${maxAgeMs}`)
  }
  if (!Number.isInteger(maxKeys) || maxKeys < 1) {
    throw new ArgumentError(`maxKeys is a whole number from 1, not ${maxKeys}`)
  }
}
