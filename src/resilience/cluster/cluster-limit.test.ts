import { start } from '../../../test/resilience/start.js'
import { describe, expect, it } from 'vitest'
import { DistantStore } from '../../../test/resilience/distant-store.js'
import { callOf } from '../../../test/resilience/hand-clock.js'
import { background } from '../../context/background.js'
import { withCancel } from '../../context/cancel.js'
import { withTimeout } from '../../context/deadline.js'
import { Canceled } from '../../runtime/errors.js'
import type { Routine } from '../../runtime/operation.js'
import { scheduler } from '../../runtime/scheduler.js'
import { sleep } from '../../runtime/sleep.js'
import { bubble, waitIdle } from '../../testing/bubble.js'
import type { GuardEvent } from '../figures.js'
import { MUST_WAIT, REFUSED } from '../guard.js'
import { keyed } from '../keyed.js'
import { policy } from '../policy.js'
import { Refused } from '../refused.js'
import { type ClusterLimit, clusterLimit } from './cluster-limit.js'
import type { ClusterLimitOptions } from './cluster-settings.js'
import { memoryStore } from './memory-store.js'
import { storeLink } from './store-link.js'

const ctx = background()
const limits = { key: 'orders', rate: 100, burst: 10, instances: 1 }

/** Whether a call is let in, by now or once the store has answered. */
function* allowed(limit: ClusterLimit, cost = 1): Routine<boolean> {
  const ticket = limit.enter(callOf({ cost }))
  if (ticket !== MUST_WAIT) return ticket !== REFUSED
  try {
    yield* limit.wait(callOf({ cost }))
    return true
  } catch (error) {
    if (error instanceof Refused) return false
    throw error
  }
}

/** How many of `count` calls are let in, that come one after the other. */
function* countOf(limit: ClusterLimit, count: number): Routine<number> {
  let sum = 0
  for (let i = 0; i < count; i++) if (yield* allowed(limit)) sum++
  return sum
}

/** Calls that come every so often for `ms`, and do not wait for one another; how many are let in. */
function* load(limit: ClusterLimit, { ms, everyMs }: { ms: number; everyMs: number }): Routine<number> {
  const before = limit.stats().admitted
  for (let passed = 0; passed < ms; passed += everyMs) {
    if (limit.enter(callOf()) === MUST_WAIT) start(limit.wait(callOf()))
    yield* sleep(everyMs)
  }
  yield* sleep(1)
  return limit.stats().admitted - before
}

function eventsOf(limit: ClusterLimit): GuardEvent[] {
  const events: GuardEvent[] = []
  limit.figures.watch((event) => {
    if (event.what !== 'refused' && event.what !== 'waited') events.push(event)
  })
  return events
}

function errorOf(event: GuardEvent | undefined): string {
  return String((event?.detail as { error: unknown } | undefined)?.error)
}

const broken = new Error('ECONNREFUSED')

