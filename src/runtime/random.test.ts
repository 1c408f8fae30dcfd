import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostRandom, SeededRandom } from './random.js'

const numbers = (seed: number, bound: number, count: number) => {
  const random = new SeededRandom(seed)
  return Array.from({ length: count }, () => random.below(bound))
}

describe('SeededRandom', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    expect(numbers(7, 1000, 50)).toEqual(numbers(7, 1000, 50))
    expect(numbers(7, 1000, 50)).not.toEqual(numbers(8, 1000, 50))
  })

  it('stays whole and below the bound, for any seed', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 31 }), (seed, bound) => {
        for (const n of numbers(seed, bound, 20)) {
          expect(Number.isInteger(n) && n >= 0 && n < bound).toBe(true)
        }
      }),
    )
  })

  it.each([2, 3, 8])('makes each number below %i about as likely as any other', (bound) => {
    const count = 30_000
    const seen = new Array<number>(bound).fill(0)
    for (const n of numbers(42, bound, count)) seen[n] = (seen[n] ?? 0) + 1
    // Five standard deviations of a binomial share.
    const allowed = 5 * Math.sqrt((count / bound) * (1 - 1 / bound))
    for (const times of seen) expect(Math.abs(times - count / bound)).toBeLessThan(allowed)
  })

  it('neighbouring seeds do not begin alike', () => {
    const firsts = Array.from({ length: 200 }, (_, seed) => numbers(2 * seed, 4, 1)[0])
    for (const value of [0, 1, 2, 3]) expect(firsts.filter((n) => n === value).length).toBeGreaterThan(20)
  })
})

describe('hostRandom', () => {
  it('differs from one source to the next', () => {
    const draw = () => {
      const random = hostRandom()
      return [random.below(2 ** 31), random.below(2 ** 31)].join()
    }
    expect(new Set(Array.from({ length: 20 }, draw)).size).toBeGreaterThan(15)
  })
})
