import { describe, expect, it } from 'vitest'
import { itRefuses } from '../../test/resilience/refuses.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import type { Context } from '../context/context.js'
import { withTimeout } from '../context/deadline.js'
import { withValue } from '../context/value.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import { go } from '../runtime/go.js'
import { goexit } from '../runtime/goexit.js'
import type { Routine } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { now, sleep } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { Figures } from './figures.js'
import { type Gate, GIVEN_UP } from './guard.js'
import { hedge, type HedgeOptions } from './hedge.js'
import { policy } from './policy.js'
import type { CallOptions } from './run.js'
import { previousAttempts } from './previous-attempts.js'
import { Refused } from './refused.js'
import { retryBudget } from './retry-budget.js'

const ctx = background()
const epochMs = Date.UTC(2000, 0, 1)

/** Attempts that last so many ms each and then give their number, or throw what they are given. */
class Target {
  readonly log: string[] = []
  readonly contexts: Context[] = []

  constructor(private readonly attempts: readonly { ms: number; error?: unknown }[]) {}

  readonly call = (ctx: Context): Routine<number> => this.serve(ctx)

  private *serve(ctx: Context): Routine<number> {
    const number = this.contexts.push(ctx)
    const { ms, error } = this.attempts[number - 1] ?? { ms: 0, error: new Error('one too many') }
    this.log.push(`${number} at ${now() - epochMs}`)
    try {
      yield* sleep(ms).within(ctx)
    } catch (error) {
      this.log.push(`${number} called off at ${now() - epochMs}`)
      throw error
    }
    if (error !== undefined) throw error
    return number
  }
}

/** `call` as `run` takes it: a generator function. */
function served(target: Target) {
  return function* (ctx: Context) {
    return yield* target.call(ctx)
  }
}

function* hedged(
  target: Target,
  options: Partial<HedgeOptions>,
  within: Context = ctx,
  call: CallOptions<number> = {},
): Routine<{ error?: unknown; value?: number; atMs: number }> {
  const p = policy(hedge({ delayMs: 50, ...options }))
  const outcome = yield* go(function* () {
    return yield* p.run(within, served(target), call)
  }).outcome()
  return { ...outcome, atMs: now() - epochMs }
}

