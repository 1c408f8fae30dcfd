import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { chan, go, run, sleep, wait, yieldNow } from 'sluice'

// The first test must stay first: it is about the moment when a program begins to use stores.
describe('AsyncLocalStorage', () => {
  const store = new AsyncLocalStorage<string>()
  const other = new AsyncLocalStorage<string>()

  it('entered for the first time inside a goroutine, stays with that goroutine', () =>
    run(function* () {
      const stranger = go(function* () {
        for (let i = 0; i < 5; i++) {
          expect(store.getStore()).toBeUndefined()
          yield* yieldNow()
        }
      })
      const g = go(function* () {
        store.enterWith('first')
        other.enterWith('second')
        for (let i = 0; i < 3; i++) {
          yield* yieldNow()
          expect([store.getStore(), other.getStore()]).toEqual(['first', 'second'])
        }
      })
      yield* g
      yield* stranger
      expect(store.getStore()).toBeUndefined()
    }))

  it('is inherited at the go, and kept across every park and wake', () =>
    run(function* () {
      const ch = chan<void>()
      const worker = function* (name: string) {
        for (let i = 0; i < 3; i++) {
          expect(store.getStore()).toBe(name)
          yield* ch.recv()
          expect(store.getStore()).toBe(name)
          yield* wait(Promise.resolve())
          expect(store.getStore()).toBe(name)
          yield* sleep(0)
          yield* yieldNow()
        }
        return store.getStore()
      }
      const all = ['a', 'b'].map((name) => store.run(name, () => go(worker, name)))
      for (let i = 0; i < 6; i++) yield* ch.send()
      expect([yield* all[0] as (typeof all)[0], yield* all[1] as (typeof all)[0]]).toEqual(['a', 'b'])
      expect(store.getStore()).toBeUndefined()
    }))

  it('what a goroutine enters later is its own, and that of those it starts from then on', () =>
    run(function* () {
      const early = chan<void>()
      const g = store.run('outer', () =>
        go(function* () {
          const before = go(function* () {
            yield* early.recv()
            return store.getStore()
          })
          store.enterWith('inner')
          const after = go(function* () {
            yield* yieldNow()
            return store.getStore()
          })
          yield* early.send()
          return [yield* before, yield* after, store.getStore()]
        }),
      )
      expect(yield* g).toEqual(['outer', 'inner', 'inner'])
    }))

  it('does not leak into who wakes, is woken or joins', () =>
    run(function* () {
      const ch = chan<number>()
      const receiver = store.run('receiver', () =>
        go(function* () {
          yield* ch.recv()
          return store.getStore()
        }),
      )
      const sender = store.run('sender', () =>
        go(function* () {
          yield* yieldNow()
          yield* ch.send(1)
          return store.getStore()
        }),
      )
      expect([yield* receiver, store.getStore()]).toEqual(['receiver', undefined])
      expect([yield* sender, store.getStore()]).toEqual(['sender', undefined])
    }))

  it('reaches the async functions that a goroutine calls', () =>
    run(function* () {
      const g = store.run('caller', () =>
        go(function* () {
          return yield* wait(
            (async () => {
              await Promise.resolve()
              return store.getStore()
            })(),
          )
        }),
      )
      expect(yield* g).toBe('caller')
    }))

  it('a run that ends its scope inside a step leaves no store', () =>
    run(function* () {
      expect(store.run('inside', () => store.getStore())).toBe('inside')
      yield* yieldNow()
      expect(store.getStore()).toBeUndefined()
    }))

  it('is kept by a goroutine that catches an error', () =>
    run(function* () {
      const g = store.run('kept', () =>
        go(function* () {
          try {
            yield* wait(Promise.reject(new Error('no')))
          } catch {
            yield* yieldNow()
          }
          return store.getStore()
        }),
      )
      expect(yield* g).toBe('kept')
    }))
})
