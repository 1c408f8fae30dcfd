import type { Clock } from '../runtime/clock.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Operation } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { checkTime, hasFailed } from './breaker-settings.js'
import { Figures, type GuardStats } from './figures.js'
import { type Call, FAILED, type Gate, REFUSED } from './guard.js'
import { NoQueue } from './no-queue.js'
import { Refused } from './refused.js'
import { RollingWindow } from './rolling-window.js'

export interface AdaptiveBreakerOptions {
  /** What it protects. */
  readonly name?: string
  /** How many calls it makes for each one that succeeds before it refuses some: 1.5 unless said. Lower is stricter. */
  readonly k?: number
  /** So many calls within the window are never refused: 5 unless said. */
  readonly requestVolumeThreshold?: number
  /** How far back calls count: 10 000 unless said. */
  readonly windowMs?: number
  /** The first call that comes so long after the last one that was let in is let in: 1000 unless said. */
  readonly forcePassMs?: number
  /** Whether an error says that what was called is in trouble; one that does not counts as a success. All do by default. */
  readonly isFailure?: (error: unknown) => boolean
  /** From 0 to below 1. */
  readonly random?: () => number
  readonly clock?: Clock
}

const leastK = 1.1
const defaults = {
  k: 1.5,
  requestVolumeThreshold: 5,
  windowMs: 10_000,
  forcePassMs: 1000,
  isFailure: () => true,
  random: Math.random,
}

const buckets = 40
const ACCEPTS = 0
const FAILURES = 1
const DROPS = 2

/**
 * Refuses a share of the calls that grows with the share that fails, and never all of them: a breaker without states, for
 * something that fails in part, as a service does of which one replica in three is down.
 *
 * What it refuses itself counts as asked for, as in the SRE book: without it, many times as much of a large load reaches
 * what is down. Kratos found that this slows recovery (go-kratos/kratos#2777); here a window without any failure refuses
 * nothing, whatever was refused in it, so all calls are let in one window after the last failure at the latest.
 *
 * ```ts
 * const search = policy(adaptiveBreaker({ name: 'search' }))
 * ```
 * Source: "Handling Overload" in Google's SRE book (client-side throttling), with the constants of go-zero's googleBreaker.
 * @throws ArgumentError if an option is out of its range.
 */
export function adaptiveBreaker(options: AdaptiveBreakerOptions = {}): AdaptiveBreaker {
  return new AdaptiveBreaker(options)
}

/** What can change: all options, with their defaults. */
type Settings = Required<Omit<AdaptiveBreakerOptions, 'name' | 'clock'>>

function settingsOf({ name: _, clock: __, ...options }: AdaptiveBreakerOptions): Settings {
  const settings = { ...defaults, ...options }
  const { k, requestVolumeThreshold, windowMs, forcePassMs } = settings
  if (!(k >= leastK && k < Infinity))
    throw new ArgumentError(
      `adaptiveBreaker: k is a number from ${leastK}, not ${k}; below, it refuses what works`,
    )
  if (!(requestVolumeThreshold >= 0))
    throw new ArgumentError(
      `adaptiveBreaker: requestVolumeThreshold is a number from 0, not ${requestVolumeThreshold}`,
    )
  checkTime('adaptiveBreaker: windowMs', windowMs, Number.MAX_VALUE)
  checkTime('adaptiveBreaker: forcePassMs', forcePassMs, Number.MAX_VALUE)
  return settings
}

/**
 * With `total` calls in the window of which `accepts` succeeded, the share that is refused is
 *
 *     (total - requestVolumeThreshold - w * accepts) / (total + 1) * (40 - working) / 40
 *
 * where `w` falls from `k` to 1.1 with the run of buckets, back from now, in which calls failed and none succeeded, and
 * `working` is the run in which calls succeeded and none failed. Buckets without either do not end a run. 0 if none failed.
 */
export class AdaptiveBreaker implements Gate {
  readonly figures: Figures
  private readonly clock: Clock
  private settings: Settings
  private window: RollingWindow
  private passedMs: number
  private isRefusing = false

