import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import type { Context } from '../context/context.js'
import { DeadlineExceeded, withTimeout } from '../context/deadline.js'
import { run } from '../main.js'
import { chan } from '../runtime/chan.js'
import { VirtualClock } from '../runtime/clock.js'
import { Canceled } from '../runtime/errors.js'
import { go } from '../runtime/go.js'
import { goexit } from '../runtime/goexit.js'
import type { Routine } from '../runtime/operation.js'
import { now, sleep, yieldNow } from '../runtime/sleep.js'
import { scheduler } from '../runtime/scheduler.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { Figures } from './figures.js'
import { DONE, FAILED, type Gate, GIVEN_UP } from './guard.js'
import { policy } from './policy.js'
import { Refused } from './refused.js'
import { TimedOut } from './timed-out.js'
import { timeout } from './timeout.js'

const ctx = background()
const endings = new Map([
  [DONE, 'done'],
  [FAILED, 'failed'],
  [GIVEN_UP, 'given up'],
])

/** A gate that lets everything in and writes down how it ended. */
function witness(log: unknown[]): Gate {
  const figures = new Figures('test', 'witness')
  return {
    figures,
    stats: () => figures.stats('ok'),
    enter: () => 0,
    wait: () => sleep(0) as never,
    leave: (_, ending) => log.push(endings.get(ending)),
    refusal: () => new Refused('test', 'witness', 'never', undefined),
  }
}

/** How `body` ends, and when. */
function* outcomeOf<T>(body: () => Routine<T>): Routine<{ error?: unknown; value?: T; atMs: number }> {
  const startMs = now()
  const outcome = yield* go(body).outcome()
  return { ...outcome, atMs: now() - startMs }
}

