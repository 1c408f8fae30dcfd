import { describe, expect, it } from 'vitest'
import { HandClock } from '../../test/resilience/hand-clock.js'
import { itRefuses } from '../../test/resilience/refuses.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import type { Context } from '../context/context.js'
import { Canceled } from '../runtime/errors.js'
import { go } from '../runtime/go.js'
import { sleep } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { type Cached, type CachedOptions, cached } from './cached.js'
import { policy } from './policy.js'

const ctx = background()

/** A call that lasts 10 ms and gives how often it was made, or throws. */
class Source {
  calls = 0
  error: Error | undefined = undefined

  constructor(
    private readonly guard: Cached,
    private readonly isFailure: (value: number) => boolean = () => false,
  ) {}

  ask(key?: string, within: Context = ctx) {
    return go(function* (source: Source) {
      return yield* policy(source.guard).run(within, () => source.serve(), {
        isFailure: source.isFailure,
        ...(key !== undefined && { key }),
      })
    }, this)
  }

  private serve() {
    return go(function* (source: Source) {
      const number = ++source.calls
      yield* sleep(10)
      if (source.error !== undefined) throw source.error
      return number
    }, this)
  }
}

describe('cached', () => {
  it('gives a value without a call for as long as it is fresh', () =>
    bubble(function* () {
      const guard = cached({ ttlMs: 100, name: 'products' })
      const source = new Source(guard)
      expect(yield* source.ask('a')).toBe(1)
      yield* sleep(99)
      expect(yield* source.ask('a')).toBe(1)
      yield* sleep(1)
      expect(yield* source.ask('a')).toBe(2)
      expect(guard.stats()).toMatchObject({
        kind: 'cached',
        name: 'products',
        admitted: 3,
        hits: 1,
        misses: 2,
      })
    }))

  it('keeps undefined as well', () =>
    bubble(function* () {
      let calls = 0
      const p = policy(cached({ ttlMs: 100 }))
      for (let i = 0; i < 2; i++) {
        yield* p.run(
          ctx,
          () => {
            calls++
          },
          { key: 'a' },
        )
      }
      expect(calls).toBe(1)
    }))

  it('makes one call for all who miss a key at the same time', () =>
    bubble(function* () {
      const source = new Source(cached({ ttlMs: 100 }))
      const all = ['a', 'a', 'b', 'a'].map((key) => source.ask(key))
      const values = []
      for (const g of all) values.push(yield* g)
      expect(values).toEqual([1, 1, 2, 1])
    }))

  it('does not take the call away from the others when the first one gives up', () =>
    bubble(function* () {
      const source = new Source(cached({ ttlMs: 100 }))
      const mine = withCancel(ctx)
      const [first, second] = [source.ask('a', mine), source.ask('a')]
      yield* waitIdle()
      mine.cancel()
      expect((yield* first.outcome()).error).toBeInstanceOf(Canceled)
      expect([yield* second, yield* source.ask('a')]).toEqual([1, 1])
    }))

  it('keeps no error, and no value that means failure', () =>
    bubble(function* () {
      const guard = cached({ ttlMs: 100 })
      const source = new Source(guard, (value) => value === 2)
      source.error = new Error('no')
      expect((yield* source.ask('a').outcome()).error).toBe(source.error)
      source.error = undefined
      expect(yield* source.ask('a')).toBe(2)
      expect(yield* source.ask('a')).toBe(3)
      expect(yield* source.ask('a')).toBe(3)
    }))

  it('makes calls without a key as they are', () =>
    bubble(function* () {
      const source = new Source(cached({ ttlMs: 100 }))
      expect([yield* source.ask(), yield* source.ask()]).toEqual([1, 2])
    }))

  it('keeps so many keys, those that were used last', () =>
    bubble(function* () {
      const guard = cached({ ttlMs: 1000, maxKeys: 2 })
      const source = new Source(guard)
      for (const key of ['a', 'b', 'a', 'c']) yield* source.ask(key)
      expect(guard.stats()).toMatchObject({ keys: 2, evictions: 1 })
      expect(yield* source.ask('a')).toBe(1)
      expect(yield* source.ask('b')).toBe(4)
    }))

  describe('with staleMs', () => {
    const options: CachedOptions = { ttlMs: 100, staleMs: 200 }

    it('gives a value that is too old at once, while one call replaces it', () =>
      bubble(function* () {
        const guard = cached(options)
        const source = new Source(guard)
        yield* source.ask('a')
        yield* sleep(100)
        const all = [source.ask('a'), source.ask('a')]
        for (const g of all) expect(yield* g).toBe(1)
        expect(source.calls).toBe(1) // its turn has not come yet
        yield* sleep(11)
        expect(yield* source.ask('a')).toBe(2)
        expect(guard.stats()).toMatchObject({ hits: 1, staleHits: 2, misses: 1 })
      }))

    it('waits for a new one when it is older than that', () =>
      bubble(function* () {
        const source = new Source(cached(options))
        yield* source.ask('a')
        yield* sleep(300)
        expect(yield* source.ask('a')).toBe(2)
      }))

    it('goes on with the old one when the new one fails, and counts that', () =>
      bubble(function* () {
        const guard = cached(options)
        const source = new Source(guard)
        const told: unknown[] = []
        guard.figures.watch(({ what, detail }) => told.push([what, detail]))
        yield* source.ask('a')
        yield* sleep(100)
        source.error = new Error('no')
        expect(yield* source.ask('a')).toBe(1)
        yield* sleep(11)
        expect(told).toEqual([['refresh failed', source.error]])
        source.error = undefined
        expect(yield* source.ask('a')).toBe(1)
        yield* sleep(11)
        expect(yield* source.ask('a')).toBe(3)
        expect(guard.stats()['failedRefreshes']).toBe(1)
      }))

    it('replaces it even when the caller, and one who waits for the new one, have left', () =>
      bubble(function* () {
        const guard = cached({ ttlMs: 100, staleMs: 5 })
        const source = new Source(guard)
        yield* source.ask('a')
        yield* sleep(100)
        const mine = withCancel(ctx)
        yield* source.ask('a', mine)
        yield* sleep(6) // too old even for that
        const waiting = source.ask('a', mine)
        yield* waitIdle()
        mine.cancel()
        yield* waiting.outcome()
        yield* sleep(4)
        expect(yield* source.ask('a')).toBe(2)
      }))
  })

  it('forgets a key, and does not keep what was being fetched for it', () =>
    bubble(function* () {
      for (const how of ['delete', 'clear'] as const) {
        const guard = cached({ ttlMs: 1000 })
        const source = new Source(guard)
        const forget = () => (how === 'delete' ? guard.delete('a') : guard.clear())
        yield* source.ask('a')
        forget()
        const fetching = source.ask('a')
        yield* waitIdle()
        forget()
        expect(yield* fetching).toBe(2)
        expect(yield* source.ask('a')).toBe(3)
      }
    }))

  it('takes other settings for the values that it has as well', () =>
    bubble(function* () {
      const guard = cached({ ttlMs: 1000, name: 'products' })
      const told: unknown[] = []
      guard.figures.watch(({ what, detail }) => told.push([what, detail]))
      const source = new Source(guard)
      for (const key of ['a', 'b', 'c']) yield* source.ask(key)
      yield* sleep(100)
      guard.configure({ ttlMs: 50, staleMs: 500, maxKeys: 2, name: 'other' })
      expect(guard.stats()).toMatchObject({ name: 'products', keys: 2, evictions: 1, misses: 3 })
      expect(yield* source.ask('c'), 'old by now').toBe(3)
      yield* sleep(11)
      expect(yield* source.ask('c')).toBe(4)
      guard.configure({ ttlMs: 1000 })
      expect(yield* source.ask('b'), 'and young again').toBe(2)
      expect(guard.stats()).toMatchObject({ hits: 2, staleHits: 1, misses: 3 })
      expect(told).toEqual([
        ['changed', { ttlMs: 50, staleMs: 500, maxKeys: 2 }],
        ['changed', { ttlMs: 1000, staleMs: 0, maxKeys: 1000 }],
      ])
    }))

  itRefuses((options: CachedOptions) => cached({ clock: new HandClock(), ...options }), { ttlMs: 1 }, [
    [{ ttlMs: 0 }, 'ttlMs is a time above 0 ms, not 0: singleflight() shares without keeping'],
    [{ ttlMs: Number.NaN }, 'ttlMs is a time above 0 ms, not NaN: singleflight() shares without keeping'],
    [{ ttlMs: 1, staleMs: -1 }, 'staleMs is a time from 0 ms, not -1'],
    [{ ttlMs: 1, maxKeys: 1.5 }, 'maxKeys is a whole number from 1, not 1.5'],
  ])
})
