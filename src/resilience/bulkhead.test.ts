import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callOf } from '../../test/resilience/hand-clock.js'
import { badQueues, itRefuses } from '../../test/resilience/refuses.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { withTimeout } from '../context/deadline.js'
import { Canceled } from '../runtime/errors.js'
import { go } from '../runtime/go.js'
import type { Operation } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { now, sleep, yieldNow } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { type Bulkhead, bulkhead } from './bulkhead.js'
import { MUST_WAIT, REFUSED } from './guard.js'
import { policy } from './policy.js'
import { Refused } from './refused.js'

const ctx = background()

/** Starts a call that writes down when it begins, and lasts `ms`. The goroutine's value is what it failed with. */
function start(guard: Bulkhead, log: unknown[], name: string, ms: number, options: { cost?: number } = {}) {
  const p = policy(guard)
  return go(function* () {
    const beginMs = now()
    const body = function* () {
      log.push(`${name} after ${now() - beginMs}`)
      yield* sleep(ms)
    }
    try {
      yield* p.run(ctx, body, options)
    } catch (error) {
      return error
    }
    return undefined
  })
}

describe('bulkhead', () => {
  it('lets in so many at once, has so many wait, and refuses the others', () =>
    bubble(function* () {
      const guard = bulkhead({ limit: 2, queue: 1, name: 'reports' })
      const log: string[] = []
      const all = ['a', 'b', 'c', 'd'].map((name) => start(guard, log, name, 100))
      yield* waitIdle()
      expect(guard.stats()).toEqual({
        kind: 'bulkhead',
        name: 'reports',
        state: 'refusing',
        admitted: 2,
        refused: 1,
        waited: 1,
        waiting: 1,
        inFlight: 2,
        limit: 2,
        queue: 1,
      })
      const errors = []
      for (const g of all) errors.push(yield* g)
      expect(log).toEqual(['a after 0', 'b after 0', 'c after 100'])
      expect(errors[3]).toBeInstanceOf(Refused)
      expect(String(errors[3])).toBe(
        'Refused: reports refused the call: 2 at once is the limit, and 1 wait already',
      )
      expect(guard.stats()).toMatchObject({ state: 'ok', admitted: 3, waiting: 0, inFlight: 0 })
    }))

  it('refuses at once where there is no queue', () => {
    const guard = bulkhead({ limit: 1 })
    expect(guard.enter(callOf())).toBe(0)
    expect(guard.enter(callOf())).toBe(REFUSED)
    expect(guard.refusal(callOf()).message).toBe('bulkhead refused the call: 1 at once is the limit')
  })

  it('says that a call must wait without any side effect', () => {
    const guard = bulkhead({ limit: 1, queue: 1 })
    guard.enter(callOf())
    const before = guard.stats()
    expect(guard.enter(callOf())).toBe(MUST_WAIT)
    expect(guard.enter(callOf())).toBe(MUST_WAIT)
    expect(guard.stats()).toEqual(before)
    guard.leave(0)
    expect(guard.enter(callOf())).toBe(0)
  })

  it('serves those who wait in order of arrival, whatever newcomers do', () =>
    bubble(function* () {
      const guard = bulkhead({ limit: 1, queue: 10 })
      const order: number[] = []
      const first = guard.enter(callOf())
      const waiters = [0, 1, 2].map((i) =>
        go(function* () {
          const ticket = yield* guard.wait(callOf())
          order.push(i)
          yield* sleep(10)
          guard.leave(ticket)
        }),
      )
      yield* yieldNow()
      guard.leave(first)
      // The place has passed on already, although the one who has it did not run yet.
      expect(guard.inFlight).toBe(1)
      expect(guard.enter(callOf())).toBe(MUST_WAIT)
      waiters.push(
        go(function* () {
          guard.leave(yield* guard.wait(callOf()))
          order.push(3)
        }),
      )
      for (const g of waiters) yield* g
      expect(order).toEqual([0, 1, 2, 3])
    }))

  it('counts a call by its cost, and holds small ones back behind a large one', () =>
    bubble(function* () {
      const guard = bulkhead({ limit: 3, queue: 10 })
      const log: string[] = []
      const all = [
        start(guard, log, 'two', 100, { cost: 2 }),
        start(guard, log, 'three', 100, { cost: 3 }),
        start(guard, log, 'one', 100),
        start(guard, log, 'nothing', 0, { cost: 0 }),
      ]
      for (const g of all) yield* g
      expect(log).toEqual(['two after 0', 'three after 100', 'one after 200', 'nothing after 200'])
      expect(guard.inFlight).toBe(0)
    }))

  it('refuses at once what could never fit', () => {
    const guard = bulkhead({ limit: 3, queue: 10 })
    expect(guard.enter(callOf({ cost: 4 }))).toBe(REFUSED)
    expect(guard.refusal(callOf({ cost: 4 })).message).toContain('it costs 4 and the limit is 3')
  })

  it('refuses a call that has waited too long, and not a moment earlier', () =>
    bubble(function* () {
      const guard = bulkhead({ limit: 1, queue: 2, maxWaitMs: 50 })
      const log: string[] = []
      start(guard, log, 'a', 49)
      const b = start(guard, log, 'b', 100)
      const c = start(guard, log, 'c', 100)
      const error = yield* c
      expect(now() - Date.UTC(2000)).toBe(50)
      expect(error).toMatchObject({ code: 'ERR_SLUICE_REFUSED', retryAfterMs: undefined })
      expect(String(error)).toContain('no place came free in 50 ms')
      expect(guard.stats()).toMatchObject({ admitted: 2, refused: 1, waited: 2, waiting: 0 })
      yield* b
      expect(log).toEqual(['a after 0', 'b after 49'])
      expect(scheduler().timers.size).toBe(0)
    }))

  it('lets a call leave the queue the moment it is given up, with its place in the queue', () =>
    bubble(function* () {
      const guard = bulkhead({ limit: 2, queue: 2, maxWaitMs: 1000 })
      const log: string[] = []
      const one = start(guard, log, 'one', 100)
      const mine = withCancel(ctx)
      const large = go(function* () {
        yield* policy(guard).run(mine, () => log.push('large'), { cost: 2 })
      })
      const small = start(guard, log, 'small', 1)
      yield* waitIdle()
      expect(guard.figures.waiting).toBe(2)
      mine.cancel()
      expect(guard.figures.waiting).toBe(0) // the small one behind it fitted at once
      expect(guard.inFlight).toBe(2)
      expect((yield* large.outcome()).error).toMatchObject({ code: 'ERR_SLUICE_CANCELED' })
      yield* small
      yield* one
      expect(log).toEqual(['one after 0', 'small after 0'])
    }))

  it('gives the place back of a call that was given up in the moment it got it', () =>
    bubble(function* () {
      for (const giveUp of ['goroutine', 'context']) {
        const guard = bulkhead({ limit: 1, queue: 1 })
        guard.enter(callOf())
        const mine = withCancel(ctx)
        const g = go(function* () {
          yield* policy(guard).run(mine, () => sleep(1))
        })
        yield* waitIdle()
        guard.leave(0)
        expect(guard.inFlight).toBe(1)
        if (giveUp === 'goroutine') g.cancel()
        else mine.cancel()
        yield* g.outcome()
        expect(guard.inFlight).toBe(0)
      }
    }))

  it('frees the place however a call ends, and once', () =>
    bubble(function* () {
      const guard = bulkhead({ limit: 2 })
      guard.enter(callOf())
      const p = policy(guard)
      const thrown = go(function* () {
        yield* p.run(ctx, () => {
          throw new Error('no')
        })
      })
      yield* thrown.outcome()
      expect(guard.inFlight).toBe(1)
      const late = go(function* () {
        yield* p.run(withTimeout(ctx, 10), () => sleep(100))
      })
      yield* late.outcome()
      expect(guard.inFlight).toBe(1)

      const run = p.run(ctx, () => 1)
      expect(yield* run).toBe(1)
      const iterator = run as unknown as Iterator<unknown>
      iterator.return?.()
      iterator.return?.()
      expect(guard.inFlight).toBe(1)
    }))

  it('takes it for a broken program that more is given back than was taken', () => {
    expect(() => bulkhead({ limit: 1 }).leave(0)).toThrow('left more often than entered')
  })

  it('wakes exactly as many as fit when the limit rises, and drains when it falls', () =>
    bubble(function* () {
      const guard = bulkhead({ limit: 2, queue: 10 })
      const log: string[] = []
      const all = Array.from({ length: 8 }, (_, i) => start(guard, log, `${i}`, 100))
      yield* waitIdle()
      guard.configure({ limit: 5, queue: 10 })
      yield* waitIdle()
      expect(log).toHaveLength(5)
      guard.configure({ limit: 1, queue: 10 })
      expect(guard.inFlight).toBe(5)
      yield* sleep(100)
      yield* waitIdle()
      expect(guard.inFlight).toBe(1)
      for (const g of all) yield* g
      expect(log.slice(5)).toEqual(['5 after 100', '6 after 200', '7 after 300'])
    }))

  it('refuses those in the queue who will never fit under a smaller limit', () =>
    bubble(function* () {
      const guard = bulkhead({ limit: 3, queue: 10 })
      const log: string[] = []
      start(guard, log, 'a', 100)
      const large = start(guard, log, 'large', 100, { cost: 3 })
      const small = start(guard, log, 'small', 100)
      yield* waitIdle()
      guard.configure({ limit: 2, queue: 10 })
      expect(String(yield* large)).toContain('it costs 3 and the limit is 2')
      yield* small
      expect(log).toEqual(['a after 0', 'small after 0'])
      expect(guard.stats()).toMatchObject({ refused: 1, waiting: 0 })
    }))

  it('refuses nobody who waits for a shorter queue, but who comes', () =>
    bubble(function* () {
      const guard = bulkhead({ limit: 1, queue: 3 })
      const log: string[] = []
      const all = ['a', 'b', 'c', 'd'].map((name) => start(guard, log, name, 100))
      yield* waitIdle()
      guard.configure({ limit: 1, queue: 1 })
      expect(guard.enter(callOf())).toBe(REFUSED)
      yield* sleep(250)
      expect(guard.enter(callOf()), 'one waits, and so many may').toBe(REFUSED)
      yield* sleep(100)
      expect(guard.enter(callOf())).toBe(MUST_WAIT)
      for (const g of all) yield* g
      expect(log).toEqual(['a after 0', 'b after 100', 'c after 200', 'd after 300'])
    }))

  it('has those in the queue wait for as long as they were to when they came', () =>
    bubble(function* () {
      const guard = bulkhead({ limit: 1, queue: 3, maxWaitMs: 50 })
      guard.enter(callOf())
      const before = start(guard, [], 'before', 1)
      yield* sleep(10)
      guard.configure({ limit: 1, queue: 3, maxWaitMs: 5 })
      const after = start(guard, [], 'after', 1)
      expect(String(yield* after)).toContain('no place came free in 5 ms')
      expect(now() - Date.UTC(2000)).toBe(15)
      expect(String(yield* before)).toContain('no place came free in 50 ms')
      expect(now() - Date.UTC(2000)).toBe(50)
    }))

  it('tells who waits, who is refused and what its settings become', () =>
    bubble(function* () {
      const guard = bulkhead({ limit: 1, queue: 1, name: 'db' })
      const told: unknown[] = []
      guard.figures.watch(({ what, detail }) => told.push(detail === undefined ? what : [what, detail]))
      const all = ['a', 'b', 'c'].map((name) => start(guard, [], name, 1))
      for (const g of all) yield* g
      guard.configure({ limit: 4, queue: 1, name: 'other' })
      guard.configure({ limit: 4, queue: 1 })
      expect(told).toEqual(['waited', 'refused', ['changed', { limit: 4, queue: 1, maxWaitMs: Infinity }]])
      expect(guard.stats()).toMatchObject({ name: 'db', admitted: 2, refused: 1 })
    }))

  it('holds its limit and its order as a naive twin does, in 100 000 steps', () => {
    const what = fc.constantFrom('call', 'call', 'call', 'leave', 'leave', 'give up', 'configure')
    const settings = fc.record({ limit: fc.integer({ min: 1, max: 6 }), queue: fc.nat(6) })
    const command = fc.record({ what, cost: fc.nat(4), at: fc.nat(5), settings })
    fc.assert(
      fc.property(fc.array(command, { minLength: 100, maxLength: 300, size: 'max' }), (steps) => {
        const guard = bulkhead({ limit: 3, queue: 4 })
        const twin = new NaiveBulkhead(3, 4)
        const held = new Map<number, number>()
        const waits = new Map<number, Operation<number>>()
        steps.forEach(({ what, cost, at, settings }, id) => {
          const { limit, inFlight } = guard
          if (what === 'call') {
            const ticket = guard.enter(callOf({ cost: cost }))
            if ((ticket === REFUSED) === twin.come({ id, cost })) expect.fail(`${id} got ${ticket}`)
            if (ticket >= 0) held.set(id, ticket)
            if (ticket === MUST_WAIT) {
              const wait = guard.wait(callOf({ cost: cost })).claim()
              if (wait.attempt()) expect.fail(`${id} need not wait`)
              waits.set(id, wait)
              const wake = () => {
                waits.delete(id)
                if (!wait.failed) held.set(id, wait.value as number)
              }
              wait.parkFor({ wake })
            }
          } else if (what === 'leave') {
            const [leaving] = [...held].slice(at)
            if (leaving === undefined) return
            held.delete(leaving[0])
            twin.leave(leaving[0])
            guard.leave(leaving[1])
          } else if (what === 'give up') {
            const [chosen] = [...waits].slice(at)
            if (chosen === undefined) return
            waits.delete(chosen[0])
            chosen[1].abandon()
            twin.giveUp(chosen[0])
          } else {
            twin.configure(settings)
            guard.configure(settings)
          }
          const is = `${guard.inFlight} taken by ${[...held.keys()].sort()}, ${guard.figures.waiting} wait: ${[...waits.keys()]}`
          if (is !== String(twin)) expect(is).toBe(String(twin)) // asking each time would take seconds
          // Under a smaller limit they only become fewer; otherwise it holds, the larger one while it changes.
          if (guard.inFlight > Math.max(inFlight, limit, guard.limit)) expect.fail(`${id}: ${is}`)
          if (guard.inFlight > inFlight && guard.inFlight > guard.limit) expect.fail(`${id}: ${is}`)
        })
      }),
      { numRuns: 500, seed: 5 },
    )
  })

  it('loses no place, in any order and with any cancels', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(fc.nat(8), { maxLength: 12 }), async (seed, cancels) => {
        await bubble(
          function* () {
            const guard = bulkhead({ limit: 3, queue: 4, maxWaitMs: 3 })
            const p = policy(guard)
            const mine = withCancel(ctx)
            const all = Array.from({ length: 8 }, (_, i) =>
              go(function* () {
                try {
                  yield* p.run(mine, () => sleep(i % 4), { cost: 1 + (i % 3) })
                } catch (error) {
                  if (!(error instanceof Refused || error instanceof Canceled)) throw error
                }
              }),
            )
            for (const index of cancels) {
              yield* sleep(1)
              if (index === 8) mine.cancel()
              else all[index]?.cancel()
              expect(guard.inFlight).toBeLessThanOrEqual(3)
            }
            for (const g of all) yield* g.outcome()
            expect(guard.stats()).toMatchObject({ inFlight: 0, waiting: 0 })
          },
          { seed },
        )
      }),
      { numRuns: 100, seed: 7 },
    ))

  itRefuses(bulkhead, { limit: 1 }, [
    [{ limit: 0 }, 'the limit of a bulkhead is a whole number of calls from 1, not 0'],
    [{ limit: 1.5 }, 'not 1.5'],
    ...badQueues('a bulkhead', { limit: 1 }),
    [{ limit: 1, maxWaitMs: 0 }, 'the maxWaitMs of a bulkhead is a time above 0 ms, not 0'],
    [{ limit: 1, maxWaitMs: Number.NaN }, 'not NaN'],
  ])

  it('refuses a cost that cannot be', () => {
    const guard = bulkhead({ limit: 1 })
    expect(() => guard.enter(callOf({ cost: -1 }))).toThrow('the cost of a call under a bulkhead')
    expect(() => guard.enter(callOf({ cost: 0.5 }))).toThrow('not 0.5')
  })
})

