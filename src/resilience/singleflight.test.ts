import { describe, expect, it } from 'vitest'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { type Context, contextKey } from '../context/context.js'
import { DeadlineExceeded, withTimeout } from '../context/deadline.js'
import { withValue } from '../context/value.js'
import { Canceled } from '../runtime/errors.js'
import { go } from '../runtime/go.js'
import type { Goroutine, Outcome } from '../runtime/goroutine.js'
import { goexit } from '../runtime/goexit.js'
import type { Routine } from '../runtime/operation.js'
import { sleep } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { Figures } from './figures.js'
import { DONE, FAILED, type Gate, GIVEN_UP } from './guard.js'
import { policy } from './policy.js'
import { Refused } from './refused.js'
import { type Singleflight, singleflight } from './singleflight.js'

const ctx = background()

/** How all of them end. Asked for at once: a failure that nobody has asked for yet ends the bubble. */
function* outcomesOf<T>(all: readonly Goroutine<T>[]): Routine<Outcome<T>[]> {
  const operations = all.map((g) => g.outcome())
  const outcomes: Outcome<T>[] = []
  for (const operation of operations) outcomes.push(yield* operation)
  return outcomes
}

/** A call that lasts 100 ms and counts how often it was made. */
class Source {
  calls = 0
  readonly endings: number[] = []
  private readonly figures = new Figures('test', 'source')
  readonly gate: Gate = {
    figures: this.figures,
    stats: () => this.figures.stats('ok'),
    enter: () => 0,
    wait: () => sleep(0) as never,
    leave: (_, ending) => this.endings.push(ending),
    refusal: () => new Refused('test', 'source', 'never', undefined),
  }

  constructor(private readonly error?: Error) {}

  /** Asks for `key` in a goroutine of its own. */
  ask(guard: Singleflight, key?: string, within: Context = ctx) {
    return go(function* (source: Source) {
      return yield* policy(guard, source.gate).run(
        within,
        () => source.serve(),
        key === undefined ? {} : { key },
      )
    }, this)
  }

  private serve() {
    return go(function* (source: Source) {
      const number = ++source.calls
      yield* sleep(100)
      if (source.error !== undefined) throw source.error
      return number
    }, this)
  }
}

