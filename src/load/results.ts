import * as hdr from 'hdr-histogram-js'

/** One request that got its response. */
export interface Sample {
  readonly latencyMs: number
  readonly status: number
  readonly bytes: number
}

/** What a connection tells the collector: a response, or the kind of error there was instead. */
export type Result = Sample | { readonly error: string }

/** Latencies are kept to the microsecond, to three digits, up to an hour. */
const histogramOptions = {
  lowestDiscernibleValue: 1,
  highestTrackableValue: 3_600_000_000,
  numberOfSignificantValueDigits: 3,
} as const

/** Everything a run has measured. Its size does not grow with the number of requests. */
export class Results {
  /** In microseconds. */
  readonly latencies = hdr.build({ ...histogramOptions, useWebAssembly: false })
  readonly statuses = new Map<number, number>()
  readonly errors = new Map<string, number>()
  bytes = 0
  responses = 0
  failures = 0
  /** Requests that had no response yet when the run ended: neither responses nor failures. */
  unfinished = 0
  /** The sum of all latencies, exact. */
  totalLatencyMs = 0

  add(result: Result): void {
    if ('error' in result) {
      this.failures++
      this.errors.set(result.error, (this.errors.get(result.error) ?? 0) + 1)
      return
    }
    const { latencyMs, status, bytes } = result
    this.responses++
    this.bytes += bytes
    this.totalLatencyMs += latencyMs
    this.latencies.recordValue(Math.max(1, Math.round(latencyMs * 1000)))
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
  }

  /** The latency that `percent` of the responses did not exceed, in milliseconds. */
  percentileMs(percent: number): number {
    return this.latencies.getValueAtPercentile(percent) / 1000
  }

  get fastestMs(): number {
    return this.responses === 0 ? 0 : this.latencies.minNonZeroValue / 1000
  }

  get slowestMs(): number {
    return this.latencies.maxValue / 1000
  }

  get averageMs(): number {
    return this.responses === 0 ? 0 : this.totalLatencyMs / this.responses
  }

  /** Responses within `rows` equal steps from the fastest to the slowest: the upper end of each, and how many. */
  steps(rows: number): { readonly upToMs: number; readonly count: number }[] {
    const { fastestMs, slowestMs } = this
    const steps = Array.from({ length: rows }, (_, i) => ({
      upToMs: fastestMs + ((slowestMs - fastestMs) * i) / (rows - 1),
      count: 0,
    }))
    for (const { valueMs, count } of this.values()) {
      const step = steps.find(({ upToMs }) => valueMs <= upToMs + 0.0005) ?? steps.at(-1)
      if (step !== undefined) step.count += count
    }
    return steps
  }

  /** The recorded latencies with their counts. */
  private *values(): Generator<{ valueMs: number; count: number }, void> {
    // Without WebAssembly `build` makes a JsHistogram; only that one can be walked.
    const { recordedValuesIterator } = this.latencies as hdr.JsHistogram
    recordedValuesIterator.reset()
    while (recordedValuesIterator.hasNext()) {
      const { valueIteratedTo, countAddedInThisIterationStep } = recordedValuesIterator.next()
      yield { valueMs: valueIteratedTo / 1000, count: countAddedInThisIterationStep }
    }
  }
}
