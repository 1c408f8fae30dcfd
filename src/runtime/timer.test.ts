import { describe, expect, it } from 'vitest'
import {
  after,
  afterFunc,
  ArgumentError,
  chan,
  go,
  now,
  type Routine,
  run,
  select,
  sleep,
  ticker,
  timer,
  yieldNow,
} from 'sluice'
import { bubble, DeadlockError, forSeeds, waitIdle } from 'sluice/testing'

describe('sleep and after', () => {
  it('TM1: are never early', () =>
    run(function* () {
      const ms = 5
      const started = performance.now()
      for (let i = 0; i < 10; i++) {
        const before = performance.now()
        yield* i % 2 === 0 ? sleep(ms) : after(ms)
        expect(performance.now() - before).toBeGreaterThanOrEqual(ms)
      }
      expect(performance.now() - started).toBeGreaterThanOrEqual(0.9 * 10 * ms)
    }))

  it('TM4: fire in order of their deadlines', () =>
    bubble(function* () {
      const slots = [5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0]
      const fired: number[] = []
      const all = slots.map((slot) =>
        go(function* () {
          yield* after(slot * 10)
          fired.push(slot)
        }),
      )
      for (const g of all) yield* g
      expect(fired).toEqual([...slots].sort((a, b) => a - b))
    }))

  it('TM5: the longest sleep goes on, a negative one returns at once', () =>
    run(function* () {
      const longest = [Infinity, Number.MAX_VALUE, 2 ** 31, 2 ** 40].map((ms) => go(() => sleep(ms)))
      const forEver = [Infinity, 2 ** 31].map((ms) =>
        go(function* () {
          yield* sleep(ms)
        }),
      )
      yield* sleep(5)
      expect(forEver.map((g) => g.waitReason)).toEqual(['sleep', 'sleep'])
      for (const g of [...forEver, ...longest]) g.cancel()
      yield* sleep(-1)
      yield* after(-1)
    }))

  it('TM5: virtual time goes past 2^31 ms exactly', () =>
    bubble(function* () {
      const before = now()
      yield* sleep(2 ** 33)
      expect(now() - before).toBe(2 ** 33)
    }))

  it('TM6: zero never hangs, nor keeps others from running', () =>
    run(function* () {
      let others = 0
      const g = go(function* () {
        for (;;) {
          others++
          yield* yieldNow()
        }
      })
      for (let i = 0; i < 1000; i++) yield* sleep(0)
      for (let i = 0; i < 100; i++) yield* timer(0).c.recv()
      expect(others).toBeGreaterThan(0)
      g.cancel()
    }))

  it('refuse what is not a number', () => {
    expect(() => sleep(Number.NaN)).toThrow(ArgumentError)
    expect(() => after('5' as never)).toThrow('after() needs a number of milliseconds, not 5')
  })
})

describe('timer', () => {
  it('TM2: stopped before it fires, it never does; the second stop is false', () =>
    bubble(function* () {
      const t = timer(10)
      let ran = false
      const f = afterFunc(10, () => {
        ran = true
      })
      expect([t.stop(), f.stop()]).toEqual([true, true])
      yield* sleep(100)
      expect([t.stop(), f.stop(), ran, t.c.length]).toEqual([false, false, false, 0])
    }))

  it('TM3: reset before it fires postpones it and is true, after that it is false', () =>
    bubble(function* () {
      const started = now()
      const t = timer(50)
      yield* sleep(20)
      expect(t.reset(50)).toBe(true)
      expect(yield* t.c.recv()).toBe(started + 70)
      expect(t.reset(10)).toBe(false)
      expect(yield* t.c.recv()).toBe(started + 80)
    }))

  it('TM7: reset to an earlier moment, it fires then', () =>
    bubble(function* () {
      for (let i = 0; i < 10; i++) {
        const started = now()
        const t = timer(10_000)
        t.reset(5)
        expect((yield* t.c.recv()) as number).toBe(started + 5)
      }
    }))

  it('TM9: after stop and reset no stale time is received', () =>
    bubble(function* () {
      const t = timer(5)
      yield* sleep(10) // it has fired, and nobody has received
      expect(t.stop()).toBe(false)
      expect(t.c.tryRecv()).toBeUndefined()
      t.reset(5)
      yield* sleep(10)
      t.reset(100)
      expect(t.c.tryRecv()).toBeUndefined()
      t.stop()
    }))

  it('afterFunc runs in a goroutine of its own', () =>
    bubble(function* () {
      const ch = chan<string>()
      afterFunc(5, function* () {
        yield* sleep(5)
        yield* ch.send('ran')
      })
      expect(yield* ch.recv()).toBe('ran')
    }))
})