describe('clusterLimit', () => {
  it('lets a burst in over all instances together, and then as much as comes', () =>
    bubble(function* () {
      const all = { ...limits, rate: 1, store: new DistantStore(), aheadMs: 0 }
      const [a, b] = [clusterLimit(all), clusterLimit(all)]
      expect(yield* countOf(a, 6)).toBe(6)
      expect(yield* countOf(b, 6)).toBe(4)
      expect(yield* countOf(a, 6)).toBe(0)
      yield* sleep(3000)
      expect(yield* countOf(a, 2)).toBe(2)
      expect(yield* countOf(b, 2)).toBe(1)
      yield* sleep(60_000)
      expect(yield* countOf(b, 20)).toBe(10)
    }))

  it('works where a whole burst comes in less than half a second', () =>
    bubble(function* () {
      const limit = clusterLimit({ ...limits, rate: 100, burst: 10, store: new DistantStore() })
      expect(yield* load(limit, { ms: 2000, everyMs: 1 })).toBeGreaterThanOrEqual(10 + 200 * 0.98)
      expect(limit.stats()['mode']).toBe('shared')
      yield* sleep(1000)
    }))

  it('asks the store for each call where they are few, with one question under way', () =>
    bubble(function* () {
      const store = new DistantStore()
      const limit = clusterLimit({ ...limits, store })
      for (let i = 0; i < 20; i++) {
        expect(yield* allowed(limit)).toBe(true)
        yield* sleep(100)
      }
      expect(store.asked.map(({ want }) => want)).toEqual(Array(20).fill(1))
      expect(limit.stats()).toMatchObject({ admitted: 20, held: 0, roundTrips: 20 })
    }))

  it('takes tokens ahead where they are many, so that calls do not wait', () =>
    bubble(function* () {
      const store = new DistantStore()
      const limit = clusterLimit({ ...limits, rate: 5000, burst: 500, store })
      yield* load(limit, { ms: 300, everyMs: 1 })
      const { waited, roundTrips } = limit.stats()
      yield* load(limit, { ms: 1000, everyMs: 1 })
      expect(limit.stats().waited - waited).toBeLessThan(10)
      expect(Number(limit.stats()['roundTrips']) - Number(roundTrips)).toBeLessThan(60)
      expect(store.mostUnderWay).toBe(1)
      yield* sleep(1000)
    }))

  it('holds half the burst, divided by the instances, at most', () =>
    bubble(function* () {
      const store = new DistantStore()
      const limit = clusterLimit({ ...limits, rate: 10_000, burst: 60, instances: 3, store })
      let most = 0
      for (let i = 0; i < 1000; i++) {
        if (limit.enter(callOf()) === MUST_WAIT) start(limit.wait(callOf()))
        yield* sleep(1)
        most = Math.max(most, Number(limit.stats()['held']))
      }
      expect(most).toBeLessThanOrEqual(10)
      expect(most).toBeGreaterThanOrEqual(8)
      yield* sleep(1000)
    }))

  it('gives back what nobody needs, so that another instance has the whole burst', () =>
    bubble(function* () {
      const store = new DistantStore()
      const all = { ...limits, rate: 1000, burst: 100, instances: 2, store }
      const [a, b] = [clusterLimit(all), clusterLimit(all)]
      yield* load(a, { ms: 300, everyMs: 1 })
      expect(Number(a.stats()['held'])).toBeGreaterThan(5)
      yield* sleep(210)
      expect(a.stats()['held']).toBe(0)
      expect(yield* countOf(b, 100)).toBe(100)
      yield* sleep(500)
      expect(scheduler().stats().timers, 'nothing is left to do').toBe(0)
    }))

  it('asks for all that wait at once', () =>
    bubble(function* () {
      const store = new DistantStore()
      const limit = clusterLimit({ ...limits, store })
      const all = Array.from({ length: 12 }, () => start(policy(limit).run(ctx, () => 1)))
      const turns = []
      for (const g of all) turns.push(yield* g)
      expect(turns.slice(0, 10)).toEqual([2, ...Array(9).fill(4)])
      expect(turns[10]).toBeInstanceOf(Refused)
      expect(turns[11]).toBeInstanceOf(Refused)
      expect(store.asked.map(({ want }) => want)).toEqual([1, 10])
    }))

  it('does not ask before the time that the store said', () =>
    bubble(function* () {
      const store = new DistantStore()
      const limit = clusterLimit({ ...limits, rate: 1, burst: 1, store })
      expect(yield* allowed(limit)).toBe(true)
      expect(yield* allowed(limit)).toBe(false)
      const asked = store.asked.length
      for (let i = 0; i < 990; i++) {
        expect(limit.enter(callOf())).toBe(REFUSED)
        yield* sleep(1)
      }
      expect(store.asked.length).toBe(asked)
      expect(limit.refusal(callOf()).retryAfterMs).toBeLessThan(11)
      yield* sleep(limit.refusal(callOf()).retryAfterMs ?? 0)
      expect(yield* allowed(limit)).toBe(true)
    }))

  it('asks for a small call although a large one was refused', () =>
    bubble(function* () {
      const limit = clusterLimit({ ...limits, rate: 1, burst: 10, store: new DistantStore() })
      yield* countOf(limit, 7)
      expect(yield* allowed(limit, 8)).toBe(false)
      yield* sleep(10)
      expect(yield* allowed(limit, 1)).toBe(true)
      expect(limit.enter(callOf({ cost: 8 }))).toBe(REFUSED)
    }))

  it('refuses what costs more than the burst, and lets in what costs nothing', () =>
    bubble(function* () {
      const store = new DistantStore()
      const limit = clusterLimit({ ...limits, store, name: 'orders' })
      expect(limit.enter(callOf({ cost: 11 }))).toBe(REFUSED)
      expect(limit.refusal(callOf({ cost: 11 }))).toMatchObject({
        kind: 'cluster limit',
        message: 'orders refused the call: it costs 11, and the burst is 10',
        retryAfterMs: undefined,
      })
      expect(limit.enter(callOf({ cost: 0 }))).toBe(0)
      expect(store.asked).toEqual([])
      expect(() => limit.enter(callOf({ cost: -1 }))).toThrow('a number from 0, not -1')
    }))

  it('says what is left and when to come back', () =>
    bubble(function* () {
      const limit = clusterLimit({ ...limits, rate: 10, burst: 5, store: new DistantStore() })
      expect(limit.quota()).toEqual({ limit: 5, remaining: 5, resetMs: 0 })
      yield* countOf(limit, 2)
      expect(limit.quota()).toMatchObject({ limit: 5, remaining: 3 })
      yield* countOf(limit, 4)
      const refused = limit.refusal(callOf())
      expect(refused.message).toMatch(
        /^cluster limit refused the call: 10 a second is the limit; come back in \d+ ms$/,
      )
      expect(refused.quota).toMatchObject({ limit: 5, remaining: 0 })
      expect(refused.quota?.resetMs).toBe(refused.retryAfterMs)
      expect(limit.stats()).toMatchObject({ state: 'refusing', admitted: 5, refused: 1 })
    }))

  it('answers within one turn where the store is in this process', () =>
    bubble(function* () {
      const limit = clusterLimit({ ...limits, burst: 2, store: memoryStore() })
      expect(yield* countOf(limit, 5)).toBe(2)
      expect(scheduler().clock.now()).toBe(0)
    }))

  describe('a call that may wait', () => {
    it('waits for its tokens in order of arrival', () =>
      bubble(function* () {
        const store = new DistantStore()
        const limit = clusterLimit({ ...limits, rate: 10, burst: 1, maxWaitMs: 250, store })
        const all = Array.from({ length: 5 }, () => start(policy(limit).run(ctx, () => 1)))
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns[0]).toBe(2)
        expect(turns[1]).toBeCloseTo(105, -1)
        expect(turns[2]).toBeCloseTo(205, -1)
        expect(turns[3]).toBeInstanceOf(Refused)
        expect(turns[4]).toBeInstanceOf(Refused)
        expect(store.asked.length).toBeLessThan(8)
        expect(limit.stats()).toMatchObject({ admitted: 3, refused: 2, waiting: 0 })
      }))

    it('is refused at once if its deadline comes first', () =>
      bubble(function* () {
        const limit = clusterLimit({
          ...limits,
          rate: 10,
          burst: 1,
          maxWaitMs: 1000,
          store: new DistantStore(),
        })
        yield* countOf(limit, 1)
        yield* start(limit.wait(1))
        const short = withTimeout(ctx, 50)
        const before = scheduler().clock.now()
        const error = yield* start(policy(limit).run(short, () => 1))
        expect(error).toBeInstanceOf(Refused)
        expect(String(error)).toContain('its deadline comes before its tokens')
        expect(scheduler().clock.now() - before).toBeLessThan(5)
      }))

    it('leaves when it is given up, which is no reason for a fallback; its token is used by another', () =>
      bubble(function* () {
        const store = new DistantStore()
        store.roundTripMs = 50
        const limit = clusterLimit({ ...limits, burst: 2, rate: 0.001, store })
        const giveUp = withCancel(ctx)
        const first = start(policy(limit).run(giveUp, () => 1))
        const late = start(policy(limit).run(withTimeout(ctx, 10), () => 1))
        yield* sleep(20)
        giveUp.cancel()
        expect(yield* first).toBeInstanceOf(Canceled)
        expect(String(yield* late)).toContain('deadline')
        expect(limit.stats()).toMatchObject({ waiting: 0, mode: 'shared', admitted: 0 })
        yield* sleep(40)
        expect(limit.stats()['held']).toBe(1)
        expect(limit.enter(callOf())).toBe(0)
        expect(limit.stats()).toMatchObject({ mode: 'shared', admitted: 1, held: 0 })
      }))

    it('makes room for those behind it when it gives up', () =>
      bubble(function* () {
        const limit = clusterLimit({
          ...limits,
          rate: 1,
          burst: 10,
          maxWaitMs: 60_000,
          store: new DistantStore(),
        })
        yield* countOf(limit, 9)
        const giveUp = withCancel(ctx)
        const large = start(limit.wait(8, giveUp))
        yield* sleep(1)
        const small = start(limit.wait(1))
        yield* sleep(500)
        expect(limit.stats().waiting).toBe(2)
        giveUp.cancel()
        expect(yield* large).toBeInstanceOf(Canceled)
        expect(yield* small).toBeLessThan(600)
      }))

    it('has a token given back that it left behind', () =>
      bubble(function* () {
        const store = new DistantStore()
        const limit = clusterLimit({ ...limits, burst: 1, rate: 0.001, store })
        const giveUp = withCancel(ctx)
        const first = start(limit.wait(1, giveUp))
        yield* waitIdle()
        giveUp.cancel()
        expect(yield* first).toBeInstanceOf(Canceled)
        yield* sleep(200)
        expect(limit.stats()['held']).toBe(0)
        const other = clusterLimit({ ...limits, burst: 1, rate: 0.001, store })
        expect(yield* allowed(other)).toBe(true)
      }))

    it('is one of so many at most as tokens can come', () =>
      bubble(function* () {
        const store = new DistantStore()
        store.roundTripMs = 90
        const limit = clusterLimit({ ...limits, rate: 100, burst: 10, store })
        const tickets = []
        for (let i = 0; i < 50; i++) {
          const ticket = limit.enter(callOf())
          tickets.push(ticket)
          if (ticket === MUST_WAIT) start(limit.wait(callOf()))
          yield* waitIdle()
        }
        expect(limit.stats().waiting).toBe(20)
        expect(tickets.filter((ticket) => ticket === REFUSED)).toHaveLength(30)
        expect(limit.refusal(callOf()).retryAfterMs, 'when what is too much has come').toBeCloseTo(110, 0)
        yield* sleep(500)
        expect(limit.stats()).toMatchObject({ waiting: 0 })
      }))
  })

  describe('when the store does not answer', () => {
    it('goes on with its share of the limit, and says so once', () =>
      bubble(function* () {
        const store = new DistantStore()
        store.error = broken
        const limit = clusterLimit({ ...limits, rate: 300, burst: 30, instances: 3, store, name: 'orders' })
        const events = eventsOf(limit)
        expect(yield* load(limit, { ms: 1000, everyMs: 1 })).toBeCloseTo(10 + 100, -1)
        expect(events).toEqual([
          {
            kind: 'cluster limit',
            name: 'orders',
            what: 'fallback',
            detail: { error: broken, rate: 100, burst: 10 },
          },
        ])
        expect(limit.stats()).toMatchObject({ mode: 'fallback', rate: 100, burst: 10 })
        yield* load(limit, { ms: 15, everyMs: 1 })
        expect(limit.refusal(callOf()).message).toContain(
          '100 a second is the limit of this instance while the store does not answer; come back in',
        )
      }))

    it('has calls wait for no longer than the timeout, and then decides by itself', () =>
      bubble(function* () {
        const store = new DistantStore()
        store.roundTripMs = 10_000
        const limit = clusterLimit({ ...limits, timeoutMs: 50, store })
        const events = eventsOf(limit)
        expect(yield* start(policy(limit).run(ctx, () => 1))).toBe(50)
        expect(yield* start(policy(limit).run(ctx, () => 1))).toBe(50)
        expect(events[0]).toMatchObject({ what: 'fallback' })
        expect(errorOf(events[0])).toBe('LimitStoreError: the store did not answer within 50 ms')
        yield* sleep(20_000)
      }))

    it('begins with its share of what the store had left', () =>
      bubble(function* () {
        const store = new DistantStore()
        const limit = clusterLimit({ ...limits, rate: 1, burst: 100, instances: 2, aheadMs: 0, store })
        yield* countOf(limit, 80)
        store.error = broken
        yield* sleep(500)
        const rest = yield* countOf(limit, 100)
        expect(rest).toBeLessThanOrEqual(11)
        expect(rest).toBeGreaterThanOrEqual(9)
      }))

    it('waits for its share where calls may wait', () =>
      bubble(function* () {
        const store = new DistantStore()
        store.error = broken
        const limit = clusterLimit({ ...limits, rate: 20, burst: 2, instances: 2, maxWaitMs: 150, store })
        const all = Array.from({ length: 3 }, () => start(policy(limit).run(ctx, () => 1)))
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns[0]).toBe(2)
        expect(turns[1]).toBeCloseTo(102, 0)
        expect(turns[2]).toBeInstanceOf(Refused)
      }))

    it('is asked every 100 ms by one call, and is back with the first answer', () =>
      bubble(function* () {
        const store = new DistantStore()
        store.error = broken
        const all = Array.from({ length: 5 }, (_, i) => clusterLimit({ ...limits, key: `${i}`, store }))
        const events = eventsOf(all[0] as ClusterLimit)
        for (let i = 0; i < 1000; i++) {
          for (const limit of all) if (limit.enter(callOf()) === MUST_WAIT) start(limit.wait(callOf()))
          yield* sleep(1)
        }
        const probes = store.asked.slice(5)
        expect(probes.length).toBeGreaterThanOrEqual(9)
        expect(probes.length).toBeLessThanOrEqual(10)
        expect(probes.every(({ want }) => want === 0)).toBe(true)
        store.error = undefined
        let backMs = 0
        while (all.some((limit) => limit.stats()['mode'] === 'fallback')) {
          for (const limit of all) if (limit.enter(callOf()) === MUST_WAIT) start(limit.wait(callOf()))
          yield* sleep(1)
          backMs++
        }
        expect(backMs).toBeLessThan(110)
        expect(events.map(({ what }) => what)).toEqual(['fallback', 'shared'])
        yield* sleep(1000)
      }))

    it('is not asked again while a question hangs, but for one that is lost', () =>
      bubble(function* () {
        const store = new DistantStore()
        store.roundTripMs = 1e9
        const limit = clusterLimit({ ...limits, store })
        const long = store
        yield* load(limit, { ms: 3000, everyMs: 1 })
        expect(long.asked.length).toBe(4)
        expect(store.asked.slice(1).map(({ atMs }) => Math.round(atMs / 100))).toEqual([2, 12, 22])
        store.roundTripMs = 2
        yield* load(limit, { ms: 1000, everyMs: 1 })
        expect(limit.stats()['mode']).toBe('shared')
        yield* sleep(1e9)
      }))

    it('is back at once when an answer comes late: the next one may come in time', () =>
      bubble(function* () {
        const store = new DistantStore()
        const limit = clusterLimit({ ...limits, store })
        store.roundTripMs = 700
        yield* load(limit, { ms: 690, everyMs: 1 })
        expect(limit.stats()['mode']).toBe('fallback')
        store.roundTripMs = 2
        yield* load(limit, { ms: 300, everyMs: 1 })
        expect(limit.stats()['mode']).toBe('shared')
        yield* sleep(1000)
      }))

    it('is not taken to be back for an answer to what was asked before', () =>
      bubble(function* () {
        const store = new DistantStore()
        const [a, b] = [clusterLimit({ ...limits, store }), clusterLimit({ ...limits, key: 'other', store })]
        store.roundTripMs = 50
        const early = start(policy(a).run(ctx, () => 1))
        yield* sleep(10)
        store.roundTripMs = 2
        store.error = broken
        expect(yield* allowed(b)).toBe(true)
        store.error = undefined
        expect(yield* early, 'let in by the answer').toBe(50)
        expect(storeLink(store).isDown).toBe(true)
        yield* sleep(100)
        yield* countOf(b, 1)
        yield* sleep(5)
        expect(storeLink(store).isDown).toBe(false)
      }))

    it('tells those who watch the link, once for all limits', () =>
      bubble(function* () {
        const store = new DistantStore()
        const all = ['a', 'b'].map((key) => clusterLimit({ ...limits, key, store }))
        const told: unknown[] = []
        storeLink(store).figures.watch(({ what, detail }) => told.push([what, detail]))
        store.error = broken
        for (const limit of all) yield* countOf(limit, 3)
        store.error = undefined
        yield* sleep(100)
        for (const limit of all) yield* countOf(limit, 3)
        yield* sleep(10)
        expect(told).toEqual([
          ['down', { error: broken }],
          ['up', { afterMs: 102 }],
        ])
        expect(storeLink(store).stats()).toMatchObject({
          kind: 'limit store',
          state: 'ok',
          failures: 1,
          probes: 1,
        })
      }))

    it('counts a question once that fails after its time', () =>
      bubble(function* () {
        const store = new DistantStore()
        store.roundTripMs = 300
        const limit = clusterLimit({ ...limits, store })
        const call = start(policy(limit).run(ctx, () => 1))
        store.error = broken
        expect(yield* call).toBe(100)
        yield* sleep(150)
        store.roundTripMs = 80
        yield* countOf(limit, 1) // asks whether it is back, and hears that before the first question fails
        yield* sleep(60)
        expect(storeLink(store).stats()['failures']).toBe(1)
        expect(store.mostUnderWay).toBe(2)
        yield* sleep(500)
      }))

    it('gives back what came too late', () =>
      bubble(function* () {
        const store = new DistantStore()
        const all = { ...limits, rate: 0.001, burst: 10, instances: 10, store }
        const limit = clusterLimit(all)
        store.roundTripMs = 300
        expect(yield* allowed(limit), 'from its share').toBe(true)
        yield* sleep(500)
        store.roundTripMs = 2
        limit.enter(callOf())
        yield* sleep(10)
        expect(limit.stats()['mode']).toBe('shared')
        expect(yield* countOf(limit, 20), 'one of ten was used').toBe(9)
      }))

    it('is told what was used meanwhile, so that a restart does not bring a burst', () =>
      bubble(function* () {
        const store = new DistantStore()
        const limit = clusterLimit({ ...limits, rate: 100, burst: 50, store })
        yield* load(limit, { ms: 1000, everyMs: 1 })
        store.error = broken
        yield* load(limit, { ms: 1000, everyMs: 1 })
        store.restart()
        store.error = undefined
        yield* load(limit, { ms: 1000, everyMs: 1 })
        expect(limit.stats()['mode']).toBe('shared')
        const { admitted } = limit.stats()
        expect(admitted).toBeLessThanOrEqual(50 + 100 * 3.01)
        expect(admitted).toBeGreaterThanOrEqual((50 + 100 * 3) * 0.95)
        yield* sleep(1000)
      }))

    it.each([
      ['a wrong shape', { allowed: true }],
      ['more than was asked for', { granted: 1e9, remaining: 0 }],
      ['fewer than none', { granted: -5, remaining: 1 }],
      ['NaN', { granted: Number.NaN, remaining: 1 }],
      ['text', { granted: '1', remaining: '1' }],
      ['null', null],
    ])('takes nonsense for no answer: %s', (_, nonsense) =>
      bubble(function* () {
        const store = new DistantStore()
        store.nonsense = nonsense
        const limit = clusterLimit({ ...limits, instances: 5, store })
        const events = eventsOf(limit)
        expect(yield* countOf(limit, 10)).toBe(2)
        expect(events.map(({ what }) => what)).toEqual(['fallback'])
        expect(errorOf(events[0])).toMatch(/^LimitStoreError: the store was asked for/)
      }),
    )

    it('lives with a store that throws', () =>
      bubble(function* () {
        const store = {
          name: 'it',
          take: () => {
            throw broken
          },
        }
        const limit = clusterLimit({ ...limits, burst: 4, instances: 2, store })
        expect(yield* countOf(limit, 10)).toBe(2)
      }))

    it('asks how many instances there are, and believes the last that makes sense', () =>
      bubble(function* () {
        const store = new DistantStore()
        store.error = broken
        let instances = 4
        const limit = clusterLimit({ ...limits, rate: 100, burst: 8, instances: () => instances, store })
        yield* countOf(limit, 1)
        expect(limit.stats()).toMatchObject({ rate: 25, burst: 2 })
        instances = 2
        expect(limit.stats()).toMatchObject({ rate: 50, burst: 4 })
        for (const nonsense of [0, Number.NaN, -1, Infinity]) {
          instances = nonsense
          expect(limit.stats()).toMatchObject({ rate: 50, burst: 4 })
        }
      }))
  })

  describe('under keyed', () => {
    it('limits each key apart, and one outage is one for all of them', () =>
      bubble(function* () {
        const store = new DistantStore()
        const perClient = keyed((key) => clusterLimit({ ...limits, key, rate: 0.1, burst: 2, store }))
        const p = policy(perClient)
        const outcomes = function* (key: string) {
          const all = []
          for (let i = 0; i < 3; i++) all.push(yield* start(p.run(ctx, () => 1, { key })))
          return all.map((each) => typeof each)
        }
        expect(yield* outcomes('a')).toEqual(['number', 'number', 'object'])
        expect(yield* outcomes('b')).toEqual(['number', 'number', 'object'])
        store.roundTripMs = 1e6
        yield* start(p.run(ctx, () => 1, { key: 'first to see it' }))
        const before = scheduler().clock.now()
        const asked = store.asked.length
        for (let i = 0; i < 50; i++) yield* start(p.run(ctx, () => 1, { key: `client ${i}` }))
        expect(scheduler().clock.now() - before).toBe(0)
        expect(store.asked.length - asked).toBe(0)
        yield* sleep(1e6)
      }))
  })

  describe('configure', () => {
    it('applies from the next call on, with the tokens that there are', () =>
      bubble(function* () {
        const store = new DistantStore()
        const limit = clusterLimit({ ...limits, rate: 1, burst: 10, store })
        const events = eventsOf(limit)
        expect(yield* countOf(limit, 8)).toBe(8)
        limit.configure({ rate: 1, burst: 3, instances: 1 })
        expect(yield* countOf(limit, 8)).toBe(2)
        limit.configure({ rate: 1000, burst: 3, instances: 1 })
        yield* sleep(10)
        expect(yield* countOf(limit, 3)).toBe(3)
        expect(events.map(({ what, detail }) => [what, detail])).toEqual([
          ['changed', { rate: 1, burst: 3 }],
          ['changed', { rate: 1000, burst: 3 }],
        ])
      }))

    it('refuses those who wait and would never fit, and serves those who may go on', () =>
      bubble(function* () {
        const limit = clusterLimit({
          ...limits,
          rate: 1,
          burst: 10,
          maxWaitMs: 20_000,
          store: new DistantStore(),
        })
        yield* countOf(limit, 10)
        const large = start(limit.wait(5))
        const small = start(limit.wait(1))
        yield* sleep(100)
        limit.configure({ rate: 100, burst: 4, instances: 1, maxWaitMs: 20_000 })
        expect(String(yield* large)).toContain('it costs 5, and the burst is 4')
        expect(yield* small).toBeLessThan(300)
      }))

    it('holds for the share of an instance too', () =>
      bubble(function* () {
        const store = new DistantStore()
        store.error = broken
        const limit = clusterLimit({ ...limits, rate: 10, burst: 2, instances: 2, store })
        yield* countOf(limit, 3)
        limit.configure({ rate: 1000, burst: 20, instances: 2 })
        expect(limit.stats()).toMatchObject({ mode: 'fallback', rate: 500, burst: 10 })
      }))

    it('changes nothing if one of them is bad', () =>
      bubble(function* () {
        const limit = clusterLimit({ ...limits, store: new DistantStore() })
        expect(() => limit.configure({ rate: 5, burst: 0, instances: 1 })).toThrow('burst')
        expect(limit.stats()).toMatchObject({ rate: 100, burst: 10 })
      }))
  })

  it.each<[Partial<Record<keyof ClusterLimitOptions, unknown>>, string]>([
    [{ rate: 0 }, 'the rate of a cluster limit is a number of calls a second above 0, not 0'],
    [{ rate: Infinity }, 'for no limit leave the guard out'],
    [{ rate: '5' }, 'the rate of a cluster limit'],
    [{ burst: 0.5 }, 'the burst of a cluster limit is a number of tokens from 1, not 0.5'],
    [{ burst: Infinity }, 'the burst of a cluster limit'],
    [{ instances: undefined }, 'needs to know how many instances there are at most'],
    [{ instances: 0 }, 'instances is 0'],
    [{ instances: () => Number.NaN }, 'instances is NaN'],
    [{ maxWaitMs: -1 }, 'the option maxWaitMs of a cluster limit'],
    [{ aheadMs: Number.NaN }, 'the option aheadMs of a cluster limit'],
    [{ timeoutMs: 0 }, 'the option timeoutMs of a cluster limit is a time above 0 ms, not 0'],
    [{ timeoutMs: Infinity }, 'the option timeoutMs of a cluster limit is a time above 0 ms, not Infinity'],
    [{ key: '' }, `the key of a cluster limit is its name in the store, such as 'orders', not ""`],
    [{ key: 7 }, 'the key of a cluster limit'],
    [{ store: {} }, 'a store of limits has take(), as redisStore(client) has'],
    [{ store: undefined }, 'a store of limits has take()'],
  ])('refuses %o', (options, message) => {
    const all = { ...limits, store: memoryStore(), ...options } as ClusterLimitOptions
    expect(() => clusterLimit(all)).toThrow(message)
  })
})
