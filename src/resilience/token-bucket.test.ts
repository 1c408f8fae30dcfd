import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callOf, HandClock } from '../../test/resilience/hand-clock.js'
import { badRates, itRefuses } from '../../test/resilience/refuses.js'
import { start } from '../../test/resilience/start.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { withTimeout } from '../context/deadline.js'
import { Canceled } from '../runtime/errors.js'
import { go } from '../runtime/go.js'
import { scheduler } from '../runtime/scheduler.js'
import { sleep } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import type { GuardEvent } from './figures.js'
import { MUST_WAIT, REFUSED } from './guard.js'
import { policy } from './policy.js'
import { Refused } from './refused.js'
import { type TokenBucket, type TokenBucketOptions, tokenBucket } from './token-bucket.js'

const ctx = background()
const good = { rate: 10, burst: 1 }

/** How often in a row `bucket` lets in. */
function allowed(bucket: TokenBucket, most = 100): number {
  let count = 0
  while (count < most && bucket.allow()) count++
  return count
}

describe('tokenBucket', () => {
  it('lets a burst in, and then as much as comes', () => {
    const clock = new HandClock()
    const bucket = tokenBucket({ rate: 10, burst: 5, clock })
    expect(allowed(bucket)).toBe(5)
    clock.ms = 99
    expect(bucket.allow()).toBe(false)
    clock.ms = 100
    expect(bucket.allow()).toBe(true)
    expect(bucket.allow()).toBe(false)
  })

  it('holds a burst and no more after a long time', () => {
    const clock = new HandClock()
    const bucket = tokenBucket({ rate: 10, burst: 5, clock })
    allowed(bucket)
    clock.ms = 3_600_000
    expect(bucket.available).toBe(5)
    expect(allowed(bucket)).toBe(5)
  })

  it('keeps fractions of tokens', () => {
    const clock = new HandClock()
    const bucket = tokenBucket({ rate: 10, burst: 5, clock })
    bucket.allow(5)
    clock.ms = 25
    expect(bucket.available).toBe(0.25)
    expect(bucket.allow(0.25)).toBe(true)
  })

  it('gives no free tokens when the clock goes back and forth', () => {
    const clock = new HandClock(7_200_000)
    const bucket = tokenBucket({ rate: 10, burst: 5, clock })
    expect(allowed(bucket, 3)).toBe(3)
    clock.ms -= 3_600_000
    expect(allowed(bucket), 'what was left').toBe(2)
    clock.ms += 3_600_000
    expect(allowed(bucket)).toBe(0)
    clock.ms += 100
    expect(allowed(bucket)).toBe(1)
  })

  it('does not drift: a million steps of a third of a millisecond give what their sum gives', () => {
    const clock = new HandClock()
    const bucket = tokenBucket({ rate: 1000, burst: 1, clock })
    let count = allowed(bucket)
    for (let step = 1; step <= 1_000_000; step++) {
      clock.ms = step / 3
      if (bucket.allow()) count++
    }
    expect(Math.abs(count - (1 + 1_000_000 / 3))).toBeLessThan(1)
  })

  it('lets in those who come back exactly when they were told to, whatever the fractions', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 1e6, noNaN: true }), fc.nat(1e9), (rate, nowMs) => {
        const clock = new HandClock(nowMs)
        const bucket = tokenBucket({ rate, burst: 3, clock })
        allowed(bucket, 3)
        for (let i = 0; i < 5; i++) {
          clock.ms += bucket.refusal(callOf()).retryAfterMs ?? 0
          expect(bucket.allow()).toBe(true)
        }
      }),
    )
  })

  it('admits at most burst + rate × time over any interval, with calls that wait and some that give up', () => {
    const step = fc.record({
      passMs: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(5000)),
      what: fc.constantFrom('allow', 'reserve', 'cancel'),
      cost: fc.integer({ min: 1, max: 4 }),
      which: fc.nat(),
    })
    const sizes = fc.record({ rate: fc.constantFrom(1, 3, 10, 1000), burst: fc.integer({ min: 1, max: 6 }) })
    fc.assert(
      fc.property(sizes, fc.array(step, { maxLength: 60 }), ({ rate, burst }, steps) => {
        const clock = new HandClock()
        const bucket = tokenBucket({ rate, burst, clock })
        const grants: { atMs: number; cost: number; cancel: () => void }[] = []
        for (const { passMs, what, cost, which } of steps) {
          clock.ms += passMs
          if (what === 'allow') {
            if (bucket.allow(cost)) grants.push({ atMs: clock.ms, cost, cancel: () => {} })
          } else if (what === 'reserve') {
            const r = bucket.reserve(cost)
            if (r.ok) grants.push({ atMs: clock.ms + r.delayMs, cost, cancel: () => r.cancel() })
          } else {
            const pending = grants.filter(({ atMs }) => atMs > clock.ms)
            const given = pending[which % pending.length]
            given?.cancel()
            if (given !== undefined) grants.splice(grants.indexOf(given), 1)
          }
        }
        for (const from of grants) {
          for (const to of grants.filter(({ atMs }) => atMs >= from.atMs)) {
            const inside = grants.filter(({ atMs }) => atMs >= from.atMs && atMs <= to.atMs)
            const admitted = inside.reduce((sum, each) => sum + each.cost, 0)
            expect(admitted).toBeLessThanOrEqual(burst + (rate * (to.atMs - from.atMs)) / 1000 + 1e-6)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it('knows no limit at an infinite rate, and no more than the first burst at rate 0', () => {
    const clock = new HandClock()
    const endless = tokenBucket({ rate: Infinity, burst: 1, clock })
    expect(allowed(endless, 1000)).toBe(1000)
    expect(endless.allow(50)).toBe(true)
    const once = tokenBucket({ rate: 0, burst: 3, clock })
    expect(allowed(once)).toBe(3)
    clock.ms = 1e9
    expect(once.allow()).toBe(false)
    expect(once.reserve().ok).toBe(false)
    expect(once.refusal(callOf())).toMatchObject({ retryAfterMs: undefined, quota: undefined })
  })

  describe('reserve', () => {
    it('takes tokens ahead, and says how long to wait before acting', () => {
      const clock = new HandClock()
      const bucket = tokenBucket({ rate: 10, burst: 2, clock })
      expect([1, 2, 3, 4].map(() => bucket.reserve().delayMs)).toEqual([0, 0, 100, 200])
      expect(bucket.available).toBe(-2)
      const last = bucket.reserve()
      clock.ms = 120
      expect(last.delayMs).toBe(180)
      clock.ms = 1000
      expect(last.delayMs).toBe(0)
    })

    it('takes nothing where the tokens would never be there', () => {
      const bucket = tokenBucket({ rate: 10, burst: 2, clock: new HandClock() })
      const tooMany = bucket.reserve(3)
      expect(tooMany.ok).toBe(false)
      expect(tooMany.delayMs).toBe(Infinity)
      tooMany.cancel()
      expect(bucket.available).toBe(2)
    })

    it('gives back on cancel what nobody who reserved later counts on', () => {
      const clock = new HandClock()
      const bucket = tokenBucket({ rate: 10, burst: 5, clock })
      bucket.allow(5)
      const large = bucket.reserve(4) // at 400
      const small = bucket.reserve(1) // at 500
      large.cancel()
      expect(bucket.available, 'all but the one that came later').toBe(-2)
      expect(small.delayMs).toBe(500)
      large.cancel()
      expect(bucket.available, 'once').toBe(-2)
    })

    it('gives the last one back in full, one whose time has come not at all, and one of now while it is now', () => {
      const clock = new HandClock()
      const bucket = tokenBucket({ rate: 10, burst: 5, clock })
      const now = bucket.reserve(2)
      now.cancel()
      expect(bucket.available).toBe(5)
      bucket.allow(5)
      const last = bucket.reserve(3)
      last.cancel()
      expect(bucket.available).toBe(0)
      const past = bucket.reserve(1)
      clock.ms = 101
      past.cancel()
      expect(bucket.available).toBeCloseTo(0.01)
    })

    it('gives nothing back when the rate has changed since', () => {
      const bucket = tokenBucket({ rate: 10, burst: 5, clock: new HandClock() })
      bucket.allow(5)
      const r = bucket.reserve(2)
      bucket.configure({ rate: 100, burst: 5 })
      r.cancel()
      expect(bucket.available).toBe(-2)
      const endless = tokenBucket({ rate: Infinity, burst: 5, clock: new HandClock() })
      endless.reserve(2).cancel()
      expect(endless.available).toBe(5)
    })
  })

  describe('wait', () => {
    it('waits in order of arrival, each for its tokens', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 2 })
        const all = [1, 1, 1, 2, 1].map((cost) => start(bucket.wait(cost)))
        yield* waitIdle()
        expect(bucket.stats()).toMatchObject({
          waiting: 3,
          waited: 3,
          admitted: 2,
          state: 'refusing',
          tokens: -4,
        })
        expect(bucket.allow(), 'no newcomer goes first').toBe(false)
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns).toEqual([0, 0, 100, 300, 400])
        expect(bucket.stats()).toMatchObject({ waiting: 0, waited: 3, admitted: 5 })
      }))

    it('one who gives up leaves at once: those behind keep their time, and the total stays within the limit', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 1 })
        bucket.allow()
        const giveUp = withCancel(ctx)
        const first = start(bucket.wait())
        const second = start(bucket.wait(1, giveUp))
        const third = start(bucket.wait())
        yield* waitIdle()
        giveUp.cancel()
        expect(yield* second).toBeInstanceOf(Canceled)
        expect(bucket.stats()).toMatchObject({ waiting: 2 })
        const fourth = start(bucket.wait())
        expect([yield* first, yield* third, yield* fourth]).toEqual([100, 300, 400])
        expect(scheduler().stats().timers).toBe(0)
      }))

    it('the last one who gives up makes room for the next', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 1 })
        bucket.allow()
        const first = start(bucket.wait())
        const last = start(bucket.wait())
        yield* waitIdle()
        last.cancel()
        yield* last.outcome()
        expect([yield* first, yield* start(bucket.wait())]).toEqual([100, 200])
      }))

    it('fails at once, and takes nothing, for more than the burst', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 2, name: 'search' })
        const error = yield* start(bucket.wait(3))
        expect(error).toBeInstanceOf(Refused)
        expect(error).toMatchObject({
          message: 'search refused the call: it costs 3, and the burst is 2',
          retryAfterMs: undefined,
        })
        expect(scheduler().clock.now()).toBe(0)
        expect(bucket.available).toBe(2)
      }))

    it('fails at once, and takes nothing, where the deadline comes before the tokens', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 1 })
        bucket.allow()
        using soon = withTimeout(ctx, 50)
        expect(yield* start(bucket.wait(1, soon))).toMatchObject({
          message: 'token bucket refused the call: its deadline comes before its tokens; come back in 100 ms',
          retryAfterMs: 100,
        })
        expect(scheduler().clock.now()).toBe(0)
        expect(bucket.available).toBe(0)
        using inTime = withTimeout(ctx, 101)
        expect(yield* start(bucket.wait(1, inTime))).toBe(100)
      }))

    it('fails with a context that has ended', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 1 })
        const ended = withCancel(ctx)
        ended.cancel()
        expect(yield* start(bucket.wait(1, ended))).toBeInstanceOf(Canceled)
        expect(bucket.available).toBe(1)
      }))

    it('can be awaited in async code', () =>
      bubble(async () => {
        const bucket = tokenBucket({ rate: 10, burst: 1, clock: new HandClock() })
        await bucket.wait()
        expect(bucket.available).toBe(0)
      }))
  })

  describe('under a policy', () => {
    it('refuses what comes too fast, and says when to come back and what is left', () =>
      bubble(function* () {
        const p = policy(tokenBucket({ rate: 10, burst: 2, name: 'GET /search' }))
        expect([yield* p.run(ctx, () => 1), yield* p.run(ctx, () => 2)]).toEqual([1, 2])
        yield* sleep(25)
        const { error } = yield* go(() => p.run(ctx, () => 3)).outcome()
        expect(error).toMatchObject({
          code: 'ERR_SLUICE_REFUSED',
          kind: 'token bucket',
          guard: 'GET /search',
          message: 'GET /search refused the call: 10 a second is the limit; come back in 75 ms',
          retryAfterMs: 75,
          quota: { limit: 2, remaining: 0, resetMs: 75 },
        })
        expect(p.stats()).toEqual([
          {
            kind: 'token bucket',
            name: 'GET /search',
            state: 'refusing',
            admitted: 2,
            refused: 1,
            waited: 0,
            waiting: 0,
            rate: 10,
            burst: 2,
            tokens: 0.25,
          },
        ])
      }))

    it('has calls wait for as long as it is told to, and refuses those that would wait longer', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 1, maxWaitMs: 200 })
        const p = policy(bucket)
        const calls = [1, 2, 3, 4].map(() => start(p.run(ctx, () => 'value')))
        const turns = []
        for (const g of calls) turns.push(yield* g)
        expect(turns.slice(0, 3)).toEqual([0, 100, 200])
        expect(turns[3]).toMatchObject({ code: 'ERR_SLUICE_REFUSED', retryAfterMs: 300 })
        expect(bucket.stats()).toMatchObject({ admitted: 3, refused: 1, waited: 2, waiting: 0 })
      }))

    it('says that a call must wait without taking anything', () => {
      const clock = new HandClock()
      const bucket = tokenBucket({ rate: 10, burst: 1, maxWaitMs: 200, clock })
      expect(bucket.enter(callOf())).toBe(0)
      expect(bucket.enter(callOf())).toBe(MUST_WAIT)
      expect(bucket.enter(callOf())).toBe(MUST_WAIT)
      expect(bucket.available).toBe(0)
      expect(bucket.stats()).toMatchObject({ admitted: 1, refused: 0, waited: 0 })
      clock.ms = 100
      expect(bucket.enter(callOf())).toBe(0)
    })

    it('refuses at once a call that would wait beyond its deadline', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 1, maxWaitMs: 1000 })
        bucket.allow()
        using soon = withTimeout(ctx, 50)
        expect(bucket.enter(callOf({ ctx: soon }))).toBe(REFUSED)
        expect(bucket.refusal(callOf({ ctx: soon })).message).toContain(
          'its deadline comes before its tokens',
        )
        yield* waitIdle()
      }))

    it('refuses one who waits no longer than it can: others have come since it was told to wait', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 1, maxWaitMs: 100 })
        bucket.allow()
        const call = callOf()
        expect(bucket.enter(call)).toBe(MUST_WAIT)
        const slow = bucket.wait(call)
        const fast = start(bucket.wait(callOf()))
        yield* waitIdle()
        expect(yield* start(slow)).toMatchObject({ retryAfterMs: 200 })
        expect(yield* fast).toBe(100)
        expect(bucket.stats()).toMatchObject({ admitted: 2, refused: 1 })
      }))

    it('takes as many tokens as the call costs', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 5 })
        yield* policy(bucket).run(ctx, () => 1, { cost: 4 })
        expect(bucket.available).toBe(1)
        expect(bucket.enter(callOf({ cost: 2 }))).toBe(REFUSED)
      }))

    it('does not care how a call ends', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 5 })
        const outcome = yield* go(() =>
          policy(bucket).run(ctx, () => Promise.reject(new Error('no'))),
        ).outcome()
        expect(outcome.error).toMatchObject({ message: 'no' })
        expect(bucket.available).toBe(4)
      }))

    it('tells those who watch, although nobody looked before', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 1, maxWaitMs: 100, name: 'a' })
        bucket.allow()
        bucket.allow()
        const told: GuardEvent[] = []
        bucket.figures.watch((event) => told.push(event))
        expect(bucket.stats()).toMatchObject({ admitted: 1, refused: 1 })
        const waiting = start(bucket.wait(callOf()))
        yield* waitIdle()
        bucket.allow()
        bucket.configure({ rate: 20, burst: 1 })
        yield* waiting
        expect(told).toEqual([
          { kind: 'token bucket', name: 'a', what: 'waited' },
          { kind: 'token bucket', name: 'a', what: 'refused' },
          { kind: 'token bucket', name: 'a', what: 'changed', detail: { rate: 20, burst: 1, maxWaitMs: 0 } },
        ])
        expect(bucket.stats()).toMatchObject({ admitted: 2, refused: 2 })
      }))
  })

  describe('configure', () => {
    it('counts what has come so far at the old rate', () => {
      const clock = new HandClock()
      const bucket = tokenBucket({ rate: 10, burst: 10, clock })
      bucket.allow(10)
      clock.ms = 500
      bucket.configure({ rate: 2, burst: 10 })
      expect(bucket.available).toBe(5)
      clock.ms = 1000
      expect(bucket.available).toBe(6)
      expect(bucket.rate).toBe(2)
    })

    it('drops the tokens that a smaller bucket does not hold', () => {
      const bucket = tokenBucket({ rate: 10, burst: 10, clock: new HandClock() })
      bucket.configure({ rate: 10, burst: 4 })
      expect(allowed(bucket)).toBe(4)
      bucket.configure({ rate: 10, burst: 8 })
      expect(bucket.burst).toBe(8)
      expect(allowed(bucket)).toBe(0)
    })

    it('leaves those who wait the time that they were told', () =>
      bubble(function* () {
        const bucket = tokenBucket({ rate: 10, burst: 1, maxWaitMs: 200 })
        bucket.allow()
        const waiting = [start(bucket.wait()), start(bucket.wait(callOf()))]
        yield* waitIdle()
        bucket.configure({ rate: 1, burst: 1 })
        expect(bucket.enter(callOf()), 'maxWaitMs is what it is by default').toBe(REFUSED)
        const turns = []
        for (const g of waiting) turns.push(yield* g)
        expect(turns).toEqual([100, 200])
      }))

    it('changes this bucket and no other that was made with the same settings', () => {
      const clock = new HandClock()
      const a = tokenBucket({ rate: 10, burst: 10, clock })
      const b = tokenBucket({ rate: 10, burst: 10, clock })
      a.configure({ rate: 1, burst: 2 })
      expect([b.rate, b.burst]).toEqual([10, 10])
    })

    it('keeps counts, name and clock', () => {
      const clock = new HandClock()
      const bucket = tokenBucket({ rate: 10, burst: 2, clock, name: 'a' })
      allowed(bucket)
      bucket.configure({ rate: 20, burst: 2, name: 'b', clock: new HandClock(1e6) })
      expect(bucket.stats()).toMatchObject({ name: 'a', admitted: 2, refused: 1, tokens: 0 })
      clock.ms = 50
      expect(bucket.available).toBe(1)
    })

    it('gives nothing back of what was reserved under other settings, be they the same again', () => {
      const clock = new HandClock()
      const bucket = tokenBucket({ rate: 10, burst: 5, clock })
      bucket.allow(5)
      const first = bucket.reserve(2)
      bucket.configure({ rate: 10, burst: 5 })
      first.cancel()
      expect(bucket.available, 'nothing has changed').toBe(0)
      const second = bucket.reserve(2)
      bucket.configure({ rate: 100, burst: 5 })
      bucket.configure({ rate: 10, burst: 5 })
      second.cancel()
      expect(bucket.available).toBe(-2)
    })

    it('tells of what is new', () => {
      const bucket = tokenBucket({ rate: 10, burst: 1, name: 'a', clock: new HandClock() })
      const told: unknown[] = []
      bucket.figures.watch(({ what, detail }) => told.push([what, detail]))
      bucket.configure({ rate: 10, burst: 1 })
      bucket.configure({ rate: 10, burst: 1, maxWaitMs: 50 })
      expect(told).toEqual([['changed', { rate: 10, burst: 1, maxWaitMs: 50 }]])
    })

    it('admits at most the largest burst and what comes at the rates that hold, over any interval', () => {
      const step = fc.record({
        passMs: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(3000)),
        what: fc.constantFrom('allow', 'allow', 'reserve', 'cancel', 'configure'),
        cost: fc.integer({ min: 1, max: 4 }),
        which: fc.nat(),
        settings: fc.record({
          rate: fc.constantFrom(0, 1, 3, 10, 1000),
          burst: fc.integer({ min: 1, max: 6 }),
        }),
      })
      let configured = 0
      fc.assert(
        fc.property(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), (steps) => {
          const clock = new HandClock()
          const bucket = tokenBucket({ rate: 10, burst: 5, clock })
          let came = 0 // what the rates that held have brought since the beginning
          const cameAt = (ms: number) => came + (bucket.rate * (ms - clock.ms)) / 1000
          let grants: { at: number; atMs: number; cost: number; cancel: () => void }[] = []
          for (const { passMs, what, cost, which, settings } of steps) {
            came += (bucket.rate * passMs) / 1000
            clock.ms += passMs
            if (what === 'allow') {
              if (bucket.allow(cost)) grants.push({ at: came, atMs: clock.ms, cost, cancel: () => {} })
            } else if (what === 'reserve') {
              const r = bucket.reserve(cost)
              const atMs = clock.ms + r.delayMs
              if (r.ok) grants.push({ at: cameAt(atMs), atMs, cost, cancel: () => r.cancel() })
            } else if (what === 'cancel') {
              const pending = grants.filter(({ atMs }) => atMs > clock.ms)
              const given = pending[which % pending.length]
              given?.cancel()
              grants = grants.filter((each) => each !== given)
            } else {
              configured++
              bucket.configure(settings)
              // Those who wait keep the time that they were told: they come on top of what the new rate gives.
              grants = grants.filter(({ atMs }) => atMs <= clock.ms)
            }
          }
          for (const from of grants) {
            for (const to of grants.filter(({ atMs }) => atMs >= from.atMs)) {
              const inside = grants.filter(({ atMs }) => atMs >= from.atMs && atMs <= to.atMs)
              const admitted = inside.reduce((sum, each) => sum + each.cost, 0)
              if (admitted > 6 + to.at - from.at + 1e-6)
                expect(admitted).toBeLessThanOrEqual(6 + to.at - from.at)
            }
          }
        }),
        { numRuns: 500, seed: 8 },
      )
      expect(configured).toBeGreaterThan(1000)
    })
  })

  it('says what is left', () => {
    const clock = new HandClock()
    const bucket = tokenBucket({ rate: 10, burst: 3, clock })
    expect(bucket.quota()).toEqual({ limit: 3, remaining: 3, resetMs: 0 })
    bucket.allow()
    expect(bucket.quota()).toEqual({ limit: 3, remaining: 2, resetMs: 100 })
    bucket.reserve(3)
    expect(bucket.quota()).toEqual({ limit: 3, remaining: 0, resetMs: 200 })
  })

  it('has no timer while nobody waits', () =>
    bubble(function* () {
      const bucket = tokenBucket({ rate: 10, burst: 1 })
      allowed(bucket)
      expect(scheduler().stats().timers).toBe(0)
      yield* waitIdle()
    }))

  itRefuses((options: TokenBucketOptions) => tokenBucket({ clock: new HandClock(), ...options }), good, [
    ...badRates('token bucket', good),
    [{ rate: 10, burst: 0 }, 'the burst of a token bucket is a number of tokens from 1, not 0'],
    [{ rate: 10, burst: Infinity }, 'for no limit set the rate to Infinity'],
    [{ rate: 10 }, 'a number of tokens from 1, not undefined'],
  ])

  it('refuses costs that are none', () => {
    const bucket = tokenBucket({ rate: 10, burst: 1 })
    const noCost = 'the cost of a call under a token bucket is a number from 0, not '
    expect(() => bucket.allow(-1)).toThrow(`${noCost}-1`)
    expect(() => bucket.reserve(Number.NaN)).toThrow(`${noCost}NaN`)
    expect(() => bucket.wait(-2)).toThrow(`${noCost}-2`)
    expect(() => bucket.enter(callOf({ cost: -3 }))).toThrow(`${noCost}-3`)
  })
})
