import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Gcra } from './gcra.js'

const one = { spent: 0, want: 1, least: 1 }

/** The other form of the algorithm: the time at which the next cell is due. Exact, since it counts in whole units. */
class VirtualScheduling {
  private dueMs = -Infinity

  constructor(
    private readonly everyMs: number,
    private readonly burst: number,
  ) {}

  take(nowMs: number): boolean {
    const dueMs = Math.max(this.dueMs, nowMs)
    if (dueMs - nowMs > (this.burst - 1) * this.everyMs) return false
    this.dueMs = dueMs + this.everyMs
    return true
  }
}

describe('Gcra', () => {
  it('gives a burst, and then as much as comes', () => {
    const gcra = new Gcra(0)
    const grants = Array.from({ length: 6 }, () => gcra.take({ rate: 10, burst: 5, ...one }, 0).granted)
    expect(grants).toEqual([1, 1, 1, 1, 1, 0])
    expect(gcra.take({ rate: 10, burst: 5, ...one }, 99).granted).toBe(0)
    expect(gcra.take({ rate: 10, burst: 5, ...one }, 100)).toEqual({ granted: 1, remaining: 0 })
  })

  it('decides as its form by virtual scheduling does', () => {
    const steps = fc.array(fc.nat(30), { maxLength: 200 })
    fc.assert(
      fc.property(
        fc.constantFrom(1, 5, 20),
        fc.integer({ min: 1, max: 7 }),
        steps,
        (everyMs, burst, gaps) => {
          const gcra = new Gcra(0)
          const twin = new VirtualScheduling(everyMs, burst)
          let nowMs = 0
          for (const gap of gaps) {
            nowMs += gap
            const { granted } = gcra.take({ rate: 1000 / everyMs, burst, ...one }, nowMs)
            expect(granted === 1).toBe(twin.take(nowMs))
          }
        },
      ),
    )
  })

  it('gives as many whole tokens as there are, from the least that is of use', () => {
    const gcra = new Gcra(0)
    const limit = { rate: 10, burst: 5, spent: 0 }
    expect(gcra.take({ ...limit, want: 3.5, least: 0 }, 0)).toEqual({ granted: 3.5, remaining: 1.5 })
    expect(gcra.take({ ...limit, want: 3, least: 2 }, 0)).toEqual({ granted: 0, remaining: 1.5 })
    expect(gcra.take({ ...limit, want: 3, least: 0 }, 0)).toEqual({ granted: 1, remaining: 0.5 })
    expect(gcra.take({ ...limit, want: 3, least: 0.5 }, 0)).toEqual({ granted: 0.5, remaining: 0 })
  })

  it('counts what was used beside, and what comes back, between nothing and the burst', () => {
    const gcra = new Gcra(0)
    const report = (spent: number) => gcra.take({ rate: 10, burst: 5, spent, want: 0, least: 0 }, 0).remaining
    expect([report(2), report(100), report(-1), report(-100)]).toEqual([3, 0, 1, 5])
  })

  it('gives nothing for a clock that goes back, and goes on by the new one', () => {
    const gcra = new Gcra(3_600_000)
    const limit = { rate: 10, burst: 5, spent: 0 }
    expect(gcra.take({ ...limit, want: 5, least: 5 }, 3_600_000).granted).toBe(5)
    expect(gcra.take({ ...limit, ...one }, 0).granted).toBe(0)
    expect(gcra.take({ ...limit, ...one }, 100).granted).toBe(1)
  })

  it('gives no more than burst + rate × time between any two moments, at any rate', () => {
    const step = fc.record({
      gapMs: fc.double({ min: 0, max: 50, noNaN: true }),
      want: fc.nat(20),
      least: fc.nat(20),
    })
    const rates = fc.double({ min: 1e-3, max: 1e9, noNaN: true })
    fc.assert(
      fc.property(
        rates,
        fc.integer({ min: 1, max: 1e9 }),
        fc.array(step, { maxLength: 40 }),
        (rate, burst, steps) => {
          let nowMs = 1.7e12
          const gcra = new Gcra(nowMs)
          const grants: { atMs: number; granted: number }[] = []
          for (const { gapMs, want, least } of steps) {
            nowMs += gapMs
            const { granted } = gcra.take(
              { rate, burst, spent: 0, want, least: Math.min(want, least) },
              nowMs,
            )
            grants.push({ atMs: nowMs, granted })
            let sum = 0
            for (const each of [...grants].reverse()) {
              sum += each.granted
              const most = burst + (rate * (nowMs - each.atMs)) / 1000
              expect(sum).toBeLessThanOrEqual(most * (1 + 1e-12) + 1e-6)
            }
          }
        },
      ),
    )
  })
})
