import { describe, expect, it } from 'vitest'
import {
  Canceled,
  chan,
  go,
  MisuseError,
  numGoroutine,
  type Routine,
  run,
  type Scope,
  scope,
  sleep,
  yieldNow,
} from 'sluice'
import { background, withCancel } from 'sluice/context'
import { bubble } from 'sluice/testing'

function* forEver(): Routine<void> {
  yield* chan().recv()
}

describe('scope', () => {
  it('ends only when its children have ended', () =>
    bubble(function* () {
      let ended = 0
      const value = yield* scope(function* (s) {
        for (let i = 1; i <= 3; i++) {
          s.go(function* () {
            yield* sleep(i)
            ended++
          })
        }
        return 'value'
      })
      expect([value, ended]).toEqual(['value', 3])
    }))

  it('a child that fails cancels the others and the body, and its error comes out', () =>
    run(function* () {
      const before = numGoroutine()
      const causes: unknown[] = []
      const g = go(() =>
        scope(function* (s) {
          s.go(function* () {
            try {
              yield* forEver()
            } catch (error) {
              causes.push((error as Canceled).cause)
              throw error
            }
          })
          s.go(function* () {
            yield* yieldNow()
            throw new Error('child failed')
          })
          yield* forEver()
        }),
      )
      expect(String((yield* g.outcome()).error)).toBe('Error: child failed')
      expect(causes.map(String)).toEqual(['Error: child failed'])
      expect(numGoroutine()).toBe(before)
    }))

  it('a body that fails cancels its children', () =>
    run(function* () {
      const before = numGoroutine()
      const g = go(() =>
        scope(function* (s) {
          s.go(forEver)
          yield* yieldNow()
          throw new Error('body failed')
        }),
      )
      expect(String((yield* g.outcome()).error)).toBe('Error: body failed')
      expect(numGoroutine()).toBe(before)
    }))

  it('a body that leaves because its context ends cancels its children', () =>
    run(function* () {
      const before = numGoroutine()
      const ctx = withCancel(background())
      const g = go(() =>
        scope(function* (s) {
          s.go(forEver)
          yield* chan().recv().within(ctx)
        }),
      )
      yield* yieldNow()
      yield* yieldNow()
      ctx.cancel()
      for (let i = 0; i < 5; i++) yield* yieldNow()
      expect(g.state).toBe('dead')
      expect((yield* g.outcome()).error).toBe(ctx.err)
      expect(numGoroutine()).toBe(before)
    }))

  it('canceling who waits for it cancels the children first', () =>
    run(function* () {
      const before = numGoroutine()
      let cleaned = false
      const g = go(() =>
        scope(function* (s) {
          s.go(function* () {
            try {
              yield* forEver()
            } finally {
              yield* yieldNow()
              cleaned = true
            }
          })
        }),
      )
      for (let i = 0; i < 5; i++) yield* yieldNow()
      g.cancel()
      expect((yield* g.outcome()).error).toBeInstanceOf(Canceled)
      expect(cleaned).toBe(true)
      expect(numGoroutine()).toBe(before)
    }))

  it('a child’s value can be joined inside', () =>
    run(function* () {
      const sum = yield* scope(function* (s) {
        const [a, b] = [s.go(() => 1), s.go(async () => 2)]
        return (yield* a) + (yield* b)
      })
      expect(sum).toBe(3)
    }))

  it('canceled twice, it still ends after its children', () =>
    run(function* () {
      const before = numGoroutine()
      let cleaned = false
      const g = go(() =>
        scope(function* (s) {
          s.go(function* () {
            try {
              yield* forEver()
            } finally {
              for (let i = 0; i < 10; i++) yield* yieldNow()
              cleaned = true
            }
          })
        }),
      )
      for (let i = 0; i < 5; i++) yield* yieldNow()
      g.cancel('first')
      for (let i = 0; i < 3; i++) yield* yieldNow()
      g.cancel('second')
      expect(((yield* g.outcome()).error as Canceled).cause).toBe('first')
      expect([cleaned, numGoroutine()]).toEqual([true, before])
    }))

  it('a child that is started while others are being canceled does not run', () =>
    run(function* () {
      const before = numGoroutine()
      let ran = false
      const g = go(() =>
        scope(function* (s) {
          s.go(function* () {
            try {
              yield* forEver()
            } finally {
              s.go(function* () {
                ran = true
                yield* forEver()
              })
            }
          })
          yield* yieldNow()
          throw new Error('body failed')
        }),
      )
      expect(String((yield* g.outcome()).error)).toBe('Error: body failed')
      expect([ran, numGoroutine()]).toEqual([false, before])
    }))

  it('a child that throws undefined has failed', () =>
    run(function* () {
      const outcome = yield* go(() =>
        scope(function* (s) {
          s.go(() => {
            throw undefined
          })
          yield* forEver()
        }),
      ).outcome()
      expect(outcome).toEqual({ error: undefined })
    }))

  it('a child that is canceled alone is no failure', () =>
    run(function* () {
      const value = yield* scope(function* (s) {
        const child = s.go(forEver)
        yield* yieldNow()
        child.cancel()
        yield* child.outcome()
        return 'went on'
      })
      expect(value).toBe('went on')
    }))

  it('refuses a child once it has ended', () =>
    run(function* () {
      let kept: Scope | undefined
      yield* scope(function* (s) {
        kept = s
        yield* yieldNow()
      })
      expect(() => kept?.go(forEver)).toThrow(MisuseError)
      expect(() => kept?.go(forEver)).toThrow('this scope has ended')
    }))

  it('scopes nest: the outer one ends after the inner one’s children', () =>
    bubble(function* () {
      const ended: string[] = []
      const late = function* (name: string, ms: number) {
        yield* sleep(ms)
        ended.push(name)
      }
      yield* scope(function* (outer) {
        outer.go(late, 'outer child', 30)
        yield* scope(function* (inner) {
          inner.go(late, 'inner child', 20)
        })
        ended.push('inner scope')
      })
      expect(ended).toEqual(['inner child', 'inner scope', 'outer child'])
    }))
})
