import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chan, FatalError, go, goexit, type Routine, run, sleep, yieldNow } from 'sluice'
import { SingleFlight } from 'sluice/sync'
import { bubble, waitIdle } from 'sluice/testing'

describe('SingleFlight', () => {
  it('SF1: gives the value, to a single caller as one that is not shared', () =>
    run(function* () {
      const flights = new SingleFlight<string>()
      expect(yield* flights.do('key', () => 'bar')).toEqual({ value: 'bar', shared: false })
    }))

  it('SF1: throws the error', () =>
    run(function* () {
      const flights = new SingleFlight<string>()
      const failure = new Error('some error')
      expect(yield* go(() => flights.do('key', failing(failure))).outcome()).toEqual({ error: failure })
    }))

  it('SF2: ten callers at a time share one call, in any order', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        await bubble(
          function* () {
            const flights = new SingleFlight<string>()
            let calls = 0
            const all = Array.from({ length: 10 }, () =>
              go(() =>
                flights.do('key', function* () {
                  calls++
                  yield* sleep(10)
                  return 'bar'
                }),
              ),
            )
            for (const g of all) expect(yield* g).toEqual({ value: 'bar', shared: true })
            expect(calls).toBe(1)
          },
          { seed },
        )
      }),
      { numRuns: 200 },
    ))

  it('SF2: calls for other keys, and later ones, are calls of their own', () =>
    run(function* () {
      const flights = new SingleFlight<number, object>()
      const [a, b] = [{}, {}]
      let calls = 0
      const call = function* () {
        yield* yieldNow()
        return ++calls
      }
      const both = [go(() => flights.do(a, call)), go(() => flights.do(b, call))]
      for (const g of both) yield* g
      expect(yield* flights.do(a, call)).toEqual({ value: 3, shared: false })
    }))

  it('SF3: a call that was forgotten does not take away the one that came after it', () =>
    bubble(function* () {
      const flights = new SingleFlight<number>()
      const gates = [chan<void>(), chan<void>()] as const
      const first = go(() => flights.do('key', gated(1, gates[0])))
      yield* waitIdle()
      flights.forget('key')
      const second = flights.doChan('key', gated(2, gates[1]))
      yield* waitIdle()
      gates[0].close()
      expect(yield* first).toEqual({ value: 1, shared: false })

      const third = flights.doChan('key', () => 3)
      gates[1].close()

      expect(yield* second.recv()).toEqual({ value: 2, shared: true })
      expect(yield* third.recv()).toEqual({ value: 2, shared: true })
    }))

  it('SF4: two channels get the outcome of one call, with room for it, and are not closed', () =>
    bubble(function* () {
      const flights = new SingleFlight<string>()
      let calls = 0
      const call = function* () {
        calls++
        yield* sleep(10)
        return 'bar'
      }
      const channels = [flights.doChan('key', call), flights.doChan('key', call)]
      yield* sleep(20)
      for (const channel of channels) {
        expect([channel.capacity, channel.length]).toEqual([1, 1])
        expect(yield* channel.recv()).toEqual({ value: 'bar', shared: true })
        expect(channel.tryRecv()).toBeUndefined()
      }
      expect(calls).toBe(1)
    }))

  it('SF4: a channel gets the error', () =>
    run(function* () {
      const failure = new Error('some error')
      const flights = new SingleFlight<string>()
      const channel = flights.doChan('key', failing(failure))
      expect(yield* channel.recv()).toEqual({ error: failure, shared: false })
    }))

  it('SF5: when the call throws, all callers get what it threw, and the next call is a new one', () =>
    bubble(function* () {
      const flights = new SingleFlight<string>()
      const failure = new Error('invalid memory address')
      const all = Array.from({ length: 5 }, () => go(() => flights.do('key', failing(failure))))
      for (const g of all) expect((yield* g.outcome()).error).toBe(failure)
      expect(failure.stack).toContain('single-flight.test')
      expect(yield* flights.do('key', () => 'anew')).toEqual({ value: 'anew', shared: false })
    }))

  it.each([new Error('an error'), 'a text', undefined])(
    'SF6: what is thrown (%s) reaches all as it is',
    (thrown) =>
      bubble(function* () {
        const flights = new SingleFlight<string>()
        const all = [1, 2].map(() => go(() => flights.do('key', failing(thrown))))
        for (const g of all) {
          const outcome = yield* g.outcome()
          expect('error' in outcome && Object.is(outcome.error, thrown)).toBe(true)
        }
      }),
  )

  it('SF7: when the call exits by goexit, so do all callers, and their cleanup runs', () =>
    bubble(function* () {
      const flights = new SingleFlight<void>()
      let [cleaned, returned] = [0, 0]
      const all = Array.from({ length: 5 }, () =>
        go(function* () {
          try {
            yield* flights.do('key', function* () {
              yield* yieldNow()
              yield* goexit()
            })
            returned++
          } finally {
            cleaned++
          }
        }),
      )
      for (const g of all) expect(yield* g.outcome()).toEqual({ value: undefined })
      expect([cleaned, returned]).toEqual([5, 0])
    }))

  it('SF8: a FatalError of a call with a channel ends the process, and the channel gets nothing', async () => {
    const crashes: unknown[] = []
    const broken = new FatalError('broken')
    await run(
      function* () {
        const channel = new SingleFlight<string>().doChan('key', failing(broken))
        for (let i = 0; i < 5; i++) yield* yieldNow()
        expect(channel.length).toBe(0)
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([broken])
  })

  it('SF8: also where a caller of do recovers from it', async () => {
    const crashes: unknown[] = []
    const broken = new FatalError('broken')
    await run(
      function* () {
        const flights = new SingleFlight<string>()
        const caller = go(() => flights.do('key', failing(broken)))
        yield* yieldNow()
        const channel = flights.doChan('key', () => 'never called')
        expect(yield* caller.outcome()).toEqual({ error: broken })
        expect(channel.length).toBe(0)
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([broken])
  })

  it('a caller that is canceled while it waits leaves the call alone', () =>
    bubble(function* () {
      const flights = new SingleFlight<string>()
      const call = function* () {
        yield* sleep(10)
        return 'bar'
      }
      const start = () => go(() => flights.do('key', call))
      const all = [start(), start(), start()] as const
      yield* waitIdle()
      all[1].cancel()
      expect([all[0], all[2]].map((g) => g.state)).toEqual(['waiting', 'waiting'])
      for (const g of [all[0], all[2]]) expect(yield* g.join()).toEqual({ value: 'bar', shared: true })
    }))
})

function failing(thrown: unknown) {
  return function* (): Routine<string> {
    yield* yieldNow()
    throw thrown
  }
}

function gated(value: number, gate: ReturnType<typeof chan<void>>) {
  return function* () {
    yield* gate.recv()
    return value
  }
}