  /** @internal */
  constructor(options: AdaptiveBreakerOptions) {
    this.settings = settingsOf(options)
    this.figures = new Figures('adaptive breaker', options.name ?? 'adaptive breaker')
    this.clock = options.clock ?? scheduler().coarseClock
    this.window = new RollingWindow(buckets, this.settings.windowMs / buckets, 3)
    this.passedMs = this.clock.now()
  }

  /** The share of calls that it would refuse now, from 0 to below 1. */
  get dropRatio(): number {
    return this.ratioAt(this.clock.now())
  }

  enter(): number {
    const { forcePassMs, random } = this.settings
    const nowMs = this.clock.now()
    const ratio = this.ratioAt(nowMs)
    if (ratio === 0) this.calmDown()
    else if (nowMs - this.passedMs < forcePassMs && random() < ratio) return this.drop(nowMs, ratio)
    this.passedMs = nowMs
    this.figures.admitted++
    return 0
  }

  wait(call: Call): Operation<number> {
    return new NoQueue(this, call)
  }

  leave(_ticket: number, ending: number, error: unknown): void {
    if (ending > FAILED) return
    const isBad = hasFailed(ending, error, this.settings.isFailure)
    this.window.add(this.clock.now(), isBad ? FAILURES : ACCEPTS, 1)
  }

  refusal(): Refused {
    const share = (this.dropRatio * 100).toFixed(0)
    const why = `too many calls fail, so ${share} % of them are refused`
    return new Refused(this.figures.kind, this.figures.name, why, undefined)
  }

  /**
   * Changes the settings from now on. Counts stay; with another `windowMs` those that lie in the new window, to within a
   * fortieth of the old one.
   * @throws ArgumentError as `adaptiveBreaker` does; nothing is changed then.
   */
  configure(options: AdaptiveBreakerOptions): void {
    const before = this.settings
    const settings = settingsOf(options)
    this.window = this.window.resizedByStart(this.clock.now(), buckets, settings.windowMs / buckets)
    this.settings = settings
    this.figures.changed(before, settings)
  }

  stats(): GuardStats {
    const { window } = this
    const nowMs = this.clock.now()
    return this.figures.stats(this.isRefusing ? 'refusing' : 'ok', {
      dropRatio: this.ratioAt(nowMs),
      accepts: window.sum(nowMs, ACCEPTS),
      failures: window.sum(nowMs, FAILURES),
      drops: window.sum(nowMs, DROPS),
    })
  }

  private ratioAt(nowMs: number): number {
    const { window } = this
    const { k, requestVolumeThreshold } = this.settings
    const accepts = window.sum(nowMs, ACCEPTS)
    const failures = window.sum(nowMs, FAILURES)
    if (failures === 0) return 0
    const total = accepts + failures + window.sum(nowMs, DROPS)
    const excess = total - requestVolumeThreshold
    // The strictest weight there is: a few failures among many calls need no look at the buckets.
    if (excess <= leastK * accepts) return 0
    const weight = k - ((k - leastK) * this.runOf(FAILURES, ACCEPTS, nowMs)) / buckets
    const ratio = (excess - weight * accepts) / (total + 1)
    if (ratio <= 0) return 0
    return (ratio * (buckets - this.runOf(ACCEPTS, FAILURES, nowMs))) / buckets
  }

  /** How many buckets have some of `figure`, back from now to the first that has some of `end`. */
  private runOf(figure: number, end: number, nowMs: number): number {
    const { window } = this
    let run = 0
    for (let age = 0; age < buckets; age++) {
      if (window.at(nowMs, age, end) > 0) return run
      if (window.at(nowMs, age, figure) > 0) run++
    }
    return run
  }

  private drop(nowMs: number, ratio: number): number {
    this.window.add(nowMs, DROPS, 1)
    this.figures.refuse()
    if (!this.isRefusing) {
      this.isRefusing = true
      this.figures.tell('refusing', ratio)
    }
    return REFUSED
  }

  private calmDown(): void {
    if (!this.isRefusing) return
    this.isRefusing = false
    this.figures.tell('ok')
  }
}
