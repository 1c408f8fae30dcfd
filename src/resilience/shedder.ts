import { ArgumentError } from '../runtime/errors.js'
import type { Clock } from '../runtime/clock.js'
import type { Operation } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { Figures, type GuardStats } from './figures.js'
import { type Call, DONE, type Gate, type Priority, REFUSED } from './guard.js'
import { HostLoad } from './host-load.js'
import { NoQueue } from './no-queue.js'
import { Refused } from './refused.js'
import { RollingWindow } from './rolling-window.js'

export interface ShedderOptions {
  /** How busy the service is, from 0 to 1: that of this thread unless said. Asked at each call. */
  readonly load?: () => number
  /** From which load on calls may be refused, above 0 and below 1: 0.9 unless said. */
  readonly threshold?: number
  /** For how long after the load has fallen calls may still be refused, in ms: 1000 unless said. */
  readonly coolOffMs?: number
  readonly name?: string
  readonly clock?: Clock
}

const defaults = { threshold: 0.9, coolOffMs: 1000, name: 'shedder' }
/** Five seconds, in tenths: long enough for the best tenth to be a good one, short enough to forget a better time. */
const buckets = 50
const bucketMs = 100

/** So much more than is known to be possible is let in, or nobody would see that more is possible. Source: BBR's gain. */
const probeGain = 1.25

/**
 * So many more may wait for their turn: a service that can do one thing at a time would stand idle for part of the time if
 * whatever comes while it is busy were refused. Source: the loss of a queue M/M/1/K, which is 1/(K + 1) at full load.
 */
const waiting = 1

/**
 * Of so many tenths of a second one is a lull while it refuses: only half as many are let in, so that the queue is gone and
 * calls show how long they take without one. Otherwise the least latency of the window would grow with the queue that it is
 * to limit. Source: BBR's ProbeRTT.
 */
const lullEvery = 25

function isLull(nowMs: number): boolean {
  return Math.floor(nowMs / bucketMs) % lullEvery === 0
}

/** Figures of the window. */
const passes = 0
const totalMs = 1

/** How much of what is possible is for a call of this priority. Those that are critical are always let in. */
const shares: Readonly<Record<Priority, number>> = { low: 0.7, normal: 1, high: 1.3, critical: Infinity }

/**
 * Refuses early when the service has more to do than it can: once the load is at `threshold`, and until a while after it has
 * fallen below, no more calls are let in at once than have been worked off best: the most calls in a tenth of a second, times
 * the least mean latency, of the last five seconds (Little's law). So the queue stays short whatever is offered. Calls of low
 * priority are refused first.
 *
 * To begin with it, the average of those that are inside has to exceed that as well, so that a single burst is let through.
 * While nothing is known, nothing is refused.
 *
 * ```ts
 * app.use(guarded(policy(shedder()), { priority: (req) => (req.path === '/pay' ? 'high' : 'normal') }))
 * ```
 * Source: go-zero's adaptive shedder, Sentinel's BBR; Little, "A Proof for the Queuing Formula" (1961).
 * @throws ArgumentError if the threshold is not between 0 and 1, or `coolOffMs` is negative.
 */
export function shedder(options: ShedderOptions = {}): Shedder {
  return new Shedder(options)
}

/** What can change. */
interface Settings {
  /** Of this thread unless said. */
  readonly load: (() => number) | undefined
  readonly threshold: number
  readonly coolOffMs: number
}

function settingsOf(options: ShedderOptions): Settings {
  const { load, threshold = defaults.threshold, coolOffMs = defaults.coolOffMs } = options
  if (!(threshold > 0 && threshold < 1))
    throw new ArgumentError(`the threshold of a shedder is a load between 0 and 1, not ${threshold}`)
  if (!(coolOffMs >= 0))
    throw new ArgumentError(`the coolOffMs of a shedder is a time from 0, not ${coolOffMs}`)
  return { load, threshold, coolOffMs }
}

