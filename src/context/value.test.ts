import { describe, expect, it } from 'vitest'
import { Canceled, chan, go, run, trySelect, yieldNow } from 'sluice'
import {
  background,
  type Context,
  type ContextKey,
  contextKey,
  withCancel,
  withoutCancel,
  withTimeout,
  withValue,
} from 'sluice/context'
import type { CancelNode } from './cancel.js'

describe('withValue', () => {
  it('CX7: the nearest binding wins, and undefined hides the one above', () => {
    const key = contextKey<string>('k')
    const other = contextKey<string>('k')
    const outer = withValue(background(), key, 'outer')
    const inner = withValue(withCancel(outer), key, 'inner')
    expect(background().value(key)).toBeUndefined()
    expect([outer.value(key), inner.value(key), inner.value(other)]).toEqual(['outer', 'inner', undefined])
    expect(withValue(withValue(inner, other, 'of the other'), key, 'innermost').value(other)).toBe(
      'of the other',
    )
    expect(withValue(inner, key, undefined).value(key)).toBeUndefined()
  })

  it('CX7: ends with its parent and is told of it in the same words', () => {
    const parent = withCancel(background())
    const ctx = withValue(parent, contextKey('k'), 1)
    parent.cancel('over')
    expect([ctx.err, ctx.cause, ctx.signal]).toEqual([parent.err, 'over', parent.signal])
  })

  it.each([undefined, null, 'text', {}])('CX13: %o is no key', (key) => {
    expect(() => withValue(background(), key as ContextKey<number>, 1)).toThrow('nil key')
  })

  it('shows its key and not its value', () => {
    const ctx = withValue(background(), contextKey('token'), 'secret')
    expect(String(ctx)).toBe('context.Background.WithValue(token)')
  })
})

describe('withoutCancel', () => {
  const key = contextKey<string>('k')
  const ended = () => {
    const parent = withCancel(withTimeout(withValue(background(), key, 'kept'), 3_600_000))
    parent.cancel('over')
    return parent
  }

  it('CX22: has the values and not the end of its parent', () => {
    const ctx: Context = withoutCancel(ended())
    expect([ctx.err, ctx.cause, ctx.deadline, ctx.signal.aborted]).toEqual([
      undefined,
      undefined,
      undefined,
      false,
    ])
    expect(trySelect({ done: ctx.done() })).toBeUndefined()
    expect(ctx.value(key)).toBe('kept')
    expect(String(ctx)).toMatch(/\.WithCancel\.WithoutCancel$/)
  })

  it('CX22: starts a branch that ends by itself', () =>
    run(function* () {
      const parent = withCancel(background())
      const ctx = withCancel(withoutCancel(parent))
      const g = go(() => chan().recv().within(ctx))
      yield* yieldNow()
      expect((parent as CancelNode).dependentCount).toBe(0)
      parent.cancel()
      yield* yieldNow()
      expect([ctx.err, g.state]).toEqual([undefined, 'waiting'])
      ctx.cancel()
      expect((yield* g.outcome()).error).toBeInstanceOf(Canceled)
    }))
})
