import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ArgumentError, FatalError, go, type Routine, run, yieldNow } from 'sluice'
import { background, Canceled, withCancel } from 'sluice/context'
import { procs, sharedChan, stopProcs, WorkerDied } from 'sluice/parallel'
import { dieWithGroup, finish, give, make, passBarrier, waitFor } from '../../test/parallel/sync-tasks.js'
import { AtomicInt } from './atomic-int.js'
import { OwnerDied } from './owner-died.js'
import { SharedWaitGroup } from './shared-wait-group.js'

describe('SharedWaitGroup', () => {
  beforeAll(() => void procs(4))
  afterAll(() => stopProcs())

  it('WG1: two barriers hold sixteen goroutines of four threads, eight times on the same objects', () =>
    run(function* () {
      const [arrived, released] = [new SharedWaitGroup(), new SharedWaitGroup()]
      for (let round = 0; round < 8; round++) {
        const exited = sharedChan<number>(16)
        arrived.add(16)
        released.add(16)
        const all = Array.from({ length: 16 }, (_, i) =>
          go(() => passBarrier.on(i % 4)(arrived, released, exited)),
        )
        yield* arrived.wait()
        for (let i = 0; i < 16; i++) {
          expect(exited.tryRecv()).toBeUndefined() // nobody passes the second barrier early
          released.done()
        }
        for (let i = 0; i < 16; i++) yield* exited.recv()
        for (const g of all) yield* g
      }
    }))

  it('WG2: a counter below zero is fatal', async () => {
    const crashes: unknown[] = []
    await run(
      function* () {
        const wg = new SharedWaitGroup()
        wg.add(1)
        wg.done()
        expect(() => wg.done()).toThrow('sync: negative WaitGroup counter')
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([expect.any(FatalError)])
  })

  it('WG3: wait returns when the last of several tasks is done, not before, and sees what they did', () =>
    run(function* () {
      const wg = new SharedWaitGroup()
      const results = new AtomicInt()
      wg.add(8)
      const tasks = Array.from({ length: 8 }, (_, i) => go(() => finish.on(i % 4)(wg, results)))
      yield* wg.wait()
      expect(results.load()).toBe(8)
      for (const g of tasks) yield* g
    }))

  it('WG3: it wakes goroutines that wait on several threads', () =>
    run(function* () {
      const wg = new SharedWaitGroup()
      const started = new AtomicInt()
      wg.add(1)
      const waiters = [0, 1, 2, 3].map((p) => go(() => waitFor.on(p)(wg, started)))
      while (started.load() < 4) yield* yieldNow()
      wg.done()
      for (const g of waiters) yield* g
    }))

  it('WG4: raising the counter before those that waited have returned is fatal', async () => {
    const crashes: unknown[] = []
    await run(
      function* () {
        const wg = new SharedWaitGroup()
        wg.add(1)
        const waiter = go(function* () {
          yield* wg.wait()
        })
        yield* yieldNow()
        wg.done()
        wg.add(1)
        expect(yield* waiter.outcome()).toEqual({ error: expect.any(FatalError) })
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toMatchObject([
      { message: 'sync: WaitGroup is reused before previous Wait has returned' },
    ])
  })

  it('WG5: go starts goroutines of any kind of function, with arguments, and wait waits for them', () =>
    run(function* () {
      const wg = new SharedWaitGroup()
      const results = new AtomicInt()
      const ran: string[] = []
      wg.go(function* (name: string): Routine<void> {
        yield* yieldNow()
        ran.push(name)
      }, 'generator')
      wg.go(async (name: string) => void ran.push(name), 'async')
      wg.go((name: string) => ran.push(name), 'plain')
      wg.add(1)
      wg.go(finish, wg, results)
      yield* wg.wait()
      expect(ran.sort()).toEqual(['async', 'generator', 'plain'])
      expect(results.load()).toBe(1)
    }))

  it('waits no longer than the context lasts, and forgets the one that gave up', () =>
    run(function* () {
      const wg = new SharedWaitGroup()
      const ctx = withCancel(background())
      wg.add(1)
      const g = go(function* () {
        yield* wg.wait().within(ctx)
      })
      yield* yieldNow()
      expect(g.waitReason).toBe('shared sync.WaitGroup.Wait')
      ctx.cancel()
      expect(yield* g.outcome()).toEqual({ error: expect.any(Canceled) })
      wg.done()
      yield* wg.wait()
    }))

  it('is the same one wherever it comes from', () =>
    run(function* () {
      const wg = (yield* make.on(1)('group')) as SharedWaitGroup
      const waiter = go(function* () {
        yield* wg.wait()
      })
      yield* yieldNow()
      expect(waiter.state).toBe('waiting')
      expect(yield* give(wg)).toBe(wg)
      wg.done()
      yield* waiter
    }))

  it('counts whole things only, and not too many', () => {
    const wg = new SharedWaitGroup()
    expect(() => wg.add(0.5)).toThrow(ArgumentError)
    wg.add(2 ** 31 - 1)
    expect(() => wg.add(1)).toThrow(ArgumentError)
  })

  it('when a thread dies that has it, wait tells so instead of waiting for ever, until the counter is at zero', () =>
    run(function* () {
      const wg = new SharedWaitGroup()
      const [ready, started] = [new AtomicInt(), new AtomicInt()]
      const until = sharedChan<number>(1)
      wg.add(3)
      const holder = go(() => dieWithGroup.on(1)(wg, ready, until))
      const waiters = [() => wg.wait(), () => waitFor.on(2)(wg, started)].map((wait) =>
        go(() => go<[], unknown>(wait).outcome()),
      )
      while (ready.load() === 0 || started.load() === 0) yield* yieldNow()

      yield* until.send(1)

      const { error } = yield* holder.outcome()
      expect(error).toBeInstanceOf(WorkerDied)
      const { worker } = error as WorkerDied
      for (const g of waiters) {
        const { error } = yield* g
        expect(error).toBeInstanceOf(OwnerDied)
        expect(error).toMatchObject({ code: 'ERR_SLUICE_OWNER_DIED', worker })
        expect((error as Error).message).toContain(`worker ${worker} died with this wait group`)
        expect((error as Error).message).toContain('The counter is at 2')
      }
      const later = yield* go(function* () {
        yield* wg.wait()
      }).outcome()
      expect(later.error).toBeInstanceOf(OwnerDied)

      wg.add(-2)

      yield* wg.wait()
      wg.add(1)
      wg.done()
      yield* wg.wait()
    }))
})