interface Entry {
  readonly id: number
  readonly cost: number
}

/** A list of who is in and a list of who waits. */
class NaiveBulkhead {
  inside: Entry[] = []
  waiting: Entry[] = []

  constructor(
    private limit: number,
    private queue: number,
  ) {}

  get taken(): number {
    return this.inside.reduce((sum, { cost }) => sum + cost, 0)
  }

  toString(): string {
    const ids = this.inside.map((each) => each.id).sort()
    return `${this.taken} taken by ${ids}, ${this.waiting.length} wait: ${this.waiting.map((each) => each.id)}`
  }

  /** False if it is refused. */
  come(entry: Entry): boolean {
    if (this.waiting.length === 0 && this.taken + entry.cost <= this.limit) this.inside.push(entry)
    else if (this.waiting.length < this.queue && entry.cost <= this.limit) this.waiting.push(entry)
    else return false
    return true
  }

  leave(id: number): void {
    this.inside = this.inside.filter((each) => each.id !== id)
    this.serve()
  }

  giveUp(id: number): void {
    this.waiting = this.waiting.filter((each) => each.id !== id)
    this.serve()
  }

  configure({ limit, queue }: { limit: number; queue: number }): void {
    this.limit = limit
    this.queue = queue
    this.waiting = this.waiting.filter(({ cost }) => cost <= limit)
    this.serve()
  }

  private serve(): void {
    for (let [head] = this.waiting; head !== undefined; [head] = this.waiting) {
      if (this.taken + head.cost > this.limit) return
      this.waiting.shift()
      this.inside.push(head)
    }
  }
}
