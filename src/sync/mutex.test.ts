import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FatalError, go, type Operation, run, select, yieldNow } from 'sluice'
import { background, Canceled, withCancel } from 'sluice/context'
import { type Lock, Mutex, RWMutex } from 'sluice/sync'
import { bubble, waitIdle } from 'sluice/testing'

describe('Mutex', () => {
  it('MU1: tryLock takes a free mutex and leaves a locked one alone', () =>
    run(function* () {
      const mu = new Mutex()
      yield* mu.lock()
      expect(mu.tryLock()).toBe(false)
      mu.unlock()
      expect(mu.tryLock()).toBe(true)
      mu.unlock()
    }))

  it('MU1: ten goroutines lock and unlock a thousand times each, a third of it by tryLock', () =>
    bubble(function* () {
      const mu = new Mutex()
      let inside = 0
      let most = 0
      const hammers = Array.from({ length: 10 }, () =>
        go(function* () {
          for (let i = 0; i < 1000; i++) {
            if (i % 3 === 0) {
              if (mu.tryLock()) mu.unlock()
              continue
            }
            yield* mu.lock()
            most = Math.max(most, ++inside)
            if (i % 7 === 0) yield* yieldNow()
            inside--
            mu.unlock()
          }
        }),
      )
      for (const g of hammers) yield* g
      expect(most).toBe(1)
      expect(mu.tryLock()).toBe(true)
    }))

  const misuses: [string, (mu: Mutex, rw: RWMutex) => unknown][] = [
    ['an unlock of an unlocked mutex', (mu) => mu.unlock()],
    ['a second unlock', (mu) => [mu.tryLock(), mu.unlock(), mu.unlock()]],
    ['disposing a lock after its unlock', (mu) => [mu.tryLock(), mu.unlock(), mu[Symbol.dispose]()]],
    ['an unlock of an unlocked RWMutex', (_, rw) => rw.unlock()],
    ['an unlock of an RWMutex that is only read-locked', (_, rw) => [rw.tryRLock(), rw.unlock()]],
    ['a second unlock of an RWMutex', (_, rw) => [rw.tryLock(), rw.unlock(), rw.unlock()]],
    ['a runlock of an unlocked RWMutex', (_, rw) => rw.runlock()],
    ['a runlock of a write-locked RWMutex', (_, rw) => [rw.tryLock(), rw.runlock()]],
    ['one runlock too many', (_, rw) => [rw.tryRLock(), rw.runlock(), rw.runlock()]],
  ]
  it.each(misuses)('MU2: %s is fatal, whatever is caught', async (_, misuse) => {
    const crashes: unknown[] = []
    await run(
      function* () {
        try {
          misuse(new Mutex(), new RWMutex())
        } catch {
          // a catch-all does not save the program
        }
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([expect.any(FatalError)])
    expect(crashes).toMatchObject([
      { message: expect.stringMatching(/^sync: \w+ of unlocked (mutex|RWMutex)$/) },
    ])
  })

  it('MU3: a goroutine that locks again and again does not keep another one out', () =>
    bubble(function* () {
      const mu = new Mutex()
      let rounds = 0
      let finished = false
      const greedy = go(function* () {
        while (!finished) {
          using _ = yield* mu.lock()
          rounds++
          yield* yieldNow()
        }
      })
      for (let i = 0; i < 10; i++) {
        yield* yieldNow()
        using _ = yield* mu.lock()
      }
      finished = true
      yield* greedy
      expect(rounds).toBeLessThan(30)
    }))

  it('MU4: unlock hands the mutex to the one that waited longest, and a newcomer cannot barge in', () =>
    bubble(function* () {
      const mu = new Mutex()
      const order: string[] = []
      function* waiter(name: string) {
        using _ = yield* mu.lock()
        order.push(name)
      }
      yield* mu.lock()
      for (const name of ['first', 'second', 'third']) {
        go(waiter, name)
        yield* waitIdle()
      }

      mu.unlock()

      expect(mu.tryLock()).toBe(false)
      yield* waiter('newcomer')
      expect(order).toEqual(['first', 'second', 'third', 'newcomer'])
    }))

  it('says in a dump what is waited for', () =>
    bubble(function* () {
      const mu = new Mutex()
      yield* mu.lock()
      const g = go(function* () {
        yield* mu.lock()
      })
      yield* waitIdle()
      expect(g.waitReason).toBe('sync.Mutex.Lock')
      mu.unlock()
      yield* g
    }))

  it('is waited for no longer than the context lasts', () =>
    bubble(function* () {
      const mu = new Mutex()
      const ctx = withCancel(background())
      yield* mu.lock()
      const g = go(function* () {
        yield* mu.lock().within(ctx)
      })
      yield* waitIdle()

      ctx.cancel()

      expect(yield* g.outcome()).toEqual({ error: expect.any(Canceled) })
      mu.unlock()
      expect(mu.tryLock()).toBe(true)
    }))

  it('is locked in async code', async () => {
    const mu = new Mutex()
    {
      using _ = await mu.lock()
      expect(mu.tryLock()).toBe(false)
    }
    expect(mu.tryLock()).toBe(true)
  })

  it('is not lost by a select that chooses another case', () =>
    bubble(function* () {
      const [a, b] = [new Mutex(), new Mutex()]
      yield* a.lock()
      yield* b.lock()
      const g = go(function* () {
        const { key, value } = yield* select({ a: a.lock(), b: b.lock() })
        value[Symbol.dispose]()
        return key
      })
      yield* waitIdle()
      b.unlock()
      expect(yield* g).toBe('b')
      a.unlock()
      expect([a.tryLock(), b.tryLock()]).toEqual([true, true])
    }))

  it('MU4: serves in the order of arrival like a list of names, with any mixture of giving up', () => {
    const commands = fc.array(
      fc.record({ what: fc.constantFrom('lock', 'unlock', 'give up'), at: fc.nat(5) }),
    )
    fc.assert(
      fc.property(commands, (steps) => {
        const mu = new Mutex()
        const waits = new Map<number, Operation<Lock>>()
        let holder: number | undefined
        const model: number[] = [] // the naive twin: whoever holds, then those that wait
        steps.forEach(({ what, at }, id) => {
          if (what === 'lock') {
            const wait = mu.lock().claim()
            const grant = () => {
              waits.delete(id)
              holder = id
            }
            waits.set(id, wait)
            model.push(id)
            if (wait.attempt()) grant()
            else wait.parkFor({ wake: grant })
          } else if (what === 'unlock' && holder !== undefined) {
            holder = undefined
            model.shift()
            mu.unlock()
          } else if (what === 'give up') {
            const waiter = model[1 + at]
            if (waiter === undefined) return
            model.splice(1 + at, 1)
            waits.get(waiter)?.abandon()
            waits.delete(waiter)
          }
          expect(holder).toBe(model[0])
          expect([...waits.keys()]).toEqual(model.slice(1))
        })
      }),
      { numRuns: 500 },
    )
  })

  it('is held by one goroutine at a time and never lost, in any order and with any cancels', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(fc.nat(7), { maxLength: 12 }), async (seed, cancels) => {
        await bubble(
          function* () {
            const mu = new Mutex()
            let inside = 0
            const all = Array.from({ length: 8 }, () =>
              go(function* () {
                for (let i = 0; i < 4; i++) {
                  using _ = yield* mu.lock()
                  expect(++inside).toBe(1)
                  try {
                    yield* yieldNow()
                  } finally {
                    inside--
                  }
                }
              }),
            )
            for (const index of cancels) {
              yield* yieldNow()
              all[index]?.cancel()
            }
            for (const g of all) {
              const { error } = yield* g.outcome()
              if (error !== undefined) expect(error).toBeInstanceOf(Canceled)
            }
            expect(mu.tryLock()).toBe(true)
          },
          { seed },
        )
      }),
      { numRuns: 300 },
    ))
})
