import { setImmediate as eventLoopTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  after,
  afterFunc,
  chan,
  go,
  MisuseError,
  now,
  run,
  select,
  sleep,
  timer,
  wait,
  yieldNow,
} from 'sluice'
import { withTimeout, background, DeadlineExceeded } from 'sluice/context'
import { Mutex } from 'sluice/sync'
import { bubble, DeadlockError, forSeeds, waitIdle } from 'sluice/testing'

describe('bubble', () => {
  it('gives what its function returns, of any kind', async () => {
    expect(await bubble(() => 1)).toBe(1)
    expect(await bubble(async () => 2)).toBe(2)
    expect(
      await bubble(function* () {
        yield* sleep(1)
        return 3
      }),
    ).toBe(3)
  })

  it('fails with what its function throws, and waits for nobody then', async () => {
    const failing = bubble(function* () {
      go(function* () {
        yield* sleep(10)
      })
      throw new Error('boom')
    })
    await expect(failing).rejects.toThrow('boom')
  })

  it('TM10: the clock stands still while a goroutine waits for a promise', () =>
    bubble(function* () {
      const started = now()
      let sleeperWoke = false
      go(function* () {
        yield* sleep(1)
        sleeperWoke = true
      })
      for (let i = 0; i < 5; i++) yield* wait(eventLoopTurn())
      expect([sleeperWoke, now()]).toEqual([false, started])
      yield* sleep(2)
      expect([sleeperWoke, now() - started]).toEqual([true, 2])
    }))

  it('TM10: giving up the wait for a promise lets the clock go on', () =>
    bubble(function* () {
      const never = new Promise(() => {})
      const g = go(function* () {
        yield* wait(never)
      })
      yield* yieldNow()
      g.cancel()
      yield* sleep(1000)
      expect(g.state).toBe('dead')
    }))

  it('TM10: a year of sleeping a second at a time is a year, to the millisecond', () =>
    bubble(function* () {
      const started = now()
      for (let i = 0; i < 365; i++) yield* sleep(86_400_000)
      expect(now() - started).toBe(365 * 86_400_000)
    }))

  it('TM10: contexts, timers and locks live in its time', () =>
    bubble(function* () {
      const started = now()
      const mu = new Mutex()
      yield* mu.lock()
      const locker = go(function* () {
        yield* mu.lock().within(withTimeout(background(), 5000))
      })
      expect((yield* locker.outcome()).error).toBeInstanceOf(DeadlineExceeded)
      expect(now() - started).toBe(5000)
      let firedAt = 0
      afterFunc(100, () => {
        firedAt = now() - started
      })
      yield* sleep(100)
      yield* waitIdle()
      expect(firedAt).toBe(5100)
    }))

  it('TM10: a stopped and a reset timer do not move the clock to where they were', () =>
    bubble(function* () {
      const started = now()
      const t = timer(10)
      t.stop()
      const moved = timer(20)
      moved.reset(500)
      expect(yield* moved.c.recv()).toBe(started + 500)
    }))

  it('TM10: two bubbles have times of their own', async () => {
    const hours = (n: number) =>
      bubble(function* () {
        const started = now()
        yield* sleep(n * 3_600_000)
        return (now() - started) / 3_600_000
      })
    expect(await Promise.all([hours(1), hours(24)])).toEqual([1, 24])
  })

  it('TM10: a goroutine outside can wait for a bubble', () =>
    run(function* () {
      const before = Date.now()
      expect(
        yield* wait(
          bubble(function* () {
            yield* sleep(3_600_000)
            return now()
          }),
        ),
      ).toBe(Date.UTC(2000, 0, 1, 1))
      expect(now()).toBeGreaterThanOrEqual(before)
    }))

  it('TM11: a deadlock names each goroutine, its reason and its line', async () => {
    const stuck = bubble(function* stuckRoot() {
      const mu = new Mutex()
      yield* mu.lock()
      go(function* stuckChild() {
        yield* chan<number>().send(1)
      })
      yield* mu.lock()
    })
    const error = await stuck.catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(DeadlockError)
    expect((error as DeadlockError).code).toBe('ERR_SLUICE_DEADLOCK')
    const { message } = error as Error
    expect(message).toMatch(/^deadlock: all goroutines in bubble are blocked\n/)
    expect(message).toMatch(
      /goroutine \d+ \[sync\.Mutex\.Lock\]:\nstuckRoot\(\.\.\.\)\n\t.*bubble\.test\.ts:\d+:\d+/,
    )
    expect(message).toMatch(/goroutine \d+ \[chan send\]:\nstuckChild\(\.\.\.\)/)
  })

  it('TM11: one that waits for itself to be idle for ever is stuck too', async () => {
    await expect(
      bubble(function* () {
        const g = go(function* () {
          yield* chan().recv()
        })
        yield* waitIdle()
        yield* g
      }),
    ).rejects.toThrow(DeadlockError)
  })

  it('TM12: channels of timers of one moment are ready in an order that the seed decides', async () => {
    const first = (seed: number) =>
      bubble(
        function* () {
          const [a, b] = [timer(10), timer(10)]
          return (yield* select({ a: a.c.recv(), b: b.c.recv() })).key
        },
        { seed },
      )
    const seen = new Set<string>()
    await forSeeds(50, async (seed) => {
      seen.add(await first(seed))
      expect(await first(seed)).toBe(await first(seed))
    })
    expect([...seen].sort()).toEqual(['a', 'b'])
  })

  it('TM12: without a seed, timers of one moment fire in the order in which they were set', () =>
    bubble(function* () {
      const fired: number[] = []
      for (let i = 0; i < 20; i++) {
        go(function* () {
          yield* after(10)
          fired.push(i)
        })
      }
      yield* sleep(20)
      expect(fired).toEqual(Array.from({ length: 20 }, (_, i) => i))
    }))
})

describe('waitIdle', () => {
  it('TM10: returns without moving the clock', () =>
    bubble(function* () {
      const started = now()
      let woke = false
      go(function* () {
        yield* sleep(10)
        woke = true
      })
      yield* waitIdle()
      expect([woke, now()]).toEqual([false, started])
      yield* sleep(10)
      yield* waitIdle()
      expect(woke).toBe(true)
    }))

  it('TM10: waits for what promises bring', () =>
    bubble(function* () {
      let steps = 0
      go(function* () {
        for (let i = 0; i < 3; i++) {
          yield* wait(eventLoopTurn())
          steps++
        }
        yield* sleep(10)
      })
      yield* waitIdle()
      expect(steps).toBe(3)
      yield* sleep(20)
    }))

  it('lets several wait, one after the other', () =>
    bubble(function* () {
      const order: string[] = []
      const waiter = function* (name: string) {
        yield* waitIdle()
        order.push(name)
        yield* yieldNow()
        order.push(`${name} later`)
      }
      const both = [go(waiter, 'a'), go(waiter, 'b')]
      for (const g of both) yield* g
      expect(order).toEqual(['a', 'a later', 'b', 'b later'])
    }))

  it('is refused outside a bubble', () =>
    run(function* () {
      const { error } = yield* go(function* () {
        yield* waitIdle()
      }).outcome()
      expect(error).toBeInstanceOf(MisuseError)
      expect(String(error)).toContain('waitIdle() works in a goroutine of a bubble() only')
    }))
})
