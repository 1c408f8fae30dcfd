import type { Clock } from '../runtime/clock.js'
import type { Operation } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { type BreakerOptions, type BreakerSettings, breakerSettings, hasFailed } from './breaker-settings.js'
import { Figures, type GuardStats } from './figures.js'
import { type Call, FAILED, type Gate, REFUSED } from './guard.js'
import { NoQueue } from './no-queue.js'
import { Refused } from './refused.js'
import { RollingWindow } from './rolling-window.js'

export type BreakerState = 'closed' | 'open' | 'half-open'

/** The detail of the events `opened`, `half-open` and `closed`. */
export interface BreakerChange {
  readonly from: BreakerState
  readonly why: string
}

const buckets = 10
const CALLS = 0
const FAILURES = 1
const SLOW = 2

/**
 * Stops calling what fails anyway: closed, it counts; open, it refuses at once; half-open, it lets exactly `probes` calls
 * through, whose success closes it and the first failure of which opens it again. Thresholds are reached at `>=`.
 *
 * What the caller gave up and what a guard further in refused counts neither way, and gives its probe back.
 *
 * ```ts
 * const payments = policy(breaker({ name: 'payments' }), timeout({ ms: 2000 }))
 * ```
 * Source: Nygard, "Release It!"; the names are those of Hystrix.
 * @throws ArgumentError if an option is out of its range.
 */
export function breaker(options: BreakerOptions = {}): Breaker {
  return new Breaker(options)
}

/**
 * Every change of state begins a new generation, and a ticket is the generation that its call was let in by. One that ends
 * in a later generation tells nothing about it, and is not counted: a slow success from before must not close a breaker that
 * is half-open, nor a slow failure open it.
 *
 * No timer runs: an open breaker becomes half-open when the first call comes after its sleep window.
 */
export class Breaker implements Gate {
  readonly figures: Figures
  private settings: BreakerSettings
  private readonly clock: Clock
  private window: RollingWindow
  private current: BreakerState = 'closed'
  private generation = 0
  private isForced = false
  private failuresInRow = 0
  private opened = 0
  /** Why it is open, in a sentence's words. */
  private why = ''
  private openedMs = 0
  /** Of the half-open generation: probes that run, those that succeeded, and when the last one came. */
  private probing = 0
  private succeeded = 0
  private probedMs = 0

  /** @internal */
  constructor(options: BreakerOptions) {
    this.settings = breakerSettings(options)
    this.figures = new Figures('breaker', options.name ?? 'breaker')
    this.clock = options.clock ?? scheduler().coarseClock
    this.window = new RollingWindow(buckets, this.settings.windowMs / buckets, 3)
  }

  /** `open` also when its sleep window is over and no call has come since. */
  get state(): BreakerState {
    return this.current
  }

  enter(): number {
    if (this.current !== 'closed' && !this.probe()) {
      this.figures.refuse()
      return REFUSED
    }
    this.figures.admitted++
    return this.generation
  }

  /** Nobody waits for a verdict: a pile of calls behind a service that recovers would fell it again. */
  wait(call: Call): Operation<number> {
    return new NoQueue(this, call)
  }

  leave(ticket: number, ending: number, error: unknown, ms: number): void {
    if (ticket !== this.generation) return
    if (ending > FAILED) {
      if (this.current === 'half-open') this.giveBack()
      return
    }
    const { slowMs, isFailure } = this.settings
    const isBad = hasFailed(ending, error, isFailure)
    if (this.current === 'half-open') this.judge(isBad, ms)
    else this.count(isBad, ms >= slowMs)
  }

  refusal(): Refused {
    const { kind, name } = this.figures
    if (this.current === 'half-open')
      return new Refused(kind, name, 'the breaker is half-open, and its probes are under way', undefined)
    const untilMs = this.openUntilMs()
    const retryAfterMs = untilMs === Infinity ? undefined : Math.max(0, untilMs - this.clock.now())
    return new Refused(kind, name, `the breaker is open: ${this.why}`, retryAfterMs)
  }

  /**
   * Changes the settings from now on. State and counts stay: a call that is counted opens it by the new thresholds, and an
   * open period is as long as `sleepWindowMs` says now. With fewer `probes` a breaker that is half-open closes if so many
   * have succeeded; no more come in than there may be now. With another `windowMs` what of the old counts lies in the new
   * window still counts, to within a tenth of the old one.
   * @throws ArgumentError as `breaker` does; nothing is changed then.
   */
  configure(options: BreakerOptions): void {
    const before = this.settings
    const settings = breakerSettings(options)
    this.window = this.window.resizedByStart(this.clock.now(), buckets, settings.windowMs / buckets)
    this.settings = settings
    if (this.current === 'half-open') this.closeIfProven()
    this.figures.changed(before, settings)
  }

