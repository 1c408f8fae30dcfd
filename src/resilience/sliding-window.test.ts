import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callOf, HandClock } from '../../test/resilience/hand-clock.js'
import { itRefuses } from '../../test/resilience/refuses.js'
import { background } from '../context/background.js'
import { go } from '../runtime/go.js'
import { scheduler } from '../runtime/scheduler.js'
import { sleep } from '../runtime/sleep.js'
import { bubble } from '../testing/bubble.js'
import { REFUSED } from './guard.js'
import { policy } from './policy.js'
import { Refused } from './refused.js'
import { type SlidingWindowOptions, slidingWindow } from './sliding-window.js'

const ctx = background()
const good = { limit: 1, windowMs: 1000 }

describe('slidingWindow', () => {
  it('lets the limit in at once, and more when that has left the window', () => {
    const clock = new HandClock()
    const window = slidingWindow({ limit: 3, windowMs: 1000, clock })
    expect([1, 2, 3, 4].map(() => window.allow())).toEqual([true, true, true, false])
    clock.ms = 1000
    expect(window.allow(), 'a call exactly as old as the window counts').toBe(false)
    clock.ms = 1100
    expect([1, 2, 3, 4].map(() => window.allow())).toEqual([true, true, true, false])
  })

  it('holds the limit across the edge of a window, where a fixed one lets twice as many in', () => {
    const clock = new HandClock(950)
    const window = slidingWindow({ limit: 100, windowMs: 1000, clock })
    const count = () => Array.from({ length: 200 }, () => window.allow()).filter(Boolean).length
    expect(count()).toBe(100)
    for (clock.ms = 1000; clock.ms < 1950; clock.ms += 50) expect(count()).toBe(0)
    clock.ms = 2000
    expect(count()).toBe(100)
  })

  it('forgets everything after a long time', () => {
    const clock = new HandClock()
    const window = slidingWindow({ limit: 3, windowMs: 1000, clock })
    window.allow(3)
    clock.ms = 3_600_000
    expect(window.stats()).toMatchObject({ used: 0, state: 'ok' })
  })

  it('gives nothing for free when the clock goes back and forth', () => {
    const clock = new HandClock(7_200_000)
    const window = slidingWindow({ limit: 3, windowMs: 1000, clock })
    window.allow(3)
    clock.ms -= 3_600_000
    expect(window.allow()).toBe(false)
    clock.ms += 3_600_000
    expect(window.allow()).toBe(false)
  })

  it('never lets more than the limit into a window, and refuses nothing that is older than a bucket more', () => {
    const arrival = fc.record({
      afterMs: fc.oneof(fc.nat(20), fc.nat(150), fc.constantFrom(0, 100, 1000, 5000)),
      cost: fc.integer({ min: 1, max: 3 }),
    })
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 10 }),
        fc.constantFrom(1, 2, 5, 10),
        fc.array(arrival, { maxLength: 80 }),
        (limit, buckets, arrivals) => {
          const clock = new HandClock()
          const windowMs = 1000
          const window = slidingWindow({ limit, windowMs, buckets, clock })
          const admitted: { atMs: number; cost: number }[] = [] // the naive twin
          const within = (ms: number) =>
            admitted.filter(({ atMs }) => clock.ms - atMs < ms).reduce((sum, { cost }) => sum + cost, 0)
          for (const { afterMs, cost } of arrivals) {
            clock.ms += afterMs
            if (window.allow(cost)) {
              admitted.push({ atMs: clock.ms, cost })
              expect(within(windowMs)).toBeLessThanOrEqual(limit)
            } else expect(within(windowMs + windowMs / buckets) + cost).toBeGreaterThan(limit)
          }
          expect(window.stats()).toMatchObject({ admitted: admitted.length })
        },
      ),
      { numRuns: 500 },
    )
  })

  it('says when to come back: then there is room, and a moment before there is not', () => {
    const arrival = fc.record({ afterMs: fc.nat(300), cost: fc.integer({ min: 1, max: 3 }) })
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 1, maxLength: 40 }), (arrivals) => {
        const clock = new HandClock()
        const window = slidingWindow({ limit: 5, windowMs: 1000, clock })
        for (const { afterMs, cost } of arrivals) {
          clock.ms += afterMs
          if (window.allow(cost)) continue
          const { retryAfterMs = Number.NaN } = window.refusal(callOf({ cost }))
          clock.ms += retryAfterMs - 1
          expect(window.allow(cost)).toBe(false)
          clock.ms += 1
          expect(window.allow(cost)).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('is a guard: refuses with when to come back and what is left', () =>
    bubble(function* () {
      const window = slidingWindow({ limit: 2, windowMs: 1000, name: 'free plan' })
      const p = policy(window)
      expect(yield* p.run(ctx, () => 1, { cost: 2 })).toBe(1)
      yield* sleep(50)
      const { error } = yield* go(() => p.run(ctx, () => 2)).outcome()
      expect(error).toBeInstanceOf(Refused)
      expect(error).toMatchObject({
        kind: 'sliding window',
        message: 'free plan refused the call: 2 in 1000 ms is the limit; come back in 1050 ms',
        retryAfterMs: 1050,
        quota: { limit: 2, remaining: 0, resetMs: 1050 },
      })
      expect(window.stats()).toEqual({
        kind: 'sliding window',
        name: 'free plan',
        state: 'refusing',
        admitted: 1,
        refused: 1,
        waited: 0,
        waiting: 0,
        limit: 2,
        used: 2,
      })
      yield* sleep(1050)
      expect(yield* p.run(ctx, () => 3)).toBe(3)
      expect(scheduler().stats().timers).toBe(0)
    }))

  it('answers those who would wait at once', () =>
    bubble(function* () {
      const window = slidingWindow({ limit: 1, windowMs: 1000 })
      expect(yield* window.wait(callOf())).toBe(0)
      expect((yield* go(() => window.wait(callOf())).outcome()).error).toBeInstanceOf(Refused)
    }))

  it('says of what costs more than the limit that it will never fit', () => {
    const window = slidingWindow({ limit: 2, windowMs: 1000, clock: new HandClock() })
    expect(window.enter(callOf({ cost: 3 }))).toBe(REFUSED)
    expect(window.refusal(callOf({ cost: 3 }))).toMatchObject({
      message: 'sliding window refused the call: it costs 3, and 2 in 1000 ms is the limit',
      retryAfterMs: undefined,
    })
  })

  it('says what is left', () => {
    const clock = new HandClock()
    const window = slidingWindow({ limit: 3, windowMs: 1000, clock })
    expect(window.quota()).toEqual({ limit: 3, remaining: 3, resetMs: 0 })
    window.allow(0.5)
    clock.ms = 500
    window.allow(1)
    expect(window.quota()).toEqual({ limit: 3, remaining: 1, resetMs: 600 })
  })

  describe('configure', () => {
    it('takes another limit with the same counts, and tells of it', () => {
      const clock = new HandClock()
      const window = slidingWindow({ limit: 2, windowMs: 1000, clock, name: 'a' })
      const told: unknown[] = []
      window.figures.watch(({ what, detail }) => told.push([what, detail]))
      window.allow(2)
      window.configure({ limit: 3, windowMs: 1000, name: 'b', clock: new HandClock(1e6) })
      expect([window.allow(), window.allow(), window.limit]).toEqual([true, false, 3])
      window.configure({ limit: 0, windowMs: 1000 })
      window.configure({ limit: 0, windowMs: 1000 })
      expect(window.allow()).toBe(false)
      expect(told).toEqual([
        ['changed', { limit: 3, windowMs: 1000, buckets: 10 }],
        ['refused', undefined],
        ['changed', { limit: 0, windowMs: 1000, buckets: 10 }],
        ['refused', undefined],
      ])
      expect(window.stats()).toMatchObject({ name: 'a', admitted: 2, refused: 2, used: 3 })
    })

    it('keeps in a longer window what it knows, and for as long as that says', () => {
      const clock = new HandClock()
      const window = slidingWindow({ limit: 3, windowMs: 1000, clock })
      window.allow(3)
      clock.ms = 900
      window.configure({ limit: 3, windowMs: 10_000 })
      expect(window.refusal(callOf()).message).toContain('3 in 10000 ms is the limit')
      clock.ms = 10_999
      expect(window.allow()).toBe(false)
      clock.ms = 11_000
      expect(window.allow()).toBe(true)
    })

    it('forgets in a shorter window what is too old for it', () => {
      const clock = new HandClock()
      const window = slidingWindow({ limit: 3, windowMs: 10_000, clock })
      window.allow(2)
      clock.ms = 5000
      window.allow(1)
      window.configure({ limit: 3, windowMs: 1000 })
      expect(window.stats()).toMatchObject({ used: 1 })
    })

    it('never lets more than the limit into a window, as far back as it knows, whatever changes', () => {
      const step = fc.record({
        afterMs: fc.oneof(fc.nat(20), fc.nat(150), fc.constantFrom(0, 100, 1000, 5000)),
        cost: fc.integer({ min: 1, max: 3 }),
        change: fc.option(
          fc.record({
            limit: fc.integer({ min: 0, max: 10 }),
            windowMs: fc.constantFrom(100, 300, 1000, 4000),
            buckets: fc.constantFrom(1, 3, 10),
          }),
          { freq: 4 },
        ),
      })
      fc.assert(
        fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
          const clock = new HandClock()
          let settings = { limit: 5, windowMs: 1000, buckets: 10 }
          const window = slidingWindow({ ...settings, clock })
          const admitted: { atMs: number; cost: number }[] = []
          const within = (ms: number) =>
            admitted.filter(({ atMs }) => clock.ms - atMs < ms).reduce((sum, { cost }) => sum + cost, 0)
          let knownFromMs = 0
          let lateMs = 0 // for how much longer than the window it may count: each change of it moves what is old a bucket on
          for (const { afterMs, cost, change } of steps) {
            clock.ms += afterMs
            if (change !== null) {
              knownFromMs = Math.max(knownFromMs, clock.ms - settings.windowMs)
              lateMs += settings.windowMs / settings.buckets
              settings = change
              window.configure(change)
            }
            const { limit, windowMs, buckets } = settings
            if (window.allow(cost)) {
              admitted.push({ atMs: clock.ms, cost })
              expect(within(Math.min(windowMs, clock.ms - knownFromMs))).toBeLessThanOrEqual(limit)
            } else expect(within(windowMs + windowMs / buckets + lateMs) + cost).toBeGreaterThan(limit)
          }
          expect(window.stats()).toMatchObject({ admitted: admitted.length })
        }),
        { numRuns: 500 },
      )
    })
  })

  itRefuses((options: SlidingWindowOptions) => slidingWindow({ clock: new HandClock(), ...options }), good, [
    [{ ...good, limit: -1 }, 'the limit of a sliding window is a number of calls from 0, not -1'],
    [{ ...good, limit: Number.NaN }, 'a number of calls from 0, not NaN'],
    [{ limit: 1 }, 'the windowMs of a sliding window is a number of milliseconds above 0, not undefined'],
    [{ ...good, windowMs: 0 }, 'milliseconds above 0, not 0'],
    [{ ...good, buckets: 0 }, 'the buckets of a sliding window are a whole number from 1, not 0'],
  ])

  it('refuses costs that are none', () => {
    const window = slidingWindow({ limit: 1, windowMs: 1000 })
    expect(() => window.allow(-1)).toThrow(
      'the cost of a call under a sliding window is a number from 0, not -1',
    )
    expect(() => window.enter(callOf({ cost: Number.NaN }))).toThrow('not NaN')
  })
})
