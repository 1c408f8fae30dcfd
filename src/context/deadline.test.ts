import { describe, expect, it } from 'vitest'
import { Canceled, chan, now, schedStats, sleep } from 'sluice'
import {
  background,
  type CancelContext,
  type Context,
  contextKey,
  DeadlineExceeded,
  withCancel,
  withDeadline,
  withTimeout,
  withValue,
} from 'sluice/context'
import { bubble } from 'sluice/testing'

const timers = () => schedStats().timers
const inMs = (ms: number) => new Date(now() + ms)

describe.each([
  ['withTimeout', (ctx: Context, ms: number): CancelContext => withTimeout(ctx, ms)],
  ['withDeadline', (ctx: Context, ms: number): CancelContext => withDeadline(ctx, inMs(ms))],
] as const)('%s', (_name, derive) => {
  it('CX5: ends with DeadlineExceeded at its time, not before', () =>
    bubble(function* () {
      const ctx = derive(background(), 50)
      const started = now()
      expect(ctx.deadline).toEqual(inMs(50))
      yield* sleep(49)
      expect(ctx.err).toBeUndefined()
      yield* ctx.done()
      expect(now() - started).toBe(50)
      expect(ctx.err).toBeInstanceOf(DeadlineExceeded)
    }))

  it.each([0, -1])('CX5: has ended when it is made if %d ms are left', (ms) =>
    bubble(function* () {
      const ctx = derive(background(), ms)
      expect(ctx.err).toBeInstanceOf(DeadlineExceeded)
      expect(timers()).toBe(0)
    }),
  )

  it('CX5: a child has the earlier deadline of its parent, and no timer', () =>
    bubble(function* () {
      const parent = derive(background(), 10)
      const child = derive(withValue(withCancel(parent), contextKey('k'), 1), 1000)
      expect(child.deadline).toEqual(parent.deadline)
      expect(timers()).toBe(1)
      yield* child.done()
      expect(child.err).toBe(parent.err)
      expect(child.err).toBeInstanceOf(DeadlineExceeded)
    }))

  it('CX5: a child with an earlier deadline ends alone', () =>
    bubble(function* () {
      using parent = derive(background(), 1000)
      const child = derive(parent, 10)
      yield* child.done()
      expect([child.err?.constructor, parent.err]).toEqual([DeadlineExceeded, undefined])
    }))

  it('CX6: canceled early, it ends at once with Canceled and its timer is gone', () =>
    bubble(function* () {
      const ctx = derive(background(), 10)
      expect(timers()).toBe(1)
      ctx.cancel()
      expect(ctx.err).toBeInstanceOf(Canceled)
      expect(timers()).toBe(0)
      yield* sleep(20)
      expect(ctx.err).toBeInstanceOf(Canceled)
    }))
})

describe('a deadline', () => {
  it('CX11: loses its timer when the parent ends', () =>
    bubble(function* () {
      const parent = withCancel(background())
      withTimeout(parent, 3_600_000)
      expect(timers()).toBe(1)
      parent.cancel()
      expect(timers()).toBe(0)
    }))

  it('bounds a wait: using ends it with the block', () =>
    bubble(function* () {
      const receive = function* (ms: number) {
        using ctx = withTimeout(background(), ms)
        return yield* chan<number>().recv().within(ctx)
      }
      let caught: unknown
      try {
        yield* receive(500)
      } catch (error) {
        caught = error
      }
      expect(caught).toBeInstanceOf(DeadlineExceeded)
      expect(timers()).toBe(0)
    }))

  it.each([Infinity, 1e300])('of %d ms is none', (ms) => {
    const ctx = withTimeout(background(), ms)
    expect([ctx.deadline, ctx.err, timers()]).toEqual([undefined, undefined, 0])
    expect(String(ctx)).toBe('context.Background.WithDeadline(never)')
  })

  it.each([-1e300, -Infinity])('of %d ms has passed', (ms) => {
    const ctx = withTimeout(background(), ms)
    expect(ctx.err).toBeInstanceOf(DeadlineExceeded)
    expect(ctx.deadline?.getTime()).toBe(-8.64e15)
  })

  it('is shown with what is left', () =>
    bubble(function* () {
      using ctx = withTimeout(background(), 1500)
      expect(String(ctx)).toBe('context.Background.WithDeadline(2000-01-01T00:00:01.500Z [1500 ms])')
    }))

  it('that is no time is refused', () => {
    expect(() => withTimeout(background(), Number.NaN)).toThrow(
      'withTimeout() needs a number of milliseconds',
    )
    expect(() => withDeadline(background(), new Date('never'))).toThrow('withDeadline() needs a valid Date')
  })
})

describe('DeadlineExceeded', () => {
  it('CX15: says that it is a timeout, and is not Canceled', () => {
    const error = new DeadlineExceeded()
    expect(error.timeout()).toBe(true)
    expect(error.code).toBe('ERR_SLUICE_DEADLINE_EXCEEDED')
    expect(String(error)).toBe('DeadlineExceeded: context deadline exceeded')
    expect(error).not.toBeInstanceOf(Canceled)
  })
})