describe('ticker', () => {
  it('TM8: keeps its interval, takes a new one, and is silent after stop', () =>
    bubble(function* () {
      const started = now()
      using t = ticker(10)
      for (let i = 1; i <= 5; i++) expect(yield* t.c.recv()).toBe(started + 10 * i)
      t.reset(20)
      expect(yield* t.c.recv()).toBe(started + 70)
      t.stop()
      expect((yield* select({ tick: t.c.recv(), late: after(1000) })).key).toBe('late')
    }))

  it('TM8: a slow reader misses ticks', () =>
    bubble(function* () {
      using t = ticker(10)
      yield* sleep(95)
      expect(t.c.length).toBe(1)
      yield* t.c.recv()
      expect(t.c.tryRecv()).toBeUndefined()
    }))

  it.each([0, -1])('TM8: refuses the interval %i', (ms) => {
    expect(() => ticker(ms)).toThrow('non-positive interval')
    const t = ticker(1)
    expect(() => t.reset(ms)).toThrow(ArgumentError)
    t.stop()
  })
})

describe('bubble', () => {
  it('TM10: the clock moves only when every goroutine waits, and then exactly', () =>
    bubble(function* () {
      const started = now()
      expect(new Date(started).toISOString()).toBe('2000-01-01T00:00:00.000Z')
      let busy = 0
      go(function* () {
        for (let i = 0; i < 1000; i++) {
          busy++
          yield* yieldNow()
        }
        expect(now()).toBe(started)
      })
      yield* sleep(1000)
      expect([now() - started, busy]).toEqual([1000, 1000])
    }))

  it('TM10: waitIdle returns when all others wait', () =>
    bubble(function* () {
      const ch = chan<number>()
      let steps = 0
      go(function* () {
        for (let i = 0; i < 10; i++) {
          steps++
          yield* yieldNow()
        }
        yield* ch.recv()
      })
      yield* waitIdle()
      expect(steps).toBe(10)
      yield* ch.send(1)
    }))

  it('TM10: a timer of zero is there without waiting for the clock', () =>
    bubble(function* () {
      const before = now()
      yield* timer(0).c.recv()
      expect(now()).toBe(before)
    }))

  it('TM10: goroutines of goroutines, and timers that start them, belong to it', () =>
    bubble(function* () {
      const started = now()
      const order: number[] = []
      const nested = function* (depth: number): Routine<void> {
        if (depth === 0) return
        yield* sleep(10)
        order.push(now() - started)
        yield* go(nested, depth - 1)
      }
      yield* go(nested, 3)
      expect(order).toEqual([10, 20, 30])
    }))

  it('TM11: a root that waits for ever is a deadlock', async () => {
    const body = function* () {
      yield* chan<number>().recv()
    }
    await expect(bubble(body)).rejects.toThrow(DeadlockError)
    await expect(bubble(body)).rejects.toThrow('deadlock: all goroutines in bubble are blocked')
    await expect(bubble(body)).rejects.toThrow(/goroutine \d+ \[chan receive\]/)
  })

  it('TM11: a child that waits for ever after the root has ended is one too', async () => {
    const left = bubble(function* () {
      go(function* child() {
        yield* chan<number>().recv()
      })
      yield* yieldNow()
    })
    await expect(left).rejects.toThrow('main bubble goroutine has exited but blocked goroutines remain')
  })

  it('TM11: a ticker does not keep a bubble that is otherwise over', async () => {
    const ticking = bubble(function* () {
      const t = ticker(1)
      go(function* () {
        for (;;) yield* t.c.recv()
      })
      yield* yieldNow()
    })
    await expect(ticking).rejects.toThrow('blocked goroutines remain')
  })

  it('TM12: timers of one moment fire in an order that the seed decides', async () => {
    const orders = new Set<string>()
    const order = (seed: number) =>
      bubble(
        function* () {
          const fired: number[] = []
          const all = [0, 1, 2, 3].map((i) =>
            go(function* () {
              yield* sleep(10)
              fired.push(i)
            }),
          )
          for (const g of all) yield* g
          return fired.join('')
        },
        { seed },
      )
    await forSeeds(50, async (seed) => {
      orders.add(await order(seed))
      expect(await order(seed)).toBe(await order(seed))
    })
    expect(orders.size).toBeGreaterThan(5)
  })

  it('fails with what its goroutines throw', async () => {
    await expect(
      bubble(function* () {
        go(function* () {
          yield* sleep(1)
          throw new Error('boom')
        })
        yield* sleep(10)
      }),
    ).rejects.toThrow('boom')
  })
})
