import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Canceled, chan, type Goroutine, go, type Routine, run, select, trySelect, yieldNow } from 'sluice'
import {
  background,
  type CancelContext,
  type Context,
  contextKey,
  DeadlineExceeded,
  todo,
  withCancel,
  withDeadline,
  withTimeout,
  withValue,
} from 'sluice/context'
import { bubble, forSeeds } from 'sluice/testing'
import type { CancelNode } from './cancel.js'

/** Whether the context has ended, as a select sees it. */
const isDone = (ctx: Context) => trySelect({ done: ctx.done() }) !== undefined
/** How many contexts and functions would be told if it ended. */
const children = (ctx: Context) => (ctx as CancelNode).dependentCount

const state = (ctx: Context) => ({ done: isDone(ctx), err: ctx.err?.constructor })
const alive = { done: false, err: undefined }
const canceled = { done: true, err: Canceled }

describe('background and todo', () => {
  it.each([
    ['context.Background', background],
    ['context.TODO', todo],
  ])('CX1: %s never ends', (text, make) => {
    expect(state(make())).toEqual(alive)
    expect(make().signal.aborted).toBe(false)
    expect(make().deadline).toBeUndefined()
    expect(String(make())).toBe(text)
  })

  it('CX1: bound a wait at no cost: it stays the same operation', () => {
    const receive = chan().recv()
    expect(receive.within(background())).toBe(receive)
    const other = chan().recv()
    expect(other.within(withValue(background(), contextKey('k'), 1))).toBe(other)
  })
})

describe('withCancel', () => {
  it('CX2: ends with its cancel, and says what it is', () => {
    const ctx = withCancel(background())
    expect(state(ctx)).toEqual(alive)
    expect(String(ctx)).toBe('context.Background.WithCancel')
    ctx.cancel()
    expect(state(ctx)).toEqual(canceled)
    expect(ctx.err?.message).toBe('context canceled')
    expect(ctx.err).toBe(ctx.err)
  })

  it('CX2: ends at the end of the block that holds it by using', () => {
    let kept: Context
    {
      using ctx = withCancel(background())
      kept = ctx
    }
    expect(state(kept)).toEqual(canceled)
  })

  it('CX3: a parent ends its children, and a value context does not count as one', () =>
    bubble(function* () {
      const key = contextKey<string>('key')
      const parent = withCancel(background())
      const cancelChild = withCancel(parent)
      const valueChild = withValue(parent, key, 'value')
      const timerChild = withTimeout(valueChild, 3_600_000)
      expect(children(parent)).toBe(2)

      parent.cancel()

      expect(children(parent)).toBe(0)
      for (const ctx of [parent, cancelChild, valueChild, timerChild]) expect(state(ctx)).toEqual(canceled)
      expect(state(withValue(parent, key, 'late'))).toEqual(canceled)
    }))

  it('CX4: a child that ends first leaves its parent alone', () => {
    const ofBackground = withCancel(background())
    ofBackground.cancel()
    expect(state(ofBackground)).toEqual(canceled)

    const parent = withCancel(background())
    const child = withCancel(parent)
    child.cancel()
    expect(state(child)).toEqual(canceled)
    expect(state(parent)).toEqual(alive)
    expect(children(parent)).toBe(0)
  })

  it('CX8: a tree ends whatever the order in which its nodes are canceled', () =>
    forSeeds(200, (seed) =>
      run(
        function* () {
          const root = withCancel(background())
          const tree: CancelContext[] = [root]
          for (let i = 0; tree.length < 85; i++) {
            for (let j = 0; j < 4; j++) tree.push(withCancel(tree[i] as CancelContext))
          }
          const waiting = tree.map((ctx) => go(() => ctx.done()))
          yield* yieldNow()
          const canceling = tree.map((ctx) => go(() => ctx.cancel()))
          for (const g of [...canceling, ...waiting] as Goroutine<unknown>[]) yield* g
          for (const ctx of tree) expect([state(ctx), children(ctx)]).toEqual([canceled, 0])
        },
        { seed },
      ),
    ))

  it('CX9: a goroutine that cancels a child on the end of its parent does not lock up', () =>
    forSeeds(50, (seed) =>
      run(
        function* () {
          const parent = withCancel(background())
          const child = withCancel(parent)
          const g = go(function* () {
            yield* parent.done()
            child.cancel()
          })
          go(() => parent.cancel())
          yield* child.done()
          yield* g
          expect(state(child)).toEqual(canceled)
        },
        { seed },
      ),
    ))

  it('CX11: a canceled child leaves its parent, and its timer is cleared', () =>
    bubble(function* () {
      const parent = withCancel(background())
      for (const derive of [withCancel, (ctx: Context) => withTimeout(ctx, 3_600_000)]) {
        const child = derive(parent)
        expect(children(parent)).toBe(1)
        child.cancel()
        expect(children(parent)).toBe(0)
      }
    }))

  it('CX12: what is derived from an ended context has ended', () => {
    const parent = withCancel(background())
    parent.cancel()
    expect(state(withCancel(parent))).toEqual(canceled)
    expect(withCancel(parent).err).toBe(parent.err)
    expect(state(withTimeout(parent, 1000))).toEqual(canceled)
  })

  it('CX14: a missing parent is refused', () => {
    const missing = undefined as unknown as Context
    expect(() => withCancel(missing)).toThrow('cannot create context from nil parent')
    expect(() => withTimeout(missing, 1)).toThrow('cannot create context from nil parent')
    expect(() => withDeadline(missing, new Date())).toThrow('cannot create context from nil parent')
    expect(() => withValue(missing, contextKey('k'), 1)).toThrow('cannot create context from nil parent')
  })
})

