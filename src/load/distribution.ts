import * as hdr from 'hdr-histogram-js'

/**
 * How values are spread: an HDR histogram of whole numbers up to 3.6 thousand million, to three digits, with the exact
 * ends and mean beside it. Its size does not grow with the number of values. Source: Gil Tene's HdrHistogram.
 */
export class Distribution {
  count = 0
  /** The smallest value; 0 without any. */
  min = 0
  /** The largest value; 0 without any. */
  max = 0
  private sum = 0
  private readonly histogram = hdr.build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 3_600_000_000,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false, // its set-up is asynchronous, and it gains nothing at this rate
  }) as hdr.JsHistogram // which `build` makes without WebAssembly; only that one can be walked

  /** Adds `value`, `times` over. */
  add(value: number, times = 1): void {
    this.min = this.count === 0 ? value : Math.min(this.min, value)
    this.max = Math.max(this.max, value)
    this.count += times
    this.sum += value * times
    this.histogram.recordValueWithCount(Math.min(Math.round(value), 3_600_000_000), times)
  }

  /** 0 without any value. */
  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count
  }

  get standardDeviation(): number {
    return this.count === 0 ? 0 : this.histogram.stdDeviation
  }

  /** The value that `percent` of all values do not exceed, within 0.1% of it. */
  percentile(percent: number): number {
    const value = this.histogram.getValueAtPercentile(percent)
    // The histogram gives the upper end of a bucket, which may lie beyond the largest value.
    return Math.min(Math.max(value, this.min), this.max)
  }

  /** The values within `rows` equal steps from the smallest to the largest: the upper end of each, and how many. */
  steps(rows: number): { readonly upTo: number; readonly count: number }[] {
    const { min, max } = this
    const ends = Array.from({ length: rows }, (_, i) => min + ((max - min) * i) / (rows - 1))
    const steps = ends.map((upTo) => ({ upTo, count: 0 }))
    for (const { value, count } of this.values()) {
      const step = steps.find(({ upTo }) => value <= upTo + 0.5) ?? steps.at(-1)
      if (step !== undefined) step.count += count
    }
    return steps
  }

  private *values(): Generator<{ value: number; count: number }, void> {
    const { recordedValuesIterator } = this.histogram
    recordedValuesIterator.reset()
    while (recordedValuesIterator.hasNext()) {
      const { valueIteratedTo, countAddedInThisIterationStep } = recordedValuesIterator.next()
      yield { value: valueIteratedTo, count: countAddedInThisIterationStep }
    }
  }
}
