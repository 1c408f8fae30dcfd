import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FatalError, go, type Operation, type Routine, run, select, yieldNow } from 'sluice'
import { background, Canceled, withCancel } from 'sluice/context'
import { procs, sharedChan, stopProcs, WorkerDied } from 'sluice/parallel'
import {
  addUnder,
  dieWithMutex,
  give,
  hammer,
  lockAndTell,
  lockImpatiently,
  make,
  sendOrLock,
  startAndLock,
  tryLock,
  unlock,
} from '../../test/parallel/sync-tasks.js'
import { AtomicInt } from './atomic-int.js'
import { thisProcessor } from './current.js'
import { Claim } from './offer-board.js'
import { OwnerDied } from './owner-died.js'
import { SharedMutex } from './shared-mutex.js'

describe('SharedMutex', () => {
  beforeAll(() => void procs(4))
  afterAll(() => stopProcs())

  it('MU1: tryLock takes a free mutex and leaves a locked one alone, on any thread', () =>
    run(function* () {
      const mu = new SharedMutex()
      yield* mu.lock()
      expect(mu.tryLock()).toBe(false)
      expect(yield* tryLock.on(1)(mu)).toBe(false)
      mu.unlock()
      expect(yield* tryLock.on(1)(mu)).toBe(true)
      expect(mu.tryLock()).toBe(false)
      mu.unlock()
      expect(mu.tryLock()).toBe(true)
      yield* unlock.on(1)(mu)
      expect(mu.tryLock()).toBe(true)
    }))

  it('MU1: goroutines of four threads lock and unlock a thousand times each, and none sees another one inside', () =>
    run(function* () {
      const mu = new SharedMutex()
      const value = new AtomicInt()
      const hammers = [0, 1, 2, 3, 1, 2].map((p) => go(() => addUnder.on(p)(mu, value, 1000)))
      const own = [1, 2].map(() =>
        go(function* () {
          for (let i = 0; i < 1000; i++) {
            using _ = yield* mu.lock()
            const before = value.load()
            if (i % 7 === 0) yield* yieldNow()
            value.store(before + 1)
          }
        }),
      )
      for (const g of [...hammers, ...own]) yield* g
      expect(value.load()).toBe(8000)
      expect(mu.tryLock()).toBe(true)
    }))

  const misuses: [string, (mu: SharedMutex) => unknown][] = [
    ['an unlock of an unlocked mutex', (mu) => mu.unlock()],
    ['a second unlock', (mu) => [mu.tryLock(), mu.unlock(), mu.unlock()]],
    ['disposing a lock after its unlock', (mu) => [mu.tryLock(), mu.unlock(), mu[Symbol.dispose]()]],
  ]
  it.each(misuses)('MU2: %s is fatal, whatever is caught', async (_, misuse) => {
    const crashes: unknown[] = []
    await run(
      function* () {
        try {
          misuse(new SharedMutex())
        } catch {
          // a catch-all does not save the program
        }
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([expect.any(FatalError)])
    expect(crashes).toMatchObject([{ message: 'sync: unlock of unlocked mutex' }])
  })

  it('MU3: threads that lock again and again do not keep a goroutine out, nor each other', () =>
    run(function* () {
      const mu = new SharedMutex()
      const stop = new AtomicInt()
      const counts = [1, 2, 3].map(() => new AtomicInt())
      const greedy = counts.map((times, i) => go(() => hammer.on(i + 1)(mu, times, stop)))
      while (counts.every((times) => times.load() === 0)) yield* yieldNow()
      for (let own = 0; own < 10 || counts.some((times) => times.load() < 100); own++) {
        using _ = yield* mu.lock()
        yield* yieldNow()
      }
      stop.store(1)
      for (const g of greedy) yield* g
    }))

  it('MU4: goroutines of one thread have it in the order in which they came, and a newcomer cannot barge in', () =>
    run(function* () {
      const mu = new SharedMutex()
      const order: string[] = []
      function* waiter(name: string): Routine<void> {
        using _ = yield* mu.lock()
        order.push(name)
      }
      yield* mu.lock()
      for (const name of ['first', 'second', 'third']) {
        go(waiter, name)
        yield* yieldNow()
      }
      mu.unlock()
      expect(mu.tryLock()).toBe(false)
      yield* waiter('newcomer')
      expect(order).toEqual(['first', 'second', 'third', 'newcomer'])
    }))

  it('wakes a goroutine that waits on another thread', () =>
    run(function* () {
      const mu = new SharedMutex()
      const order = sharedChan<string>(2)
      yield* mu.lock()
      const waiters = [
        go(() => lockAndTell.on(1)(mu, order, 'P1')),
        go(() => lockAndTell.on(2)(mu, order, 'P2')),
      ]
      yield* yieldNow()
      mu.unlock()
      const names = [yield* order.recv(), yield* order.recv()]
      expect(names.sort()).toEqual(['P1', 'P2'])
      for (const g of waiters) yield* g
    }))

  it('is the same one wherever it comes from, and is unlocked on another thread than it was locked on', () =>
    run(function* () {
      const mu = (yield* make.on(1)('mutex')) as SharedMutex
      expect(mu.tryLock()).toBe(false)
      mu.unlock()
      expect(mu.tryLock()).toBe(true)
      expect(yield* give(mu)).toBe(mu)
    }))

  it('says in a dump what is waited for, and is waited for no longer than the context lasts', () =>
    run(function* () {
      const mu = new SharedMutex()
      const ctx = withCancel(background())
      yield* mu.lock()
      const g = go(function* () {
        yield* mu.lock().within(ctx)
      })
      yield* yieldNow()
      expect(g.waitReason).toBe('shared sync.Mutex.Lock')
      ctx.cancel()
      expect(yield* g.outcome()).toEqual({ error: expect.any(Canceled) })
      mu.unlock()
      expect(mu.tryLock()).toBe(true)
    }))

  it('is held by one goroutine at a time and never lost where waits are given up at any moment', () =>
    run(function* () {
      const mu = new SharedMutex()
      const inside = new AtomicInt()
      const all = [0, 1, 2, 3, 1, 2, 3].map((p) => go(() => lockImpatiently.on(p)(mu, inside, 150)))
      for (const g of all) yield* g
      expect(mu.tryLock()).toBe(true)
      expect(inside.load()).toBe(0)
    }))

  it('is locked in async code', async () => {
    const mu = new SharedMutex()
    {
      using _ = await mu.lock()
      expect(mu.tryLock()).toBe(false)
    }
    expect(mu.tryLock()).toBe(true)
  })

  it('is not lost by a select that chooses another case', () =>
    run(function* () {
      const [a, b] = [new SharedMutex(), new SharedMutex()]
      yield* a.lock()
      yield* b.lock()
      const g = go(function* () {
        const { key, value } = yield* select({ a: a.lock(), b: b.lock() })
        value[Symbol.dispose]()
        return key
      })
      yield* yieldNow()
      b.unlock()
      expect(yield* g).toBe('b')
      a.unlock()
      expect([a.tryLock(), b.tryLock()]).toEqual([true, true])
    }))

  it('a select of an unbuffered shared send and a lock does one of the two, on whichever thread it is decided', () =>
    run(function* () {
      const mu = new SharedMutex()
      const out = sharedChan<number>()
      const times = 300
      const selects = [1, 2, 0].map((p) => go(() => sendOrLock.on(p)(mu, out, times)))
      let received = 0
      const receiver = go(function* () {
        for (let v = yield* out.recv(); v !== undefined; v = yield* out.recv()) {
          received += v
          if (received % 5 === 0) {
            using _ = yield* mu.lock()
            yield* yieldNow()
          }
        }
      })
      let [sent, locked] = [0, 0]
      for (const g of selects) {
        const counts = yield* g
        sent += counts.sent
        locked += counts.locked
      }
      out.close()
      yield* receiver
      expect(sent + locked).toBe(3 * times)
      expect(received).toBe(sent)
      expect(mu.tryLock()).toBe(true)
    }))

  it('is not taken by a select that another thread has just committed', () =>
    run(function* () {
      const mu = new SharedMutex()
      const processor = thisProcessor()
      const woken: Operation<unknown>[] = []
      for (const p of [0, 1]) {
        const claim = new Claim(processor)
        expect(mu.tryLock()).toBe(true)
        const lock = mu.lock().claim()
        lock.parkFor({ wake: (operation) => woken.push(operation) })
        lock.contend(claim)
        const offer = 1 // whatever another thread took
        Atomics.store(processor.memory.words, claim.address, offer)

        if (p === 0) mu.unlock()
        else yield* unlock.on(p)(mu)

        while (!mu.tryLock()) yield* yieldNow()
        mu.unlock()
      }
      expect(woken).toEqual([])
    }))

  it('when the thread dies that holds it, those that wait and those that come later are told, until it is recovered', () =>
    run(function* () {
      const mu = new SharedMutex()
      const ready = new AtomicInt()
      const until = sharedChan<number>(1)
      const holder = go(() => dieWithMutex.on(1)(mu, ready, until))
      while (ready.load() === 0) yield* yieldNow()
      const waiters = [() => mu.lock(), () => addUnder.on(2)(mu, ready, 1)].map((wait) =>
        go(() => go<[], unknown>(wait).outcome()),
      )
      yield* yieldNow()

      yield* until.send(1)

      const { error } = yield* holder.outcome()
      expect(error).toBeInstanceOf(WorkerDied)
      const { worker } = error as WorkerDied
      for (const g of waiters) {
        const { error } = yield* g
        expect(error).toBeInstanceOf(OwnerDied)
        expect(error).toMatchObject({ code: 'ERR_SLUICE_OWNER_DIED', worker })
        expect((error as Error).message).toContain(`worker ${worker} died while it held this mutex`)
      }
      const later = yield* go(function* () {
        yield* mu.lock()
      }).outcome()
      expect(later.error).toBeInstanceOf(OwnerDied)
      expect(() => mu.tryLock()).toThrow('exited with code 3')
      expect(() => mu.unlock()).toThrow(OwnerDied)

      expect(mu.recover()).toBe(true)

      expect(mu.recover()).toBe(false)
      expect(yield* tryLock.on(2)(mu)).toBe(true)
    }))

  it('goes on when a thread dies that only waits for it', () =>
    run(function* () {
      const [mu, other] = [new SharedMutex(), new SharedMutex()]
      const ready = new AtomicInt()
      const until = sharedChan<number>(1)
      yield* mu.lock()
      const dying = go(() => go(dieWithMutex.on(1), other, ready, until).outcome())
      const started = new AtomicInt()
      const waiting = go(() => go(startAndLock.on(1), mu, started).outcome())
      while (ready.load() === 0 || started.load() === 0) yield* yieldNow()
      yield* until.send(1)
      for (const outcome of [dying, waiting]) expect((yield* outcome).error).toBeInstanceOf(WorkerDied)
      mu.unlock()
      expect(yield* tryLock.on(2)(mu)).toBe(true)
    }))
})