describe('hedge', () => {
  it('makes a call once that ends before the delay', () =>
    bubble(function* () {
      const target = new Target([{ ms: 49 }])
      expect(yield* hedged(target, {})).toEqual({ value: 1, atMs: 49 })
      expect(target.log).toEqual(['1 at 0'])
      expect(scheduler().timers.size).toBe(0)
    }))

  it('makes a slow call once more after each delay, takes the first good one and calls off the others', () =>
    bubble(function* () {
      const target = new Target([{ ms: 1000 }, { ms: 500 }, { ms: 20 }])
      const guard = hedge({ delayMs: 50, attempts: 4, name: 'search' })
      const told: unknown[] = []
      guard.figures.watch(({ what, detail }) => told.push(`${what} ${detail}`))
      expect(yield* policy(guard).run(ctx, served(target))).toBe(3)
      yield* waitIdle()
      expect(target.log.slice(0, 3)).toEqual(['1 at 0', '2 at 50', '3 at 100'])
      expect(target.log.slice(3).sort()).toEqual(['1 called off at 120', '2 called off at 120'])
      expect(told).toEqual(['hedged 1', 'hedged 2'])
      expect(guard.stats()).toMatchObject({ kind: 'hedge', name: 'search', hedges: 2, hedgesWon: 1 })
    }))

  it('aborts the signals of the losers in the step in which the winner ends', async () => {
    for (let seed = 0; seed < 30; seed++) {
      await bubble(
        function* () {
          const signals: AbortSignal[] = []
          let atTheWin: boolean[] = []
          yield* policy(hedge({ delayMs: 10, attempts: 3 })).run(ctx, function* (ctx) {
            const number = signals.push(ctx.signal)
            if (number < 3) yield* sleep(1000)
            // Under a seed it runs before or after the caller, but not before the winner has ended.
            go(() => {
              atTheWin = signals.map(({ aborted }) => aborted)
            })
            return number
          })
          yield* waitIdle()
          expect(atTheWin).toEqual([true, true, false])
        },
        { seed },
      )
    }
  })

  it('makes the next one at once when one fails', () =>
    bubble(function* () {
      const target = new Target([{ ms: 10, error: new Error('no') }, { ms: 5 }])
      expect(yield* hedged(target, {})).toEqual({ value: 2, atMs: 15 })
      expect(target.log).toEqual(['1 at 0', '2 at 10'])
    }))

  it('counts the delay from the attempt that was made last', () =>
    bubble(function* () {
      const target = new Target([{ ms: 10, error: new Error('no') }, { ms: 1000 }, { ms: 5 }])
      expect(yield* hedged(target, { attempts: 3 })).toEqual({ value: 3, atMs: 65 })
    }))

  it('makes all at once without a delay', () =>
    bubble(function* () {
      const target = new Target([{ ms: 30 }, { ms: 20 }, { ms: 10 }])
      expect(yield* hedged(target, { delayMs: 0, attempts: 3 })).toEqual({ value: 3, atMs: 10 })
    }))

  it('throws the last error when all have failed, and makes no attempt more', () =>
    bubble(function* () {
      const target = new Target([
        { ms: 100, error: new Error('slow') },
        { ms: 10, error: new Error('fast') },
      ])
      expect(yield* hedged(target, {})).toEqual({ error: new Error('slow'), atMs: 100 })
      expect(target.log).toEqual(['1 at 0', '2 at 50'])
    }))

  it.each<[string, Partial<HedgeOptions>, unknown]>([
    ['misuse', {}, new ArgumentError('wrong')],
    [
      'an error that the caller says is final',
      { isRetryable: (error) => !/404/.test(String(error)) },
      new Error('404'),
    ],
    ['cancellation, whatever the caller says', { isRetryable: () => true }, new Canceled()],
  ])('ends the call and the other attempts by %s', (_, options, error) =>
    bubble(function* () {
      const target = new Target([{ ms: 1000 }, { ms: 10, error }])
      expect(yield* hedged(target, { attempts: 3, ...options })).toEqual({ error, atMs: 60 })
      yield* waitIdle()
      expect(target.log).toEqual(['1 at 0', '2 at 50', '1 called off at 60'])
    }),
  )

  it('does not take a value that means failure while there is hope', () =>
    bubble(function* () {
      const isFailure = (value: unknown) => value === 1
      const target = new Target([{ ms: 10 }, { ms: 10 }])
      expect((yield* hedged(target, {}, ctx, { isFailure })).value).toBe(2)
      const alone = new Target([{ ms: 100 }, { ms: 10, error: new Error('no') }])
      expect((yield* hedged(alone, {}, ctx, { isFailure })).value).toBe(1)
    }))

  it('makes one attempt only when the budget allows no more, and takes a token for each failure', () =>
    bubble(function* () {
      const budget = retryBudget({ maxTokens: 4, tokenRatio: 0.5 })
      const target = new Target([
        { ms: 10, error: new Error('no') },
        { ms: 10, error: new Error('no') },
      ])
      yield* hedged(target, { budget, attempts: 3 })
      expect(budget.tokens).toBe(2)
      expect(target.log).toHaveLength(2)
      const guard = hedge({ delayMs: 50, budget })
      const throttled = new Target([{ ms: 100 }])
      expect(yield* policy(guard).run(ctx, served(throttled))).toBe(1)
      expect(guard.stats()).toMatchObject({ throttled: 1, hedges: 0, budgetTokens: 2.5 })
    }))

  it('waits for as long as an error says, and not at all with nothing else under way', () =>
    bubble(function* () {
      const busy = Object.assign(new Error('busy'), { retryAfterMs: 100 })
      const target = new Target([{ ms: 1000 }, { ms: 10, error: busy }, { ms: 5 }])
      expect((yield* hedged(target, { attempts: 3 })).value).toBe(3)
      expect(target.log.slice(0, 3)).toEqual(['1 at 0', '2 at 50', '3 at 160'])
      const alone = new Target([{ ms: 10, error: busy }])
      expect((yield* hedged(alone, {})).error).toBe(busy)
    }))

  it('stops when an error says never', () =>
    bubble(function* () {
      const never = Object.assign(new Error('never'), { retryAfterMs: -1 })
      const target = new Target([{ ms: 300 }, { ms: 10, error: never }])
      expect(yield* hedged(target, { attempts: 5 })).toEqual({ value: 1, atMs: 300 })
    }))

  it('tells each attempt its number, so that it goes to another node, and is not hedged again there', () =>
    bubble(function* () {
      const nodes = ['a', 'b', 'c']
      const asked: unknown[] = []
      yield* policy(hedge({ delayMs: 10, attempts: 3 })).run(ctx, function* (ctx) {
        const number = ctx.value(previousAttempts) ?? 0
        asked.push(nodes[number])
        yield* sleep(100)
      })
      expect(asked).toEqual(['a', 'b', 'c'])
      const target = new Target([{ ms: 1000 }])
      yield* hedged(target, {}, withValue(ctx, previousAttempts, 1))
      expect(target.log).toHaveLength(1)
    }))

  it('does not count it against a node that it lost', () =>
    bubble(function* () {
      const endings: number[] = []
      const figures = new Figures('test', 'node')
      const node: Gate = {
        figures,
        stats: () => figures.stats('ok'),
        enter: () => 0,
        wait: () => sleep(0) as never,
        leave: (_, ending) => endings.push(ending),
        refusal: () => new Refused('test', 'node', 'never', undefined),
      }
      // One that listens to its context, and one that does not.
      for (const lose of [(ctx: Context) => sleep(1000).within(ctx), () => sleep(1000)]) {
        let calls = 0
        yield* policy(hedge({ delayMs: 10 }), node).run(ctx, function* (ctx) {
          if (++calls === 1) yield* lose(ctx)
        })
        yield* waitIdle()
      }
      expect(endings).toEqual([0, GIVEN_UP, 0, GIVEN_UP])
    }))

  it.each(['context', 'goroutine', 'deadline'])(
    'calls off all attempts when the %s of the caller ends',
    (what) =>
      bubble(function* () {
        const mine = what === 'deadline' ? withTimeout(ctx, 100) : withCancel(ctx)
        const target = new Target([{ ms: 1000 }, { ms: 1000 }])
        const g = go(function* () {
          yield* policy(hedge({ delayMs: 50 })).run(mine, served(target))
        })
        const outcome = g.outcome()
        yield* sleep(100)
        if (what === 'context') mine.cancel()
        if (what === 'goroutine') g.cancel()
        const { error } = yield* outcome
        if (what === 'goroutine') expect(error).toBeInstanceOf(Canceled)
        else expect(error).toBe(mine.err)
        yield* waitIdle()
        expect(target.log.slice(2).sort()).toEqual(['1 called off at 100', '2 called off at 100'])
        expect(scheduler().timers.size).toBe(0)
      }),
  )

  it('gives the same winner whatever the order of the goroutines', async () => {
    for (let seed = 0; seed < 50; seed++) {
      await bubble(
        function* () {
          const target = new Target([{ ms: 1000 }, { ms: 20 }, { ms: 1000 }])
          expect(yield* hedged(target, { attempts: 3, delayMs: 15 })).toEqual({ value: 2, atMs: 35 })
        },
        { seed },
      )
    }
  })

  it.each<[string, Partial<HedgeOptions>, CallOptions<number>]>([
    ['isFailure', {}, { isFailure: () => expect.unreachable('broken') as boolean }],
    ['isRetryable', { isRetryable: () => expect.unreachable('broken') as boolean }, {}],
  ])('fails with what %s throws, where that is broken', (_, options, call) =>
    bubble(function* () {
      const attempt = { ms: 10, ...('isRetryable' in options && { error: new Error('no') }) }
      const target = new Target([attempt, attempt])
      expect(String((yield* hedged(target, options, ctx, call)).error)).toMatch('broken')
    }),
  )

  it('exits when an attempt exits', () =>
    bubble(function* () {
      let hasReturned = false
      const g = go(function* () {
        yield* policy(hedge({ delayMs: 10 })).run(ctx, function* () {
          yield* goexit()
        })
        hasReturned = true
      })
      expect([yield* g, hasReturned]).toEqual([undefined, false])
    }))

  it('takes other settings for the calls that come, and leaves those that are under way theirs', () =>
    bubble(function* () {
      const guard = hedge({ delayMs: 50, name: 'search' })
      const told: unknown[] = []
      guard.figures.watch(({ what, detail }) => told.push([what, detail]))
      const slow = () => new Target([{ ms: 1000 }, { ms: 1000 }, { ms: 1000 }])
      const [before, after] = [slow(), slow()]
      const hedged = (target: Target) =>
        go(function* () {
          yield* policy(guard).run(ctx, served(target))
        })
      const first = hedged(before)
      yield* sleep(1)
      guard.configure({ delayMs: 10, attempts: 3, name: 'other' })
      const second = hedged(after)
      yield* first
      yield* second
      expect(before.log.slice(0, 2)).toEqual(['1 at 0', '2 at 50'])
      expect(after.log.slice(0, 3)).toEqual(['1 at 1', '2 at 11', '3 at 21'])
      expect(guard.stats()).toMatchObject({ name: 'search', admitted: 2, hedges: 3 })
      expect(told[0]).toEqual(['changed', expect.objectContaining({ delayMs: 10, attempts: 3 })])
    }))

  itRefuses(hedge, { delayMs: 1 }, [
    [{ delayMs: -1 }, 'the delayMs of a hedge is a finite number of milliseconds from 0, not -1'],
    [{ delayMs: Infinity }, 'the delayMs of a hedge is a finite number of milliseconds from 0, not Infinity'],
    [{ delayMs: Number.NaN }, 'the delayMs of a hedge is a finite number of milliseconds from 0, not NaN'],
    [
      { delayMs: 1, attempts: 1 },
      'the attempts of a hedge are a whole number from 2 to 5, the first one included, not 1',
    ],
    [
      { delayMs: 1, attempts: 6 },
      'the attempts of a hedge are a whole number from 2 to 5, the first one included, not 6',
    ],
  ])
})
