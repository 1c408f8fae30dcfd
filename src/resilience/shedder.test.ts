import { describe, expect, it } from 'vitest'
import { callOf, HandClock } from '../../test/resilience/hand-clock.js'
import { itRefuses } from '../../test/resilience/refuses.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { go } from '../runtime/go.js'
import type { Operation } from '../runtime/operation.js'
import { SeededRandom } from '../runtime/random.js'
import { scheduler } from '../runtime/scheduler.js'
import { sleep, yieldNow } from '../runtime/sleep.js'
import { Semaphore } from '../sync/semaphore.js'
import { bubble } from '../testing/bubble.js'
import { DONE, FAILED, GIVEN_UP, NEVER_RAN, type Priority, REFUSED } from './guard.js'
import { HostLoad } from './host-load.js'
import { type Policy, policy } from './policy.js'
import { type Shedder, type ShedderOptions, shedder } from './shedder.js'

const ctx = background()

/** A shedder whose service has worked off ten calls at once, 100 ms each, for two seconds, and its load. */
function seasoned(load = 0, options: Parameters<typeof shedder>[0] = {}) {
  const clock = new HandClock(1000)
  const state = { load }
  const guard = shedder({ clock, load: () => state.load, ...options })
  state.load = 0
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 10; i++) guard.enter(callOf())
    clock.ms += 100
    for (let i = 0; i < 10; i++) guard.leave(0, DONE, undefined, 100)
  }
  state.load = load
  return { clock, state, guard }
}

/** Has the average come near to what is inside: each end moves it a tenth of the way. */
function settle(guard: Shedder): void {
  for (let i = 0; i < 100; i++) {
    guard.leave(0, NEVER_RAN, undefined, 0)
    guard.enter(callOf({ priority: 'critical' }))
  }
}

/** Lets calls in until one is refused; how many are inside then. */
function fill(guard: Shedder, priority: Priority = 'normal', most = 1000): number {
  for (let i = 0; i < most; i++) {
    if (guard.enter(callOf({ priority })) === REFUSED) return guard.inFlight
    settle(guard)
  }
  return Infinity
}

