import type { Clock } from '../runtime/clock.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Operation } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { Figures, type GuardStats } from './figures.js'
import { type Call, REFUSED } from './guard.js'
import { type Asking, checkCost, type Limit } from './limit.js'
import { NoQueue } from './no-queue.js'
import { type Quota, Refused } from './refused.js'
import { RollingWindow } from './rolling-window.js'
import { checkGiven } from './given.js'

export interface SlidingWindowOptions {
  /** Calls, or the sum of their costs, in any `windowMs`. */
  readonly limit: number
  readonly windowMs: number
  /** How finely the window slides: a call counts for up to `windowMs / buckets` longer than the window. 10 unless said. */
  readonly buckets?: number
  /** What it protects. */
  readonly name?: string
  readonly clock?: Clock
}

const kind = 'sliding window'

/** Sums of costs that are fractions need not come out exactly. */
const rounding = 1e-9

/**
 * Limits calls to `limit` in any stretch of `windowMs`, wherever it begins: a thousand an hour. All of them may come at
 * once; for an even rate use a token bucket. Calls that are refused do not count.
 *
 * ```ts
 * const plan = slidingWindow({ limit: 1000, windowMs: 3_600_000 })
 * if (!plan.allow()) return tooMany()
 * ```
 * @throws ArgumentError if `limit` is below 0, `windowMs` not above it, or `buckets` is not a whole number from 1.
 */
export function slidingWindow(options: SlidingWindowOptions): SlidingWindow {
  checkGiven('slidingWindow', options)
  const { name = kind, clock = scheduler().coarseClock } = options
  return new SlidingWindow(new Figures(kind, name), settingsOf(options), clock)
}

interface Settings {
  readonly limit: number
  readonly windowMs: number
  readonly buckets: number
}

function settingsOf({ limit, windowMs, buckets = 10 }: SlidingWindowOptions): Settings {
  if (typeof limit !== 'number' || !(limit >= 0)) {
    throw new ArgumentError(`the limit of a sliding window is a number of calls from 0, not ${String(limit)}`)
  }
  if (typeof windowMs !== 'number' || !(windowMs > 0 && windowMs < Infinity)) {
    throw new ArgumentError(
      `the windowMs of a sliding window is a number of milliseconds above 0, not ${String(windowMs)}`,
    )
  }
  if (!Number.isInteger(buckets) || buckets < 1) {
    throw new ArgumentError(
      `the buckets of a sliding window are a whole number from 1, not ${String(buckets)}`,
    )
  }
  return { limit, windowMs, buckets }
}

/**
 * Counts in buckets, and as long as any part of a bucket is in the window all of it counts: so the limit holds in every
 * window, and the price is that a place comes free up to a bucket's width late.
 *
 * The tempting smaller version estimates from two windows (the last one's count, weighed by how much of it is still in
 * sight): it takes calls to be spread evenly, and lets through up to twice the limit where they come at its end.
 */
export class SlidingWindow implements Limit {
  private window: RollingWindow

  /** @internal */
  constructor(
    readonly figures: Figures,
    private settings: Settings,
    private readonly clock: Clock,
  ) {
    const { windowMs, buckets } = settings
    // One more than the window is long, since the current one is not full yet.
    this.window = new RollingWindow(buckets + 1, windowMs / buckets, 1)
  }

  get ignoresLeave(): true {
    return true
  }

  get limit(): number {
    return this.settings.limit
  }

  /**
   * Lets in what costs so much, if there is room for it.
   * @throws ArgumentError if `cost` is not a number from 0.
   */
  allow(cost = 1): boolean {
    checkCost(kind, cost)
    const { window, figures } = this
    const nowMs = this.clock.now()
    if (window.sum(nowMs, 0) + cost > this.limit + rounding) {
      figures.refuse()
      return false
    }
    window.add(nowMs, 0, cost)
    figures.admitted++
    return true
  }

  /** @throws ArgumentError if the call's cost is not a number from 0. */
  enter(call: Call): number {
    return this.allow(call.cost) ? 0 : REFUSED
  }

  /** Nobody is told to wait: how long it takes until a window has passed is for the caller to decide. */
  wait(call: Call): Operation<number> {
    return new NoQueue(this, call)
  }

  /** The call came, whatever became of it. */
  leave(): void {}

  refusal({ cost }: Asking): Refused {
    const { name } = this.figures
    const { limit, windowMs } = this.settings
    const why = `${limit} in ${windowMs} ms is the limit`
    if (cost > limit) {
      return new Refused(kind, name, `it costs ${cost}, and ${why}`, undefined, this.quota())
    }
    return new Refused(kind, name, why, this.delayOf(cost), this.quota())
  }

  /** What is left of the limit, and when there is more of it: 0 if all of it is left. */
  quota(): Quota {
    const { limit } = this
    const left = Math.max(0, limit - this.window.sum(this.clock.now(), 0))
    const remaining = Math.floor(left + rounding)
    return { limit, remaining, resetMs: this.delayOf(Math.min(limit, remaining + 1)) }
  }

  /**
   * Changes the settings from now on; what has been counted still counts. With another `windowMs` or other `buckets` a call
   * may count for up to one of the old buckets longer. A longer window begins with what the shorter one still knew, so it
   * has seen all of its time only once that has passed.
   * @throws ArgumentError as `slidingWindow` does; nothing is changed then.
   */
  configure(options: SlidingWindowOptions): void {
    const before = this.settings
    const settings = settingsOf(options)
    const { windowMs, buckets } = settings
    this.window = this.window.resizedByEnd(this.clock.now(), buckets + 1, windowMs / buckets)
    this.settings = settings
    this.figures.changed(before, settings)
  }

  stats(): GuardStats {
    const { limit } = this
    const used = this.window.sum(this.clock.now(), 0)
    return this.figures.stats(used + 1 > limit + rounding ? 'refusing' : 'ok', { limit, used })
  }

  /** When so many old calls have left the window that there is room for `cost`. */
  private delayOf(cost: number): number {
    const { window } = this
    const nowMs = this.clock.now()
    let used = window.sum(nowMs, 0)
    let age = window.buckets
    while (used + cost > this.limit + rounding && age > 0) used -= window.at(nowMs, --age, 0)
    return age === window.buckets ? 0 : window.leavesAtMs(nowMs, age) - nowMs
  }
}
