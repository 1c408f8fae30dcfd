import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Canceled, chan, go, run, wait, yieldNow } from 'sluice'
import { afterFunc, background, DeadlineExceeded, fromSignal, withCancel, withTimeout } from 'sluice/context'
import { bubble } from 'sluice/testing'

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length

describe('fromSignal', () => {
  it('ends when the signal aborts, with its reason as the cause', () => {
    const controller = new AbortController()
    const ctx = fromSignal(controller.signal)
    const child = withCancel(ctx)
    expect([ctx.err, ctx.cause, ctx.deadline]).toEqual([undefined, undefined, undefined])
    const reason = new Error('client went away')
    controller.abort(reason)
    expect([ctx.err?.constructor, ctx.cause]).toEqual([Canceled, reason])
    expect([child.err, child.cause]).toEqual([ctx.err, reason])
    expect(String(child)).toBe('context.Background.FromSignal.WithCancel')
  })

  it('has ended where the signal has been aborted', () => {
    const ctx = fromSignal(AbortSignal.abort('before'))
    expect([ctx.err?.constructor, ctx.cause]).toEqual([Canceled, 'before'])
    expect(withCancel(ctx).cause).toBe('before')
  })

  it('knows of the end before its own listener runs', () => {
    const controller = new AbortController()
    const ctx = fromSignal(controller.signal)
    let seen: unknown
    controller.signal.addEventListener('abort', () => {
      seen = ctx.cause
    })
    withCancel(ctx)
    controller.abort('first')
    expect(seen).toBe('first')
  })

  it('gives the same context for a signal, and the same signal for the context', () => {
    const { signal } = new AbortController()
    expect(fromSignal(signal)).toBe(fromSignal(signal))
    expect(fromSignal(signal).signal).toBe(signal)
  })

  it('has no listener while nobody waits', () => {
    const { signal } = new AbortController()
    const ctx = fromSignal(signal)
    expect([ctx.err, ctx.done().constructor.name, listeners(signal)]).toEqual([undefined, 'Done', 0])
  })

  it('has one listener for however many, and none when the last has left', () =>
    run(function* () {
      const { signal } = new AbortController()
      const contexts = Array.from({ length: 100 }, () => withCancel(fromSignal(signal)))
      const stop = afterFunc(fromSignal(signal), () => {})
      const g = go(() => fromSignal(signal).done())
      yield* yieldNow()
      expect(listeners(signal)).toBe(1)
      for (const ctx of contexts) ctx.cancel()
      expect(listeners(signal)).toBe(1)
      stop()
      expect(listeners(signal)).toBe(1)
      g.cancel()
      expect(listeners(signal)).toBe(0)
      withCancel(fromSignal(signal)).cancel()
      expect(listeners(signal)).toBe(0)
    }))

  it('has no listener after the abort', () => {
    const controller = new AbortController()
    const child = withCancel(fromSignal(controller.signal))
    controller.abort()
    expect(child.err).toBeInstanceOf(Canceled)
    expect(listeners(controller.signal)).toBe(0)
  })

  it('bounds a wait', () =>
    run(function* () {
      const controller = new AbortController()
      const g = go(() => chan().recv().within(fromSignal(controller.signal)))
      yield* yieldNow()
      controller.abort('enough')
      expect(((yield* g.outcome()).error as Error).cause).toBe('enough')
      expect(listeners(controller.signal)).toBe(0)
    }))

  it('refuses what is no signal', () => {
    expect(() => fromSignal(undefined as unknown as AbortSignal)).toThrow('fromSignal() needs an AbortSignal')
    expect(() => fromSignal(new EventTarget() as AbortSignal)).toThrow('fromSignal() needs an AbortSignal')
  })
})

describe('signal', () => {
  it('aborts with the context, and its reason is the error of the context', () => {
    const ctx = withCancel(background())
    const { signal } = ctx
    expect([signal.aborted, ctx.signal === signal]).toEqual([false, true])
    ctx.cancel('why')
    expect([signal.aborted, signal.reason]).toEqual([true, ctx.err])
  })

  it('is aborted already where the context has ended', () => {
    const ctx = withCancel(background())
    ctx.cancel()
    expect([ctx.signal.aborted, ctx.signal.reason]).toEqual([true, ctx.err])
  })

  it('aborts at the deadline, and with a parent', () =>
    bubble(function* () {
      const parent = withTimeout(background(), 5)
      const { signal } = withCancel(parent)
      yield* parent.done()
      expect(signal.reason).toBeInstanceOf(DeadlineExceeded)
    }))

  it('finds the context in its end, whoever listens', () => {
    const ctx = withCancel(background())
    const child = withCancel(ctx)
    let seen: unknown[] = []
    ctx.signal.addEventListener('abort', () => {
      seen = [ctx.err, child.err]
      ctx.cancel('again')
    })
    ctx.cancel('first')
    expect(seen).toEqual([ctx.err, ctx.err])
    expect(ctx.cause).toBe('first')
  })

  it('goes through a context and back, to who waits behind a promise', () =>
    run(function* () {
      const controller = new AbortController()
      using ctx = withCancel(fromSignal(controller.signal))
      const { signal } = ctx
      const request = new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      )
      const g = go(() => wait(request))
      yield* yieldNow()
      controller.abort()
      expect((yield* g.outcome()).error).toBe(ctx.err)
    }))
})
