import { ArgumentError } from '../runtime/errors.js'

/** Which part of a window is asked for. */
export interface WindowView {
  /** Leaves out the current bucket, which is not full yet. */
  readonly ignoreCurrent?: boolean
}

const wholeWindow: WindowView = {}

/**
 * Sums over the last while: a ring of buckets, each with the same figures (calls, errors, milliseconds), each for `widthMs`.
 *
 * Buckets lie on multiples of `widthMs`: what happens at `t` belongs to the bucket from `floor(t / widthMs) * widthMs`, and
 * a moment on the edge to the bucket that begins there. The window is the current bucket and those before it, so it reaches
 * back `buckets * widthMs` at most, and nothing as old as that counts. Buckets that have passed are cleared when somebody
 * looks or adds, all of them, however long that was: no timer runs. Time that goes backwards counts as no time.
 *
 * Nothing is allocated by `add`, `sum` and `at`; `sum` does not depend on the number of buckets.
 *
 * Source: Sentinel's LeapArray and go-zero's RollingWindow; cockatiel's, which moves on by one bucket however long it was
 * idle, keeps stale counts.
 */
export class RollingWindow {
  /** Bucket after bucket, figure after figure. */
  private readonly amounts: Float64Array
  /** The sums of the buckets before the current one. Added up anew when a bucket passes, so that no error grows. */
  private readonly before: Float64Array
  /** The number of the current bucket since the clock's zero. */
  private current = -Infinity
  /** Where the current bucket begins in `amounts`. */
  private start = 0

  /**
   * @param buckets how many there are, with the current one.
   * @param widthMs how long each of them lasts.
   * @param figures how many sums each of them keeps; they are numbered from 0.
   * @throws ArgumentError if one of them is not positive, or a count is not whole.
   */
  constructor(
    readonly buckets: number,
    readonly widthMs: number,
    readonly figures: number,
  ) {
    checkCount('buckets', buckets)
    checkCount('figures', figures)
    if (!(widthMs > 0 && widthMs < Infinity)) {
      throw new ArgumentError(
        `the buckets of a rolling window need a width in milliseconds above 0, not ${widthMs}`,
      )
    }
    this.amounts = new Float64Array(buckets * figures)
    this.before = new Float64Array(figures)
  }

  /** Adds to a figure of the current bucket. */
  add(nowMs: number, figure: number, amount: number): void {
    this.turnTo(nowMs)
    const at = this.start + figure
    this.amounts[at] = (this.amounts[at] ?? 0) + amount
  }

  /** The sum of a figure over the window. */
  sum(nowMs: number, figure: number, view: WindowView = wholeWindow): number {
    this.turnTo(nowMs)
    const before = this.before[figure] ?? 0
    return view.ignoreCurrent === true ? before : before + (this.amounts[this.start + figure] ?? 0)
  }

  /**
   * A figure of one bucket: of the current one for `age` 0, of the one before for 1, up to `buckets - 1`. For those who
   * look for the best bucket, or for the trailing run of bad ones.
   */
  at(nowMs: number, age: number, figure: number): number {
    this.turnTo(nowMs)
    return this.amounts[slotOf(this.current - age, this.buckets) * this.figures + figure] ?? 0
  }

  /** When the bucket of that age leaves the window: from then on its figures do not count. */
  leavesAtMs(nowMs: number, age: number): number {
    this.turnTo(nowMs)
    return (this.current - age + this.buckets) * this.widthMs
  }

  /** Forgets everything. */
  clear(): void {
    this.amounts.fill(0)
    this.before.fill(0)
  }

  /**
   * A window of another shape with the same counts; itself if it has that shape. When in its bucket something came is not
   * known any more: here it counts as if when the bucket began, so that nothing counts for longer than it is true.
   * @throws ArgumentError as the constructor does.
   */
  resizedByStart(nowMs: number, buckets: number, widthMs: number): RollingWindow {
    return this.resized(nowMs, buckets, widthMs, (number) => Math.floor((number * this.widthMs) / widthMs))
  }

  /** The same, as if when the bucket ended: nothing leaves before it would have, as those need it who keep a limit. */
  resizedByEnd(nowMs: number, buckets: number, widthMs: number): RollingWindow {
    return this.resized(
      nowMs,
      buckets,
      widthMs,
      (number) => Math.ceil(((number + 1) * this.widthMs) / widthMs) - 1,
    )
  }

  private resized(
    nowMs: number,
    buckets: number,
    widthMs: number,
    numberOf: (number: number) => number,
  ): RollingWindow {
    if (buckets === this.buckets && widthMs === this.widthMs) return this
    const other = new RollingWindow(buckets, widthMs, this.figures)
    this.turnTo(nowMs)
    other.turnTo(Math.max(nowMs, this.current * this.widthMs)) // the later one where the clock has gone back
    for (let age = 0; age < this.buckets; age++) {
      const number = Math.min(other.current, numberOf(this.current - age))
      if (number > other.current - buckets) other.take(number, this, this.current - age)
    }
    other.sumUp()
    return other
  }

  /** Adds to a bucket what another window has in one of its own. */
  private take(number: number, from: RollingWindow, fromNumber: number): void {
    const start = slotOf(number, this.buckets) * this.figures
    const fromStart = slotOf(fromNumber, from.buckets) * this.figures
    for (let figure = 0; figure < this.figures; figure++) {
      this.amounts[start + figure] =
        (this.amounts[start + figure] ?? 0) + (from.amounts[fromStart + figure] ?? 0)
    }
  }

  private turnTo(nowMs: number): void {
    const number = Math.floor(nowMs / this.widthMs)
    if (number > this.current) this.pass(number)
  }

  /** Clears the buckets whose slots the current one and those skipped since the last call take over. */
  private pass(to: number): void {
    const { amounts, buckets, figures, current } = this
    this.current = to
    this.start = slotOf(to, buckets) * figures
    if (to - current >= buckets) {
      this.clear()
      return
    }
    for (let number = current + 1; number <= to; number++) {
      const start = slotOf(number, buckets) * figures
      amounts.fill(0, start, start + figures)
    }
    this.sumUp()
  }

  /** Adds up all buckets but the current one. */
  private sumUp(): void {
    const { amounts, before, figures, start } = this
    before.fill(0)
    for (let i = 0; i < amounts.length; i++) {
      if (i >= start && i < start + figures) continue
      before[i % figures] = (before[i % figures] ?? 0) + (amounts[i] ?? 0)
    }
  }
}

/** Clocks may count from any moment, so the number of a bucket may be below zero. */
function slotOf(number: number, buckets: number): number {
  return ((number % buckets) + buckets) % buckets
}

function checkCount(what: string, count: number): void {
  if (!Number.isInteger(count) || count < 1) {
    throw new ArgumentError(`a rolling window needs a positive whole number of ${what}, not ${count}`)
  }
}
