import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ArgumentError, Canceled, go, run, sleep } from 'sluice'
import { background, contextKey, DeadlineExceeded, withCancel, withTimeout, withValue } from 'sluice/context'
import { procs, registerContextKey, stopProcs } from 'sluice/parallel'
import { sleepsOn, spinsUntil, untilDone, user, whoIs } from '../../test/parallel/ctx-tasks.js'

beforeAll(() => {
  procs(2)
})
afterAll(() => stopProcs())

describe('a context that crosses threads', () => {
  it('ends there when it ends here, with its cause', () =>
    run(function* () {
      const ctx = withCancel(background())
      const g = go(untilDone.on(1), ctx)
      yield* sleep(5)
      ctx.cancel(new Error('enough'))
      expect(yield* g).toBe('Canceled: context canceled because Error: enough')
    }))

  it('has ended when it arrives after its end', () =>
    run(function* () {
      const ctx = withCancel(background())
      ctx.cancel()
      expect(yield* untilDone.on(1)(ctx)).toContain('Canceled: context canceled')
    }))

  it('cancels a task that waits for something else', () =>
    run(function* () {
      const ctx = withCancel(background())
      const g = go(sleepsOn.on(1), ctx)
      yield* sleep(5)
      ctx.cancel(new Error('enough'))
      const { error } = yield* g.outcome()
      expect(error).toBeInstanceOf(Canceled)
      expect((error as Canceled).cause).toEqual(new Error('enough'))
    }))

  it('keeps its deadline by a timer of the other thread', () =>
    run(function* () {
      const { error } = yield* go(sleepsOn.on(1), withTimeout(background(), 20)).outcome()
      expect((error as Canceled).cause).toBeInstanceOf(DeadlineExceeded)
    }))

  it('is seen by a plain function that asks for its err and reaches no operation', () =>
    run(function* () {
      const ctx = withCancel(background())
      const g = go(spinsUntil.on(1), ctx)
      yield* sleep(20)
      ctx.cancel()
      expect(yield* g).toBe('Canceled: context canceled')
    }))

  it('carries the values of registered keys, and no others', () =>
    run(function* () {
      const other = contextKey<string>('other')
      const ctx = withValue(withValue(background(), user, 'ann'), other, 'x')
      expect(yield* whoIs.on(1)(ctx)).toBe('ann')
      expect(yield* whoIs.on(1)(background())).toBe(undefined)
    }))

  it('refuses two keys of one name', () => {
    expect(() => registerContextKey(contextKey<string>('user'))).toThrow(ArgumentError)
  })
})