describe('a cause', () => {
  it('CX17: is what cancel was given, and the error says it too', () => {
    const ctx = withCancel(background())
    const reason = new Error('shutting down')
    expect(ctx.cause).toBeUndefined()
    ctx.cancel(reason)
    ctx.cancel(new Error('later'))
    expect(ctx.cause).toBe(reason)
    expect(ctx.err).toBeInstanceOf(Canceled)
    expect(ctx.err?.cause).toBe(reason)
  })

  it.each([undefined, null])('CX17: cancel(%s) leaves the error itself as the cause', (nothing) => {
    const ctx = withCancel(background())
    ctx.cancel(nothing)
    expect(ctx.cause).toBe(ctx.err)
    expect(ctx.err).not.toHaveProperty('cause')
  })

  it('CX17: goes from parent to child, never back, and the first one stays', () => {
    const parent = withCancel(background())
    const child = withCancel(withValue(parent, contextKey('k'), 1))
    const grandchild = withCancel(child)
    const sibling = withCancel(parent)
    child.cancel('of the child')
    expect([parent, child, grandchild].map((ctx) => ctx.cause)).toEqual([
      undefined,
      'of the child',
      'of the child',
    ])
    parent.cancel('of the parent')
    expect([parent, child, grandchild, sibling].map((ctx) => ctx.cause)).toEqual([
      'of the parent',
      'of the child',
      'of the child',
      'of the parent',
    ])
  })

  it('CX17: of a timeout is what withTimeout was given, unless it was canceled before', () =>
    bubble(function* () {
      const late = withTimeout(background(), 10, 'too slow')
      const child = withCancel(late)
      const early = withTimeout(background(), 10, 'too slow')
      early.cancel('no longer needed')
      yield* late.done()
      expect([late.err?.constructor, late.cause]).toEqual([DeadlineExceeded, 'too slow'])
      expect([child.err, child.cause]).toEqual([late.err, 'too slow'])
      expect([early.err?.constructor, early.cause]).toEqual([Canceled, 'no longer needed'])
      const plain = withTimeout(background(), 0)
      expect(plain.cause).toBe(plain.err)
    }))
})

