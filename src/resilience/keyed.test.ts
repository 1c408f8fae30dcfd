import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callOf, HandClock } from '../../test/resilience/hand-clock.js'
import { itRefuses } from '../../test/resilience/refuses.js'
import { start } from '../../test/resilience/start.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { Canceled } from '../runtime/errors.js'
import { go } from '../runtime/go.js'
import { scheduler } from '../runtime/scheduler.js'
import { sleep } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { breaker } from './breaker.js'
import { bulkhead } from './bulkhead.js'
import { DONE, type Gate, MUST_WAIT, REFUSED } from './guard.js'
import { type Keyed, type KeyedOptions, keyed } from './keyed.js'
import { leakyBucket } from './leaky-bucket.js'
import { policy } from './policy.js'
import { Refused } from './refused.js'
import { type TokenBucket, type TokenBucketOptions, tokenBucket } from './token-bucket.js'

const ctx = background()
const create = () => tokenBucket({ rate: 1, burst: 1 })

/** One call a key, for ever: a key that comes again is let in only if it was forgotten. */
function once(options: KeyedOptions & { clock: HandClock }) {
  return keyed(() => tokenBucket({ rate: 0, burst: 1, clock: options.clock }), options)
}

function enter(gate: Keyed<Gate>, ...keys: string[]): number[] {
  return keys.map((key) => gate.enter(callOf({ key })))
}

function keysOf(gate: Keyed<Gate>): string[] {
  return [...gate].map(([key]) => key).sort()
}

