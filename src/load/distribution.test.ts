import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Distribution } from './distribution.js'

function of(values: readonly number[]): Distribution {
  const distribution = new Distribution()
  for (const value of values) distribution.add(value)
  return distribution
}

const someValues = fc.array(fc.integer({ min: 1, max: 100_000_000 }), { minLength: 1, maxLength: 50 })

describe('a distribution', () => {
  it('has exact ends, mean and count', () => {
    const distribution = of([1_000_001, 3, 500_000])
    expect([distribution.min, distribution.max, distribution.count]).toEqual([3, 1_000_001, 3])
    expect(distribution.mean).toBeCloseTo(500_001.333, 3)
  })

  it('is zero throughout without a value', () => {
    const { count, min, max, mean, standardDeviation } = new Distribution()
    expect([count, min, max, mean, standardDeviation]).toEqual([0, 0, 0, 0, 0])
  })

  it('gives each percentile within a thousandth of the value that a sorted list gives', () => {
    fc.assert(
      fc.property(someValues, fc.constantFrom(10, 50, 90, 99, 99.9, 100), (values, percent) => {
        const sorted = [...values].sort((a, b) => a - b)
        const exact = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN
        expect(Math.abs(of(values).percentile(percent) - exact)).toBeLessThanOrEqual(exact / 1000 + 0.5)
      }),
    )
  })

  it('puts every value in one of its steps, which go from the smallest to the largest', () => {
    fc.assert(
      fc.property(someValues, (values) => {
        const steps = of(values).steps(11)
        expect(steps.reduce((sum, { count }) => sum + count, 0)).toBe(values.length)
        expect(steps[0]?.upTo).toBe(Math.min(...values))
        expect(steps.at(-1)?.upTo).toBeCloseTo(Math.max(...values), 3)
      }),
    )
  })
})
