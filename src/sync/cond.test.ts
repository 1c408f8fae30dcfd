import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FatalError, go, type Goroutine, run, yieldNow } from 'sluice'
import { background, Canceled, withCancel } from 'sluice/context'
import { Cond, Mutex } from 'sluice/sync'
import { bubble, waitIdle } from 'sluice/testing'

describe('Cond', () => {
  it('CO1: each signal wakes exactly one, and a signal too many none', () =>
    bubble(function* () {
      const { cond, awake, wait } = room()
      const waiters = [go(wait, 0), go(wait, 1)]
      yield* waitIdle()
      expect(waiters.map((g) => g.waitReason)).toEqual(['sync.Cond.Wait', 'sync.Cond.Wait'])
      for (const expected of [[0], [0, 1], [0, 1]]) {
        cond.signal()
        yield* waitIdle()
        expect(awake).toEqual(expected)
      }
    }))

  it('CO2: a hundred that come between signals are woken in the order they came', () =>
    bubble(function* () {
      const { cond, awake, wait } = room()
      for (let i = 0; i < 100; i++) {
        go(wait, i)
        yield* waitIdle()
        if (i > 0) cond.signal()
        yield* waitIdle()
        expect(awake.length).toBe(i)
      }
      cond.signal()
      yield* waitIdle()
      expect(awake).toEqual(Array.from({ length: 100 }, (_, i) => i))
    }))

  it('CO3: a broadcast wakes each of two hundred once, two hundred times', () =>
    bubble(function* () {
      const { mu, cond } = room()
      const wakings = new Array<number>(200).fill(0)
      for (let i = 0; i < 200; i++) {
        go(function* () {
          using _ = yield* mu.lock()
          for (let round = 0; round < 200; round++) {
            yield* cond.wait()
            wakings[i] = (wakings[i] ?? 0) + 1
          }
        })
      }
      for (let round = 1; round <= 200; round++) {
        yield* waitIdle()
        cond.broadcast()
        yield* waitIdle()
        expect(new Set(wakings)).toEqual(new Set([round]))
      }
    }))

  it('CO4: the one that waited is notified, not one that comes at the moment of the signal', () =>
    bubble(function* () {
      const { mu, cond, awake, wait } = room()
      for (let round = 0; round < 100; round++) {
        awake.length = 0
        go(wait, 1)
        yield* waitIdle()
        yield* mu.lock()
        go(wait, 2)
        cond.signal()
        mu.unlock()
        yield* waitIdle()
        expect(awake).toEqual([1])
        cond.broadcast()
        yield* waitIdle()
      }
    }))

  it('CO5: wait gives the mutex to others and has it again when it returns', () =>
    bubble(function* () {
      const { mu, cond } = room()
      const waiter = go(function* () {
        using _ = yield* mu.lock()
        yield* cond.wait()
        return mu.tryLock()
      })
      yield* waitIdle()
      yield* mu.lock()
      cond.signal()
      yield* waitIdle()
      expect(waiter.state).toBe('waiting') // signaled, but the mutex is taken
      mu.unlock()
      expect(yield* waiter).toBe(false)
      expect(mu.tryLock()).toBe(true)
    }))

  it('CO5: it has the mutex again also when it was canceled', () =>
    bubble(function* () {
      const { mu, cond } = room()
      const waiter = go(function* () {
        using _ = yield* mu.lock()
        try {
          yield* cond.wait()
        } finally {
          expect(mu.tryLock()).toBe(false)
        }
      })
      yield* waitIdle()
      yield* mu.lock()
      waiter.cancel()
      yield* waitIdle()
      expect(waiter.state).toBe('waiting')
      mu.unlock()
      expect(yield* waiter.outcome()).toEqual({ error: expect.any(Canceled) })
      expect(mu.tryLock()).toBe(true)
    }))

  it.each([0, 1])('CO5: it has the mutex again when context %i of two has ended', (which) =>
    bubble(function* () {
      const { mu, cond } = room()
      const contexts = [withCancel(background()), withCancel(background())] as const
      const waiter = go(function* () {
        using _ = yield* mu.lock()
        yield* cond.wait().within(contexts[0]).within(contexts[1])
      })
      yield* waitIdle()
      contexts[which === 0 ? 0 : 1].cancel()
      expect(yield* waiter.outcome()).toEqual({ error: expect.any(Canceled) })
      cond.signal()
      expect(mu.tryLock()).toBe(true)
    }),
  )

  it('CO5: with a context that has ended it fails at once and keeps the mutex', () =>
    run(function* () {
      const { mu, cond } = room()
      const ctx = withCancel(background())
      ctx.cancel()
      yield* mu.lock()
      const { error } = yield* go(function* () {
        yield* cond.wait().within(ctx)
      }).outcome()
      expect(error).toBeInstanceOf(Canceled)
      mu.unlock()
    }))

  it('CO1: a signal for one that is canceled goes to the next', () =>
    bubble(function* () {
      const { mu, cond, awake, wait } = room()
      const first = go(wait, 1)
      yield* waitIdle()
      go(wait, 2)
      yield* waitIdle()
      yield* mu.lock()
      cond.signal()
      first.cancel()
      mu.unlock()
      yield* waitIdle()
      expect(awake).toEqual([2])
    }))

  it('CO1: one that is canceled between two others that are signaled too takes nobody along', () =>
    bubble(function* () {
      const { mu, cond, awake, wait } = room()
      const waiters = []
      for (const id of [0, 1, 2, 3, 4]) {
        waiters.push(go(wait, id))
        yield* waitIdle()
      }
      yield* mu.lock()
      for (let i = 0; i < 4; i++) cond.signal()
      waiters[1]?.cancel()
      waiters[3]?.cancel()
      mu.unlock()
      yield* waitIdle()
      expect(awake).toEqual([0, 2, 4])
      expect(mu.tryLock()).toBe(true)
    }))

  it('CO5: to wait without the mutex is fatal, and nothing waits', async () => {
    const crashes: unknown[] = []
    await run(
      function* () {
        const { cond } = room()
        const { error } = yield* go(function* () {
          yield* cond.wait()
        }).outcome()
        expect(error).toBeInstanceOf(FatalError)
        cond.broadcast()
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([expect.any(FatalError)])
  })

  it('CO1: a queue over a cond gives every value to one consumer, in any order and with any cancels', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(fc.nat(5), { maxLength: 5 }), async (seed, cancels) => {
        await bubble(
          function* () {
            const { mu, cond } = room()
            const queue: number[] = []
            const taken: number[] = []
            function* consume() {
              for (;;) {
                using _ = yield* mu.lock()
                while (queue.length === 0) yield* cond.wait()
                taken.push(queue.shift() ?? -1)
              }
            }
            const consumers: Goroutine<void>[] = Array.from({ length: 8 }, () => go(consume))
            for (let value = 0; value < 30; value++) {
              {
                using _ = yield* mu.lock()
                queue.push(value)
                cond.signal()
              }
              if (value % 3 === 0) yield* yieldNow()
              if (value % 6 === 0) consumers[cancels[value / 6] ?? -1]?.cancel()
            }
            yield* waitIdle()
            expect(taken).toEqual(Array.from({ length: 30 }, (_, i) => i))
            for (const g of consumers) g.cancel()
          },
          { seed },
        )
      }),
      { numRuns: 300 },
    ))
})

function room() {
  const mu = new Mutex()
  const cond = new Cond(mu)
  const awake: number[] = []
  function* wait(id: number) {
    using _ = yield* mu.lock()
    yield* cond.wait()
    awake.push(id)
  }
  return { mu, cond, awake, wait }
}
