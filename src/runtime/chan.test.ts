import { describe, expect, it } from 'vitest'
import {
  type Chan,
  chan,
  go,
  nilChan,
  RuntimeError,
  run,
  select,
  trySelect,
  yieldNow,
  type Routine,
} from 'sluice'

/** Lets everything run that can run. */
function* settle(): Routine<void> {
  for (let i = 0; i < 5; i++) yield* yieldNow()
}

const collect = function* <T>(ch: Chan<T>, count: number) {
  const values: (T | undefined)[] = []
  for (let i = 0; i < count; i++) values.push(yield* ch.recv())
  return values
}

const capacities = [0, 1, 2, 7, 100]

describe.each(capacities)('a channel of capacity %i', (capacity) => {
  it('CH1: receivers wait on an empty channel, and two sends release exactly two', () =>
    run(function* () {
      const ch = chan<number>(capacity)
      const receive = function* () {
        return yield* ch.recv()
      }
      const first = go(receive)
      const second = go(receive)
      yield* settle()
      expect([first.waitReason, second.waitReason]).toEqual(['chan receive', 'chan receive'])
      const empty = chan<number>(capacity)
      expect(empty.tryRecv()).toBeUndefined()
      expect(trySelect({ r: empty.next() })).toBeUndefined()

      yield* ch.send(10)
      yield* ch.send(20)

      expect([yield* first, yield* second]).toEqual([10, 20])
    }))

  it('CH2: a sender waits on a full channel until one value is received', () =>
    run(function* () {
      const ch = chan<number>(capacity)
      for (let i = 0; i < capacity; i++) yield* ch.send(i)
      const sender = go(function* () {
        yield* ch.send(capacity)
      })
      yield* settle()
      expect(sender.waitReason).toBe('chan send')
      expect(ch.trySend(-1)).toBe(false)

      expect(yield* ch.recv()).toBe(0)

      yield* settle()
      expect(sender.state).toBe('dead')
    }))

  it('CH3: after close, what is buffered comes in order, then the end for ever', () =>
    run(function* () {
      const ch = chan<number>(capacity)
      for (let i = 0; i < capacity; i++) yield* ch.send(i)
      ch.close()
      for (let i = 0; i < capacity; i++) expect(yield* ch.next()).toEqual({ value: i, done: false })
      for (let i = 0; i < 3; i++) {
        expect(yield* ch.next()).toEqual({ value: undefined, done: true })
        expect(yield* ch.recv()).toBeUndefined()
      }
    }))

  it('CH4: close wakes a waiting receiver with the end', () =>
    run(function* () {
      const ch = chan<number>(capacity)
      const receiver = go(function* () {
        return yield* ch.next()
      })
      yield* settle()
      ch.close()
      expect(yield* receiver).toEqual({ value: undefined, done: true })
    }))

  it('CH5: values arrive in the order in which they were sent', () =>
    run(function* () {
      const ch = chan<number>(capacity)
      go(function* () {
        for (let i = 0; i < 200; i++) yield* ch.send(i)
      })
      for (let i = 0; i < 100; i++) expect(yield* ch.recv()).toBe(i)
      for (let i = 100; i < 200; i++) expect(yield* ch.next()).toEqual({ value: i, done: false })
    }))

  it('CH6: four senders and four receivers neither lose nor double a value', () =>
    run(function* () {
      const ch = chan<number>(capacity)
      for (let s = 0; s < 4; s++) {
        go(function* () {
          for (let i = 0; i < 1000; i++) yield* ch.send(i)
        })
      }
      const counts = new Map<number, number>()
      const receivers = [0, 1, 2, 3].map(() =>
        go(function* () {
          for (let i = 0; i < 1000; i++) {
            const v = (yield* ch.recv()) as number
            counts.set(v, (counts.get(v) ?? 0) + 1)
          }
        }),
      )
      for (const g of receivers) yield* g
      expect(counts.size).toBe(1000)
      expect(new Set(counts.values())).toEqual(new Set([4]))
    }))

  it('CH7: length counts what is buffered, capacity stays', () =>
    run(function* () {
      const ch = chan<number>(capacity)
      expect([ch.length, ch.capacity]).toEqual([0, capacity])
      for (let i = 0; i < capacity; i++) yield* ch.send(i)
      expect([ch.length, ch.capacity]).toEqual([capacity, capacity])
    }))

  it('CH14: close fails every parked sender and delivers none of their values', () =>
    run(function* () {
      const ch = chan<string>(capacity)
      for (let i = 0; i < capacity; i++) yield* ch.send('buffered')
      const senders = [1, 2, 3].map(() =>
        go(function* () {
          yield* ch.send('late')
        }),
      )
      yield* settle()
      ch.close()
      for (const g of senders) {
        const { error } = yield* g.outcome()
        expect(error).toBeInstanceOf(RuntimeError)
        expect(String(error)).toContain('send on closed channel')
      }
      expect(yield* collect(ch, capacity)).not.toContain('late')
      expect(yield* ch.recv()).toBeUndefined()
    }))

  it('CH17 CH18: a chain of goroutines, each after the one before, takes the values in order', () =>
    run(function* () {
      const ch = chan<number>(capacity)
      const got: (number | undefined)[] = []
      let before = go(() => {})
      for (let i = 0; i < 10; i++) {
        const earlier = before
        before = go(function* () {
          yield* earlier
          got.push(yield* ch.recv())
        })
      }
      for (let i = 0; i < 10; i++) yield* ch.send(i)
      yield* before
      expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    }))

  it('CH19: a try meets a parked counterpart and transfers the exact value', () =>
    run(function* () {
      for (const value of [0, 1.5, 'text', true, { a: 1 }]) {
        const ch = chan<unknown>(capacity)
        expect(ch.tryRecv()).toBeUndefined()
        go(function* () {
          yield* ch.send(value)
        })
        yield* settle()
        expect(ch.tryRecv()).toEqual({ value, done: false })
        const receiver = go(function* () {
          return yield* ch.recv()
        })
        yield* settle()
        expect(ch.trySend(value)).toBe(true)
        expect(yield* receiver).toBe(value)
      }
    }))

  it('CH26: undefined, null and objects pass untouched, and undefined is not the end', () =>
    run(function* () {
      const ch = chan<unknown>(capacity)
      const object = {}
      go(function* () {
        for (const v of [undefined, null, object]) yield* ch.send(v)
        ch.close()
      })
      expect(yield* ch.next()).toEqual({ value: undefined, done: false })
      expect(yield* ch.next()).toEqual({ value: null, done: false })
      expect((yield* ch.next()).value).toBe(object)
      expect(yield* ch.next()).toEqual({ value: undefined, done: true })
    }))
})

