import { describe, expect, it } from 'vitest'
import {
  after,
  type Chan,
  chan,
  go,
  MisuseError,
  nilChan,
  type Routine,
  run,
  select,
  sleep,
  trySelect,
  yieldNow,
} from 'sluice'
import { bubble, forSeeds } from 'sluice/testing'

function* settle(): Routine<void> {
  for (let i = 0; i < 5; i++) yield* yieldNow()
}

describe('select', () => {
  it('SE1: sees one instant: the default is not taken while a case is ready', () =>
    forSeeds(300, (seed) =>
      run(
        function* () {
          const c1 = chan<number>(1)
          const c2 = chan<number>(1)
          yield* c1.send(1)
          const tried = go(() => trySelect({ c1: c1.recv(), c2: c2.recv() }))
          yield* yieldNow()
          yield* c2.send(1)
          c1.tryRecv()
          expect(yield* tried).toBeDefined()
        },
        { seed },
      ),
    ))

  it('SE2: the same where a close makes the second case ready', () =>
    forSeeds(300, (seed) =>
      run(
        function* () {
          const c1 = chan<number>(1)
          const c2 = chan<number>(1)
          yield* c1.send(1)
          const tried = go(() => trySelect({ c1: c1.recv(), c2: c2.recv() }))
          yield* yieldNow()
          c2.close()
          c1.tryRecv()
          expect(yield* tried).toBeDefined()
        },
        { seed },
      ),
    ))

  it.each([0, 10])(
    'SE3: two that send and receive on one channel of capacity %i get each other’s values',
    (capacity) =>
      run(function* () {
        const ch = chan<number>(capacity)
        const player = function* (id: number) {
          for (let i = 0; i < 1000; i++) {
            const r = yield* select({ sent: ch.send(id), got: ch.recv() })
            if (capacity === 0 && r.key === 'got') expect(r.value).not.toBe(id)
          }
        }
        const [a, b] = [go(player, 1), go(player, 2)]
        // With an odd number of hand-overs one of them is left; both ends of the last one end together here.
        yield* a
        yield* b
      }),
  )

  it('SE4: does not meet itself', () =>
    run(function* () {
      const ch = chan<number>()
      const g = go(function* () {
        yield* select({ out: ch.send(1), in: ch.recv() })
      })
      yield* settle()
      expect(g.waitReason).toBe('select')
      g.cancel()
    }))

  it('SE5: senders, receivers and selects over four channels all come to their counts', () =>
    run(function* () {
      const count = 500
      const channels = [0, 0, 2, 3].map((capacity) => chan<number>(capacity))
      const send = function* (ch: Chan<number>) {
        for (let i = 0; i < count; i++) yield* ch.send(i)
      }
      const receive = function* (ch: Chan<number>) {
        for (let i = 0; i < count; i++) yield* ch.recv()
      }
      const selecting = function* (sends: boolean) {
        const left = channels.map(() => count)
        while (left.some((n) => n > 0)) {
          const op = (i: number) => {
            const ch = channels[i] as Chan<number>
            return (left[i] ?? 0) === 0 ? undefined : sends ? ch.send(i) : ch.recv()
          }
          const { key } = yield* select({ 0: op(0), 1: op(1), 2: op(2), 3: op(3) })
          left[Number(key)] = (left[Number(key)] ?? 0) - 1
        }
      }
      const all = [
        ...channels.flatMap((ch) => [go(send, ch), go(receive, ch)]),
        go(selecting, true),
        go(selecting, false),
      ]
      for (const g of all) yield* g
      expect(channels.map((ch) => ch.length)).toEqual([0, 0, 0, 0])
    }))

  it('SE6: chooses fairly among those that are ready', () =>
    run(
      function* () {
        const trials = 10_000
        const [c1, c2, c3, c4] = [chan<number>(1), chan<number>(1), chan<number>(), chan<number>()]
        let first = 0
        for (let i = 0; i < trials; i++) {
          c1.trySend(1)
          c2.trySend(1)
          const { key } = yield* select({ c3: c3.recv(), c1: c1.recv(), c4: c4.recv(), c2: c2.recv() })
          expect(key === 'c1' || key === 'c2').toBe(true)
          if (key === 'c1') first++
        }
        expect(Math.abs(first / trials - 0.5)).toBeLessThan(4.891676 / (2 * Math.sqrt(trials)))
      },
      { seed: 42 },
    ))

  it.each([0, 100])('SE7: sends either of two values on a channel of capacity %i', (capacity) =>
    run(function* () {
      const ch = chan<number>(capacity)
      const receiver = go(function* () {
        let ones = 0
        for (let i = 0; i < 100; i++) ones += (yield* ch.recv()) ?? 0
        return ones
      })
      for (let i = 0; i < 100; i++) yield* select({ one: ch.send(1), zero: ch.send(0) })
      const ones = yield* receiver
      expect(ones).toBeGreaterThan(10)
      expect(ones).toBeLessThan(90)
    }),
  )

  it('SE8: leaves every place it waited in, also two in one channel', () =>
    run(function* () {
      const [c, d] = [chan<number>(), chan<number>()]
      const a = go(function* () {
        return (yield* select({ x: c.recv(), y: c.recv(), d: d.recv() })).key
      })
      yield* settle()
      const b = go(function* () {
        return yield* c.recv()
      })
      yield* settle()
      yield* d.send(1)
      yield* c.send(2)
      expect(yield* a).toBe('d')
      expect(yield* b).toBe(2)
    }))

  it('SE9: those behind a select that was served elsewhere are still woken', () =>
    run(function* () {
      const [c1, c2] = [chan<boolean>(), chan<boolean>()]
      const before = go(function* () {
        yield* c1.recv()
      })
      yield* settle()
      const chosen = go(function* () {
        yield* select({ c1: c1.recv(), c2: c2.recv() })
        yield* c1.recv()
      })
      yield* settle()
      const behind = go(function* () {
        yield* c1.recv()
      })
      yield* settle()
      yield* c2.send(true)
      for (let i = 0; i < 3; i++) yield* c1.send(true)
      for (const g of [before, chosen, behind]) yield* g
    }))

  it('SE10: does exactly one of its cases', () =>
    forSeeds(50, (seed) =>
      run(
        function* () {
          const channels = [0, 1, 2, 3].map(() => chan<number>())
          const [c0, c1, c2, c3] = channels as [Chan<number>, Chan<number>, Chan<number>, Chan<number>]
          const merged = chan<number>(8)
          for (const ch of channels) {
            go(function* () {
              for (let v = yield* ch.recv(); v !== undefined; v = yield* ch.recv()) yield* merged.send(v)
            })
          }
          go(function* () {
            for (let i = 0; i < 200; i++)
              yield* select({ a: c0.send(i), b: c1.send(i), c: c2.send(i), d: c3.send(i) })
            for (const ch of channels) ch.close()
          })
          const seen: number[] = []
          for (let i = 0; i < 200; i++) seen.push((yield* merged.recv()) as number)
          expect(new Set(seen).size).toBe(200)
        },
        { seed },
      ),
    ))

  it('SE11: evaluates every operand once, in source order, also of cases that are switched off', () =>
    run(function* () {
      const calls: string[] = []
      const value = (name: string) => {
        calls.push(name)
        return name
      }
      const [a, b] = [chan<string>(1), chan<string>(1)]
      const off = nilChan
      yield* select({ a: a.send(value('a')), off: off.send(value('off') as never), b: b.send(value('b')) })
      expect(calls).toEqual(['a', 'off', 'b'])
      expect(a.length + b.length).toBe(1)
    }))

  it('SE12: what handles a case runs for the chosen one only', () =>
    run(function* () {
      const ch = chan<number>(1)
      ch.trySend(1)
      const r = yield* select({ ready: ch.recv(), never: nilChan.recv() })
      const ran: string[] = []
      if (r.key === 'ready') ran.push('ready')
      if (r.key === 'never') ran.push('never')
      expect(ran).toEqual(['ready'])
    }))

  it('SE13: waits for ever without cases', () =>
    run(function* () {
      const g = go(function* () {
        yield* select({})
      })
      yield* settle()
      expect(g.waitReason).toBe('select (no cases)')
      g.cancel()
      expect(trySelect({})).toBeUndefined()
    }))

  it('SE14: waits for ever with cases that are never ready', () =>
    run(function* () {
      const waiting = [
        go(function* () {
          yield* select({ a: nilChan.recv() })
        }),
        go(function* () {
          yield* select({ a: nilChan.recv(), b: nilChan.send(1 as never) })
        }),
        go(function* () {
          yield* select({ a: undefined, b: undefined })
        }),
      ]
      yield* settle()
      for (const g of waiting) {
        expect(g.state).toBe('waiting')
        g.cancel()
      }
      expect(trySelect({ a: nilChan.recv(), b: undefined })).toBeUndefined()
    }))

  it('SE15: a closed channel is ready to receive from, and fails a send', () =>
    run(function* () {
      const ch = chan<number>()
      ch.close()
      expect(yield* select({ r: ch.next() })).toEqual({ key: 'r', value: { value: undefined, done: true } })
      const { error } = yield* go(function* () {
        yield* select({ s: ch.send(1), never: nilChan.recv() })
      }).outcome()
      expect(String(error)).toContain('send on closed channel')
      expect(() => trySelect({ s: ch.send(1) })).toThrow('send on closed channel')
    }))

  it('SE16: prefers a buffered channel that is ready to the default', () =>
    run(function* () {
      const ch = chan<number>(1)
      expect(trySelect({ s: ch.send(5) })?.key).toBe('s')
      expect(trySelect({ s: ch.send(6) })).toBeUndefined()
      expect(trySelect({ r: ch.recv() })).toEqual({ key: 'r', value: 5 })
    }))

  describe('SE17: each form of receive meets each form of send', () => {
    const other = () => chan<number>()
    const receives: Record<string, (ch: Chan<number>) => Routine<unknown>> = {
      *plain(ch) {
        yield* ch.recv()
      },
      *one(ch) {
        yield* select({ r: ch.recv() })
      },
      *two(ch) {
        yield* select({ r: ch.recv(), o: other().recv() })
      },
    }
    const sends: Record<string, (ch: Chan<number>) => Routine<unknown>> = {
      *plain(ch) {
        yield* ch.send(1)
      },
      *one(ch) {
        yield* select({ s: ch.send(1) })
      },
      *two(ch) {
        yield* select({ s: ch.send(1), o: other().send(1) })
      },
    }
    for (const [rName, receive] of Object.entries(receives)) {
      for (const [sName, send] of Object.entries(sends)) {
        it(`SE17: ${rName} receive and ${sName} send`, () =>
          run(function* () {
            for (const order of [
              [receive, send],
              [send, receive],
            ]) {
              const ch = chan<number>()
              const both = order.map((fn) => go(fn, ch))
              for (const g of both) yield* g
            }
          }))
      }
    }
  })

  it('SE18: break and return inside a case leave only what they stand in', () =>
    run(function* () {
      const ch = chan<number>(1)
      let rounds = 0
      for (;;) {
        ch.trySend(1)
        const { key } = yield* select({ r: ch.recv() })
        switch (key) {
          case 'r':
            break // the switch, not the loop
        }
        if (++rounds === 3) break
      }
      expect(rounds).toBe(3)
    }))

  it('SE19: a close wakes parked cases, a receive with the end and a send with an error', () =>
    run(function* () {
      const [c, idle, full] = [chan<number>(), chan<number>(), chan<number>()]
      const receiver = go(function* () {
        return yield* select({ r: c.next(), i: idle.next() })
      })
      const sender = go(function* () {
        yield* select({ s: full.send(1), r: nilChan.recv() })
      })
      yield* settle()
      idle.close()
      full.close()
      expect((yield* receiver).value).toEqual({ value: undefined, done: true })
      expect(String((yield* sender.outcome()).error)).toContain('send on closed channel')
      expect(c.trySend(1)).toBe(false) // nobody is left in the other channel
    }))

  it('SE20: selects with a channel that is never ready leave nothing behind in it', () =>
    run(function* () {
      const [busy, idle] = [chan<number>(), chan<number>()]
      const rounds = 20_000
      const spin = function* (n: number) {
        go(function* () {
          for (let i = 0; i < n; i++) yield* select({ s: busy.send(i), i: idle.recv() })
        })
        for (let i = 0; i < n; i++) yield* select({ r: busy.recv(), i: idle.recv() })
      }
      const heapBytes = () => {
        globalThis.gc?.()
        return process.memoryUsage().heapUsed
      }
      yield* spin(rounds)
      const before = heapBytes()
      yield* spin(rounds)
      yield* spin(rounds)
      // One waiter left behind each time would be some 6 MB.
      expect(heapBytes() - before).toBeLessThan(1_000_000)
      expect(idle.trySend(1)).toBe(false)
    }))

  it('SE21: a timer is chosen although other cases are always ready', () =>
    run(function* () {
      const ch = chan<boolean>()
      const spinners = [true, false].map((v) =>
        go(function* () {
          for (;;) yield* select({ s: ch.send(v), never: nilChan.recv() })
        }),
      )
      const late = after(20)
      const g = go(function* () {
        yield* late
        return 'timer'
      })
      let rounds = 0
      for (;;) {
        const r = yield* select({ v: ch.recv(), timer: g })
        if (r.key === 'timer') break
        rounds++
      }
      expect(rounds).toBeGreaterThan(100)
      for (const spinner of spinners) spinner.cancel()
    }))

  it('takes goroutines, sleeps and other operations as cases', () =>
    bubble(function* () {
      const g = go(function* () {
        yield* sleep(10)
        return 'done'
      })
      expect(yield* select({ g, late: sleep(20) })).toEqual({ key: 'g', value: 'done' })
      const slow = go(() => sleep(50))
      expect((yield* select({ slow, late: after(5) })).key).toBe('late')
      yield* slow
    }))

  it('refuses an operation that was used before', () =>
    run(function* () {
      const ch = chan<number>(2)
      const send = ch.send(1)
      yield* send
      expect(() => select({ send })).toThrow(MisuseError)
    }))

  it('a selection is one object of the case and its value', async () => {
    const ch = chan<string>(1)
    await ch.send('x')
    expect(await select({ a: ch.recv() })).toEqual({ key: 'a', value: 'x' })
  })
})
