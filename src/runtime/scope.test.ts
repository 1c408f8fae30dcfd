import { describe, expect, it } from 'vitest'
import { Canceled, chan, go, numGoroutine, type Routine, run, scope, sleep, yieldNow } from 'sluice'
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
})
