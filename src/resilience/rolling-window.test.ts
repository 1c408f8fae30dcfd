import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RollingWindow } from './rolling-window.js'

const calls = 0
const errors = 1

describe('RollingWindow', () => {
  it('sums each figure over the buckets of the window', () => {
    const window = new RollingWindow(10, 100, 2)
    window.add(0, calls, 1)
    window.add(950, calls, 2)
    window.add(950, errors, 0.5)
    expect(window.sum(999, calls)).toBe(3)
    expect(window.sum(999, errors)).toBe(0.5)
    expect(window.sum(1000, calls)).toBe(2)
  })

  it('forgets everything after an idle time as long as the window, however much longer it was', () => {
    for (const idleMs of [1000, 1001, 3_600_000]) {
      const window = new RollingWindow(10, 100, 1)
      for (let t = 0; t < 1000; t += 100) window.add(t, calls, 1)
      expect(window.sum(900, calls)).toBe(10)
      expect(window.sum(900 + idleMs, calls)).toBe(0)
    }
  })

  it('forgets exactly as many buckets as have passed', () => {
    for (let passed = 0; passed <= 10; passed++) {
      const window = new RollingWindow(10, 100, 1)
      for (let t = 0; t < 1000; t += 100) window.add(t, calls, 1)
      expect(window.sum(900 + passed * 100, calls)).toBe(10 - passed)
    }
  })

  it('counts what happens exactly on an edge once, in the bucket that begins there', () => {
    const window = new RollingWindow(4, 100, 1)
    window.add(100, calls, 1)
    expect(window.at(100, 0, calls)).toBe(1)
    expect(window.sum(100, calls)).toBe(1)
    expect(window.sum(499.9, calls)).toBe(1)
    expect(window.sum(500, calls), 'exactly a window old').toBe(0)
  })

  it('leaves out the current bucket for those who ask for full ones', () => {
    const window = new RollingWindow(3, 100, 1)
    window.add(50, calls, 1)
    window.add(150, calls, 2)
    expect(window.sum(150, calls, { ignoreCurrent: true })).toBe(1)
    expect(window.sum(200, calls, { ignoreCurrent: true })).toBe(3)
    expect(window.sum(150 + 300, calls, { ignoreCurrent: true })).toBe(0)
  })

  it('shows its buckets from the newest to the oldest, and when each of them leaves', () => {
    const window = new RollingWindow(3, 100, 2)
    for (const t of [0, 100, 200, 300]) window.add(t, errors, t)
    expect([0, 1, 2].map((age) => window.at(350, age, errors))).toEqual([300, 200, 100])
    expect([0, 1, 2].map((age) => window.leavesAtMs(350, age))).toEqual([600, 500, 400])
    expect(window.sum(399, errors)).toBe(600)
    expect(window.sum(400, errors)).toBe(500)
  })

  it('takes a time that goes backwards for no time', () => {
    const window = new RollingWindow(3, 100, 1)
    window.add(1000, calls, 1)
    window.add(200, calls, 1)
    expect(window.sum(200, calls)).toBe(2)
    expect(window.at(1000, 0, calls)).toBe(2)
    expect(window.sum(1300, calls)).toBe(0)
  })

  it('works on a clock that starts below zero', () => {
    const window = new RollingWindow(3, 100, 1)
    window.add(-150, calls, 1)
    window.add(-50, calls, 2)
    expect([window.sum(-50, calls), window.sum(100, calls), window.sum(200, calls)]).toEqual([3, 2, 0])
  })

  it('forgets everything when it is told to', () => {
    const window = new RollingWindow(3, 100, 1)
    window.add(0, calls, 1)
    window.add(100, calls, 1)
    window.clear()
    expect(window.sum(150, calls)).toBe(0)
    window.add(150, calls, 1)
    expect(window.sum(250, calls)).toBe(1)
  })

  it('agrees with a list of moments that is looked through', () => {
    const event = fc.record({
      passMs: fc.oneof(fc.nat(30), fc.nat(400), fc.constantFrom(0, 10, 40, 50, 5000)),
      figure: fc.nat(1),
      amount: fc.double({ min: 0, max: 100, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(event, { maxLength: 60 }), (buckets, events) => {
        const widthMs = 10
        const window = new RollingWindow(buckets, widthMs, 2)
        const seen: { atMs: number; figure: number; amount: number }[] = [] // the naive twin
        let nowMs = 0
        for (const { passMs, figure, amount } of events) {
          nowMs += passMs
          window.add(nowMs, figure, amount)
          seen.push({ atMs: nowMs, figure, amount })
          const bucketOf = (t: number) => Math.floor(t / widthMs)
          const total = (inside: (ageInBuckets: number, ageMs: number) => boolean) =>
            seen
              .filter((e) => e.figure === figure)
              .filter((e) => inside(bucketOf(nowMs) - bucketOf(e.atMs), nowMs - e.atMs))
              .reduce((sum, e) => sum + e.amount, 0)
          expect(window.sum(nowMs, figure)).toBeCloseTo(
            total((age) => age < buckets),
            6,
          )
          expect(window.sum(nowMs, figure, { ignoreCurrent: true })).toBeCloseTo(
            total((age) => age > 0 && age < buckets),
            6,
          )
          expect(window.at(nowMs, buckets - 1, figure)).toBeCloseTo(
            total((age) => age === buckets - 1),
            6,
          )
          expect(window.sum(nowMs, figure), 'never more than in the window').toBeLessThanOrEqual(
            total((_, ageMs) => ageMs < buckets * widthMs) + 1e-6,
          )
        }
      }),
      { numRuns: 500 },
    )
  })

  describe('resized', () => {
    it('is itself where nothing changes', () => {
      const window = new RollingWindow(4, 100, 1)
      expect(window.resizedByStart(0, 4, 100)).toBe(window)
      expect(window.resizedByEnd(0, 4, 100)).toBe(window)
    })

    it('has all of a bucket in the one in which it began, or in which it ended', () => {
      const window = new RollingWindow(4, 100, 2)
      for (const t of [0, 100, 200, 300]) window.add(t, errors, t + 1)
      const early = window.resizedByStart(350, 4, 150) // 0 to 99 and 100 to 199 began in the first
      expect([0, 1, 2, 3].map((age) => early.at(350, age, errors))).toEqual([301, 201, 102, 0])
      const late = window.resizedByEnd(350, 4, 150) // 100 to 199 ended in the second
      expect([0, 1, 2, 3].map((age) => late.at(350, age, errors))).toEqual([301, 302, 1, 0])
      expect([early, late].map((each) => each.sum(350, errors, { ignoreCurrent: true }))).toEqual([303, 303])
    })

    it('goes on from the later time where the clock has gone back', () => {
      const window = new RollingWindow(4, 100, 1)
      window.add(5000, calls, 3)
      const other = window.resizedByEnd(1000, 10, 50)
      expect([other.sum(1000, calls), other.sum(5499, calls), other.sum(5500, calls)]).toEqual([3, 3, 0])
    })

    it('counts never more than is true by the start of buckets, and never less by their end', () => {
      const event = fc.record({
        passMs: fc.oneof(fc.nat(30), fc.nat(400)),
        amount: fc.integer({ min: 1, max: 9 }),
      })
      const shape = fc.record({
        buckets: fc.integer({ min: 1, max: 12 }),
        widthMs: fc.constantFrom(7, 10, 25, 100),
      })
      fc.assert(
        fc.property(
          shape,
          shape,
          fc.array(event, { maxLength: 40 }),
          fc.nat(300),
          (one, two, events, laterMs) => {
            const window = new RollingWindow(one.buckets, one.widthMs, 1)
            const seen: { atMs: number; amount: number }[] = []
            let nowMs = 0
            for (const { passMs, amount } of events) {
              nowMs += passMs
              window.add(nowMs, calls, amount)
              seen.push({ atMs: nowMs, amount })
            }
            const early = window.resizedByStart(nowMs, two.buckets, two.widthMs)
            const late = window.resizedByEnd(nowMs, two.buckets, two.widthMs)
            const total = (sinceMs: number) =>
              seen.filter(({ atMs }) => atMs > sinceMs).reduce((sum, { amount }) => sum + amount, 0)
            const thenMs = nowMs + laterMs
            // What is no older than a window less its first bucket, then and when it was resized, is surely in it.
            const surely = Math.max(
              nowMs - (one.buckets - 1) * one.widthMs,
              thenMs - (two.buckets - 1) * two.widthMs,
            )
            expect(early.sum(thenMs, calls)).toBeLessThanOrEqual(total(thenMs - two.buckets * two.widthMs))
            expect(late.sum(thenMs, calls)).toBeGreaterThanOrEqual(total(surely))
            expect(early.sum(thenMs, calls)).toBeLessThanOrEqual(late.sum(thenMs, calls))
            expect(late.sum(nowMs, calls)).toBeLessThanOrEqual(window.sum(nowMs, calls))
          },
        ),
        { numRuns: 500 },
      )
    })
  })

  it.each([
    [0, 100, 1, 'a rolling window needs a positive whole number of buckets, not 0'],
    [1.5, 100, 1, 'a rolling window needs a positive whole number of buckets, not 1.5'],
    [10, 0, 1, 'the buckets of a rolling window need a width in milliseconds above 0, not 0'],
    [10, Number.NaN, 1, 'the buckets of a rolling window need a width in milliseconds above 0, not NaN'],
    [10, Infinity, 1, 'the buckets of a rolling window need a width in milliseconds above 0, not Infinity'],
    [10, 100, 0, 'a rolling window needs a positive whole number of figures, not 0'],
  ])('refuses %d buckets of %d ms with %d figures', (buckets, widthMs, figures, message) => {
    expect(() => new RollingWindow(buckets, widthMs, figures)).toThrow(message)
  })
})