  /** Opens it until `reset` or `forceClose`: no probes. */
  forceOpen(): void {
    this.isForced = true
    this.open('it was opened by hand')
  }

  /** Closes it until `reset` or `forceOpen`: it counts, and does not open. */
  forceClose(): void {
    this.isForced = true
    this.close('it was closed by hand')
  }

  /** Closed as on the first day: nothing counted, nothing forced. */
  reset(): void {
    this.isForced = false
    this.close('it was reset')
  }

  stats(): GuardStats {
    const { window, probing, opened } = this
    const nowMs = this.clock.now()
    return this.figures.stats(this.current, {
      calls: window.sum(nowMs, CALLS),
      failures: window.sum(nowMs, FAILURES),
      slow: window.sum(nowMs, SLOW),
      probing,
      opened,
      forced: this.isForced ? 'yes' : 'no',
    })
  }

  /** Whether a call may go through as a probe. */
  private probe(): boolean {
    const { probes, probeTimeoutMs } = this.settings
    const nowMs = this.clock.now()
    if (this.current === 'open') {
      if (nowMs < this.openUntilMs()) return false
      this.turn('half-open', 'its sleep window is over')
      if (this.state !== 'half-open') return this.state === 'closed' // whoever was told has forced it
    }
    if (this.probing + this.succeeded < probes) {
      this.probing++
      this.probedMs = nowMs
      return true
    }
    if (nowMs >= this.probedMs + probeTimeoutMs) this.open(`a probe did not end within ${probeTimeoutMs} ms`)
    return false
  }

  /** What a probe that ended says. */
  private judge(isBad: boolean, ms: number): void {
    if (isBad || ms >= this.settings.slowMs) {
      this.open(isBad ? 'a probe failed' : `a probe took ${Math.round(ms)} ms`)
      return
    }
    this.probing--
    this.succeeded++
    this.closeIfProven()
  }

  private closeIfProven(): void {
    const { succeeded } = this
    if (succeeded < this.settings.probes) return
    this.close(`${succeeded} ${succeeded === 1 ? 'probe' : 'probes'} succeeded`)
  }

  /** A probe told nothing. When it was the only one, it is as if it had not come: open, and the next call is the probe. */
  private giveBack(): void {
    this.probing--
    if (this.probing + this.succeeded === 0) this.turn('open', this.why)
  }

  /** Counts a call of the closed state, and opens if that was too much. */
  private count(isBad: boolean, isSlow: boolean): void {
    const { window } = this
    const nowMs = this.clock.now()
    window.add(nowMs, CALLS, 1)
    if (isBad) window.add(nowMs, FAILURES, 1)
    if (isSlow) window.add(nowMs, SLOW, 1)
    this.failuresInRow = isBad ? this.failuresInRow + 1 : 0
    if (this.isForced) return
    const why = this.tooMuch(nowMs)
    if (why !== undefined) this.open(why)
  }

  private tooMuch(nowMs: number): string | undefined {
    const { window, settings } = this
    const inRow = this.failuresInRow
    if (inRow >= settings.consecutiveErrors)
      return inRow === 1 ? 'a call failed' : `${inRow} calls in a row failed`
    const calls = window.sum(nowMs, CALLS)
    if (calls < settings.requestVolumeThreshold) return undefined
    const failures = window.sum(nowMs, FAILURES)
    if (failures * 100 >= settings.errorThresholdPercentage * calls)
      return `${failures} of ${calls} calls failed`
    const slow = window.sum(nowMs, SLOW)
    if (slow * 100 >= settings.slowThresholdPercentage * calls) return `${slow} of ${calls} calls were slow`
    return undefined
  }

  private openUntilMs(): number {
    return this.isForced ? Infinity : this.openedMs + this.settings.sleepWindowMs
  }

  private open(why: string): void {
    this.openedMs = this.clock.now()
    this.why = why
    if (this.current === 'open') return
    this.opened++
    this.turn('open', why)
  }

  private close(why: string): void {
    this.window.clear()
    this.failuresInRow = 0
    this.turn('closed', why)
  }

  private turn(to: BreakerState, why: string): void {
    const from = this.current
    this.generation++
    this.current = to
    this.probing = 0
    this.succeeded = 0
    if (from !== to) this.figures.tell(to === 'open' ? 'opened' : to, { from, why } satisfies BreakerChange)
  }
}
