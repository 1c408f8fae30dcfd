import type { Context } from '../context/context.js'
import { withTimeout } from '../context/deadline.js'
import { withoutCancel } from '../context/value.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { Figures, type GuardStats } from './figures.js'
import type { Attempt, Call, Wrapper } from './guard.js'
import { type Callee, invokeWithin } from './invoke-within.js'
import { Trial } from './trial.js'
import { checkGiven } from './given.js'

export interface MirrorOptions {
  /** Which share of the calls is mirrored, from 0 to 1. */
  readonly share: number
  /** Calls the second target. It gets a context of its own, with the values of the caller's, and what the call says of itself. */
  readonly call: Callee<Call>
  /** How many mirrored calls may be under way at once: 10 unless said. What would be more is not mirrored. */
  readonly maxInFlight?: number
  /** How long one may take, in ms: 10 s unless said. */
  readonly timeoutMs?: number
  /** Draws which calls are mirrored, in [0, 1). */
  readonly random?: () => number
  /** What it mirrors to. */
  readonly name?: string
}

/**
 * Sends a share of the calls to a second target as well: a new version, tried with real traffic. Its answers are ignored and
 * its failures only counted; it neither delays the caller nor ends with it. A call that is not admitted further out is not
 * mirrored either, so put it behind the limits.
 *
 * ```ts
 * const orders = policy(breaker(), mirror({ share: 0.05, call: (ctx, { key }) => next.getOrder(ctx, key) }))
 * ```
 * @throws ArgumentError if `share` is not from 0 to 1, `call` no function, or a limit is none.
 */
export function mirror(options: MirrorOptions): Mirror {
  checkGiven('mirror', options)
  return new Mirror(new Figures('mirror', options.name ?? 'mirror'), options)
}

/** What can change: all options, with their defaults. */
type Settings = Required<Omit<MirrorOptions, 'name'>>

function settingsOf(options: MirrorOptions): Settings {
  const { share, call, maxInFlight = 10, timeoutMs = 10_000, random = Math.random } = options
  if (!(share >= 0 && share <= 1)) {
    throw new ArgumentError(`the share of a mirror is a number from 0 to 1, not ${share}: 0.05 for 5 %`)
  }
  if (typeof call !== 'function') {
    throw new ArgumentError(
      `the call of a mirror is a function that calls the second target, not ${String(call)}`,
    )
  }
  if (!Number.isInteger(maxInFlight) || maxInFlight < 1) {
    throw new ArgumentError(`maxInFlight is a whole number of calls from 1, not ${maxInFlight}`)
  }
  if (!(timeoutMs > 0 && timeoutMs < Infinity)) {
    throw new ArgumentError(`timeoutMs is a finite time above 0 ms, not ${timeoutMs}`)
  }
  return { share, call, maxInFlight, timeoutMs, random }
}

/** Mirrored traffic as a guard. */
export class Mirror implements Wrapper {
  private settings: Settings
  private mirrored = 0
  private failed = 0
  private dropped = 0
  private inFlight = 0

  /** @internal */
  constructor(
    readonly figures: Figures,
    options: MirrorOptions,
  ) {
    this.settings = settingsOf(options)
  }

  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    this.figures.admitted++
    const { random, share } = this.settings
    if (random() < share) this.send(attempt)
    return yield* attempt.run(attempt.ctx)
  }

  /**
   * Changes the settings for the calls that come from now on. Mirrored calls that are under way go on, though there are more
   * of them than there may be now.
   * @throws ArgumentError as `mirror` does; nothing is changed then.
   */
  configure(options: MirrorOptions): void {
    const before = this.settings
    this.settings = settingsOf(options)
    this.figures.changed(before, this.settings)
  }

  stats(): GuardStats {
    const { mirrored, failed, dropped, inFlight } = this
    return this.figures.stats('ok', { mirrored, failed, dropped, inFlight })
  }

  private send(call: Call): void {
    const { call: target, maxInFlight, timeoutMs } = this.settings
    if (this.inFlight >= maxInFlight) {
      this.dropped++
      return
    }
    this.mirrored++
    this.inFlight++
    const limit = withTimeout(withoutCancel(call.ctx), timeoutMs)
    const make = (ctx: Context) => invokeWithin(target, ctx, call)
    new Trial(limit, mirror as GoFunction, ({ outcome }) => {
      this.inFlight--
      if (outcome !== undefined && 'error' in outcome) this.failed++
      limit.cancel()
    }).start(make)
  }
}