describe('a closed channel', () => {
  const styles = {
    plain: (ch: Chan<number>) => ch.next(),
    'select of one': (ch: Chan<number>) => select({ r: ch.next() }),
    'select of two': (ch: Chan<number>) => select({ r: ch.next(), other: chan<number>().next() }),
  }
  const unwrap = (r: unknown) =>
    typeof r === 'object' && r !== null && 'key' in r ? (r as { value?: unknown }).value : r

  it.each(Object.keys(styles) as (keyof typeof styles)[])(
    'CH9: receiving is ready and gives the end, by %s',
    (style) =>
      run(function* () {
        const ch = chan<number>()
        ch.close()
        for (let i = 0; i < 3; i++) {
          expect(unwrap(yield* styles[style](ch))).toEqual({ value: undefined, done: true })
          expect(ch.tryRecv()).toEqual({ value: undefined, done: true })
          expect(trySelect({ r: ch.next() })?.value).toEqual({ value: undefined, done: true })
        }
      }),
  )

  it.each(Object.keys(styles) as (keyof typeof styles)[])(
    'CH12: gives its buffered value once, then the end, by %s',
    (style) =>
      run(function* () {
        const ch = chan<number>(2)
        yield* ch.send(1)
        ch.close()
        expect(unwrap(yield* styles[style](ch))).toEqual({ value: 1, done: false })
        expect(unwrap(yield* styles[style](ch))).toEqual({ value: undefined, done: true })
        expect(() => ch.trySend(2)).toThrow('send on closed channel')
      }),
  )

  it('CH10: sending throws, and the value is gone', () =>
    run(function* () {
      const ch = chan<number>(1)
      ch.close()
      expect(() => ch.trySend(1)).toThrow('send on closed channel')
      const { error } = yield* go(function* () {
        yield* ch.send(1)
      }).outcome()
      expect(String(error)).toContain('send on closed channel')
      expect(yield* ch.next()).toEqual({ value: undefined, done: true })
    }))

  it('CH11: closing again throws and changes nothing', () => {
    const ch = chan<number>()
    ch.close()
    expect(() => ch.close()).toThrow('close of closed channel')
    expect(ch.tryRecv()).toEqual({ value: undefined, done: true })
  })

  it('CH13: misuse is a RuntimeError in the words of Go', () => {
    const ch = chan<number>()
    ch.close()
    for (const [misuse, message] of [
      [() => ch.close(), 'close of closed channel'],
      [() => ch.trySend(1), 'send on closed channel'],
      [() => nilChan.close(), 'close of nil channel'],
    ] as const) {
      expect(misuse).toThrow(RuntimeError)
      expect(misuse).toThrow(message)
    }
  })
})

