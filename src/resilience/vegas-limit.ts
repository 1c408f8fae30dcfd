/** What a window of calls is, for an estimate: the shortest time, and the fewest calls. */
const leastWindowMs = 100
const leastCalls = 20
/** Calls of a window that measures the latency without a queue: all others are compared with it. */
const measuringCalls = 40
/** The first measurement comes so soon, the next ones each after twice the time: the first latencies may have had a queue. */
const firstMeasureMs = 2000
/** How sure it has to be that the latency has risen, in standard errors of a window's mean. */
const standardErrors = 2

const RUNNING = 0
const DRAINING = 1
const MEASURING = 2

export interface VegasSettings {
  /** Where it begins. */
  readonly initial: number
  readonly min: number
  readonly max: number
  /** How often the latency without a queue is measured, in the long run. */
  readonly measureEveryMs: number
}

/**
 * Estimates how many calls something takes at once before they queue: the limit at which about √limit of them do.
 *
 * With `noLoadMs`, the latency without a queue, limit × (1 − noLoadMs / latency) calls queue (Little's law). TCP Vegas steers
 * that towards a constant. Three things are different from Vegas as Netflix' concurrency-limits has it, each because the
 * simulation in adaptive-limit.test.ts failed without it:
 *
 * - Steps are in proportion to the distance, as in FAST TCP, so that a limit that is ten times too low is found in seconds.
 * - A latency counts as higher only beyond two standard errors of its mean. Otherwise the least mean of many noisy windows
 *   becomes the yardstick, all others look slow, and the limit spirals down (to a quarter of the capacity at exponential
 *   service times).
 * - `noLoadMs` is measured anew now and then, with half the limit, so that the queue is empty: as BBR does. Otherwise a
 *   service that has become slower without any queue is throttled for ever, and one that was measured with a queue never is.
 *
 * Sources: Brakmo, O'Malley, Peterson, "TCP Vegas" (1994); Jin, Wei, Low, "FAST TCP" (2004); Netflix' concurrency-limits.
 */
export class VegasLimit {
  /** @internal Not rounded, so that small steps add up. */
  exact: number
  /** The latency without a queue; `undefined` until there is one. */
  noLoadMs: number | undefined = undefined
  /** The mean of the last window. */
  latencyMs: number | undefined = undefined
  private phase = RUNNING
  private measureAtMs: number
  private intervalMs = firstMeasureMs
  /** The limit that is left for a measurement, and that of the last one. */
  private limitBefore: number
  private limitMeasured: number
  /** Of the present window. */
  private beganMs: number
  private calls = 0
  private timedOut = 0
  private sumMs = 0
  private sumSquares = 0
  private peak = 0
  private wasFull = false

  constructor(
    private settings: VegasSettings,
    nowMs: number,
  ) {
    const { initial } = settings
    this.exact = initial
    this.limitBefore = initial
    this.limitMeasured = initial
    this.beganMs = nowMs
    this.measureAtMs = nowMs + firstMeasureMs
  }

  get limit(): number {
    return Math.floor(this.exact)
  }

  /** Keeps to other bounds from now on, and measures as often as it says there. What is known of latency stays. */
  configure(settings: VegasSettings): void {
    this.settings = settings
    this.set(this.exact)
    this.limitMeasured = Math.min(this.limitMeasured, settings.max) // it has not fallen from there by itself
    const sooner = this.intervalMs - settings.measureEveryMs
    if (sooner <= 0) return
    this.intervalMs -= sooner
    this.measureAtMs -= sooner
  }

  /** So many are under way, and perhaps one was held up by the limit. */
  used(inFlight: number, isFull: boolean): void {
    if (inFlight > this.peak) this.peak = inFlight
    if (isFull) this.wasFull = true
  }

  /** A call has taken so long. True if a measurement is over. */
  took(nowMs: number, ms: number): boolean {
    this.calls++
    this.sumMs += ms
    this.sumSquares += ms * ms
    return this.look(nowMs)
  }

  /** A call did not end in time. */
  ranOutOfTime(nowMs: number): boolean {
    this.timedOut++
    return this.look(nowMs)
  }

  /** Whether the window is over. It lasts two latencies, so that the limit before is not seen in it for long. */
  private look(nowMs: number): boolean {
    const seen = this.calls + this.timedOut
    if (seen < (this.phase === MEASURING ? measuringCalls : leastCalls)) return false
    if (nowMs - this.beganMs < Math.max(leastWindowMs, 2 * (this.noLoadMs ?? 0))) return false
    const hasMeasured = this.conclude(nowMs, 1 - this.timedOut / seen)
    this.beganMs = nowMs
    this.calls = 0
    this.timedOut = 0
    this.sumMs = 0
    this.sumSquares = 0
    this.peak = 0
    this.wasFull = false
    return hasMeasured
  }

  /** What the window says. `inTime` is the share of its calls that ended in time. */
  private conclude(nowMs: number, inTime: number): boolean {
    if (this.phase === DRAINING) {
      this.phase = MEASURING
      return false
    }
    if (this.phase === MEASURING) {
      this.phase = RUNNING
      this.set(this.limitBefore * Math.max(0.5, inTime))
      return this.measured(nowMs)
    }
    const hasFallen = this.exact < this.limitMeasured / 2
    if (nowMs >= this.measureAtMs || hasFallen) return this.measure(nowMs)
    this.set(this.next() * Math.max(0.5, inTime))
    return false
  }

  /** With few calls under way there is no queue, and this window has measured it. Otherwise the queue has to be emptied. */
  private measure(nowMs: number): boolean {
    if (this.peak <= this.exact / 2) return this.measured(nowMs)
    this.phase = DRAINING
    this.limitBefore = this.exact
    this.set(this.exact / 2)
    return false
  }

  private measured(nowMs: number): boolean {
    this.intervalMs = Math.min(2 * this.intervalMs, this.settings.measureEveryMs)
    this.measureAtMs = nowMs + this.intervalMs
    this.limitMeasured = this.exact
    if (this.calls === 0) return false
    this.noLoadMs = this.sumMs / this.calls
    return true
  }

  private next(): number {
    const { calls, exact } = this
    if (calls === 0) return exact
    const mean = this.sumMs / calls
    const error = standardErrors * Math.sqrt(Math.max(0, this.sumSquares / calls - mean * mean) / calls)
    const noLoad = Math.min(this.noLoadMs ?? mean, mean + error)
    this.latencyMs = mean
    this.noLoadMs = noLoad
    const surely = mean - error
    const share = surely <= noLoad ? 1 : Math.max(0.5, noLoad / surely)
    const step = (exact * share + Math.sqrt(exact) - exact) / 2
    // A limit that holds nobody up says nothing about what would happen above it.
    return step > 0 && !this.wasFull ? exact : exact + step
  }

  private set(limit: number): void {
    const { min, max } = this.settings
    this.exact = Math.max(min, Math.min(max, limit))
  }
}