describe('timeout', () => {
  it('gives what the call gives in time, and leaves no timer behind', () =>
    bubble(function* () {
      const guard = timeout({ ms: 100 })
      const p = policy(guard)
      expect(yield* p.run(ctx, () => 'at once')).toBe('at once')
      expect(
        yield* p.run(ctx, function* () {
          yield* sleep(99)
          return 'late'
        }),
      ).toBe('late')
      expect(scheduler().timers.size).toBe(0)
      expect(guard.stats()).toMatchObject({ kind: 'timeout', name: 'timeout', admitted: 2, timedOut: 0 })
    }))

  it('passes on what the call throws', () =>
    bubble(function* () {
      const no = new Error('no')
      const { error } = yield* outcomeOf(function* () {
        yield* policy(timeout({ ms: 100 })).run(ctx, function* () {
          yield* sleep(1)
          throw no
        })
      })
      expect(error).toBe(no)
    }))

  it('ends the context of a call that is too slow, and says which guard and which limit', () =>
    bubble(function* () {
      const guard = timeout({ ms: 100, name: 'prices' })
      const told: unknown[] = []
      guard.figures.watch(({ what }) => told.push(what))
      const log: unknown[] = []
      let seen: unknown
      const { error, atMs } = yield* outcomeOf(function* () {
        yield* policy(guard, witness(log)).run(ctx, function* (ctx) {
          try {
            yield* sleep(1000).within(ctx)
          } catch (error) {
            seen = error
            throw error
          }
        })
      })
      expect(error).toBeInstanceOf(TimedOut)
      expect(error).toMatchObject({ code: 'ERR_SLUICE_TIMED_OUT', guard: 'prices', limitMs: 100 })
      expect(String(error)).toBe('TimedOut: prices timed out: the call took longer than 100 ms')
      expect((error as TimedOut).timeout()).toBe(true)
      expect(atMs).toBe(100)
      expect(seen).toBeInstanceOf(DeadlineExceeded)
      expect([log, told, guard.stats()['timedOut']]).toEqual([['failed'], ['timed out'], 1])
    }))

  it.each<[string, (ctx: Context) => Routine<void>]>([
    [
      'is parked',
      function* () {
        yield* sleep(1000)
      },
    ],
    [
      'is woken in that very moment, and goes on',
      function* () {
        for (;;) yield* sleep(10)
      },
    ],
  ])('gives up a call that does not listen to its context, and %s', (_, fn) =>
    bubble(function* () {
      const log: unknown[] = []
      const { error, atMs } = yield* outcomeOf(function* () {
        yield* policy(timeout({ ms: 100 }), witness(log)).run(ctx, fn)
      })
      expect(error).toBeInstanceOf(TimedOut)
      expect([atMs, log]).toEqual([100, ['failed']])
    }),
  )

  it('gives up the wait for a promise that never settles', () => {
    const clock = new VirtualClock() // a bubble would stand still for the promise
    return run(
      function* () {
        const g = go(outcomeOf<never>, function* () {
          return yield* policy(timeout({ ms: 100 })).run(ctx, () => new Promise<never>(() => {}))
        })
        for (let turn = 0; turn < 5; turn++) yield* yieldNow()
        clock.advance()
        expect((yield* g).error).toBeInstanceOf(TimedOut)
      },
      { clock },
    )
  })

  it('lets a call that listens clean up, and the caller go on without it', () =>
    bubble(function* () {
      const log: unknown[] = []
      const { atMs } = yield* outcomeOf(function* () {
        yield* policy(timeout({ ms: 100 })).run(ctx, function* (ctx) {
          try {
            yield* sleep(1000).within(ctx)
          } finally {
            yield* sleep(500) // as a roll-back does
            log.push('rolled back')
          }
        })
      })
      expect([atMs, log]).toEqual([100, []])
      yield* sleep(499)
      expect(log).toEqual([])
      yield* sleep(1)
      expect(log).toEqual(['rolled back'])
    }))

  it("throws the error of the caller's own context when that ends first", () =>
    bubble(function* () {
      const p = policy(timeout({ ms: 100 }))
      const early = yield* outcomeOf(function* () {
        yield* p.run(withTimeout(ctx, 50), () => sleep(1000))
      })
      expect([early.error, early.atMs]).toEqual([expect.any(DeadlineExceeded), 50])
      const mine = withCancel(ctx)
      const g = go(outcomeOf<void>, function* () {
        yield* p.run(mine, () => sleep(1000))
      })
      yield* sleep(20)
      mine.cancel()
      expect((yield* g).error).toBe(mine.err)
    }))

  it('gives back what the call holds of the guards behind before the caller goes on', () =>
    bubble(function* () {
      const log: unknown[] = []
      const mine = withCancel(ctx)
      const g = go(function* () {
        try {
          yield* policy(timeout({ ms: 100 }), witness(log)).run(mine, () => sleep(1000))
        } catch {
          log.push('the caller goes on')
        }
      })
      yield* waitIdle()
      mine.cancel()
      yield* g
      expect(log).toEqual(['given up', 'the caller goes on'])
    }))

  it('ends the call when the goroutine of the caller is canceled, which is no failure', () =>
    bubble(function* () {
      const log: unknown[] = []
      const g = go(function* () {
        yield* policy(timeout({ ms: 100 }), witness(log)).run(ctx, () => sleep(1000))
      })
      yield* waitIdle()
      g.cancel()
      expect((yield* g.outcome()).error).toBeInstanceOf(Canceled)
      yield* waitIdle()
      expect([log, scheduler().timers.size]).toEqual([['given up'], 0])
    }))

  it('begins a call at once, and one that does not wait costs no goroutine', () =>
    bubble(function* () {
      const { started } = scheduler().stats()
      const mine = withCancel(ctx)
      const p = policy(timeout({ ms: 100 }))
      expect(yield* p.run(mine, () => scheduler().stats().started)).toBe(started)
      mine.cancel()
      let calls = 0
      const ended = yield* outcomeOf(function* () {
        return yield* p.run(mine, () => calls++)
      })
      expect(ended.error).toBe(mine.err)
      expect([calls, scheduler().timers.size]).toEqual([0, 0])
    }))

  it('gives up a call that ended the context itself before it had to wait', () =>
    bubble(function* () {
      const mine = withCancel(ctx)
      const log: unknown[] = []
      const p = policy(timeout({ ms: 100 }), witness(log))
      const ended = yield* outcomeOf(function* () {
        return yield* p.run(mine, function* () {
          mine.cancel()
          yield* sleep(1000)
        })
      })
      expect(ended).toMatchObject({ error: mine.err, atMs: 0 })
      expect(log).toEqual(['given up'])
    }))

  it('gives up a call that never waits, but gives up its turn', async () => {
    const channel = chan<number>(1)
    let rounds = 0
    let isOver = false
    const error = await run(function* () {
      const g = go(function* () {
        yield* policy(timeout({ ms: 20 })).run(ctx, function* () {
          try {
            for (; ; rounds++) {
              yield* channel.send(rounds)
              yield* channel.recv()
            }
          } finally {
            isOver = true
          }
        })
      })
      return (yield* g.outcome()).error
    })
    expect(error).toBeInstanceOf(TimedOut)
    expect([isOver, rounds > 0]).toEqual([true, true])
  })

  it('changes its limit for the calls that come', () =>
    bubble(function* () {
      const guard = timeout({ ms: 100 })
      const p = policy(guard)
      function* late() {
        return yield* p.run(ctx, () => sleep(1000))
      }
      const under = go(() => outcomeOf(late))
      yield* waitIdle()
      guard.configure({ ms: 10 })
      expect(() => guard.configure({ ms: 0 })).toThrow('above 0')
      expect(yield* outcomeOf(late)).toMatchObject({ atMs: 10 })
      expect(yield* under).toMatchObject({ atMs: 100 })
      expect(guard.stats()).toMatchObject({ admitted: 2, timedOut: 2, limitMs: 10 })
    }))

  it('leaves the context of a call that gave a value alone, for the body of a response', () =>
    bubble(function* () {
      const signal = yield* policy(timeout({ ms: 100 })).run(ctx, (ctx) => ({ signal: ctx.signal }))
      yield* sleep(1000)
      expect(signal.signal.aborted).toBe(false)
    }))

  it('exits when the call exits', () =>
    bubble(function* () {
      let hasReturned = false
      const g = go(function* () {
        yield* policy(timeout({ ms: 100 })).run(ctx, function* () {
          yield* goexit()
        })
        hasReturned = true
      })
      expect([yield* g, hasReturned]).toEqual([undefined, false])
    }))

  it('leaves nothing hanging on a context that 10,000 calls share', () =>
    bubble(function* () {
      const shared = withCancel(ctx)
      const p = policy(timeout({ ms: 100 }))
      for (let i = 0; i < 10_000; i++) yield* p.run(shared, () => i)
      expect((shared as unknown as { dependentCount: number }).dependentCount).toBe(0)
    }))

  it('ends each call once and leaves nothing behind, however long it takes and whoever gives it up', () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.nat(20),
        fc.nat(20),
        fc.boolean(),
        async (seed, lastsMs, givenUpMs, listens) => {
          await bubble(
            function* () {
              const log: unknown[] = []
              const p = policy(timeout({ ms: 10 }), witness(log))
              const mine = withTimeout(ctx, givenUpMs)
              const startMs = now()
              const g = go(function* () {
                yield* p.run(mine, function* (ctx) {
                  for (let ms = 0; ms < lastsMs; ms += 5) yield* listens ? sleep(5).within(ctx) : sleep(5)
                })
              })
              yield* g.outcome()
              const atMs = now() - startMs
              expect(atMs).toBeLessThanOrEqual(Math.min(10, givenUpMs, Math.ceil(lastsMs / 5) * 5))
              mine.cancel()
              yield* waitIdle()
              expect(log.length).toBeLessThanOrEqual(1)
              expect([scheduler().timers.size, scheduler().live]).toEqual([0, 1])
            },
            { seed },
          )
        },
      ),
      { numRuns: 200, seed: 5 },
    ))

  it.each([0, -1, Number.NaN, Infinity])('refuses a limit of %s ms', (ms) => {
    expect(() => timeout({ ms })).toThrow(
      `the ms of a timeout is a finite number above 0, not ${ms}: leave the guard out for no limit`,
    )
  })
})
