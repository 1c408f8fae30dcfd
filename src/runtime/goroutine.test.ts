import { describe, expect, it } from 'vitest'
import {
  Canceled,
  chan,
  FatalError,
  go,
  type Goroutine,
  goexit,
  goroutines,
  MisuseError,
  numGoroutine,
  type Routine,
  run,
  schedStats,
  select,
  sleep,
  wait,
  yieldNow,
} from 'sluice'
import { forSeeds } from 'sluice/testing'

function* settle(): Routine<void> {
  for (let i = 0; i < 5; i++) yield* yieldNow()
}

describe('go', () => {
  it('runs generator, async and plain functions, and none before its turn', () =>
    run(function* () {
      const order: string[] = []
      const a = go(function* (n: number) {
        order.push('generator')
        yield* yieldNow()
        return n
      }, 1)
      const b = go(async (n: number) => {
        order.push('async')
        return n
      }, 2)
      const c = go((n: number) => {
        order.push('plain')
        return n
      }, 3)
      order.push('go returned')
      expect([yield* a, yield* b, yield* c]).toEqual([1, 2, 3])
      expect(order).toEqual(['go returned', 'generator', 'async', 'plain'])
    }))

  it('runs what a plain function returns, if that waits', () =>
    run(function* () {
      const inner = function* (n: number) {
        yield* yieldNow()
        return n + 1
      }
      expect(yield* go(() => inner(1))).toBe(2)
      expect(yield* go(() => Promise.resolve(3))).toBe(3)
    }))

  it('starts goroutines in the order of their go', () =>
    run(function* () {
      const order: number[] = []
      for (let i = 0; i < 10; i++) go(() => order.push(i))
      yield* yieldNow()
      expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    }))

  it('RT7: of something that is no function is fatal', async () => {
    const crashes: unknown[] = []
    const outcome = run(
      function* () {
        go(undefined as never)
      },
      { onCrash: (error) => crashes.push(error) },
    )
    await expect(outcome).rejects.toThrow('go of nil func value')
    expect(crashes[0]).toBeInstanceOf(FatalError)
  })

  it('joins by await in async code', async () => {
    const g = go(function* () {
      yield* yieldNow()
      return 'joined'
    })
    expect(await g).toBe('joined')
    expect(await g).toBe('joined')
  })
})

