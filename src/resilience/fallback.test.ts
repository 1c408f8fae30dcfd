import { describe, expect, it } from 'vitest'
import { itRefuses } from '../../test/resilience/refuses.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { withTimeout } from '../context/deadline.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import { go } from '../runtime/go.js'
import type { Routine } from '../runtime/operation.js'
import { sleep, yieldNow } from '../runtime/sleep.js'
import { bubble } from '../testing/bubble.js'
import { fallback, type FallbackOptions } from './fallback.js'
import { policy } from './policy.js'
import { Refused } from './refused.js'
import { timeout } from './timeout.js'

const ctx = background()
const no = new Error('no')
const failing = () => {
  throw no
}

function* outcomeOf<T>(body: () => Routine<T>): Routine<{ error?: unknown; value?: T }> {
  return yield* go(body).outcome()
}

describe('fallback', () => {
  it('gives what the call gives where that goes well', () =>
    bubble(function* () {
      const guard = fallback({ value: 'other' })
      expect(yield* policy(guard).run(ctx, () => 'own')).toBe('own')
      expect(guard.stats()).toMatchObject({ kind: 'fallback', admitted: 1, fellBack: 0 })
    }))

  it('gives a value where the call failed or was refused, be it undefined', () =>
    bubble(function* () {
      const guard = fallback({ value: 'other', name: 'prices' })
      const told: unknown[] = []
      guard.figures.watch((event) => told.push(event))
      expect(yield* policy(guard).run<string>(ctx, failing)).toBe('other')
      const refused = new Refused('breaker', 'prices', 'it is open', 10)
      expect(
        yield* policy(guard).run<string>(ctx, () => {
          throw refused
        }),
      ).toBe('other')
      expect(told).toEqual([
        { kind: 'fallback', name: 'prices', what: 'fell back', detail: no },
        { kind: 'fallback', name: 'prices', what: 'fell back', detail: refused },
      ])
      expect(guard.stats()['fellBack']).toBe(2)
      expect(yield* policy(fallback({ value: undefined })).run(ctx, failing)).toBe(undefined)
    }))

  it.each<[string, FallbackOptions]>([
    [
      'a generator function',
      {
        call: function* (_, error) {
          yield* yieldNow()
          return `instead of ${error}`
        },
      },
    ],
    ['an operation', { call: (_, error) => go(() => `instead of ${error}`) }],
    ['an async one', { call: async (_, error) => Promise.resolve(`instead of ${error}`) }],
    ['a plain one', { call: (_, error) => `instead of ${error}` }],
  ])('gives what a function gives: %s', (_, options) =>
    bubble(function* () {
      expect(yield* policy(fallback(options)).run<string>(ctx, failing)).toBe('instead of Error: no')
    }),
  )

  it('throws what its function throws, and what the context ended with while it waited', () =>
    bubble(function* () {
      const other = new Error('other')
      const thrown = yield* outcomeOf(function* () {
        yield* policy(fallback({ call: () => Promise.reject(other) })).run(ctx, failing)
      })
      expect(thrown.error).toBe(other)
      const mine = withTimeout(ctx, 10)
      const late = yield* outcomeOf(function* () {
        yield* policy(fallback({ call: () => sleep(1000) })).run(mine, failing)
      })
      expect(late.error).toBe(mine.err)
    }))

  it('gives the last good value of the key, up to its age', () =>
    bubble(function* () {
      const guard = fallback({ lastGood: true, maxAgeMs: 100 })
      const p = policy(guard)
      const price = { cents: 5 }
      yield* p.run(ctx, () => price, { key: 'a' })
      yield* p.run(ctx, () => 7, { key: 'b' })
      yield* sleep(100)
      expect(yield* p.run<object>(ctx, failing, { key: 'a' })).toBe(price)
      expect(yield* p.run<number>(ctx, failing, { key: 'b' })).toBe(7)
      const noKey = yield* outcomeOf(function* () {
        yield* p.run(ctx, failing)
      })
      expect(noKey.error).toBe(no)
      yield* sleep(1)
      const old = yield* outcomeOf(function* () {
        yield* p.run(ctx, failing, { key: 'a' })
      })
      expect(old.error).toBe(no)
      expect(guard.stats()).toMatchObject({ fellBack: 2, hadNone: 2, keys: 2 })
    }))

  it('keeps the last good values of so many keys, those that were used last', () =>
    bubble(function* () {
      const p = policy(fallback({ lastGood: true, maxAgeMs: Infinity, maxKeys: 2 }))
      for (const key of ['a', 'b', 'a', 'c']) yield* p.run(ctx, () => key, { key })
      expect(yield* p.run<string>(ctx, failing, { key: 'a' })).toBe('a')
      const gone = yield* outcomeOf(function* () {
        yield* p.run(ctx, failing, { key: 'b' })
      })
      expect(gone.error).toBe(no)
    }))

  it('takes a value that means failure for an error, and gives it where it has nothing else', () =>
    bubble(function* () {
      const options = { isFailure: ({ status }: { status: number }) => status === 503 }
      const p = policy(fallback({ lastGood: true, maxAgeMs: 100 }))
      expect(yield* p.run(ctx, () => ({ status: 503 }), options)).toEqual({ status: 503 })
      yield* p.run(ctx, () => ({ status: 200 }), options)
      expect(yield* p.run(ctx, () => ({ status: 503 }), options)).toEqual({ status: 200 })
    }))

  it('tries one after the other where several are composed', () =>
    bubble(function* () {
      const p = policy(fallback({ value: 'none' }), fallback({ lastGood: true, maxAgeMs: 100 }))
      expect(yield* p.run<string>(ctx, failing)).toBe('none')
      yield* p.run(ctx, () => 'good')
      expect(yield* p.run<string>(ctx, failing)).toBe('good')
    }))

  it('stands in for a call that is too slow', () =>
    bubble(function* () {
      const p = policy(fallback({ value: 'other' }), timeout({ ms: 10 }))
      expect(yield* p.run<unknown>(ctx, () => sleep(1000))).toBe('other')
    }))

  it.each<[string, unknown, ((error: unknown) => boolean) | undefined]>([
    ['misuse', new ArgumentError('wrong'), undefined],
    ['cancellation, whatever the caller says', new Canceled(), () => true],
    ['what the caller says', no, (error) => error !== no],
  ])('does not stand in for %s', (_, error, isFallback) =>
    bubble(function* () {
      const guard = fallback({ value: 'other', ...(isFallback && { isFallback }) })
      const outcome = yield* outcomeOf(function* () {
        yield* policy(guard).run(ctx, () => {
          throw error
        })
      })
      expect(outcome.error).toBe(error)
    }),
  )

  it('gives nothing to a caller whose context has ended', () =>
    bubble(function* () {
      const mine = withCancel(ctx)
      const outcome = yield* outcomeOf(function* () {
        yield* policy(fallback({ value: 'other' })).run(mine, () => {
          mine.cancel()
          throw no
        })
      })
      expect(outcome.error).toBe(no)
    }))

  describe('configure', () => {
    it('changes what is given, and for what', () =>
      bubble(function* () {
        const guard = fallback({ value: 'other', name: 'prices' })
        const told: unknown[] = []
        guard.figures.watch(({ what, detail }) => told.push([what, detail]))
        const p = policy(guard)
        expect(yield* p.run<string>(ctx, failing)).toBe('other')
        guard.configure({ call: (_, error) => `instead of ${error}`, name: 'other' })
        expect(yield* p.run<string>(ctx, failing)).toBe('instead of Error: no')
        guard.configure({ value: undefined, isFallback: (error) => error !== no })
        const outcome = yield* outcomeOf(function* () {
          yield* p.run(ctx, failing)
        })
        expect(outcome.error).toBe(no)
        expect(guard.stats()).toMatchObject({ name: 'prices', admitted: 3, fellBack: 2 })
        expect(told.map((each) => String(each).split(',')[0])).toEqual([
          'fell back',
          'changed',
          'fell back',
          'changed',
        ])
      }))

    it('keeps the last good values while they are what is given', () =>
      bubble(function* () {
        const guard = fallback({ lastGood: true, maxAgeMs: 100 })
        const p = policy(guard)
        for (const key of ['a', 'b', 'c']) yield* p.run(ctx, () => key, { key })
        yield* sleep(101)
        guard.configure({ lastGood: true, maxAgeMs: 1000, maxKeys: 2 })
        expect(guard.stats()).toMatchObject({ keys: 2 })
        expect(yield* p.run<string>(ctx, failing, { key: 'c' })).toBe('c')
        guard.configure({ value: 'none' })
        expect(guard.stats()).toMatchObject({ keys: undefined })
        guard.configure({ lastGood: true, maxAgeMs: 1000 })
        expect(guard.stats()).toMatchObject({ keys: 0 })
      }))

    it('leaves a call that is under way what it began with', () =>
      bubble(function* () {
        const guard = fallback({ value: 'before' })
        const g = go(function* () {
          return yield* policy(guard).run<unknown>(ctx, function* () {
            yield* sleep(10)
            throw no
          })
        })
        yield* sleep(5)
        guard.configure({ value: 'after' })
        expect(yield* g).toBe('before')
      }))
  })

  itRefuses(fallback, { value: 1 }, [
    [{}, 'a fallback gives exactly one of value, call and lastGood, not none'],
    [
      { value: 1, call: () => 2 },
      'a fallback gives exactly one of value, call and lastGood, not value and call',
    ],
    [{ call: 1 }, 'the call of a fallback is a function, not 1'],
    [{ lastGood: true }, 'maxAgeMs is a time above 0 ms, Infinity for any age, not undefined'],
    [{ lastGood: true, maxAgeMs: 0 }, 'maxAgeMs is a time above 0 ms, Infinity for any age, not 0'],
    [{ lastGood: true, maxAgeMs: 1, maxKeys: 0 }, 'maxKeys is a whole number from 1, not 0'],
  ])
})