/** Refuses what there would be no time for. */
export class Shedder implements Gate {
  readonly figures: Figures
  private readonly clock: Clock
  private settings: Settings
  /** Made when it is first wanted: from then on the load of this thread is measured. */
  private host: HostLoad | undefined = undefined
  private readonly window = new RollingWindow(buckets, bucketMs, 2)
  private flying = 0
  private averageFlying = 0
  private overloadedAtMs = -Infinity
  private isShedding = false
  /** What `mostFlying` has found, and in which bucket. */
  private most = Infinity
  private mostOf = Number.NaN

  /** @internal */
  constructor(options: ShedderOptions) {
    this.settings = settingsOf(options)
    this.figures = new Figures('shedder', options.name ?? defaults.name)
    this.clock = options.clock ?? scheduler().coarseClock
  }

  get needsExactMs(): true {
    return true
  }

  /** Calls that are inside now. */
  get inFlight(): number {
    return this.flying
  }

  enter({ priority }: Call): number {
    const nowMs = this.clock.now()
    if (this.isOverloaded(nowMs) && this.isTooMuch(nowMs, shares[priority])) {
      this.figures.refuse()
      this.turn(true)
      return REFUSED
    }
    this.figures.admitted++
    this.flying++
    return 0
  }

  wait(call: Call): Operation<number> {
    return new NoQueue(this, call)
  }

  leave(_ticket: number, ending: number, _error: unknown, ms: number): void {
    this.averageFlying = 0.9 * this.averageFlying + 0.1 * this.flying
    this.flying--
    // A call that failed may have been fast, and one that was given up says nothing.
    if (ending !== DONE) return
    const nowMs = this.clock.now()
    this.window.add(nowMs, passes, 1)
    this.window.add(nowMs, totalMs, ms)
  }

  refusal(): Refused {
    const { kind, name } = this.figures
    return new Refused(kind, name, 'there is more to do than can be done', this.settings.coolOffMs)
  }

  /**
   * Changes the settings from now on. What it has learned stays; one that refuses goes on for as long as `coolOffMs` says now.
   * @throws ArgumentError as `shedder` does; nothing is changed then.
   */
  configure(options: ShedderOptions): void {
    const before = this.settings
    this.settings = settingsOf(options)
    this.figures.changed(before, this.settings)
  }

  stats(): GuardStats {
    const nowMs = this.clock.now()
    return this.figures.stats(this.isShedding ? 'refusing' : 'ok', {
      inFlight: this.flying,
      mostInFlight: this.mostFlying(nowMs),
      load: this.load(),
    })
  }

  private load(): number {
    const { load } = this.settings
    if (load !== undefined) return load()
    this.host ??= new HostLoad()
    return this.host.now()
  }

  private isOverloaded(nowMs: number): boolean {
    if (this.load() >= this.settings.threshold) {
      this.overloadedAtMs = nowMs
      return true
    }
    // Only what has had to refuse goes on for a while: a load that touches the threshold now and then is none.
    if (this.isShedding && nowMs - this.overloadedAtMs < this.settings.coolOffMs) return true
    this.turn(false)
    return false
  }

  private isTooMuch(nowMs: number, share: number): boolean {
    const most = this.mostFlying(nowMs) * share
    const queue = waiting * share
    const next = this.flying + 1
    if (!this.isShedding) return next > most + queue && this.averageFlying >= most
    return next > (isLull(nowMs) ? Math.max(1, most / 2) : most * probeGain + queue)
  }

  /** How many calls at once have been worked off without a queue; `Infinity` while nothing is known. */
  private mostFlying(nowMs: number): number {
    const bucket = Math.floor(nowMs / bucketMs)
    if (bucket !== this.mostOf) {
      this.mostOf = bucket
      this.most = this.estimate(nowMs)
    }
    return this.most
  }

  private estimate(nowMs: number): number {
    let best = 0
    let leastMs = Infinity
    for (let age = 1; age < buckets; age++) {
      const count = this.window.at(nowMs, age, passes)
      if (count === 0) continue
      best = Math.max(best, count)
      leastMs = Math.min(leastMs, this.window.at(nowMs, age, totalMs) / count)
    }
    return best === 0 ? Infinity : Math.max(1, (best / bucketMs) * leastMs)
  }

  private turn(isShedding: boolean): void {
    if (isShedding === this.isShedding) return
    this.isShedding = isShedding
    this.figures.tell(isShedding ? 'refusing' : 'ok')
  }
}
