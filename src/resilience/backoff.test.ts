import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoff } from './backoff.js'

describe('backoff', () => {
  it('draws a delay between zero and a ceiling that grows by the multiplier, up to the longest', () => {
    const half = backoff({ initialMs: 100, maxMs: 1000, multiplier: 3, random: () => 0.5 })
    expect([1, 2, 3, 4].map((retry) => half.delayMs(retry))).toEqual([50, 150, 450, 500])
    expect([1, 2, 3, 4].map((retry) => half.ceilingMs(retry))).toEqual([100, 300, 900, 1000])
    expect(backoff({ random: () => 0 }).delayMs(5)).toBe(0)
  })

  it('has defaults', () => {
    expect([1, 2, 9].map((retry) => backoff().ceilingMs(retry))).toEqual([100, 200, 2000])
  })

  it('never gives NaN, infinity or more than the longest, however many retries there were', () => {
    const b = backoff({ initialMs: 128, maxMs: 30_000 })
    for (let retry = 1; retry <= 1_000_000; retry++) {
      const ms = b.delayMs(retry)
      if (!(ms >= 0 && ms < 30_000)) expect.unreachable(`${ms} ms before retry ${retry}`)
    }
  })

  it('stays within its bounds for any options', () => {
    const time = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e12, noNaN: true }))
    fc.assert(
      fc.property(
        time,
        time,
        fc.double({ min: 1, max: 1e300, noNaN: true }),
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (a, b, multiplier, retry, drawn) => {
          const maxMs = Math.max(a, b)
          const ms = backoff({ initialMs: a, maxMs, multiplier, random: () => drawn }).delayMs(retry)
          expect(ms).toBeGreaterThanOrEqual(0)
          expect(ms).toBeLessThanOrEqual(maxMs)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it.each([
    [{ initialMs: -1 }, 'initialMs is a finite number of milliseconds from 0, not -1'],
    [{ initialMs: Number.NaN }, 'initialMs is a finite number of milliseconds from 0, not NaN'],
    [{ initialMs: 10, maxMs: 5 }, 'maxMs is a finite time of at least initialMs (10), not 5'],
    [{ maxMs: Infinity }, 'maxMs is a finite time of at least initialMs (100), not Infinity'],
    [{ multiplier: 0.5 }, 'a multiplier is a finite number from 1, not 0.5'],
  ])('refuses %o', (options, message) => {
    expect(() => backoff(options)).toThrow(message)
  })
})