describe('a goroutine', () => {
  it('has a state and a wait reason', () =>
    run(function* () {
      const ch = chan<number>()
      const g = go(function* (): Routine<void> {
        expect(g.state).toBe('running')
        yield* ch.recv()
      })
      expect([g.state, g.waitReason]).toEqual(['runnable', undefined])
      yield* yieldNow()
      expect([g.state, g.waitReason]).toEqual(['waiting', 'chan receive'])
      yield* ch.send(1)
      yield* g
      expect([g.state, g.waitReason]).toEqual(['dead', undefined])
    }))

  it('throws its error in those that join it, and tells it without throwing', () =>
    run(function* () {
      const g = go(function* () {
        throw new TypeError('boom')
      })
      expect(yield* g.outcome()).toEqual({ error: new TypeError('boom') })
      const joiner = go(function* () {
        yield* g
      })
      expect((yield* joiner.outcome()).error).toBeInstanceOf(TypeError)
      expect(yield* go(() => 5).outcome()).toEqual({ value: 5 })
    }))

  it('may be joined after another one although it fails first', () =>
    run(function* () {
      const slow = go(function* () {
        yield* settle()
        return 'slow'
      })
      const failing = go(function* () {
        throw new Error('early')
      })
      const outcome = failing.outcome()
      expect(yield* slow).toBe('slow')
      expect(String((yield* outcome).error)).toBe('Error: early')
    }))

  it('crashes by a failure that nobody joins', async () => {
    const crashes: unknown[] = []
    await run(
      function* () {
        go(function* () {
          throw new Error('nobody cares')
        })
        yield* sleep(5)
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([new Error('nobody cares')])
  })

  it('crashes by a failure that comes after the one who joined it has given up', async () => {
    const giveUps: ((g: Goroutine<void>) => Routine<unknown>)[] = [
      function* (g) {
        yield* select({ g, late: yieldNow() })
      },
      function* (g) {
        const joiner = go(function* () {
          yield* g
        })
        yield* yieldNow()
        joiner.cancel()
      },
    ]
    for (const giveUp of giveUps) {
      const crashes: unknown[] = []
      await run(
        function* () {
          const g = go(function* () {
            for (let i = 0; i < 5; i++) yield* yieldNow()
            throw new Error('late')
          })
          yield* giveUp(g)
          yield* sleep(5)
        },
        { onCrash: (error) => crashes.push(error) },
      )
      expect(crashes).toEqual([new Error('late')])
    }
  })

  it('RT9: is counted and listed while it lives', () =>
    run(function* () {
      const before = numGoroutine()
      const ch = chan<number>()
      const some = [1, 2, 3].map(() =>
        go(function* () {
          yield* ch.recv()
        }),
      )
      expect(numGoroutine()).toBe(before + 3)
      expect(goroutines().length).toBe(numGoroutine())
      yield* yieldNow()
      expect(goroutines().length).toBe(numGoroutine())
      expect(some.every((g) => goroutines().includes(g))).toBe(true)
      ch.close()
      for (const g of some) yield* g
      expect(numGoroutine()).toBe(before)
      expect(schedStats().goroutines).toBe(before)
    }))

  it('RT10: that yields lets others make progress', () =>
    run(function* () {
      let done = false
      const spinner = go(function* () {
        while (!done) yield* yieldNow()
      })
      const waiter = go(function* () {
        yield* sleep(1)
        done = true
      })
      yield* waiter
      yield* spinner
    }))
})

describe('cancel', () => {
  it('throws where the goroutine is parked, so finally and using run', () =>
    run(function* () {
      const steps: string[] = []
      const g = go(function* () {
        using _ = { [Symbol.dispose]: () => steps.push('disposed') }
        try {
          yield* chan().recv()
        } finally {
          steps.push('finally')
          yield* yieldNow()
          steps.push('waited in finally')
        }
      })
      yield* yieldNow()
      g.cancel('why')
      const { error } = yield* g.outcome()
      expect(error).toBeInstanceOf(Canceled)
      expect((error as Canceled).cause).toBe('why')
      expect(steps).toEqual(['finally', 'waited in finally', 'disposed'])
    }))

  it('leaves nothing in the channel that the goroutine waited for', () =>
    run(function* () {
      const ch = chan<number>()
      const g = go(function* () {
        yield* ch.recv()
      })
      yield* yieldNow()
      g.cancel()
      expect(ch.trySend(1)).toBe(false)
    }))

  it('ends one that has not started without running it', () =>
    run(function* () {
      let ran = false
      const g = go(function* () {
        ran = true
      })
      g.cancel()
      expect(g.state).toBe('dead')
      expect((yield* g.outcome()).error).toBeInstanceOf(Canceled)
      expect(ran).toBe(false)
    }))

  it('waits for the next park of one that was woken already, which keeps what it was given', () =>
    run(function* () {
      const ch = chan<number>()
      let got: number | undefined
      const g = go(function* () {
        got = yield* ch.recv()
        yield* chan().recv()
      })
      yield* yieldNow()
      ch.trySend(7)
      g.cancel()
      expect((yield* g.outcome()).error).toBeInstanceOf(Canceled)
      expect(got).toBe(7)
    }))

  it('throws once: what catches it can wait again', () =>
    run(function* () {
      const ch = chan<string>()
      const g = go(function* () {
        try {
          yield* chan().recv()
        } catch {
          return yield* ch.recv()
        }
        return undefined
      })
      yield* yieldNow()
      g.cancel()
      yield* ch.send('still here')
      expect(yield* g).toBe('still here')
    }))

  it('is no crash', async () => {
    const crashes: unknown[] = []
    await run(
      function* () {
        const g = go(function* () {
          yield* chan().recv()
        })
        yield* yieldNow()
        g.cancel()
        yield* sleep(2)
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([])
  })

  it('stops one whose operations are always ready', () =>
    run(function* () {
      const ch = chan<number>(1)
      const hog = go(function* () {
        for (;;) {
          yield* ch.send(1)
          yield* ch.recv()
        }
      })
      yield* sleep(1)
      hog.cancel()
      expect((yield* hog.outcome()).error).toBeInstanceOf(Canceled)
    }))
})

function fail(message: string): never {
  throw new Error(message)
}

describe('goexit', () => {
  it('RT4: runs finally and no catch', () =>
    run(function* () {
      const steps: string[] = []
      const g = go(function* () {
        try {
          yield* goexit()
        } catch {
          steps.push('caught')
        } finally {
          steps.push('finally')
          yield* yieldNow()
          steps.push('waited in finally')
        }
        steps.push('went on')
      })
      expect(yield* g.outcome()).toEqual({ value: undefined })
      expect(steps).toEqual(['finally', 'waited in finally'])
    }))

  it('RT5: an error thrown on the way out is its failure; one that is caught there is not', () =>
    run(function* () {
      const failing = go(function* () {
        try {
          yield* goexit()
        } finally {
          fail('in finally')
        }
      })
      expect(String((yield* failing.outcome()).error)).toBe('Error: in finally')
      const recovering = go(function* () {
        try {
          yield* goexit()
        } finally {
          try {
            fail('caught again')
          } catch {}
        }
      })
      expect(yield* recovering.outcome()).toEqual({ value: undefined })
    }))

  it('is refused in async code', async () => {
    await expect(goexit()).rejects.toThrow(MisuseError)
  })
})

describe('an operation', () => {
  it('yielded without its star fails at once and says so', () =>
    run(function* () {
      const g = go(function* () {
        yield chan<number>().recv() as never
      })
      const { error } = yield* g.outcome()
      expect(error).toBeInstanceOf(MisuseError)
      expect(String(error)).toContain(
        '`yield` of an operation (chan receive) without the star: write `yield* operation`',
      )
    }))

  it('is used once', () =>
    run(function* () {
      const ch = chan<number>(2)
      const send = ch.send(1)
      yield* send
      const { error } = yield* go(function* () {
        yield* send
      }).outcome()
      expect(String(error)).toContain('this operation (chan send) has been used already')
    }))

  it('outside a goroutine says where it belongs', () => {
    const routine = (function* () {
      yield* chan<number>().recv()
    })()
    expect(() => routine.next()).toThrow('outside a goroutine: start the function with go() or run()')
  })

  it('can be awaited', async () => {
    const ch = chan<string>()
    const received = Promise.resolve(ch.recv())
    await ch.send('by await')
    expect(await received).toBe('by await')
    ch.close()
    await expect(ch.send('late')).rejects.toThrow('send on closed channel')
  })
})

describe('wait', () => {
  it('gives the value of a promise, or throws its rejection', () =>
    run(function* () {
      expect(yield* wait(Promise.resolve(1))).toBe(1)
      expect(yield* wait(2)).toBe(2)
      const { error } = yield* go(function* () {
        yield* wait(Promise.reject(new Error('rejected')))
      }).outcome()
      expect(String(error)).toBe('Error: rejected')
    }))

  it('can be given up', () =>
    run(function* () {
      const r = yield* select({ never: wait(new Promise(() => {})), soon: sleep(1) })
      expect(r.key).toBe('soon')
    }))
})

describe('the scheduler', () => {
  it('RT12: a pair that wake each other does not starve another pair', () =>
    run(function* () {
      const counts = { hog: 0, light: 0 }
      let done = false
      const pair = function* (name: 'hog' | 'light') {
        const [a, b] = [chan<void>(), chan<void>()]
        go(function* () {
          while (!done) {
            yield* a.recv()
            yield* b.send()
          }
        })
        while (!done) {
          yield* a.send()
          yield* b.recv()
          counts[name]++
        }
      }
      go(pair, 'hog')
      go(pair, 'light')
      yield* sleep(20)
      done = true
      const ratio = counts.hog / counts.light
      expect(ratio).toBeGreaterThan(1 / 20)
      expect(ratio).toBeLessThan(20)
    }))

  it('RT20: one that is woken runs next, after its waker has parked and before those that queue', () =>
    run(function* () {
      const ch = chan<number>()
      const order: string[] = []
      go(function* () {
        yield* ch.recv()
        order.push('woken')
      })
      yield* settle()
      go(() => order.push('queued'))
      ch.trySend(1)
      order.push('waker goes on')
      yield* yieldNow()
      expect(order).toEqual(['waker goes on', 'woken', 'queued'])
    }))

  it('does not let two goroutines that are always ready hold up the event loop', async () => {
    let rounds = 0
    let stop = false
    const hogs = [chan<number>(1), chan<number>(1)].map((ch) =>
      go(function* () {
        while (!stop) {
          yield* ch.send(1)
          yield* ch.recv()
          rounds++
        }
      }),
    )
    // Both hogs spin for ever unless the host's own timer gets its turn.
    await new Promise<void>((resolve) => AbortSignal.timeout(5).addEventListener('abort', () => resolve()))
    const seen = rounds
    stop = true
    expect(seen).toBeGreaterThan(0)
    for (const g of hogs) await g
  })

  it('does not let waits for promises hold up the event loop', async () => {
    let stop = false
    const hog = go(function* () {
      while (!stop) yield* wait(Promise.resolve())
    })
    await new Promise<void>((resolve) => AbortSignal.timeout(5).addEventListener('abort', () => resolve()))
    stop = true
    await hog
  })

  it('repeats an interleaving by its seed', async () => {
    const trace = (seed: number) =>
      run(
        function* () {
          const steps: string[] = []
          const all = ['a', 'b', 'c'].map((name) =>
            go(function* () {
              for (let i = 0; i < 5; i++) {
                steps.push(name)
                yield* yieldNow()
              }
            }),
          )
          for (const g of all) yield* g
          return steps.join('')
        },
        { seed },
      )
    const traces = new Set<string>()
    await forSeeds(30, async (seed) => {
      const first = await trace(seed)
      expect(await trace(seed)).toBe(first)
      traces.add(first)
    })
    expect(traces.size).toBeGreaterThan(20)
  })

  it('a fatal error is a crash although user code catches it', async () => {
    const crashes: unknown[] = []
    const { fatal } = await import('./crash.js')
    await run(
      function* () {
        try {
          throw fatal(new FatalError('broken'))
        } catch {}
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([new FatalError('broken')])
  })
})
