import { describe, expect, it } from 'vitest'
import { Canceled, chan, go, numGoroutine, Operation, run, yieldNow } from 'sluice'
import {
  afterFunc,
  background,
  type Context,
  type ContextKey,
  contextKey,
  type Notifier,
  withCancel,
  withoutCancel,
  withTimeout,
  withValue,
} from 'sluice/context'
import type { CancelNode } from './cancel.js'

/** A user's context around another one, as a framework may make it. */
class Wrapper implements Context {
  constructor(protected readonly inner: Context) {}
  get err(): Error | undefined {
    return this.inner.err
  }
  get cause(): unknown {
    return this.inner.cause
  }
  get deadline(): Date | undefined {
    return this.inner.deadline
  }
  get signal(): AbortSignal {
    return this.inner.signal
  }
  done(): Operation<void> {
    return this.inner.done()
  }
  value<T>(key: ContextKey<T>): T | undefined {
    return this.inner.value(key)
  }
  toString(): string {
    return `Wrapper(${this.inner})`
  }
}

/** A user's context with an end of its own, whatever it wraps. */
class OwnEnd extends Wrapper {
  readonly watchers = new Set<Operation<void>>()
  private error: Error | undefined

  override get err(): Error | undefined {
    return this.error
  }
  override get cause(): unknown {
    return undefined
  }
  override done(): Operation<void> {
    return new OwnDone(this)
  }
  finish(error: Error): void {
    this.error = error
    const waiting = [...this.watchers]
    this.watchers.clear()
    for (const done of waiting) done.complete()
  }
}

class OwnDone extends Operation<void> {
  readonly waitReason = 'the end of a foreign context'
  constructor(private readonly of: OwnEnd) {
    super()
  }
  attempt(): boolean {
    return this.of.err !== undefined && this.complete()
  }
  park(): void {
    this.of.watchers.add(this)
  }
  unpark(): void {
    this.of.watchers.delete(this)
  }
}

/** One that tells by itself. */
class Telling extends OwnEnd implements Notifier {
  readonly told = new Set<() => void>()

  afterFunc(fn: () => void): () => boolean {
    this.told.add(fn)
    return () => this.told.delete(fn)
  }
  override finish(error: Error): void {
    super.finish(error)
    for (const fn of this.told) fn()
    this.told.clear()
  }
}

const children = (ctx: Context) => (ctx as CancelNode).dependentCount
const key = contextKey<string>('k')

describe('a foreign context that wraps an own one', () => {
  it('CX2: passes the end on before cancel returns', () => {
    const first = withCancel(background())
    const wrapper = new Wrapper(first)
    const second = withCancel(wrapper)
    expect([first, wrapper, second].map((ctx) => ctx.err)).toEqual([undefined, undefined, undefined])
    first.cancel()
    for (const ctx of [first, wrapper, second]) {
      expect(ctx.err).toBeInstanceOf(Canceled)
      expect(ctx.done().claim().attempt()).toBe(true)
    }
  })

  it('CX7: passes values on', () => {
    const ctx = withValue(new Wrapper(withValue(background(), key, 'from behind')), contextKey('other'), 1)
    expect(ctx.value(key)).toBe('from behind')
  })

  it('CX16: is seen through, without anybody who watches', () => {
    const parent = withCancel(background())
    const goroutines = numGoroutine()
    const deep = new Wrapper(withValue(new Wrapper(withValue(new Wrapper(parent), key, 'v')), key, 'w'))
    const contexts = [withCancel(deep), withTimeout(deep, 3_600_000), withCancel(withCancel(deep))]
    expect([children(parent), numGoroutine() - goroutines]).toEqual([3, 0])
    for (const ctx of contexts) ctx.cancel()
    expect(children(parent)).toBe(1) // the one between
    parent.cancel()
    expect(children(parent)).toBe(0)
  })

  it('CX16: needs no watch where what it wraps never ends', () => {
    const parent = withCancel(background())
    for (const endless of [background(), withoutCancel(parent)]) {
      const child = withCancel(new Wrapper(endless))
      expect(children(parent)).toBe(0)
      child.cancel()
    }
  })
})

describe('a foreign context with an end of its own', () => {
  it('CX16: is watched once for each child, until the child ends', () => {
    const inner = withCancel(background())
    const foreign = new OwnEnd(inner)
    const goroutines = numGoroutine()
    const child = withCancel(withValue(foreign, key, 'v'))
    const below = withTimeout(child, 3_600_000)
    expect([foreign.watchers.size, children(inner), numGoroutine() - goroutines]).toEqual([1, 0, 0])
    inner.cancel()
    expect(child.err).toBeUndefined()
    child.cancel()
    expect([foreign.watchers.size, below.err]).toEqual([0, child.err])
  })

  it('CX16: ends its children with its error', () => {
    const foreign = new OwnEnd(background())
    const child = withCancel(withCancel(foreign))
    const error = new Error('over')
    foreign.finish(error)
    expect([child.err, child.cause, foreign.watchers.size]).toEqual([error, error, 0])
    expect(withCancel(foreign).err).toBe(error)
  })

  it('bounds a wait', () =>
    run(function* () {
      const foreign = new OwnEnd(background())
      const g = go(() => chan().recv().within(foreign))
      yield* yieldNow()
      const error = new Error('over')
      foreign.finish(error)
      expect((yield* g.outcome()).error).toBe(error)
    }))
})

describe('a foreign context that tells by itself', () => {
  it('CX21: withCancel and withTimeout register with it, and leave when they end', () => {
    const foreign = new Telling(background())
    const contexts = [withCancel(foreign), withTimeout(foreign, 3_600_000)]
    expect([foreign.told.size, foreign.watchers.size]).toEqual([2, 0])
    for (const ctx of contexts) ctx.cancel()
    expect(foreign.told.size).toBe(0)
  })

  it('CX21: afterFunc registers with it, and leaves when it is stopped', () =>
    run(function* () {
      const foreign = new Telling(background())
      const calls: string[] = []
      const stop = afterFunc(foreign, () => calls.push('stopped'))
      afterFunc(foreign, () => calls.push('kept'))
      expect([foreign.told.size, foreign.watchers.size]).toEqual([2, 0])
      expect(stop()).toBe(true)
      expect(foreign.told.size).toBe(1)
      foreign.finish(new Error('over'))
      yield* yieldNow()
      expect(calls).toEqual(['kept'])
    }))

  it('CX21: ends those that registered', () => {
    const foreign = new Telling(background())
    const contexts = [withCancel(foreign), withTimeout(foreign, 3_600_000)]
    const error = new Error('over')
    foreign.finish(error)
    expect(contexts.map((ctx) => ctx.err)).toEqual([error, error])
    expect(foreign.told.size).toBe(0)
  })
})