describe('singleflight', () => {
  it('makes one call for all that ask for a key at the same time', () =>
    bubble(function* () {
      const guard = singleflight({ name: 'products' })
      const source = new Source()
      const all = ['a', 'a', 'b', 'a'].map((key) => source.ask(guard, key))
      yield* waitIdle()
      expect(guard.stats()).toMatchObject({
        kind: 'singleflight',
        name: 'products',
        admitted: 4,
        waiting: 2,
        shared: 2,
        inFlight: 2,
      })
      const values = []
      for (const g of all) values.push(yield* g)
      expect(values).toEqual([1, 1, 2, 1])
      expect(yield* source.ask(guard, 'a')).toBe(3)
      expect(guard.stats()).toMatchObject({ waiting: 0, waited: 2, inFlight: 0 })
      expect(source.endings).toEqual([DONE, DONE, DONE])
    }))

  it('makes a call without a key by itself', () =>
    bubble(function* () {
      const guard = singleflight()
      const source = new Source()
      const [a, b] = [source.ask(guard), source.ask(guard)]
      expect([yield* a, yield* b]).toEqual([1, 2])
    }))

  it('gives its error to all', () =>
    bubble(function* () {
      const no = new Error('no')
      const source = new Source(no)
      const guard = singleflight()
      const all = [source.ask(guard, 'a'), source.ask(guard, 'a')]
      expect(yield* outcomesOf(all)).toEqual([{ error: no }, { error: no }])
      expect(source.calls).toBe(1)
    }))

  it.each(['context', 'goroutine', 'deadline'])(
    'does not fail the others when the first one gives up by its %s',
    (what) =>
      bubble(function* () {
        const guard = singleflight()
        const source = new Source()
        const mine = what === 'deadline' ? withTimeout(ctx, 50) : withCancel(ctx)
        const first = source.ask(guard, 'a', mine)
        const outcome = first.outcome()
        const second = source.ask(guard, 'a')
        yield* sleep(50)
        if (what === 'context') mine.cancel()
        if (what === 'goroutine') first.cancel()
        expect((yield* outcome).error).toBeInstanceOf(what === 'deadline' ? DeadlineExceeded : Canceled)
        expect(yield* second).toBe(1)
        expect(source.endings).toEqual([DONE])
      }),
  )

  it.each([
    ['given up', GIVEN_UP, () => withCancel(ctx)],
    ['too slow', FAILED, () => withTimeout(ctx, 50)],
  ])('ends the call when the last one has left, as %s', (_, ending, context) =>
    bubble(function* () {
      const guard = singleflight()
      const source = new Source()
      const mine = context()
      const all = go(outcomesOf<number>, [source.ask(guard, 'a', mine), source.ask(guard, 'a', mine)])
      yield* sleep(49)
      expect(source.endings).toEqual([])
      yield* sleep(1)
      mine.cancel()
      expect(yield* all).toEqual([{ error: mine.err }, { error: mine.err }])
      yield* waitIdle()
      expect(source.endings).toEqual([ending])
      expect(guard.stats()).toMatchObject({ inFlight: 0, waiting: 0 })
      expect(yield* source.ask(guard, 'a')).toBe(2)
    }),
  )

  it('counts it as too slow also where the call does not listen to its context', () =>
    bubble(function* () {
      const source = new Source()
      const g = go(function* () {
        yield* policy(singleflight(), source.gate).run(
          withTimeout(ctx, 50),
          function* () {
            yield* sleep(100)
          },
          { key: 'a' },
        )
      })
      expect((yield* g.outcome()).error).toBeInstanceOf(DeadlineExceeded)
      yield* waitIdle()
      expect(source.endings).toEqual([FAILED])
    }))

  it('starts anew for one who comes after the last one has left, while the call cleans up', () =>
    bubble(function* () {
      const p = policy(singleflight())
      let calls = 0
      function* call(ctx: Context) {
        const number = ++calls
        try {
          yield* sleep(100).within(ctx)
        } finally {
          yield* sleep(50)
        }
        return number
      }
      const ask = (within: Context) =>
        go(function* () {
          return yield* p.run(within, call, { key: 'a' })
        })
      const mine = withCancel(ctx)
      const first = ask(mine)
      yield* waitIdle()
      mine.cancel()
      yield* first.outcome()
      expect(yield* ask(ctx)).toBe(2)
    }))

  it('makes the next call anew for a key that was forgotten', () =>
    bubble(function* () {
      const guard = singleflight()
      const source = new Source()
      const first = source.ask(guard, 'a')
      yield* waitIdle()
      guard.forget('a')
      const second = source.ask(guard, 'a')
      const third = source.ask(guard, 'a')
      expect([yield* first, yield* second, yield* third]).toEqual([1, 2, 2])
    }))

  it('has the values of the first caller, and no deadline', () =>
    bubble(function* () {
      const key = contextKey<string>('trace')
      const seen = yield* policy(singleflight()).run(
        withValue(withTimeout(ctx, 1000), key, 'abc'),
        (ctx) => ({ value: ctx.value(key), deadline: ctx.deadline }),
        { key: 'a' },
      )
      expect(seen).toEqual({ value: 'abc', deadline: undefined })
      yield* sleep(1000)
    }))

  it('exits in all callers when the call exits', () =>
    bubble(function* () {
      const p = policy(singleflight())
      let returned = 0
      const all = [1, 2].map(() =>
        go(function* () {
          yield* p.run(
            ctx,
            function* () {
              yield* goexit()
            },
            { key: 'a' },
          )
          returned++
        }),
      )
      for (const g of all) expect(yield* g).toBe(undefined)
      expect(returned).toBe(0)
    }))

  it('gives all the same value whatever the order of the goroutines', async () => {
    for (let seed = 0; seed < 30; seed++) {
      await bubble(
        function* () {
          const guard = singleflight()
          const source = new Source()
          const all = Array.from({ length: 8 }, (_, i) =>
            source.ask(guard, 'a', withTimeout(ctx, i < 4 ? 50 : 200)),
          )
          const outcomes = yield* outcomesOf(all)
          expect(outcomes.slice(4)).toEqual([1, 1, 1, 1].map((value) => ({ value })))
          expect(source.calls).toBe(1)
          yield* waitIdle()
          expect(guard.stats()['inFlight']).toBe(0)
        },
        { seed },
      )
    }
  })
})
