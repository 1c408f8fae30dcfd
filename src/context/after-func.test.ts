import { describe, expect, it } from 'vitest'
import { chan, numGoroutine, run, sleep, yieldNow } from 'sluice'
import {
  afterFunc,
  background,
  type Context,
  withCancel,
  withTimeout,
  withValue,
  contextKey,
} from 'sluice/context'
import { bubble } from 'sluice/testing'
import type { CancelNode } from './cancel.js'

describe('afterFunc', () => {
  it('CX18: runs once after cancel, in a goroutine of its own', () =>
    run(function* () {
      const ctx = withCancel(background())
      let calls = 0
      afterFunc(ctx, function* () {
        yield* yieldNow()
        calls++
      })
      yield* yieldNow()
      expect(calls).toBe(0)
      const before = numGoroutine()
      ctx.cancel()
      ctx.cancel()
      expect([calls, numGoroutine() - before]).toEqual([0, 1])
      for (let i = 0; i < 3; i++) yield* yieldNow()
      expect([calls, numGoroutine()]).toEqual([1, before])
    }))

  it('CX18: runs after a timeout', () =>
    bubble(function* () {
      const ran = chan<string>(1)
      afterFunc(withTimeout(background(), 10), () => ran.trySend('ran'))
      yield* sleep(9)
      expect(ran.length).toBe(0)
      expect(yield* ran.recv()).toBe('ran')
    }))

  it('CX18: runs at once where the context has ended', () =>
    run(function* () {
      const ctx = withCancel(background())
      ctx.cancel()
      const ran = chan<string>(1)
      const stop = afterFunc(withValue(ctx, contextKey('k'), 1), () => ran.trySend('ran'))
      expect(yield* ran.recv()).toBe('ran')
      expect(stop()).toBe(false)
    }))

  it('CX19: does not run once it is stopped, which stop tells by true, the first time', () =>
    run(function* () {
      const ctx = withCancel(background())
      let calls = 0
      const stop = afterFunc(ctx, () => calls++)
      expect((ctx as CancelNode).dependentCount).toBe(1)
      expect([stop(), stop()]).toEqual([true, false])
      expect((ctx as CancelNode).dependentCount).toBe(0)
      ctx.cancel()
      yield* yieldNow()
      expect(calls).toBe(0)
    }))

  it('CX20: cancel does not wait for it', () =>
    run(function* () {
      const ctx = withCancel(background())
      const ch = chan<string>()
      afterFunc(ctx, () => ch.send('after cancel'))
      ctx.cancel()
      expect(yield* ch.recv()).toBe('after cancel')
    }))

  it('refuses what is no function and what is no context, at the call', () => {
    expect(() => afterFunc(background(), undefined as unknown as () => void)).toThrow(
      'afterFunc() needs a function',
    )
    expect(() => afterFunc(undefined as unknown as Context, () => {})).toThrow('nil parent')
  })
})
