import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callOf, HandClock } from '../../test/resilience/hand-clock.js'
import { badQueues, badRates, itRefuses } from '../../test/resilience/refuses.js'
import { start } from '../../test/resilience/start.js'
import { TestClock } from '../../test/net/test-clock.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { withTimeout } from '../context/deadline.js'
import { Canceled } from '../runtime/errors.js'
import { go } from '../runtime/go.js'
import { scheduler } from '../runtime/scheduler.js'
import { sleep } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { run } from '../main.js'
import { MUST_WAIT, REFUSED } from './guard.js'
import { type LeakyBucket, type LeakyBucketOptions, leakyBucket } from './leaky-bucket.js'
import { policy } from './policy.js'
import { Refused } from './refused.js'

const ctx = background()
const good = { rate: 10, queue: 1 }

/** What became of `count` calls that come at once. */
function* startAll(bucket: LeakyBucket, count: number) {
  const p = policy(bucket)
  const calls = Array.from({ length: count }, () => start(p.run(ctx, () => 'value')))
  const turns: unknown[] = []
  for (const g of calls) turns.push(yield* g)
  return turns
}

describe('leakyBucket', () => {
  it('lets calls leave evenly, and refuses at once what would wait too long', () =>
    bubble(function* () {
      const bucket = leakyBucket({ rate: 10, queue: 100, maxWaitMs: 500 })
      const turns = yield* startAll(bucket, 20)
      expect(turns.slice(0, 6)).toEqual([0, 100, 200, 300, 400, 500])
      expect(turns.slice(6).every((turn) => turn instanceof Refused)).toBe(true)
      expect(turns[6]).toMatchObject({
        message: 'leaky bucket refused the call: 10 a second is the limit; come back in 100 ms',
        retryAfterMs: 100,
        quota: { limit: 101, remaining: 95, resetMs: 600 },
      })
      expect(bucket.stats()).toEqual({
        kind: 'leaky bucket',
        name: 'leaky bucket',
        state: 'ok',
        admitted: 6,
        refused: 14,
        waited: 5,
        waiting: 0,
        rate: 10,
        queue: 100,
      })
    }))

  it('has as many wait as the queue holds', () =>
    bubble(function* () {
      const bucket = leakyBucket({ rate: 10, queue: 2, name: 'mail' })
      const turns = yield* startAll(bucket, 4)
      expect(turns.slice(0, 3)).toEqual([0, 100, 200])
      expect(turns[3]).toMatchObject({
        message: 'mail refused the call: 10 a second is the limit, and 2 wait already; come back in 100 ms',
        quota: { limit: 3, remaining: 0, resetMs: 300 },
      })
    }))

  it('gives no credit for a quiet time', () =>
    bubble(function* () {
      const bucket = leakyBucket({ rate: 10, queue: 10 })
      yield* bucket.wait()
      yield* sleep(3_600_000)
      expect(yield* startAll(bucket, 2)).toEqual([3_600_000, 3_600_100])
    }))

  it('only paces where nothing may wait', () => {
    const clock = new HandClock()
    for (const bucket of [
      leakyBucket({ rate: 10, queue: 0, clock }),
      leakyBucket({ rate: 10, queue: 5, maxWaitMs: 0, clock }),
    ]) {
      clock.ms = 0
      const passed: number[] = []
      for (; clock.ms <= 300; clock.ms += 10) if (bucket.enter(callOf()) === 0) passed.push(clock.ms)
      expect(passed).toEqual([0, 100, 200, 300])
      clock.ms = 350
      expect(bucket.refusal(callOf()).retryAfterMs).toBe(50)
      expect(bucket.stats().state).toBe('refusing')
    }
  })

  it('one who gives up leaves at once, and those behind move up', () =>
    bubble(function* () {
      const bucket = leakyBucket({ rate: 10, queue: 3 })
      bucket.allow()
      const giveUp = withCancel(ctx)
      const first = start(bucket.wait())
      const second = start(bucket.wait(1, giveUp))
      const third = start(bucket.wait())
      yield* waitIdle()
      expect(bucket.enter(callOf())).toBe(REFUSED)
      giveUp.cancel()
      expect(bucket.enter(callOf()), 'its place is free').toBe(MUST_WAIT)
      expect([yield* first, yield* second, yield* third]).toEqual([100, expect.any(Canceled), 200])
      expect(scheduler().stats().timers).toBe(0)
    }))

  it('the head of the queue that gives up makes room for the next', () =>
    bubble(function* () {
      const bucket = leakyBucket({ rate: 10, queue: 3 })
      bucket.allow()
      const large = start(bucket.wait(10)) // at 1000
      const small = start(bucket.wait(1))
      const last = start(bucket.wait(1))
      yield* sleep(500)
      large.cancel()
      yield* large.outcome()
      expect([yield* small, yield* last]).toEqual([500, 600])
    }))

  it('spaces a call that costs more by so much more', () =>
    bubble(function* () {
      const bucket = leakyBucket({ rate: 10, queue: 10 })
      const all = [1, 3, 1, 0.5, 0].map((cost) => start(policy(bucket).run(ctx, () => 1, { cost })))
      const turns = []
      for (const g of all) turns.push(yield* g)
      expect(turns).toEqual([0, 300, 400, 450, 450])
    }))

  it('refuses at once what would wait beyond its deadline', () =>
    bubble(function* () {
      const bucket = leakyBucket({ rate: 10, queue: 10 })
      bucket.allow()
      using soon = withTimeout(ctx, 50)
      const why = 'leaky bucket refused the call: its deadline comes before its turn; come back in 100 ms'
      expect(yield* start(bucket.wait(1, soon))).toMatchObject({ message: why })
      expect(bucket.enter(callOf({ ctx: soon }))).toBe(REFUSED)
      expect(scheduler().clock.now()).toBe(0)
      using later = withTimeout(ctx, 150)
      expect(yield* start(bucket.wait(1, later))).toBe(100)
    }))

  it('says that a call must wait without taking anything', () => {
    const clock = new HandClock()
    const bucket = leakyBucket({ rate: 10, queue: 1, clock })
    expect(bucket.enter(callOf())).toBe(0)
    expect([bucket.enter(callOf()), bucket.enter(callOf())]).toEqual([MUST_WAIT, MUST_WAIT])
    expect(bucket.stats()).toMatchObject({ admitted: 1, refused: 0, waiting: 0, waited: 0 })
    clock.ms = 100
    expect(bucket.enter(callOf())).toBe(0)
  })

  it('refuses one who was told to wait, and found the queue full by then', () =>
    bubble(function* () {
      const bucket = leakyBucket({ rate: 10, queue: 1 })
      bucket.allow()
      const late = bucket.wait(callOf())
      const fast = start(bucket.wait(callOf()))
      yield* waitIdle()
      expect(yield* start(late)).toBeInstanceOf(Refused)
      expect(yield* fast).toBe(100)
    }))

  it('lets nobody overtake those who wait', () =>
    bubble(function* () {
      const bucket = leakyBucket({ rate: 10, queue: 1 })
      bucket.allow()
      const first = start(bucket.wait())
      yield* waitIdle()
      expect(bucket.allow(0)).toBe(false)
      expect(yield* first).toBe(100)
    }))

  it('tells those who watch', () =>
    bubble(function* () {
      const bucket = leakyBucket({ rate: 10, queue: 1, name: 'a' })
      const told: unknown[] = []
      bucket.figures.watch(({ what, detail }) => told.push(detail === undefined ? what : [what, detail]))
      yield* startAll(bucket, 3)
      bucket.configure({ rate: 20, queue: 1 })
      bucket.configure({ rate: 20, queue: 1 })
      expect(told).toEqual(['waited', 'refused', ['changed', { rate: 20, queue: 1, maxWaitMs: Infinity }]])
    }))

  describe('configure', () => {
    it('moves those who wait, in their order, each woken once', () =>
      bubble(function* () {
        const bucket = leakyBucket({ rate: 10, queue: 10 })
        bucket.allow()
        const order: number[] = []
        const all = [1, 2, 3].map((n) =>
          go(function* () {
            yield* bucket.wait()
            order.push(n)
            return scheduler().clock.now()
          }),
        )
        yield* sleep(50)
        bucket.configure({ rate: 5, queue: 10 })
        expect(scheduler().stats().timers, 'one timer for all').toBe(1)
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns).toEqual([200, 400, 600])
        expect(order).toEqual([1, 2, 3])
        expect(bucket.rate).toBe(5)
      }))

    it('lets those leave whose time has come by it', () =>
      bubble(function* () {
        const bucket = leakyBucket({ rate: 1, queue: 10 })
        bucket.allow()
        const all = [start(bucket.wait()), start(bucket.wait())]
        yield* sleep(50)
        bucket.configure({ rate: 100, queue: 10 })
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns, 'the time that passed is no credit').toEqual([50, 60])
      }))

    it('refuses those who would wait too long by it, and keeps the others', () =>
      bubble(function* () {
        const bucket = leakyBucket({ rate: 10, queue: 10, maxWaitMs: 500 })
        bucket.allow()
        const all = [1, 1, 1].map((cost) => start(bucket.wait(cost)))
        yield* sleep(50)
        bucket.configure({ rate: 4, queue: 10, maxWaitMs: 500 })
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns).toEqual([250, 500, expect.any(Refused)])
        expect(String(turns[2])).toContain('4 a second is the limit by now')
        expect(bucket.stats()).toMatchObject({ admitted: 3, refused: 1, waiting: 0 })
      }))

    it('at rate 0 nothing leaves, and at an infinite one everything', () =>
      bubble(function* () {
        const bucket = leakyBucket({ rate: 0, queue: 10 })
        expect(bucket.enter(callOf())).toBe(REFUSED)
        expect(bucket.refusal(callOf()).retryAfterMs).toBe(undefined)
        bucket.configure({ rate: 10, queue: 10 })
        bucket.allow()
        const all = [start(bucket.wait()), start(bucket.wait())]
        yield* sleep(50)
        bucket.configure({ rate: 0, queue: 10 })
        expect(scheduler().stats().timers).toBe(0)
        yield* sleep(10_000)
        bucket.configure({ rate: Infinity, queue: 10 })
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns).toEqual([10_050, 10_050])
        expect(bucket.allow()).toBe(true)
      }))

    it('refuses those who would wait longer than they may by now', () =>
      bubble(function* () {
        const bucket = leakyBucket({ rate: 10, queue: 10 })
        bucket.allow()
        const all = [1, 1, 1].map((cost) => start(bucket.wait(cost)))
        yield* sleep(50)
        bucket.configure({ rate: 10, queue: 10, maxWaitMs: 250 })
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns).toEqual([100, 200, expect.any(Refused)])
      }))

    it('refuses nobody who waits for a shorter queue, but who comes', () =>
      bubble(function* () {
        const bucket = leakyBucket({ rate: 10, queue: 3 })
        bucket.allow()
        const all = [1, 1, 1].map((cost) => start(bucket.wait(cost)))
        yield* waitIdle()
        bucket.configure({ rate: 10, queue: 1 })
        expect(bucket.quota()).toEqual({ limit: 2, remaining: 0, resetMs: 400 })
        expect(bucket.enter(callOf())).toBe(REFUSED)
        yield* sleep(250)
        expect(bucket.enter(callOf()), 'one waits, and so many may').toBe(REFUSED)
        yield* sleep(50)
        expect(bucket.enter(callOf())).toBe(MUST_WAIT)
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns).toEqual([100, 200, 300])
      }))

    it('keeps counts, name and clock', () => {
      const clock = new HandClock()
      const bucket = leakyBucket({ rate: 10, queue: 0, name: 'a', clock })
      bucket.allow()
      bucket.allow()
      bucket.configure({ rate: 20, queue: 0, name: 'b', clock: new HandClock(1e6) })
      expect(bucket.stats()).toMatchObject({ name: 'a', admitted: 1, refused: 1 })
      clock.ms = 49
      expect(bucket.allow()).toBe(false)
      clock.ms = 50
      expect(bucket.allow()).toBe(true)
    })

    it('is never closer than its spacing, in the order of arrival, whatever changes while they wait', async () => {
      const step = fc.record({
        afterMs: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(300)),
        cost: fc.constantFrom(1, 1, 2, 0.5),
        change: fc.option(fc.record({ rate: fc.constantFrom(3, 10, 100), queue: fc.nat(8) }), { freq: 2 }),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), (steps) =>
          bubble(function* () {
            const bucket = leakyBucket({ rate: 10, queue: 5 })
            const all = []
            const left: { n: number; atMs: number; cost: number }[] = []
            const rates: { sinceMs: number; rate: number }[] = [{ sinceMs: 0, rate: 10 }]
            for (const [n, { afterMs, cost, change }] of steps.entries()) {
              yield* sleep(afterMs)
              all.push(
                go(function* () {
                  try {
                    yield* policy(bucket).run(ctx, () => 1, { cost })
                    left.push({ n, atMs: scheduler().clock.now(), cost })
                  } catch (error) {
                    expect(error).toBeInstanceOf(Refused)
                  }
                }),
              )
              yield* waitIdle()
              if (change === null) continue
              const { waiting } = bucket.stats()
              bucket.configure(change)
              expect(bucket.stats().waiting).toBeLessThanOrEqual(waiting)
              rates.push({ sinceMs: scheduler().clock.now(), rate: change.rate })
            }
            for (const g of all) yield* g
            for (const [i, { n, atMs, cost }] of left.entries()) {
              const before = left[i - 1]
              if (before === undefined) continue
              expect(n).toBeGreaterThan(before.n)
              const held = rates.filter(({ sinceMs }, j) => {
                return sinceMs <= atMs && (rates[j + 1]?.sinceMs ?? Infinity) >= atMs
              })
              const fastest = Math.max(...held.map(({ rate }) => rate))
              expect(atMs - before.atMs).toBeGreaterThanOrEqual((cost * 1000) / fastest - 1e-3)
            }
            expect(bucket.stats()).toMatchObject({ waiting: 0, admitted: left.length })
            expect(scheduler().stats().timers).toBe(0)
          }),
        ),
        { numRuns: 200 },
      )
    })
  })

  it('holds no more than its queue under a hundred thousand arrivals, with one timer', () =>
    bubble(function* () {
      const bucket = leakyBucket({ rate: 1000, queue: 50 })
      const p = policy(bucket)
      let refused = 0
      const one = function* () {
        try {
          yield* p.run(ctx, () => 1)
        } catch {
          refused++
        }
      }
      for (let i = 0; i < 1000; i++) {
        const all = Array.from({ length: 100 }, () => go(one))
        yield* waitIdle()
        expect(bucket.stats().waiting).toBeLessThanOrEqual(50)
        expect(scheduler().stats().timers).toBeLessThanOrEqual(1)
        for (const g of all) yield* g
      }
      expect(bucket.stats()).toMatchObject({ admitted: 100_000 - refused, refused, waiting: 0 })
    }))

  it('is never closer than its spacing, in the order of arrival, whatever comes and gives up', async () => {
    const arrival = fc.record({
      afterMs: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(1000)),
      cost: fc.constantFrom(1, 1, 2, 0.5),
      giveUpMs: fc.oneof(
        { weight: 3, arbitrary: fc.constant(Infinity) },
        // Not in the very moment of a turn: that one is admitted, and given up.
        { weight: 1, arbitrary: fc.nat(300).map((ms) => ms + 0.25) },
      ),
    })
    const options = fc.record({
      rate: fc.constantFrom(3, 10, 100),
      queue: fc.nat(8),
      maxWaitMs: fc.constantFrom(Infinity, 250),
    })
    await fc.assert(
      fc.asyncProperty(options, fc.array(arrival, { maxLength: 40 }), (limits, arrivals) =>
        bubble(function* () {
          const bucket = leakyBucket(limits)
          const left: { n: number; atMs: number; cost: number }[] = []
          const all = []
          for (const [n, { afterMs, cost, giveUpMs }] of arrivals.entries()) {
            yield* sleep(afterMs)
            const cameMs = scheduler().clock.now()
            const patient = withCancel(ctx)
            all.push(
              go(function* () {
                try {
                  yield* policy(bucket).run(patient, () => 1, { cost })
                } catch {
                  return
                }
                const atMs = scheduler().clock.now()
                expect(atMs - cameMs).toBeLessThanOrEqual(limits.maxWaitMs + 1e-3)
                left.push({ n, atMs, cost })
              }),
            )
            if (giveUpMs < Infinity)
              all.push(
                go(function* () {
                  yield* sleep(giveUpMs)
                  patient.cancel()
                }),
              )
          }
          for (const g of all) yield* g
          for (const [i, { n, atMs, cost }] of left.entries()) {
            const before = left[i - 1]
            if (before === undefined) continue
            expect(n).toBeGreaterThan(before.n)
            expect(atMs - before.atMs).toBeGreaterThanOrEqual((cost * 1000) / limits.rate - 1e-3)
          }
          expect(bucket.stats()).toMatchObject({ waiting: 0, admitted: left.length })
          expect(scheduler().stats().timers).toBe(0)
        }),
      ),
      { numRuns: 200 },
    )
  })

  it('makes up for late timers, but not for a stall', async () => {
    const clock = new TestClock()
    const times: number[] = []
    const done = run(
      function* () {
        const bucket = leakyBucket({ rate: 1000, queue: 100 })
        const all = Array.from({ length: 14 }, () =>
          go(function* () {
            yield* bucket.wait()
            times.push(clock.now())
          }),
        )
        for (const g of all) yield* g
      },
      { clock },
    )
    for (const lateMs of [0, 3, 3, 100, 1]) {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve()
      clock.stall(lateMs)
    }
    await done
    expect(times).toEqual([0, 3, 3, 3, 6, 6, 6, 106, 106, 106, 106, 106, 106, 107])
  })

  itRefuses((options: LeakyBucketOptions) => leakyBucket({ clock: new HandClock(), ...options }), good, [
    ...badRates('leaky bucket', good),
    ...badQueues('a leaky bucket', good),
    [{ rate: 10 }, 'a whole number of calls from 0, not undefined'],
  ])

  it('refuses costs that are none', () => {
    const bucket = leakyBucket({ rate: 10, queue: 1 })
    expect(() => bucket.allow(-1)).toThrow(
      'the cost of a call under a leaky bucket is a number from 0, not -1',
    )
    expect(() => bucket.wait(Number.NaN)).toThrow('not NaN')
    expect(() => bucket.enter(callOf({ cost: -2 }))).toThrow('not -2')
  })
})
