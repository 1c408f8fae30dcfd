import type { Clock } from '../runtime/clock.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Operation } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { Bulkhead, queueSettings } from './bulkhead.js'
import { Figures, type GuardStats } from './figures.js'
import { type Call, DONE, FAILED, type Gate } from './guard.js'
import type { Refused } from './refused.js'
import { VegasLimit } from './vegas-limit.js'

export interface AdaptiveLimitOptions {
  /** Where it begins: 20 unless said, or `max` if that is less. */
  readonly initial?: number
  /** It never falls below: 1 unless said. */
  readonly min?: number
  /** It never rises above: 1000 unless said. */
  readonly max?: number
  /** How many calls may wait for a place: none unless said. */
  readonly queue?: number
  /** A call that waited for so many milliseconds is refused. By default it waits for as long as its context lasts. */
  readonly maxWaitMs?: number
  /** How often the latency without a queue is measured, with half the limit for two windows: 30 000 unless said. */
  readonly measureEveryMs?: number
  /** Whether an error says that the call took too long. By default those do whose `timeout()` is true, as Go's `net.Error`. */
  readonly isTimeout?: (error: unknown) => boolean
  /** What it protects. */
  readonly name?: string
  readonly clock?: Clock
}

/**
 * A bulkhead that finds its limit: the concurrency at which latency starts to rise. The limit rises while it is reached and
 * calls take no longer for it, falls when they do or run out of time, and stays where it is while nobody needs more.
 * Calls that fail otherwise, or are given up, say nothing about latency.
 *
 * It is Vegas, with three changes (see `VegasLimit`): chosen by the simulation that is its test, a server with places for C
 * calls that is offered three times what it can do. There it keeps 93 % of the throughput or more, with about √C calls in the
 * server's queue. Netflix' gradient2 drifts to twice C within two minutes, since its long-term latency learns from the queue
 * that it makes, and has not found a C of 200 by then; their Vegas is stuck with the first latency that it saw.
 *
 * ```ts
 * const orders = policy(adaptiveLimit({ name: 'orders', max: 500 }), timeout({ ms: 2000 }))
 * ```
 * @throws ArgumentError if an option is out of its range.
 */
export function adaptiveLimit(options: AdaptiveLimitOptions = {}): AdaptiveLimit {
  return new AdaptiveLimit(options)
}

/** What can change: all options, with their defaults. */
type Settings = Required<Omit<AdaptiveLimitOptions, 'name' | 'clock'>>

function settingsOf(options: AdaptiveLimitOptions): Settings {
  const { min = 1, max = 1000, measureEveryMs = 30_000, isTimeout = hasTimedOut } = options
  const { initial = Math.max(min, Math.min(20, max)) } = options
  checkLimit('min', min)
  checkLimit('max', max)
  checkLimit('initial', initial)
  if (!(min <= initial && initial <= max))
    throw new ArgumentError(
      `adaptiveLimit: initial lies between min and max, not ${initial} outside ${min} to ${max}`,
    )
  if (!(measureEveryMs > 0))
    throw new ArgumentError(`adaptiveLimit: measureEveryMs is a time above 0 ms, not ${measureEveryMs}`)
  return { initial, min, max, measureEveryMs, isTimeout, ...queueSettings('an adaptive limit', options) }
}

/** An estimate of the limit, and the bulkhead that keeps calls under it. */
export class AdaptiveLimit implements Gate {
  readonly figures: Figures
  private readonly clock: Clock
  private readonly places: Bulkhead
  private readonly estimate: VegasLimit
  private settings: Settings

  /** @internal */
  constructor(options: AdaptiveLimitOptions) {
    const settings = settingsOf(options)
    this.settings = settings
    this.figures = new Figures('adaptive limit', options.name ?? 'adaptive limit')
    this.clock = options.clock ?? scheduler().clock
    this.places = new Bulkhead(this.figures, { ...settings, limit: settings.initial })
    this.estimate = new VegasLimit(settings, this.clock.now())
  }

  get needsExactMs(): true {
    return true
  }

  /** What may be under way at once now. */
  get limit(): number {
    return this.places.limit
  }

  get inFlight(): number {
    return this.places.inFlight
  }

  enter(call: Call): number {
    const { places } = this
    const ticket = places.enter(call)
    this.estimate.used(places.inFlight, ticket < 0 || places.inFlight >= places.limit)
    return ticket
  }

  wait(call: Call): Operation<number> {
    return this.places.wait(call)
  }

  leave(ticket: number, ending: number, error: unknown, ms: number): void {
    const { estimate } = this
    const nowMs = this.clock.now()
    let hasMeasured = false
    if (ending === DONE) hasMeasured = estimate.took(nowMs, ms)
    else if (ending === FAILED && this.settings.isTimeout(error)) hasMeasured = estimate.ranOutOfTime(nowMs)
    this.keepToEstimate()
    this.places.leave(ticket)
    if (hasMeasured) this.figures.tell('measured', { noLoadMs: estimate.noLoadMs, limit: estimate.limit })
  }

  refusal(call: Call): Refused {
    return this.places.refusal(call)
  }

  /**
   * Changes the settings from now on. The limit stays where it is, or comes into the new bounds: `initial` says nothing any
   * more. What was measured stays too. The queue changes as that of a bulkhead.
   * @throws ArgumentError as `adaptiveLimit` does; nothing is changed then.
   */
  configure(options: AdaptiveLimitOptions): void {
    const before = this.settings
    const settings = settingsOf(options)
    this.settings = settings
    this.estimate.configure(settings)
    this.places.change({ ...settings, limit: this.estimate.limit })
    this.figures.changed(before, settings)
  }

  stats(): GuardStats {
    const { noLoadMs, latencyMs } = this.estimate
    return { ...this.places.stats(), noLoadMs, latencyMs }
  }

  private keepToEstimate(): void {
    const { limit } = this.estimate
    if (limit !== this.places.limit) this.places.change({ ...this.settings, limit })
  }
}

/** Go's `net.Error`, what the platform's AbortSignal gives, and what was canceled for one of these reasons. */
function hasTimedOut(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { timeout } = error as { timeout?: unknown }
  if (typeof timeout === 'function') return timeout.call(error) === true
  return error.name === 'TimeoutError' || hasTimedOut(error.cause)
}

function checkLimit(option: string, limit: number): void {
  if (Number.isInteger(limit) && limit >= 1) return
  throw new ArgumentError(`adaptiveLimit: ${option} is a whole number of calls from 1, not ${limit}`)
}
