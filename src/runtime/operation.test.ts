import { describe, expect, it } from 'vitest'
import {
  Canceled,
  chan,
  go,
  MisuseError,
  Operation,
  type Routine,
  run,
  select,
  sleep,
  trySelect,
  yieldNow,
} from 'sluice'
import { background, withCancel, withTimeout, DeadlineExceeded } from 'sluice/context'
import { bubble } from 'sluice/testing'

/** An operation of a user's own: it waits until somebody opens it. */
class Opening extends Operation<string> {
  parks = 0
  unparks = 0

  override get waitReason(): string {
    return 'gate'
  }
  override attempt(): boolean {
    return false
  }
  override park(): void {
    this.parks++
  }
  override unpark(): void {
    this.unparks++
  }
}

describe('an operation', () => {
  it('is lazy: made and not started it does nothing', () =>
    run(function* () {
      const ch = chan<number>(1)
      const send = ch.send(1)
      yield* yieldNow()
      expect(ch.length).toBe(0)
      yield* send
      expect(ch.length).toBe(1)
    }))

  it('of a user’s own parks a goroutine and wakes it with its outcome', () =>
    run(function* () {
      const opening = new Opening()
      const g = go(function* () {
        return yield* opening
      })
      yield* yieldNow()
      expect([g.state, g.waitReason, opening.parks]).toEqual(['waiting', 'gate', 1])
      opening.complete('open')
      expect(g.state).toBe('runnable') // queued, not run inside its waker
      expect(yield* g).toBe('open')
      expect(opening.unparks).toBe(0)
    }))

  it('that fails throws where it was started', () =>
    run(function* () {
      const opening = new Opening()
      const g = go(function* () {
        try {
          return yield* opening
        } catch (error) {
          return `caught ${String(error)}`
        }
      })
      yield* yieldNow()
      opening.fail(new Error('jammed'))
      expect(yield* g).toBe('caught Error: jammed')
    }))

  it('that is given up is taken away exactly once', () =>
    run(function* () {
      const opening = new Opening()
      const g = go(function* () {
        yield* opening
      })
      yield* yieldNow()
      g.cancel()
      expect((yield* g.outcome()).error).toBeInstanceOf(Canceled)
      expect([opening.parks, opening.unparks]).toEqual([1, 1])
    }))

  it('is used once, whatever the uses are', async () => {
    const uses: Record<string, (op: Operation<unknown>) => unknown> = {
      await: (op) => op.then(),
      select: (op) => select({ op }),
      trySelect: (op) => trySelect({ op }),
      within: (op) => op.within(withCancel(background())),
    }
    for (const first of Object.values(uses)) {
      for (const second of Object.values(uses)) {
        const ch = chan<number>(4)
        const op = ch.send(1)
        void first(op)
        const again = async () => second(op)
        await expect(again()).rejects.toThrow(MisuseError)
        await expect(again()).rejects.toThrow('this operation (chan send) has been used already')
      }
    }
  })

  it('takes part in async code: several waits of one channel are served in order', async () => {
    const ch = chan<number>()
    const received = Promise.all([ch.recv(), ch.recv(), ch.recv()])
    await run(function* () {
      for (let i = 0; i < 3; i++) yield* ch.send(i)
    })
    expect(await received).toEqual([0, 1, 2])
  })
})

describe('a yield without its star', () => {
  it('is caught like any other error, and the goroutine goes on', () =>
    run(function* () {
      const ch = chan<string>(1)
      const g = go(function* () {
        try {
          yield ch.recv() as never
        } catch (error) {
          expect(error).toBeInstanceOf(MisuseError)
        }
        return yield* ch.recv()
      })
      yield* ch.send('went on')
      expect(yield* g).toBe('went on')
    }))

  it('of anything else says what it was', () =>
    run(function* () {
      const { error } = yield* go(function* () {
        yield 42 as never
      }).outcome()
      expect(String(error)).toContain('a goroutine yielded 42 without the star: write `yield* operation`')
    }))
})

describe('within', () => {
  it('gives what the wait gives while the bound lasts', () =>
    run(function* () {
      const ctx = withCancel(background())
      const ch = chan<number>()
      const g = go(function* () {
        return yield* ch.recv().within(ctx)
      })
      yield* yieldNow()
      expect(g.waitReason).toBe('chan receive')
      yield* ch.send(7)
      expect(yield* g).toBe(7)
      ctx.cancel()
    }))

  it('throws the error of a bound that ends, and leaves nothing behind in what it waited for', () =>
    run(function* () {
      const ctx = withCancel(background())
      const ch = chan<number>()
      const g = go(function* () {
        yield* ch.recv().within(ctx)
      })
      yield* yieldNow()
      ctx.cancel()
      expect((yield* g.outcome()).error).toBe(ctx.err)
      expect(ch.trySend(1)).toBe(false)
    }))

  it('a bound that has ended wins over a wait that is ready', () =>
    run(function* () {
      const ctx = withCancel(background())
      ctx.cancel()
      const ch = chan<number>(1)
      yield* ch.send(1)
      const { error } = yield* go(function* () {
        yield* ch.recv().within(ctx)
      }).outcome()
      expect(error).toBeInstanceOf(Canceled)
      expect(ch.length).toBe(1)
    }))

  it('of within lasts as long as the shorter bound', () =>
    bubble(function* () {
      const [short, long] = [withTimeout(background(), 10), withTimeout(background(), 1000)]
      for (const [inner, outer] of [
        [short, long],
        [long, short],
      ] as const) {
        const { error } = yield* go(function* () {
          yield* chan().recv().within(inner).within(outer)
        }).outcome()
        expect(error).toBeInstanceOf(DeadlineExceeded)
        expect(long.err).toBeUndefined()
      }
      long.cancel()
    }))

  it('bounds a case of a select, and a whole select', () =>
    bubble(function* () {
      const ctx = withTimeout(background(), 10)
      const { error } = yield* go(function* () {
        yield* select({ r: chan().recv().within(ctx), never: sleep(1000) })
      }).outcome()
      expect(error).toBeInstanceOf(DeadlineExceeded)
      const later = withTimeout(background(), 10)
      const whole = yield* go(function* () {
        yield* select({ r: chan().recv(), never: sleep(1000) }).within(later)
      }).outcome()
      expect(whole.error).toBeInstanceOf(DeadlineExceeded)
    }))

  it('bounds a join, and the goroutine goes on', () =>
    bubble(function* () {
      const g = go(function* (): Routine<string> {
        yield* sleep(100)
        return 'done'
      })
      const { error } = yield* go(function* () {
        yield* g.within(withTimeout(background(), 10))
      }).outcome()
      expect(error).toBeInstanceOf(DeadlineExceeded)
      expect(yield* g).toBe('done')
    }))

  it('canceled from outside leaves neither the channel nor the bound with a waiter', () =>
    run(function* () {
      const ctx = withCancel(background())
      const ch = chan<number>()
      const g = go(function* () {
        yield* ch.recv().within(ctx)
      })
      yield* yieldNow()
      g.cancel('from outside')
      const { error } = yield* g.outcome()
      expect((error as Canceled).cause).toBe('from outside')
      ctx.cancel()
      expect(ch.trySend(1)).toBe(false)
    }))
})