describe('chan', () => {
  it.each([-1, 1.5, Number.NaN, Infinity, 2 ** 40])('CH8: capacity %d is out of range', (capacity) => {
    expect(() => chan(capacity)).toThrow(RuntimeError)
    expect(() => chan(capacity)).toThrow('makechan: size out of range')
  })

  it('CH15: a receive from a full channel takes the head and moves the sender to the tail', () =>
    run(function* () {
      const ch = chan<number>(2)
      yield* ch.send(1)
      yield* ch.send(2)
      const sender = go(function* () {
        yield* ch.send(3)
      })
      yield* settle()
      expect(yield* ch.recv()).toBe(1)
      expect(ch.length).toBe(2)
      expect(sender.state).toBe('runnable')
      expect(yield* collect(ch, 2)).toEqual([2, 3])
    }))

  it('CH16: a send to a waiting receiver hands over directly', () =>
    run(function* () {
      const ch = chan<number>(3)
      const receiver = go(function* () {
        return yield* ch.recv()
      })
      yield* settle()
      expect(ch.trySend(7)).toBe(true)
      expect(ch.length).toBe(0)
      expect(yield* receiver).toBe(7)
    }))

  it('CH20: a try never finds a channel not ready that holds a value or is closed', () =>
    run(function* () {
      for (let i = 0; i < 1000; i++) {
        const ch = chan<number>(1)
        yield* ch.send(1)
        const tried = go(() => ch.tryRecv())
        ch.close()
        if (i % 2 === 0) yield* yieldNow()
        yield* ch.recv()
        expect(yield* tried).toBeDefined()
      }
    }))

  it('CH21: many consumers that end with their channel pass everything on', () =>
    run(function* () {
      const count = 5000
      const q = chan<number>(69)
      const r = chan<number>(69)
      const workers = Array.from({ length: 23 }, () =>
        go(function* () {
          for (let v = yield* q.recv(); v !== undefined; v = yield* q.recv()) {
            if (v % 7 === 0) yield* yieldNow()
            yield* r.send(v)
          }
        }),
      )
      go(function* () {
        for (let i = 1; i <= count; i++) yield* q.send(i)
        q.close()
        for (const g of workers) yield* g
        r.close()
      })
      let [n, sum] = [0, 0]
      for (let v = yield* r.recv(); v !== undefined; v = yield* r.recv()) {
        n++
        sum += v
      }
      expect([n, sum]).toEqual([count, (count * (count + 1)) / 2])
    }))

  it('CH22: sends and receives of nilChan wait for ever', () =>
    run(function* () {
      const waiting = [
        go(function* () {
          yield* nilChan.send(1 as never)
        }),
        go(function* () {
          yield* nilChan.recv()
        }),
      ]
      yield* settle()
      expect(waiting.map((g) => g.waitReason)).toEqual(['chan send (nil chan)', 'chan receive (nil chan)'])
      for (const g of waiting) g.cancel()
    }))

  it('CH24: a value goes through a daisy chain of 10,000 goroutines', () =>
    run(function* () {
      const leftmost = chan<number>()
      let left = leftmost
      for (let i = 0; i < 10_000; i++) {
        const right = chan<number>()
        go(
          function* (to: Chan<number>, from: Chan<number>) {
            yield* to.send(1 + ((yield* from.recv()) as number))
          },
          left,
          right,
        )
        left = right
      }
      go(function* (to: Chan<number>) {
        yield* to.send(0)
      }, left)
      expect(yield* leftmost.recv()).toBe(10_000)
    }))

  it('CH25: a channel travels through a channel, into the case of a select', () =>
    run(function* () {
      const outer = chan<Chan<string>>(1)
      const inner = chan<string>(1)
      yield* outer.send(inner)
      const received = (yield* outer.recv()) as Chan<string>
      yield* select({ s: received.send('inside') })
      expect(yield* inner.recv()).toBe('inside')
    }))

  it('is an async iterable that ends with the channel', async () => {
    const ch = chan<number>(3)
    for (const v of [1, 2, 3]) await ch.send(v)
    ch.close()
    const seen: number[] = []
    for await (const v of ch) seen.push(v)
    expect(seen).toEqual([1, 2, 3])
  })
})