describe('a wait bounded by a context', () => {
  it('ends with the error of the context, and leaves nothing behind', () =>
    run(function* () {
      const ctx = withCancel(background())
      const ch = chan<number>()
      const g = go(() => ch.recv().within(ctx))
      yield* yieldNow()
      expect(g.waitReason).toBe('chan receive')
      ctx.cancel('enough')
      const { error } = yield* g.outcome()
      expect(error).toBe(ctx.err)
      expect(ch.trySend(1)).toBe(false)
    }))

  it('does not wait at all once the context has ended', () =>
    run(function* () {
      const ctx = withCancel(background())
      ctx.cancel()
      const ch = chan<number>(1)
      yield* ch.send(1)
      const { error } = yield* go(() => ch.recv().within(ctx)).outcome()
      expect(error).toBe(ctx.err)
      expect(ch.length).toBe(1)
    }))

  it('is one case of a select like any other', () =>
    run(function* () {
      const ctx = withCancel(background())
      const g = go(function* (): Routine<string> {
        const r = yield* select({ msg: chan<number>().recv(), quit: ctx.done() })
        return r.key
      })
      yield* yieldNow()
      ctx.cancel()
      expect(yield* g).toBe('quit')
    }))

  it('can be awaited in async code', async () => {
    const ctx = withCancel(background())
    const ended = ctx.done().then(() => 'ended')
    ctx.cancel()
    expect(await ended).toBe('ended')
  })
})

describe('layers of contexts', () => {
  const layers = fc.array(fc.constantFrom('value', 'cancel', 'timeout'), { minLength: 30, maxLength: 60 })

  it('CX10: keep their values and end with any of those above them', () =>
    fc.assert(
      fc.asyncProperty(layers, fc.nat(), fc.boolean(), (kinds, at, byTime) =>
        bubble(function* () {
          const values: [ReturnType<typeof contextKey<number>>, number][] = []
          const enders: CancelContext[] = []
          let leaf: Context = background()
          for (const [i, kind] of ['cancel', ...kinds].entries()) {
            if (kind === 'value') {
              const key = contextKey<number>('layer')
              values.push([key, i])
              leaf = withValue(leaf, key, i)
            } else {
              const made: CancelContext = kind === 'cancel' ? withCancel(leaf) : withTimeout(leaf, 60_000 + i)
              enders.push(made)
              leaf = made
            }
          }
          const valuesAreThere = () => {
            for (const [key, value] of values) expect(leaf.value(key)).toBe(value)
          }
          if (byTime) leaf = withTimeout(leaf, 5)
          expect(String(leaf)).toMatch(/^context\.Background\./)
          expect(isDone(leaf)).toBe(false)
          valuesAreThere()

          if (byTime) yield* leaf.done()
          else enders[at % enders.length]?.cancel()

          expect(state(leaf)).toEqual({ done: true, err: byTime ? DeadlineExceeded : Canceled })
          valuesAreThere()
          enders[0]?.cancel()
        }),
      ),
      { numRuns: 100 },
    ))
})

describe('the cost of a context', () => {
  /** Bytes that stay on the heap for each thing made; the least of three, since the heap also serves others. */
  const bytesEach = (make: () => unknown) => {
    const kept = new Array<unknown>(20_000)
    const measure = () => {
      kept.fill(undefined)
      global.gc?.()
      const before = process.memoryUsage().heapUsed
      for (let i = 0; i < kept.length; i++) kept[i] = make()
      global.gc?.()
      return (process.memoryUsage().heapUsed - before) / kept.length
    }
    return Math.min(measure(), measure(), measure())
  }

  const parent = withCancel(background())
  const canceledChild = () => {
    const ctx = withCancel(parent)
    ctx.cancel()
    return ctx
  }
  const canceledTimeout = () => {
    const ctx = withTimeout(parent, 3_600_000)
    ctx.cancel()
    return ctx
  }

  // Go allows 0, 5 and 8 objects. Here it is the context itself and how it ended: 150 and 250 bytes.
  it('CX23: is nothing for background, and two small objects for those that were canceled', () => {
    expect(background()).toBe(background())
    expect(bytesEach(canceledChild)).toBeLessThan(220)
    expect(bytesEach(canceledTimeout)).toBeLessThan(330)
    expect(children(parent)).toBe(0)
  })
})