function heapBytes(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

describe('keyed', () => {
  it('counts each key apart', () => {
    const clock = new HandClock()
    const perClient = keyed(() => tokenBucket({ rate: 10, burst: 2, clock }), { clock, name: 'clients' })
    expect(enter(perClient, 'a', 'a', 'a', 'b')).toEqual([0, 0, REFUSED, 0])
    expect(perClient.stats()).toEqual({
      kind: 'keyed',
      name: 'clients',
      state: 'ok',
      admitted: 3,
      refused: 1,
      waited: 0,
      waiting: 0,
      keys: 2,
      maxKeys: 100_000,
      evicted: 0,
      expired: 0,
    })
  })

  it('makes a gate for its key, once', () => {
    const made: string[] = []
    const clock = new HandClock()
    const limits = keyed(
      (key) => {
        made.push(key)
        return tokenBucket({ rate: 1, burst: key === 'gold' ? 3 : 1, clock })
      },
      { clock },
    )
    expect(enter(limits, 'gold', 'gold', 'gold', 'free', 'free')).toEqual([0, 0, 0, 0, REFUSED])
    expect(made).toEqual(['gold', 'free'])
    expect(limits.peek('gold')?.available).toBe(0)
    expect(limits.peek('nobody')).toBe(undefined)
  })

  it('is a guard: what refuses is the gate of the key', () =>
    bubble(function* () {
      const p = policy(keyed(() => tokenBucket({ rate: 10, burst: 1, name: 'per client' })))
      expect(yield* p.run(ctx, () => 1, { key: 'secret' })).toBe(1)
      const { error } = yield* go(() => p.run(ctx, () => 2, { key: 'secret' })).outcome()
      expect(error).toMatchObject({
        message: 'per client refused the call: 10 a second is the limit; come back in 100 ms',
        quota: { limit: 1, remaining: 0, resetMs: 100 },
      })
      expect(yield* p.run(ctx, () => 3, { key: 'other' })).toBe(3)
    }))

  it('refuses to guess the key of a call that has none', () =>
    bubble(function* () {
      const p = policy(keyed(() => tokenBucket({ rate: 10, burst: 1 }), { name: 'clients' }))
      const { error } = yield* go(() => p.run(ctx, () => 1)).outcome()
      expect(error).toMatchObject({
        code: 'ERR_SLUICE_ARGUMENT',
        message:
          "clients counts each key apart, and this call has none: policy.run(ctx, fn, { key: 'client 7' })",
      })
    }))

  describe('idle keys', () => {
    it('leave after one idle time, and at the latest after two, without a timer', () =>
      bubble(function* () {
        const perClient = keyed(() => tokenBucket({ rate: 1, burst: 1 }), { idleMs: 1000 })
        yield* sleep(900)
        enter(perClient, 'a')
        yield* sleep(999)
        enter(perClient, 'b')
        expect(keysOf(perClient)).toEqual(['a', 'b'])
        yield* sleep(1000)
        enter(perClient, 'c')
        expect(keysOf(perClient), 'a was idle for 1999 ms').toEqual(['b', 'c'])
        expect(perClient.stats()).toMatchObject({ keys: 2, expired: 1, evicted: 0 })
        expect(scheduler().stats().timers).toBe(0)
      }))

    it('stay while they are used', () => {
      const clock = new HandClock()
      const perClient = once({ clock, idleMs: 1000 })
      expect(enter(perClient, 'a')).toEqual([0])
      for (let i = 0; i < 20; i++) {
        clock.ms += 700
        expect(enter(perClient, 'a', `${i}`)).toEqual([REFUSED, 0])
        expect(perClient.size).toBeLessThanOrEqual(5)
      }
    })

    it('leave although no new key comes', () => {
      const clock = new HandClock()
      const perClient = once({ clock, idleMs: 1000 })
      for (let i = 0; i < 50; i++) enter(perClient, `${i}`)
      enter(perClient, 'busy')
      for (let i = 0; i < 2000; i++) {
        clock.ms += 1
        enter(perClient, 'busy')
      }
      for (let i = 0; i < 1000; i++) {
        clock.ms += 1
        enter(perClient, 'busy')
      }
      expect(keysOf(perClient)).toEqual(['busy'])
    })

    it('are not kept by those who only look', () => {
      const clock = new HandClock()
      const perClient = once({ clock, idleMs: 1000 })
      enter(perClient, 'a')
      for (const key of ['b', 'c']) {
        clock.ms += 1000
        perClient.peek('a')
        enter(perClient, key)
      }
      expect(keysOf(perClient)).toEqual(['b', 'c'])
    })

    it('stay while a call of theirs is under way or waits', () =>
      bubble(function* () {
        const perTenant = keyed(() => bulkhead({ limit: 1, queue: 1 }), { idleMs: 900 })
        const p = policy(perTenant)
        const first = start(p.run(ctx, () => sleep(10_000), { key: 'a' }))
        const second = start(p.run(ctx, () => sleep(10_000), { key: 'a' }))
        for (let i = 0; i < 15; i++) {
          yield* sleep(999)
          enter(perTenant, `other ${i}`)
          expect(enter(perTenant, 'a')).toEqual([i < 10 ? REFUSED : MUST_WAIT])
        }
        expect([yield* first, yield* second]).toEqual([10_000, 20_000])
        for (let i = 0; i < 2; i++) {
          yield* sleep(1000)
          enter(perTenant, `later ${i}`)
        }
        expect(perTenant.peek('a')).toBe(undefined)
      }))
  })

  describe('at maxKeys', () => {
    it('has one leave that was not used lately', () => {
      const clock = new HandClock()
      const perClient = once({ clock, maxKeys: 3 })
      enter(perClient, 'a', 'b', 'c', 'd')
      expect(keysOf(perClient), 'all were new: the first to come').toEqual(['b', 'c', 'd'])
      enter(perClient, 'b', 'e')
      expect(keysOf(perClient), 'b had a second chance').toEqual(['b', 'd', 'e'])
      expect(perClient.stats()).toMatchObject({ keys: 3, evicted: 2, expired: 0 })
    })

    it('never holds more, and keeps those in use, whatever comes', () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 2, max: 6 }),
          fc.array(fc.tuple(fc.nat(12), fc.constantFrom(0, 1, 400, 1200)), { maxLength: 100 }),
          (maxKeys, uses) => {
            const clock = new HandClock()
            const perClient = once({ clock, maxKeys, idleMs: 1000 })
            let before = ''
            for (const [key, passMs] of uses) {
              clock.ms += passMs
              const [ticket] = enter(perClient, `${key}`)
              if (`${key}` === before && passMs < 1000) expect(ticket).toBe(REFUSED)
              before = `${key}`
              expect(perClient.size).toBeLessThanOrEqual(maxKeys)
              expect(new Set(keysOf(perClient)).size).toBe(perClient.size)
              expect(perClient.peek(before)).toBeDefined()
            }
          },
        ),
        { numRuns: 300 },
      )
    })

    it('keeps keys with calls under way, and refuses a new one where there is no other', () =>
      bubble(function* () {
        const perTenant = keyed(() => bulkhead({ limit: 1, name: 'tenant' }), { maxKeys: 2, name: 'tenants' })
        const [a, b] = enter(perTenant, 'a', 'b')
        expect(enter(perTenant, 'c')).toEqual([REFUSED])
        expect(perTenant.refusal(callOf({ key: 'c' }))).toMatchObject({
          message: 'tenants refused the call: 2 keys are the limit, and they are in use',
        })
        expect(enter(perTenant, 'a', 'b')).toEqual([REFUSED, REFUSED])
        expect(perTenant.refusal(callOf({ key: 'b' })).guard).toBe('tenant')
        expect(yield* start(perTenant.wait(callOf({ key: 'c' })))).toBeInstanceOf(Refused)
        perTenant.leave(a as number, DONE, undefined, 1)
        expect(enter(perTenant, 'c')[0]).toBeGreaterThan(0)
        expect(keysOf(perTenant)).toEqual(['b', 'c'])
        perTenant.leave(b as number, DONE, undefined, 1)
        expect(perTenant.stats()).toMatchObject({ admitted: 3, refused: 4, evicted: 1 })
      }))
  })

  describe('with gates that hear how calls end', () => {
    it('tells each of its own calls', () => {
      const perTenant = keyed(() => bulkhead({ limit: 2 }))
      const [a1, b1, a2] = enter(perTenant, 'a', 'b', 'a') as [number, number, number]
      expect(new Set([a1, b1, a2]).size).toBe(3)
      expect(perTenant.peek('a')?.inFlight).toBe(2)
      perTenant.leave(a1, DONE, undefined, 1)
      perTenant.leave(b1, DONE, undefined, 1)
      expect([perTenant.peek('a')?.inFlight, perTenant.peek('b')?.inFlight]).toEqual([1, 0])
    })

    it('tells the one that let the call in, although its key was forgotten since', () => {
      const perTenant = keyed(() => bulkhead({ limit: 1 }))
      const before = perTenant.peek('a')
      expect(before).toBe(undefined)
      const [first] = enter(perTenant, 'a')
      const old = perTenant.peek('a')
      perTenant.forget('a')
      enter(perTenant, 'a')
      const now = perTenant.peek('a')
      perTenant.leave(first as number, DONE, undefined, 1)
      expect([old?.inFlight, now?.inFlight]).toEqual([0, 1])
    })

    it('never lets more in than one gate would, however few keys there is room for', () => {
      const step = fc.record({
        key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
        isEnd: fc.boolean(),
        passMs: fc.constantFrom(0, 0, 300, 1500),
      })
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 80 }), (maxKeys, steps) => {
          const clock = new HandClock()
          const perTenant = keyed(() => bulkhead({ limit: 2 }), { maxKeys, idleMs: 1000, clock })
          const inside: { key: string; ticket: number }[] = []
          for (const { key, isEnd, passMs } of steps) {
            clock.ms += passMs
            if (isEnd) {
              const ended = inside.shift()
              if (ended !== undefined) perTenant.leave(ended.ticket, DONE, undefined, 1)
            } else {
              const ticket = perTenant.enter(callOf({ key }))
              if (ticket >= 0) inside.push({ key, ticket })
            }
            for (const [each] of perTenant) {
              const count = inside.filter((call) => call.key === each).length
              expect(count).toBeLessThanOrEqual(2)
              expect(perTenant.peek(each)?.inFlight).toBe(count)
            }
            expect(perTenant.size).toBeLessThanOrEqual(maxKeys)
          }
        }),
        { numRuns: 300 },
      )
    })

    it('passes on what they tell, with the key, and tells once of what was refused', () => {
      const perTenant = keyed(() => bulkhead({ limit: 1 }), { name: 'tenants' })
      const told: unknown[] = []
      perTenant.figures.watch((event) => told.push(event))
      enter(perTenant, 'a', 'a')
      perTenant.peek('a')?.configure({ limit: 5 }) // that is nothing to those who watch all keys
      expect(told).toEqual([{ kind: 'keyed', name: 'tenants', what: 'refused' }])
      const breakers = keyed(() => breaker(), { name: 'hosts' })
      breakers.figures.watch((event) => told.push(event))
      enter(breakers, 'b')
      breakers.peek('b')?.forceOpen()
      const detail = { from: 'closed', why: 'it was opened by hand' }
      expect(told.slice(1)).toEqual([
        { kind: 'keyed', name: 'hosts', what: 'opened', detail: { key: 'b', detail } },
      ])
    })
  })

  describe('configure', () => {
    it('changes how long idle keys stay, and tells of it', () => {
      const clock = new HandClock()
      const perClient = once({ clock, name: 'clients' })
      const told: unknown[] = []
      perClient.figures.watch(({ what, detail }) => told.push([what, detail]))
      enter(perClient, 'a')
      perClient.configure({ idleMs: 1000, name: 'other', clock: new HandClock(1e9) })
      for (const key of ['b', 'c']) {
        clock.ms += 1000
        enter(perClient, key)
      }
      expect(keysOf(perClient)).toEqual(['b', 'c'])
      expect(perClient.stats()).toMatchObject({ name: 'clients', admitted: 3, expired: 1, maxKeys: 100_000 })
      expect(told).toEqual([['changed', { maxKeys: 100_000, idleMs: 1000 }]])
    })

    it('has keys leave that are too many now, some with each new one, but none that is in use', () => {
      const clock = new HandClock()
      const perTenant = keyed(() => bulkhead({ limit: 1 }), { clock, name: 'tenants' })
      const tickets = Array.from({ length: 100 }, (_, i) => enter(perTenant, `${i}`)[0] as number)
      for (const ticket of tickets.slice(3)) perTenant.leave(ticket, DONE, undefined, 1)
      perTenant.configure({ maxKeys: 5 })
      expect(enter(perTenant, '1', '99'), 'a key that is there comes in').toEqual([
        REFUSED,
        expect.any(Number),
      ])
      const sizes: number[] = []
      for (let i = 0; perTenant.size > 5; i++) {
        const [ticket] = enter(perTenant, `new ${i}`)
        perTenant.leave(ticket as number, DONE, undefined, 1)
        sizes.push(perTenant.size)
        expect(i).toBeLessThan(50)
      }
      expect(sizes.every((size, i) => size <= (sizes[i - 1] ?? 100))).toBe(true)
      expect(keysOf(perTenant)).toEqual(expect.arrayContaining(['0', '1', '2', '99']))
    })
  })

  describe('configureGates', () => {
    const slow = { rate: 1, burst: 1 }
    const fast = { rate: 10, burst: 20 }

    /** Has all buckets be as `options` say. */
    function change(limits: Keyed<TokenBucket>, options: TokenBucketOptions, clock: HandClock): void {
      limits.configureGates(
        () => tokenBucket({ ...options, clock }),
        (bucket) => bucket.configure(options),
      )
    }

    it('changes the gates that there are, with what they hold, and those of new keys', () => {
      const clock = new HandClock()
      const perClient = keyed(() => tokenBucket({ ...slow, clock }), { clock, name: 'clients' })
      const told: unknown[] = []
      perClient.figures.watch(({ what, detail }) => told.push([what, detail]))
      enter(perClient, 'a', 'b')
      change(perClient, fast, clock)
      expect(perClient.peek('b')).toMatchObject({ rate: 10, burst: 20, available: 0 })
      expect(enter(perClient, 'a', 'c')).toEqual([REFUSED, 0])
      clock.ms = 100
      expect(enter(perClient, 'a')).toEqual([0])
      expect(perClient.peek('c')).toMatchObject({ burst: 20, available: 20 })
      expect(told).toEqual([
        ['gates changed', undefined],
        ['refused', undefined],
      ])
    })

    it('leaves queues and calls under way, and tells nobody of each key', () =>
      bubble(function* () {
        const perTenant = keyed(() => bulkhead({ limit: 1, queue: 5 }))
        const p = policy(perTenant)
        const all = [1, 2, 3].map(() => start(p.run(ctx, () => sleep(100), { key: 'a' })))
        yield* waitIdle()
        const told: string[] = []
        perTenant.figures.watch(({ what }) => told.push(what))
        const options = { limit: 2, queue: 5 }
        perTenant.configureGates(
          () => bulkhead(options),
          (gate) => gate.configure(options),
        )
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns).toEqual([100, 100, 200])
        expect(told).toEqual(['gates changed'])
      }))

    it('changes a gate when it is used at the latest, of however many keys, wherever they are', () => {
      const keys = fc.nat(1500)
      const step = fc.record({
        what: fc.constantFrom(
          'enter',
          'enter',
          'enter',
          'hold',
          'let go',
          'pass',
          'change',
          'forget',
          'flood',
        ),
        key: keys,
        passMs: fc.constantFrom(0, 1, 500, 1000),
      })
      fc.assert(
        fc.property(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), (steps) => {
          const clock = new HandClock()
          let limit = 1
          const made = () => bulkhead({ limit })
          const perTenant = keyed(made, { maxKeys: 1500, idleMs: 1000, clock })
          for (let i = 0; i < 1400; i++)
            perTenant.leave(enter(perTenant, `${i}`)[0] as number, DONE, undefined, 1)
          const held: number[] = []
          for (const { what, key, passMs } of steps) {
            if (what === 'pass') clock.ms += passMs
            else if (what === 'forget') perTenant.forget(`${key}`)
            else if (what === 'let go') perTenant.leave(held.pop() ?? -1, DONE, undefined, 1)
            else if (what === 'change') {
              limit++
              perTenant.configureGates(made, (gate) => gate.configure({ limit }))
            } else if (what === 'flood') {
              for (let i = 0; i < 100; i++) {
                const [ticket = -1] = enter(perTenant, `${key + i}`)
                const found = perTenant.peek(`${key + i}`)?.limit
                if (found !== limit) expect(found).toBe(limit)
                perTenant.leave(ticket, DONE, undefined, 1)
              }
            } else {
              const [ticket = -1] = enter(perTenant, `${key}`)
              const gate = perTenant.peek(`${key}`)
              if (gate?.limit !== limit) expect(gate?.limit).toBe(limit)
              if (what === 'hold') held.push(ticket)
              else perTenant.leave(ticket, DONE, undefined, 1)
            }
          }
          // Whatever is left is changed by some calls more.
          for (let i = 0; i < 200; i++) enter(perTenant, 'one')
          for (const [, gate] of perTenant) if (gate.limit !== limit) expect(gate.limit).toBe(limit)
        }),
        { numRuns: 100, seed: 11 },
      )
    })

    it('holds nobody up for a million keys, and has changed them all after some calls', () => {
      const clock = new HandClock()
      const perClient = keyed(() => tokenBucket({ ...slow, clock }), { clock })
      for (let i = 0; i < 50_000; i++) enter(perClient, `${i}`)
      const changed = new Set<TokenBucket>()
      let changes = 0
      let most = 0
      let before = 0
      const look = () => {
        most = Math.max(most, changed.size - before)
        before = changed.size
      }
      perClient.configureGates(
        () => tokenBucket({ ...fast, clock }),
        (bucket) => {
          bucket.configure(fast)
          changed.add(bucket)
          changes++
        },
      )
      look()
      expect(enter(perClient, '49999', '30000')).toEqual([REFUSED, REFUSED])
      expect([perClient.peek('49999')?.rate, perClient.peek('30000')?.rate]).toEqual([10, 10])
      let calls = 0
      for (; changed.size < 50_000; calls++) {
        enter(perClient, '5')
        look()
        if (calls > 20_000) expect.fail(`${changed.size} after ${calls} calls`)
      }
      expect(most).toBeLessThanOrEqual(1100)
      enter(perClient, '5')
      const soFar = changes
      for (let i = 0; i < 3; i++) enter(perClient, '5')
      expect(changes, 'it is over').toBe(soFar)
    })

    it('changes gates in use that it would pass over, where keys have to leave faster than it goes', () => {
      const clock = new HandClock()
      const perTenant = keyed(() => bulkhead({ limit: 1 }), { clock })
      for (let i = 0; i < 5000; i++) {
        const [ticket] = enter(perTenant, `${i}`)
        if (i < 3000 || i >= 3008) perTenant.leave(ticket as number, DONE, undefined, 1)
      }
      perTenant.configureGates(
        () => bulkhead({ limit: 2 }),
        (gate) => gate.configure({ limit: 2 }),
      )
      perTenant.configure({ maxKeys: 10 })
      for (let i = 0; i < 1000; i++) {
        const [ticket = -1] = enter(perTenant, `new ${i}`)
        perTenant.leave(ticket, DONE, undefined, 1)
      }
      expect(perTenant.size).toBe(10)
      for (let i = 3000; i < 3008; i++)
        expect(perTenant.peek(`${i}`)).toMatchObject({ inFlight: 1, limit: 2 })
    })

    it('gives way to a change that comes after it', () => {
      const clock = new HandClock()
      const perClient = keyed(() => tokenBucket({ ...slow, clock }), { clock })
      for (let i = 0; i < 5000; i++) enter(perClient, `${i}`)
      change(perClient, fast, clock)
      change(perClient, slow, clock)
      for (let i = 0; i < 2000; i++) enter(perClient, '0')
      for (const [key] of perClient) expect(perClient.peek(key)?.rate).toBe(1)
    })
  })

  describe('waits', () => {
    it('in the queue of the key', () =>
      bubble(function* () {
        const perClient = keyed(() => tokenBucket({ rate: 10, burst: 1, maxWaitMs: 200 }))
        const p = policy(perClient)
        const all = ['a', 'a', 'b', 'a', 'a'].map((key) => start(p.run(ctx, () => 1, { key })))
        yield* waitIdle()
        expect(perClient.stats()).toMatchObject({ admitted: 2, waiting: 2, waited: 2, refused: 1 })
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns.slice(0, 4)).toEqual([0, 100, 0, 200])
        expect(turns[4]).toBeInstanceOf(Refused)
        expect(perClient.stats()).toMatchObject({ admitted: 4, waiting: 0, waited: 2, refused: 1 })
      }))

    it('leave at once when they are given up', () =>
      bubble(function* () {
        const perTenant = keyed(() => bulkhead({ limit: 1, queue: 1 }))
        const p = policy(perTenant)
        const first = start(p.run(ctx, () => sleep(100), { key: 'a' }))
        const giveUp = withCancel(ctx)
        const second = start(p.run(giveUp, () => 1, { key: 'a' }))
        yield* waitIdle()
        expect(enter(perTenant, 'a')).toEqual([REFUSED])
        giveUp.cancel()
        expect(yield* second).toBeInstanceOf(Canceled)
        expect(perTenant.stats()).toMatchObject({ waiting: 0, waited: 1 })
        const third = start(p.run(ctx, () => 1, { key: 'a' }))
        expect([yield* first, yield* third]).toEqual([100, 100])
        expect(perTenant.peek('a')).toMatchObject({ inFlight: 0 })
      }))

    it('end as those of the gate end', () =>
      bubble(function* () {
        const perTenant = keyed(() => bulkhead({ limit: 1, queue: 1, maxWaitMs: 50 }))
        const p = policy(perTenant)
        const first = start(p.run(ctx, () => sleep(100), { key: 'a' }))
        const second = start(p.run(ctx, () => 1, { key: 'a' }))
        expect(yield* second).toBeInstanceOf(Refused)
        expect(perTenant.stats()).toMatchObject({ refused: 1, waiting: 0 })
        yield* first
      }))

    it('hold the key of a limit too, so that nobody starts anew beside them', () =>
      bubble(function* () {
        const perClient = keyed(() => leakyBucket({ rate: 1, queue: 5 }), { maxKeys: 1 })
        const p = policy(perClient)
        const all = [1, 2, 3].map(() => start(p.run(ctx, () => 1, { key: 'a' })))
        yield* waitIdle()
        expect(enter(perClient, 'b')).toEqual([REFUSED])
        const turns = []
        for (const g of all) turns.push(yield* g)
        expect(turns).toEqual([0, 1000, 2000])
        expect(enter(perClient, 'a', 'b')).toEqual([MUST_WAIT, 0])
      }))
  })

  describe('memory', () => {
    it('of a million token buckets is less than 200 MB, keys included', () => {
      const clock = new HandClock()
      const before = heapBytes()
      const perClient = keyed(() => tokenBucket({ rate: 100.5, burst: 20, clock }), {
        maxKeys: 1_000_000,
        idleMs: 1000,
        clock,
      })
      const useAll = () => {
        for (let i = 0; i < 1_000_000; i++) {
          clock.ms += 1e-4
          enter(perClient, `client-${i}`)
        }
      }
      useAll()
      clock.ms += 1000
      useAll() // all of them move from one generation into the other
      expect(perClient.size).toBe(1_000_000)
      const usedBytes = heapBytes() - before
      expect(perClient.stats()).toMatchObject({ admitted: 2_000_000, evicted: 0, expired: 0 })
      expect(usedBytes / 1e6).toBeLessThan(200)
    })

    it('is not that of the requests that keys were cut out of', () => {
      const perClient = once({ clock: new HandClock() })
      const before = heapBytes()
      for (let i = 0; i < 2000; i++) {
        const request = `GET / HTTP/1.1\r\nx-client: some-client-${i}\r\n\r\n${'x'.repeat(20_000)}${i}`
        enter(perClient, request.slice(26, 26 + 16))
      }
      expect((heapBytes() - before) / 1e6).toBeLessThan(10)
      expect(perClient.size).toBe(2000)
    })
  })

  itRefuses((options: KeyedOptions) => keyed(create, { clock: new HandClock(), ...options }), {}, [
    [{ maxKeys: 0 }, 'maxKeys of keyed() is a whole number from 1 to 8388608, not 0'],
    [{ maxKeys: 1e9 }, 'from 1 to 8388608, not 1000000000'],
    [{ idleMs: 0 }, 'idleMs of keyed() is a number of milliseconds above 0, not 0'],
  ])

  it('refuses what makes no gate', () => {
    const needs = 'keyed() needs a function that makes the gate of a key, not undefined'
    expect(() => keyed(undefined as unknown as typeof create)).toThrow(needs)
    const perClient = keyed(create)
    enter(perClient, 'a')
    expect(() => perClient.configureGates(undefined as unknown as typeof create, () => {})).toThrow(needs)
    expect(enter(perClient, 'b'), 'as before').toEqual([0])
  })

  it('refuses what is no gate', () => {
    const none = keyed(() => ({ wrap: () => undefined }) as unknown as Gate)
    expect(() => enter(none, 'a')).toThrow(
      'the function of keyed() makes a gate: a limit, a bulkhead, a breaker',
    )
    expect(none.size).toBe(0)
  })
})