describe('shedder', () => {
  it('lets everybody in below the threshold, and refuses from it on', () => {
    expect(fill(seasoned(0.899).guard)).toBe(Infinity)
    expect(fill(seasoned(0.9).guard)).toBeLessThan(15)
    expect(fill(seasoned(0.5, { threshold: 0.5 }).guard)).toBeLessThan(15)
  })

  it('lets in as many at once as have been worked off, however great the load', () => {
    const at = (load: number) => fill(seasoned(load).guard)
    expect(at(0.9)).toBe(11)
    expect(at(1)).toBe(11)
    expect(at(7)).toBe(11)
  })

  it('lets in a quarter more than has been worked off once it refuses, to see whether more is possible', () => {
    const { guard } = seasoned(1)
    fill(guard)
    expect(guard.stats().state).toBe('refusing')
    for (let i = 0; i < 11; i++) guard.leave(0, NEVER_RAN, undefined, 0)
    for (let i = 0; i < 13; i++) expect(guard.enter(callOf())).toBe(0) // 12.5, and one that waits for its turn
    expect(guard.enter(callOf())).toBe(REFUSED)
  })

  it('has a lull of a tenth of a second now and then while it refuses, so that the queue goes', () => {
    const { guard, clock } = seasoned(1)
    fill(guard)
    while (guard.inFlight > 0) guard.leave(0, NEVER_RAN, undefined, 0)
    const inTenths = Array.from({ length: 25 }, () => {
      clock.ms += 100
      while (guard.inFlight > 0) guard.leave(0, NEVER_RAN, undefined, 0)
      while (guard.enter(callOf()) !== REFUSED);
      return guard.inFlight
    })
    expect(inTenths.filter((each) => each === 5)).toHaveLength(1)
    expect(inTenths.filter((each) => each === 13)).toHaveLength(24)
  })

  it('refuses nobody while nothing is known', () => {
    expect(fill(shedder({ clock: new HandClock(), load: () => 1 }))).toBe(Infinity)
    const { guard, clock } = seasoned(1)
    clock.ms += 10_000
    expect(fill(guard)).toBe(Infinity)
  })

  it('lets a single burst through: to begin with, the average has to be too high as well', () => {
    const { guard } = seasoned(0.9)
    for (let i = 0; i < 50; i++) expect(guard.enter(callOf())).toBe(0)
  })

  it('refuses by priority: low first, high late, critical never', () => {
    const at = (priority: Priority) => fill(seasoned(0.9).guard, priority)
    expect(at('low')).toBe(8)
    expect(at('normal')).toBe(11)
    expect(at('high')).toBe(14)
    expect(at('critical')).toBe(Infinity)
  })

  it('goes on for a second after the load has fallen, and no longer; and does not begin again by that', () => {
    const { guard, state, clock } = seasoned(1)
    const told: string[] = []
    guard.figures.watch(({ what }) => told.push(what))
    fill(guard)
    for (let i = 0; i < 20; i++) guard.enter(callOf({ priority: 'critical' }))
    settle(guard)
    state.load = 0.2
    clock.ms += 999
    expect(guard.enter(callOf())).toBe(REFUSED)
    expect(guard.stats()).toMatchObject({ state: 'refusing', load: 0.2 })
    clock.ms += 1
    expect(guard.enter(callOf())).toBe(0)
    expect(guard.stats().state).toBe('ok')
    expect(told).toEqual(['refused', 'refusing', 'refused', 'ok'])
    // One that has not had to refuse has nothing to go on with.
    const calm = seasoned(1)
    calm.guard.enter(callOf())
    calm.state.load = 0
    expect(fill(calm.guard)).toBe(Infinity)
  })

  it.each([
    ['given up', GIVEN_UP],
    ['failed', FAILED],
    ['never run', NEVER_RAN],
  ])('learns nothing from calls that were %s', (_, ending) => {
    const clock = new HandClock()
    const guard = shedder({ clock, load: () => 1 })
    for (let i = 0; i < 100; i++) {
      guard.enter(callOf())
      clock.ms += 50
      guard.leave(0, ending, undefined, 1)
    }
    expect(guard.inFlight).toBe(0)
    expect(guard.stats()).toMatchObject({ mostInFlight: Infinity })
  })

  it('has nobody inside after calls that threw, were canceled or were left alone by their client', () =>
    bubble(function* () {
      const guard = shedder({ load: () => 1 })
      const guards = policy(guard)
      const client = withCancel(ctx)
      const calls = [
        go(function* () {
          yield* guards.run(ctx, () => Promise.reject(new Error('no')))
        }),
        go(function* () {
          yield* guards.run(ctx, () => sleep(1000))
        }),
        go(function* () {
          yield* guards.run(client, () => sleep(1000))
        }),
      ]
      const ends = calls.map((call) => call.outcome())
      yield* sleep(10)
      calls[1]?.cancel()
      client.cancel()
      for (const end of ends) yield* end
      expect(guard.inFlight).toBe(0)
    }))

  it('says who refuses, and when to come back', () => {
    const { guard } = seasoned(1, { name: 'orders', coolOffMs: 500 })
    fill(guard)
    expect(guard.refusal()).toMatchObject({ kind: 'shedder', guard: 'orders', retryAfterMs: 500 })
  })

  it('takes other settings with what it has learned', () => {
    const { guard, state } = seasoned(0.5, { name: 'orders' })
    const told: unknown[] = []
    guard.figures.watch(({ what, detail }) => told.push([what, detail]))
    const load = () => state.load
    expect(fill(guard, 'normal', 30)).toBe(Infinity)
    guard.configure({ load, threshold: 0.5, name: 'other' })
    expect(guard.enter(callOf())).toBe(REFUSED)
    expect(guard.stats()).toMatchObject({ name: 'orders', state: 'refusing', mostInFlight: 10 })
    guard.configure({ load: () => 0.1, threshold: 0.5, coolOffMs: 0 })
    expect(guard.enter(callOf()), 'no longer hot').toBe(0)
    expect(told.filter((each) => String(each).startsWith('changed'))).toEqual([
      ['changed', { load, threshold: 0.5, coolOffMs: 1000 }],
      ['changed', { load: expect.any(Function), threshold: 0.5, coolOffMs: 0 }],
    ])
  })

  it('goes over to the load of the thread where it is told of no other', () => {
    const { guard } = seasoned(5)
    expect(guard.stats()).toMatchObject({ load: 5 })
    guard.configure({})
    expect(guard.stats()['load']).toBeLessThan(2)
  })

  itRefuses(
    (options: ShedderOptions) => shedder({ clock: new HandClock(), load: () => 0, ...options }),
    { load: () => 0 },
    [
      ...[0, 1, Number.NaN, -1].map(
        (threshold) =>
          [{ threshold }, `the threshold of a shedder is a load between 0 and 1, not ${threshold}`] as const,
      ),
      [{ coolOffMs: -1 }, 'the coolOffMs of a shedder is a time from 0, not -1'],
    ],
  )
})

