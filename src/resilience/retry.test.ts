import { describe, expect, it } from 'vitest'
import { itRefuses } from '../../test/resilience/refuses.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { withTimeout } from '../context/deadline.js'
import { withValue } from '../context/value.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import { go } from '../runtime/go.js'
import type { Routine } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { now, sleep } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { policy } from './policy.js'
import { previousAttempts } from './previous-attempts.js'
import { Refused } from './refused.js'
import { retry, type RetryOptions } from './retry.js'
import { retryBudget } from './retry-budget.js'

const ctx = background()

/** Delays of exactly 100, 200, 400, ... ms. */
const steady = { initialMs: 200, maxMs: 10_000, random: () => 0.5 }

/** A target that fails `failures` times, and keeps when it was called. */
class Target {
  readonly calledAtMs: number[] = []
  constructor(
    private readonly failures: number,
    private readonly failure: (call: number) => unknown = (call) => new Error(`failure ${call}`),
  ) {}

  get calls(): number {
    return this.calledAtMs.length
  }

  readonly call = (): string => {
    this.calledAtMs.push(now() - epochMs)
    if (this.calls <= this.failures) throw this.failure(this.calls)
    return `value ${this.calls}`
  }
}
const epochMs = Date.UTC(2000, 0, 1)

function* outcomeOf<T>(body: () => Routine<T>): Routine<{ error?: unknown; value?: T }> {
  return yield* go(body).outcome()
}

/** How a call of `target` under a retry ends. */
function* retried(target: Target, options: RetryOptions, within = ctx) {
  return yield* outcomeOf(function* () {
    return yield* policy(retry({ ...steady, ...options })).run(within, target.call)
  })
}

