import { describe, expect, it } from 'vitest'
import { chan, go, run, select, wait, yieldNow } from 'sluice'
import { background, withCancel } from 'sluice/context'

/** A promise of another library, which may call back at once. */
const thenable = <T>(then: (resolve: (value: T) => void, reject: (error: unknown) => void) => void) =>
  ({ then }) as PromiseLike<T>

// biome-ignore lint/suspicious/noThenProperty: a value that only looks like a promise
const lookalike = { then: 'no function' }

describe('wait', () => {
  it('parks with a reason of its own until the promise settles', () =>
    run(function* () {
      let settle: (value: string) => void = () => {}
      const promise = new Promise<string>((resolve) => {
        settle = resolve
      })
      const g = go(function* () {
        return yield* wait(promise)
      })
      yield* yieldNow()
      expect(g.waitReason).toBe('promise')
      settle('settled')
      expect(yield* g).toBe('settled')
    }))

  it.each([0, '', null, undefined, lookalike])('of %o, which is no promise, gives it back', (value) =>
    run(function* () {
      expect(yield* wait(value)).toBe(value)
    }),
  )

  it('throws what a promise is rejected with, be it undefined', () =>
    run(function* () {
      for (const reason of [new Error('no'), undefined, 'text']) {
        const outcome = yield* go(function* () {
          yield* wait(Promise.reject(reason))
        }).outcome()
        expect(outcome).toEqual({ error: reason })
      }
    }))

  it('takes a thenable that settles at once, or later, or twice', () =>
    run(function* () {
      expect(yield* wait(thenable<number>((resolve) => resolve(1)))).toBe(1)
      expect(yield* wait(thenable<number>((resolve) => void Promise.resolve(2).then(resolve)))).toBe(2)
      const twice = thenable<number>((resolve, reject) => {
        resolve(3)
        reject(new Error('too late'))
      })
      expect(yield* wait(twice)).toBe(3)
    }))

  it('fails where the `then` of a thenable throws', () =>
    run(function* () {
      const { error } = yield* go(function* () {
        yield* wait(
          thenable(() => {
            throw new Error('broken then')
          }),
        )
      }).outcome()
      expect(String(error)).toBe('Error: broken then')
    }))

  it('of a thenable that settles at once costs no other case of a select its value', () =>
    run(function* () {
      const ch = chan<string>()
      const r = yield* select({ first: wait(thenable<number>((resolve) => resolve(1))), second: ch.recv() })
      expect(r).toEqual({ key: 'first', value: 1 })
      expect(ch.trySend('nobody receives')).toBe(false)
    }))

  it('given up, it takes no notice of how the promise settles', () =>
    run(function* () {
      let reject: (error: unknown) => void = () => {}
      const promise = new Promise<void>((_, no) => {
        reject = no
      })
      const ctx = withCancel(background())
      const g = go(function* () {
        yield* wait(promise).within(ctx)
      })
      yield* yieldNow()
      ctx.cancel()
      expect((yield* g.outcome()).error).toBe(ctx.err)
      reject(new Error('nobody waits'))
      yield* wait(Promise.resolve())
    }))

  it('serves many that wait for one promise', () =>
    run(function* () {
      const promise = Promise.resolve('for all')
      const all = Array.from({ length: 100 }, () =>
        go(function* () {
          return yield* wait(promise)
        }),
      )
      for (const g of all) expect(yield* g).toBe('for all')
    }))
})
