interface Sample {
  readonly atMs: number
  readonly hits: number
  readonly misses: number
}

/** Figures are taken at most once a second, and kept for five minutes. */
const everyMs = 1000
const windowMs = 300_000

/** The share of hits over the last minutes, and how it changes. */
export class HitRate {
  private readonly samples: Sample[] = []

  /** Takes the running totals at a moment. */
  sample(atMs: number, hits: number, misses: number): void {
    const last = this.samples.at(-1)
    if (last !== undefined && this.samples.length > 1 && atMs - last.atMs < everyMs) this.samples.pop()
    this.samples.push({ atMs, hits, misses })
    while (this.samples.length > 2 && atMs - (this.samples[0]?.atMs ?? atMs) > windowMs) this.samples.shift()
  }

  /** Hits in every get of the window, from 0 to 1; of all gets while there is no window yet. */
  get share(): number | undefined {
    const first = this.samples.length > 1 ? this.samples[0] : undefined
    return shareBetween(first, this.samples.at(-1))
  }

  /** The slope of the line through the shares of each second, by least squares, per hour. */
  get slopePerHour(): number {
    const points: { x: number; y: number }[] = []
    for (let i = 1; i < this.samples.length; i++) {
      const y = shareBetween(this.samples[i - 1], this.samples[i])
      if (y !== undefined) points.push({ x: (this.samples[i]?.atMs ?? 0) / 3_600_000, y })
    }
    if (points.length < 2) return 0
    const meanX = mean(points.map(({ x }) => x))
    const meanY = mean(points.map(({ y }) => y))
    const spread = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0)
    return spread === 0 ? 0 : points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread
  }
}

function shareBetween(from: Sample | undefined, to: Sample | undefined): number | undefined {
  const hits = (to?.hits ?? 0) - (from?.hits ?? 0)
  const gets = hits + (to?.misses ?? 0) - (from?.misses ?? 0)
  return gets === 0 ? undefined : hits / gets
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