describe('retry', () => {
  it('makes a call again that failed, after a delay that grows', () =>
    bubble(function* () {
      const target = new Target(3)
      const told: unknown[] = []
      const guard = retry({ ...steady, attempts: 4, name: 'orders', onRetry: (retry) => told.push(retry) })
      guard.figures.watch(({ what, detail }) => told.push([what, detail]))
      const g = go(function* () {
        return yield* policy(guard).run(ctx, target.call)
      })
      yield* sleep(1)
      expect(guard.stats()).toMatchObject({
        kind: 'retry',
        name: 'orders',
        admitted: 1,
        waited: 1,
        waiting: 1,
      })
      expect(yield* g).toBe('value 4')
      expect(target.calledAtMs).toEqual([0, 100, 300, 700])
      const first = { failure: new Error('failure 1'), attempts: 1, delayMs: 100 }
      expect(told.slice(0, 2)).toEqual([['retried', first], first])
      expect(guard.stats()).toMatchObject({ retries: 3, exhausted: 0, waited: 1, waiting: 0 })
    }))

  it('throws the last error when all attempts have failed', () =>
    bubble(function* () {
      const target = new Target(9)
      expect((yield* retried(target, {})).error).toEqual(new Error('failure 3'))
      expect(target.calls).toBe(3)
    }))

  it.each<[string, RetryOptions, unknown]>([
    ['that is given up, whatever the caller says', { isRetryable: () => true }, new Canceled()],
    ['of misuse', {}, new ArgumentError('wrong')],
    ['that the caller says is final', { isRetryable: (error) => !/no/.test(String(error)) }, new Error('no')],
    ['with a negative time to come back', {}, Object.assign(new Error('never'), { retryAfterMs: -1 })],
    ['with a time that is none', {}, Object.assign(new Error('never'), { retryAfterMs: 'soon' })],
    ['with a time beyond the longest delay', {}, Object.assign(new Error('late'), { retryAfterMs: 10_001 })],
  ])('makes a call once when it ends by an error %s', (_, options, error) =>
    bubble(function* () {
      const target = new Target(9, () => error)
      expect((yield* retried(target, options)).error).toBe(error)
      expect(target.calls).toBe(1)
    }),
  )

  it('waits for as long as the error says, and longer where its own delay is longer', () =>
    bubble(function* () {
      const target = new Target(2, () => new Refused('limit', 'orders', 'too many', 150))
      expect((yield* retried(target, {})).value).toBe('value 3')
      expect(target.calledAtMs).toEqual([0, 150, 350])
    }))

  it('makes a call again whose value means failure, and gives the last one', () =>
    bubble(function* () {
      let calls = 0
      const isFailure = ({ status }: { status: number }) => status === 503
      const p = policy(retry(steady))
      const value = yield* p.run(ctx, () => ({ status: 503, call: ++calls, retryAfterMs: 1000 }), {
        isFailure,
      })
      expect(value.call).toBe(3)
      expect(now() - epochMs).toBe(2000)
      expect(yield* p.run(ctx, () => ({ status: 200, call: ++calls }), { isFailure })).toMatchObject({
        call: 4,
      })
    }))

  it('does not retry at exactly half of the budget', () =>
    bubble(function* () {
      const budget = retryBudget({ maxTokens: 10 })
      for (let i = 0; i < 3; i++) budget.failed()
      const target = new Target(9)
      const guard = retry({ ...steady, attempts: 9, budget })
      const told: string[] = []
      guard.figures.watch(({ what }) => told.push(what))
      const outcome = yield* outcomeOf(function* () {
        return yield* policy(guard).run(ctx, target.call)
      })
      // Of 7 tokens the first failure leaves 6, which is more than half; the second one leaves 5, which is not.
      expect(outcome.error).toEqual(new Error('failure 2'))
      expect(told).toEqual(['retried', 'throttled'])
      expect(guard.stats()).toMatchObject({ throttled: 1, budgetTokens: 5 })
    }))

  it('fills the budget by what goes well, and leaves it alone when a guard refuses', () =>
    bubble(function* () {
      const budget = retryBudget({ maxTokens: 10 })
      budget.failed()
      yield* retried(new Target(0), { budget })
      expect(budget.tokens).toBe(9.1)
      yield* retried(new Target(2, () => new Refused('breaker', 'orders', 'it is open', 10)), { budget })
      expect(budget.tokens).toBe(9.2)
    }))

  it('fails at once with the original error when the delay would pass the deadline', () =>
    bubble(function* () {
      const target = new Target(9)
      const { error } = yield* retried(target, { initialMs: 400 }, withTimeout(ctx, 100))
      expect(error).toEqual(new Error('failure 1'))
      expect([target.calls, now() - epochMs]).toEqual([1, 0])
    }))

  it('has one deadline for all attempts', () =>
    bubble(function* () {
      const target = new Target(9)
      const { error } = yield* retried(target, { attempts: 9 }, withTimeout(ctx, 301))
      expect(error).toEqual(new Error('failure 3'))
      expect(target.calledAtMs).toEqual([0, 100, 300])
    }))

  it('leaves no timer behind when the call is given up between two attempts', () =>
    bubble(function* () {
      for (const giveUp of ['goroutine', 'context']) {
        const mine = withCancel(ctx)
        const guard = retry(steady)
        const g = go(function* () {
          yield* policy(guard).run(mine, new Target(9).call)
        })
        yield* waitIdle()
        expect(scheduler().timers.size).toBe(1)
        if (giveUp === 'goroutine') g.cancel()
        else mine.cancel()
        expect((yield* g.outcome()).error).toBeInstanceOf(Canceled)
        expect([scheduler().timers.size, guard.stats().waiting]).toEqual([0, 0])
      }
    }))

  describe('of calls that may not be made twice', () => {
    const unsent = [
      new Refused('breaker', 'orders', 'it is open', 10),
      Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
      new TypeError('fetch failed', {
        cause: Object.assign(new Error(), { code: 'UND_ERR_CONNECT_TIMEOUT' }),
      }),
    ]
    it.each(unsent)('makes one again that was not sent: %s', (error) =>
      bubble(function* () {
        const target = new Target(1, () => error)
        expect((yield* retried(target, { idempotent: false })).value).toBe('value 2')
      }),
    )

    it('makes one once of which that is not known', () =>
      bubble(function* () {
        for (const error of [
          new Error('reset'),
          'text',
          Object.assign(new Error(), { code: 'ECONNRESET' }),
        ]) {
          const target = new Target(1, () => error)
          expect((yield* retried(target, { idempotent: false })).error).toBe(error)
          expect(target.calls).toBe(1)
        }
      }))

    it('does as it is told which calls and which errors these are', () =>
      bubble(function* () {
        const p = policy(
          retry({
            ...steady,
            idempotent: ({ key }) => key === 'GET',
            isUnsent: (error) => /not sent/.test(String(error)),
          }),
        )
        for (const [key, message, calls] of [
          ['GET', 'reset', 2],
          ['POST', 'reset', 1],
          ['POST', 'not sent', 2],
        ] as const) {
          const target = new Target(1, () => new Error(message))
          yield* outcomeOf(function* () {
            yield* p.run(ctx, target.call, { key })
          })
          expect(target.calls).toBe(calls)
        }
      }))
  })

  describe('of a chain of tiers that all retry', () => {
    /** Three tiers, one before the other: each calls the next under a retry of its own. */
    function* chain(target: Target, options: RetryOptions) {
      const tier = () => policy(retry({ ...steady, attempts: 3, ...options }))
      const [top, middle, bottom] = [tier(), tier(), tier()]
      return yield* outcomeOf(function* () {
        return yield* top.run(ctx, function* (ctx) {
          return yield* middle.run(ctx, function* (ctx) {
            return yield* bottom.run(ctx, target.call)
          })
        })
      })
    }

    it('does not multiply: what is a retry already is not retried further down', () =>
      bubble(function* () {
        const target = new Target(99)
        expect((yield* chain(target, {})).error).toEqual(new Error('failure 7'))
        expect(target.calls).toBe(7) // 3 from the first attempt of all, 2 of the middle one, 2 of the top; not 27
      }))

    it('costs the budget at most', () =>
      bubble(function* () {
        const target = new Target(99)
        yield* chain(target, { budget: retryBudget({ maxTokens: 8 }) })
        // After each failure more than 4 of the 8 tokens have to be left: that is three times so.
        expect(target.calls).toBeGreaterThan(1)
        expect(target.calls).toBeLessThanOrEqual(1 + 3)
      }))

    it('stops at a request that came as a retry', () =>
      bubble(function* () {
        const target = new Target(9)
        yield* retried(target, {}, withValue(ctx, previousAttempts, 1))
        expect(target.calls).toBe(1)
      }))

    it('tells each attempt how many there were before', () =>
      bubble(function* () {
        const seen: unknown[] = []
        yield* outcomeOf(function* () {
          yield* policy(retry(steady)).run(ctx, (ctx) => {
            seen.push(ctx.value(previousAttempts))
            throw new Error('no')
          })
        })
        expect(seen).toEqual([undefined, 1, 2])
      }))
  })

  it('takes other settings for the calls that come, and leaves those that are under way theirs', () =>
    bubble(function* () {
      const guard = retry({ ...steady, name: 'orders' })
      const told: unknown[] = []
      guard.figures.watch(({ what, detail }) => told.push([what, detail]))
      const [before, after] = [new Target(9), new Target(9)]
      const retried = (target: Target) =>
        go(function* () {
          yield* policy(guard).run(ctx, target.call)
        }).outcome()
      const first = retried(before)
      yield* sleep(1)
      const budget = retryBudget({ maxTokens: 2 })
      guard.configure({ ...steady, attempts: 2, initialMs: 1000, budget, name: 'other' })
      const second = retried(after)
      yield* first
      yield* second
      expect(before.calledAtMs).toEqual([0, 100, 300])
      expect(after.calledAtMs).toEqual([1]) // half of the budget is spent by its failure
      expect(guard.stats()).toMatchObject({ name: 'orders', admitted: 2, retries: 2, budgetTokens: 1 })
      const changed = { attempts: 2, initialMs: 1000, maxMs: 10_000, multiplier: 2, budget }
      expect(told[1]).toEqual(['changed', expect.objectContaining(changed)])
      guard.configure({})
      const third = new Target(9)
      yield* retried(third)
      expect(third.calls).toBe(3)
    }))

  itRefuses(retry, {}, [
    ...[0, -1, 1.5, Number.NaN, Infinity].map(
      (attempts) =>
        [
          { attempts },
          `attempts is a whole number from 1, the first one included, not ${attempts}: 1 never retries`,
        ] as const,
    ),
    [{ maxMs: 5 }, 'maxMs is a finite time of at least initialMs (100), not 5'],
  ])
})
