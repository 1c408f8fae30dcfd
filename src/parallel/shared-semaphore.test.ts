import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { ArgumentError, FatalError, go, run, yieldNow } from 'sluice'
import { background, Canceled, DeadlineExceeded, withCancel, withTimeout } from 'sluice/context'
import { procs, sharedChan, stopProcs, WorkerDied } from 'sluice/parallel'
import {
  acquire,
  dieWithPermits,
  give,
  keepAcquiring,
  make,
  release,
  tryAcquire,
  useImpatiently,
  usePermits,
} from '../../test/parallel/sync-tasks.js'
import { AtomicInt } from './atomic-int.js'
import { SharedSemaphore } from './shared-semaphore.js'

describe('SharedSemaphore', () => {
  beforeAll(() => void procs(4))
  afterAll(() => stopProcs())
  afterEach(() => void vi.restoreAllMocks())

  it('SM1: goroutines of four threads that take any number of permits all get through, and never too many are out', () =>
    run(function* () {
      const slots = new SharedSemaphore(5)
      const [out, most] = [new AtomicInt(), new AtomicInt()]
      const all = Array.from({ length: 12 }, (_, i) =>
        go(() => usePermits.on(i % 4)(slots, out, most, 1 + (i % 5), 100)),
      )
      for (const g of all) yield* g
      expect(slots.free).toBe(5)
      expect(out.load()).toBe(0)
      expect(most.load()).toBeLessThanOrEqual(5)
    }))

  it('SM1: so do those that take one permit each', () =>
    run(function* () {
      const slots = new SharedSemaphore(2)
      const [out, most] = [new AtomicInt(), new AtomicInt()]
      const all = Array.from({ length: 8 }, (_, i) =>
        go(() => usePermits.on(i % 4)(slots, out, most, 1, 500)),
      )
      for (const g of all) yield* g
      expect(slots.free).toBe(2)
      expect(most.load()).toBeLessThanOrEqual(2)
    }))

  it('SM2: giving back more than was taken is fatal', async () => {
    const crashes: unknown[] = []
    const slots = new SharedSemaphore(3)
    slots.tryAcquire(1)
    await run(
      function* () {
        expect(() => slots.release(2)).toThrow('semaphore: released more than held')
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([expect.any(FatalError)])
    expect(slots.free).toBe(2)
    slots.release(1)
    expect(slots.free).toBe(3)
  })

  it('SM3: tryAcquire takes what is free and nothing else, on any thread', () =>
    run(function* () {
      const slots = new SharedSemaphore(2)
      expect(slots.tryAcquire(1)).toBe(true)
      expect(yield* tryAcquire.on(1)(slots, 2)).toBe(false)
      expect(yield* tryAcquire.on(1)(slots, 1)).toBe(true)
      expect(slots.tryAcquire(1)).toBe(false)
    }))

  it('SM4: an acquire that runs out of time takes nothing', () =>
    run(function* () {
      const slots = new SharedSemaphore(2)
      yield* acquire.on(1)(slots, 1)
      const { error } = yield* go(function* () {
        yield* slots.acquire(2).within(withTimeout(background(), 5))
      }).outcome()
      expect(error).toBeInstanceOf(DeadlineExceeded)
      expect(slots.free).toBe(1)
      expect(yield* tryAcquire.on(1)(slots, 1)).toBe(true)
    }))

  it('SM5: a request for more than there is waits for its context and is in nobody else’s way', () =>
    run(function* () {
      const slots = new SharedSemaphore(2)
      const ctx = withCancel(background())
      const excessive = go(function* () {
        yield* slots.acquire(3).within(ctx)
      })
      yield* yieldNow()
      expect([excessive.state, excessive.waitReason]).toEqual(['waiting', 'shared semacquire'])
      expect(slots.tryAcquire(1)).toBe(true)
      yield* acquire.on(1)(slots, 1)
      ctx.cancel()
      expect(yield* excessive.outcome()).toEqual({ error: expect.any(Canceled) })
    }))

  it('SM6: a large request is served although small ones keep coming on other threads', () =>
    run(function* () {
      const slots = new SharedSemaphore(3)
      const stop = new AtomicInt()
      const times = [1, 2, 3].map(() => new AtomicInt())
      const small = times.map((count, i) => go(() => keepAcquiring.on(i + 1)(slots, count, stop)))
      while (times.some((count) => count.load() === 0)) yield* yieldNow()
      for (let i = 0; i < 5; i++) {
        using _ = yield* slots.acquire(3)
        expect(slots.free).toBe(0)
        yield* yieldNow()
      }
      stop.store(1)
      for (const g of small) yield* g
      expect(slots.free).toBe(3)
    }))

  it('SM7: when a large request gives up, those behind it are served', () =>
    run(function* () {
      const slots = new SharedSemaphore(2)
      const ctx = withCancel(background())
      yield* slots.acquire(1)
      const large = go(function* () {
        yield* slots.acquire(2).within(ctx)
      })
      yield* yieldNow()
      const small = go(function* () {
        yield* slots.acquire(1)
      })
      yield* yieldNow()
      expect(small.state).toBe('waiting')
      ctx.cancel()
      yield* small
      expect(yield* large.outcome()).toEqual({ error: expect.any(Canceled) })
    }))

  it('large and small requests of several threads all get what is free, however it comes', () =>
    run(function* () {
      const slots = new SharedSemaphore(3)
      for (let round = 0; round < 100; round++) {
        yield* slots.acquire(3)
        const waiters = [go(() => acquire.on(1)(slots, 2)), go(() => acquire.on(2)(slots, 1))]
        yield* yieldNow()
        slots.release(round % 3)
        yield* yieldNow()
        slots.release(3 - (round % 3))
        for (const g of waiters) yield* g
        expect(slots.free).toBe(0)
        slots.release(3)
      }
    }))

  it('loses no permit where requests are given up at any moment', () =>
    run(function* () {
      const slots = new SharedSemaphore(3)
      const most = new AtomicInt()
      const out = new AtomicInt()
      const all = [0, 1, 2, 3, 1, 2, 3].map((p, i) =>
        go(() => useImpatiently.on(p)(slots, out, most, 1 + (i % 3), 100)),
      )
      for (const g of all) yield* g
      expect(slots.free).toBe(3)
      expect(most.load()).toBeLessThanOrEqual(3)
    }))

  it('SM9: permits granted to one whose context ends before its turn go to the next', () =>
    run(function* () {
      const slots = new SharedSemaphore(1)
      const ctx = withCancel(background())
      yield* slots.acquire()
      const first = go(function* () {
        yield* slots.acquire().within(ctx)
      })
      yield* yieldNow()
      const second = go(function* () {
        using _ = yield* slots.acquire()
      })
      yield* yieldNow()
      slots.release()
      ctx.cancel()
      expect(yield* first.outcome()).toEqual({ error: expect.any(Canceled) })
      yield* second
      expect(slots.free).toBe(1)
    }))

  it('gives permits back once, at the end of the block', () =>
    run(function* () {
      const slots = new SharedSemaphore(3)
      {
        using permits = yield* slots.acquire(2)
        permits[Symbol.dispose]()
        expect(slots.free).toBe(3)
        yield* slots.acquire(1)
      }
      expect(slots.free).toBe(2)
    }))

  it('is the same one wherever it comes from, and permits are given back on another thread', () =>
    run(function* () {
      const slots = (yield* make.on(1)('semaphore')) as SharedSemaphore
      expect([slots.size, slots.free]).toEqual([3, 3])
      expect(yield* give(slots)).toBe(slots)
      yield* acquire.on(1)(slots, 2)
      slots.release(2)
      yield* slots.acquire(1)
      yield* release.on(2)(slots, 1)
      expect(slots.free).toBe(3)
    }))

  it('refuses sizes and numbers of permits that are not whole', () => {
    for (const size of [0, -1, 1.5, Number.NaN, 2 ** 31])
      expect(() => new SharedSemaphore(size)).toThrow(ArgumentError)
    const slots = new SharedSemaphore(2)
    for (const permits of [-1, 0.5, Number.NaN]) {
      expect(() => slots.acquire(permits)).toThrow(ArgumentError)
      expect(() => slots.tryAcquire(permits)).toThrow(ArgumentError)
      expect(() => slots.release(permits)).toThrow(ArgumentError)
    }
  })

  it('when a thread dies, its permits are given back and those that wait go on; it is told once', () =>
    run(function* () {
      const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      const slots = new SharedSemaphore(3)
      const ready = new AtomicInt()
      const until = sharedChan<number>(1)
      yield* slots.acquire(1)
      const holder = go(() => dieWithPermits.on(1)(slots, 2, ready, until))
      while (ready.load() === 0) yield* yieldNow()
      const waiters = [
        go(function* () {
          yield* slots.acquire(1)
        }),
        go(function* () {
          yield* slots.acquire(1)
        }),
      ]
      yield* yieldNow()

      yield* until.send(1)

      const { error } = yield* holder.outcome()
      expect(error).toBeInstanceOf(WorkerDied)
      for (const g of waiters) yield* g
      expect(slots.free).toBe(0)
      const { worker } = error as WorkerDied
      const lines = said.mock.calls.filter(([text]) =>
        String(text).startsWith(
          `sluice: worker ${worker} died with 2 of the 3 permits of a shared semaphore: `,
        ),
      )
      expect(lines).toHaveLength(1)
      slots.release(3)
      expect(slots.free).toBe(3)
    }))

  it('whoever gives back what was given back for a dead thread does no wrong', () =>
    run(function* () {
      vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      const slots = new SharedSemaphore(2)
      const ready = new AtomicInt()
      const until = sharedChan<number>(1)
      const holder = go(() => dieWithPermits.on(1)(slots, 2, ready, until))
      while (ready.load() === 0) yield* yieldNow()
      const waiter = go(function* () {
        using _ = yield* slots.acquire(1)
      })
      yield* until.send(1)
      yield* holder.outcome()
      yield* waiter
      expect(slots.free).toBe(2)
      slots.release(1)
      expect(slots.free).toBe(2)
    }))
})
