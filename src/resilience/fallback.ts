import type { Clock } from '../runtime/clock.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import type { Outcome } from '../runtime/goroutine.js'
import type { Routine } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { Figures, type GuardStats } from './figures.js'
import type { Attempt, Wrapper } from './guard.js'
import { type Callee, invokeWithin } from './invoke-within.js'
import { LruMap } from './lru-map.js'
import { isRetryable } from './is-retryable.js'
import { checkGiven } from './given.js'

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
  checkGiven('fallback', options)
  return new Fallback(new Figures('fallback', options.name ?? 'fallback'), options)
}

/** The same, however they go together. */
interface AnyOptions {
  readonly value?: unknown
  readonly call?: Callee<unknown>
  readonly lastGood?: true
  readonly maxAgeMs?: number
  readonly maxKeys?: number
  readonly clock?: Clock
  readonly isFallback?: (error: unknown) => boolean
}

/** What can change. */
interface Settings {
  readonly gives: 'value' | 'call' | 'lastGood'
  readonly value: unknown
  readonly call: Callee<unknown> | undefined
  readonly maxAgeMs: number
  readonly maxKeys: number
  readonly isFallback: (error: unknown) => boolean
}

function settingsOf(options: AnyOptions): Settings {
  const given = (['value', 'call', 'lastGood'] as const).filter((each) => each in options)
  const [gives] = given
  if (gives === undefined || given.length > 1) {
    throw new ArgumentError(
      `a fallback gives exactly one of value, call and lastGood, not ${given.join(' and ') || 'none'}`,
    )
  }
  const { value, call, maxAgeMs = 0, maxKeys = 1000 } = options
  if (gives === 'call' && typeof call !== 'function') {
    throw new ArgumentError(`the call of a fallback is a function, not ${String(call)}`)
  }
  if (gives === 'lastGood' && !(maxAgeMs > 0)) {
    throw new ArgumentError(`maxAgeMs is a time above 0 ms, Infinity for any age, not ${options.maxAgeMs}`)
  }
  if (gives === 'lastGood' && (!Number.isInteger(maxKeys) || maxKeys < 1)) {
    throw new ArgumentError(`maxKeys is a whole number from 1, not ${maxKeys}`)
  }
  return { gives, value, call, maxAgeMs, maxKeys, isFallback: options.isFallback ?? isRetryable }
}

interface Kept {
  readonly value: unknown
  readonly atMs: number
}

/** Settings, and the values that they have it keep. */
interface Plan {
  readonly settings: Settings
  readonly lastGood: LruMap<string | undefined, Kept> | undefined
}

function planOf(options: AnyOptions, before?: Plan): Plan {
  const settings = settingsOf(options)
  if (settings.gives !== 'lastGood') return { settings, lastGood: undefined }
  const lastGood = before?.lastGood ?? new LruMap(settings.maxKeys)
  lastGood.resize(settings.maxKeys)
  return { settings, lastGood }
}

/** What stands in for failed calls, as a guard. */
export class Fallback implements Wrapper {
  private plan: Plan
  private fellBack = 0
  private hadNone = 0
  private readonly clock: Clock

  /** @internal */
  constructor(
    readonly figures: Figures,
    options: AnyOptions,
  ) {
    this.plan = planOf(options)
    this.clock = options.clock ?? scheduler().coarseClock
  }

  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    const { plan } = this // that of a call which is under way stays
    this.figures.admitted++
    let value: T
    try {
      value = yield* attempt.run(attempt.ctx)
    } catch (error) {
      if (!standsIn(plan.settings, attempt, error)) throw error
      return (yield* this.instead(plan, attempt, { error })) as T // that it is of this type is the caller's promise
    }
    if (attempt.isFailure(value)) return (yield* this.instead(plan, attempt, { value })) as T
    plan.lastGood?.set(attempt.key, { value, atMs: this.clock.now() })
    return value
  }

  /**
   * Changes the settings for the calls that come from now on: also what is given. Last good values stay while they are what is
   * given; with fewer `maxKeys` those that were not used for longest leave.
   * @throws ArgumentError as `fallback` does; nothing is changed then.
   */
  configure(options: FallbackOptions): void {
    const before = this.plan
    this.plan = planOf(options, before)
    this.figures.changed(before.settings, this.plan.settings)
  }

  stats(): GuardStats {
    const { fellBack, hadNone, plan } = this
    return this.figures.stats('ok', { fellBack, hadNone, keys: plan.lastGood?.size })
  }

  private *instead(
    { settings, lastGood }: Plan,
    { key, ctx }: Attempt<unknown>,
    failed: Outcome<unknown>,
  ): Routine<unknown> {
    const failure = failed.error ?? failed.value
    const kept = lastGood?.get(key)
    if (lastGood !== undefined && (kept === undefined || this.clock.now() - kept.atMs > settings.maxAgeMs)) {
      this.hadNone++
      if ('error' in failed) throw failed.error
      return failed.value
    }
    this.fellBack++
    this.figures.tell('fell back', failure)
    if (settings.call !== undefined) return yield* invokeWithin(settings.call, ctx, failure)
    return kept === undefined ? settings.value : kept.value
  }
}

function standsIn({ isFallback }: Settings, { ctx }: Attempt<unknown>, error: unknown): boolean {
  return ctx.err === undefined && !(error instanceof Canceled) && isFallback(error)
}