/**
 * A service that can do 1,000 calls a second, ten at once; they come at random. It has been used at half of that for a while:
 * what it does in so many seconds when that changes.
 */
function offered(times: number, seconds: number, guardsOf: (load: () => number) => Policy) {
  return bubble(function* () {
    const places = new Semaphore(10)
    const guards = guardsOf(() => 1 - places.free / places.size)
    const random = new SeededRandom(7)
    const { clock } = scheduler()
    const latencies: number[] = []
    const ends: Operation<unknown>[] = []
    const fromMs = clock.now() + 2000
    const endMs = fromMs + seconds * 1000
    while (clock.now() < endMs) {
      const now = clock.now() < fromMs ? 0.5 : times
      yield* sleep((-Math.log(1 - random.below(1_000_000) / 1_000_000) * 1000) / (1000 * now))
      const arrivedMs = clock.now()
      const call = go(function* () {
        yield* guards.run(ctx, function* () {
          using _ = yield* places.acquire()
          yield* sleep(10)
        })
        if (arrivedMs >= fromMs && clock.now() <= endMs) latencies.push(clock.now() - arrivedMs)
      })
      ends.push(call.outcome())
    }
    for (const end of ends) yield* end
    latencies.sort((a, b) => a - b)
    const p99 = latencies[Math.floor(latencies.length * 0.99)] ?? 0
    return { goodput: latencies.length / (seconds * 1000), p99 }
  })
}

describe('a service that is offered three times what it can do', () => {
  it('does nearly all that it can with a shedder, as fast as ever; without one nobody gets an answer in time', async () => {
    const unloaded = await offered(0.5, 5, () => policy())
    const without = await offered(3, 5, () => policy())
    const shed = await offered(3, 5, (load) => policy(shedder({ load })))
    expect(without.p99).toBeGreaterThan(1000)
    expect(shed.goodput).toBeGreaterThan(0.9)
    expect(shed.p99).toBeLessThanOrEqual(2 * unloaded.p99)
  })
})

describe('the load of the host', () => {
  it('rises while the thread is busy, and falls when it rests', async () => {
    const load = new HostLoad()
    const busy = async () => {
      const untilMs = performance.now() + 300
      while (performance.now() < untilMs) Math.sqrt(untilMs)
      await go(yieldNow)
    }
    for (let i = 0; i < 5; i++) {
      await busy()
      load.now()
    }
    const after = load.now()
    expect(after).toBeGreaterThan(0.5)
    // Sooner or later, as the others on this machine allow; the test's own limit of time is the bound.
    while (load.now() >= after / 2) await go(() => sleep(100))
  })
})
