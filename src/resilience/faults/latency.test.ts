import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../runtime/random.js'
import { drawMs, type LatencyFault } from './latency.js'

const count = 400_000

function seeded(seed: number): () => number {
  const random = new SeededRandom(seed)
  return () => random.below(2 ** 32) / 2 ** 32
}

function drawn(latency: LatencyFault, seed = 42): number[] {
  const random = seeded(seed)
  return Array.from({ length: count }, () => drawMs(latency, random))
}

// Too many for the arguments of a call.
const least = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b))
const most = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b))

function mean(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0) / values.length
}

/** The share of the values up to `ms` is `p`, as far as so many of them tell: four standard errors, one in 16 000 is beyond. */
function expectQuantile(values: readonly number[], p: number, ms: number): void {
  const share = values.filter((each) => each <= ms).length / values.length
  expect(Math.abs(share - p), `P(x <= ${ms}) = ${share}, not ${p}`).toBeLessThan(
    4 * Math.sqrt((p * (1 - p)) / values.length),
  )
}

/** Quantiles of the standard normal distribution, from tables. */
const normalQuantiles: readonly [p: number, z: number][] = [
  [0.01, -2.326348],
  [0.1, -1.281552],
  [0.25, -0.67449],
  [0.5, 0],
  [0.75, 0.67449],
  [0.9, 1.281552],
  [0.99, 2.326348],
  [0.999, 3.090232],
]

describe('drawMs', () => {
  it('gives a fixed latency without a draw', () => {
    const random = () => {
      throw new Error('nothing is to be drawn')
    }
    expect(drawMs({ distribution: 'fixed', ms: 120 }, random)).toBe(120)
  })

  it('draws normal latencies with the mean, the deviation and the quantiles of theory', () => {
    const values = drawn({ distribution: 'normal', meanMs: 500, deviationMs: 80 })
    const found = mean(values)
    expect(Math.abs(found - 500)).toBeLessThan((4 * 80) / Math.sqrt(count))
    const variance = mean(values.map((each) => (each - found) ** 2))
    expect(Math.abs(variance / 80 ** 2 - 1)).toBeLessThan(4 * Math.sqrt(2 / count))
    for (const [p, z] of normalQuantiles) expectQuantile(values, p, 500 + 80 * z)
  })

  it('draws Pareto latencies with the mean and the quantiles of theory, none below the scale', () => {
    const [scaleMs, shape] = [50, 3]
    const values = drawn({ distribution: 'pareto', scaleMs, shape })
    expect(least(values)).toBeGreaterThanOrEqual(scaleMs)
    const deviation = Math.sqrt((scaleMs ** 2 * shape) / ((shape - 1) ** 2 * (shape - 2)))
    expect(Math.abs(mean(values) - (shape * scaleMs) / (shape - 1))).toBeLessThan(
      (4 * deviation) / Math.sqrt(count),
    )
    for (const p of [0.01, 0.1, 0.5, 0.9, 0.99, 0.999])
      expectQuantile(values, p, scaleMs * (1 - p) ** (-1 / shape))
  })

  it('has heavy tails come in the shape that is given', () => {
    for (const shape of [0.5, 1.16, 2])
      expectQuantile(drawn({ distribution: 'pareto', scaleMs: 1, shape }, 7), 0.99, 100 ** (1 / shape))
  })

  it('has no latency below 0 or above maxMs, and leaves those between as they are', () => {
    const values = drawn({ distribution: 'normal', meanMs: 100, deviationMs: 100, maxMs: 250 })
    expect(least(values)).toBe(0)
    expect(most(values)).toBe(250)
    expectQuantile(values, 0.158655, 0) // one deviation below the mean
    expectQuantile(values, 0.5, 100)
    expectQuantile(values, 1 - 0.066807, 249.999_999) // one and a half above
    expect(most(drawn({ distribution: 'pareto', scaleMs: 10, shape: 0.1, maxMs: 400 }))).toBe(400)
  })

  it.each<LatencyFault>([
    { distribution: 'normal', meanMs: 500, deviationMs: 100 },
    { distribution: 'pareto', scaleMs: 10, shape: 0.01 },
  ])('stays finite at the ends of what is drawn: %o', (latency) => {
    for (const u of [0, 2 ** -53, 0.5, 1 - 2 ** -53]) {
      const ms = drawMs(latency, () => u)
      expect(ms).toBeGreaterThanOrEqual(0)
      expect(ms).toBeLessThanOrEqual(600_000)
    }
  })

  it('draws the same from the same seed', () => {
    const latency = { distribution: 'normal', meanMs: 500, deviationMs: 100 } as const
    expect(drawn(latency, 5)).toEqual(drawn(latency, 5))
    expect(drawn(latency, 5)).not.toEqual(drawn(latency, 6))
  })
})
