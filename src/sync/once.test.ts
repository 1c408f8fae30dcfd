import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { go, goexit, run, sleep, yieldNow } from 'sluice'
import { Once, onceFunc, onceValue, onceValues } from 'sluice/sync'
import { bubble, DeadlockError, waitIdle } from 'sluice/testing'

describe('Once', () => {
  it('ON1: ten goroutines do it once, and each goes on only when it is done, in any order', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        await bubble(
          function* () {
            const once = new Once()
            let [begun, ended] = [0, 0]
            const all = Array.from({ length: 10 }, () =>
              go(function* () {
                yield* once.do(function* () {
                  begun++
                  yield* sleep(10)
                  ended++
                })
                expect([begun, ended, once.done]).toEqual([1, 1, true])
              }),
            )
            for (const g of all) yield* g
          },
          { seed },
        )
      }),
      { numRuns: 200 },
    ))

  it('ON2: a call that throws counts, and throws to its own caller only', () =>
    run(function* () {
      const once = new Once()
      const calls: string[] = []
      function* first() {
        calls.push('first')
        throw new Error('failed')
      }
      const failing = go(function* () {
        yield* once.do(first)
      })
      expect(yield* failing.outcome()).toMatchObject({ error: { message: 'failed' } })
      yield* once.do(() => calls.push('second'))
      expect(calls).toEqual(['first'])
    }))

  it('ON3: onceFunc, onceValue and onceValues call their function once and give the same each time', () =>
    run(function* () {
      let calls = 0
      const made = { made: true }
      const func = onceFunc(() => void calls++)
      const value = onceValue(function* () {
        yield* yieldNow()
        calls++
        return made
      })
      const values = onceValues(async () => {
        calls++
        return [made, 'and another'] as const
      })
      for (let i = 0; i < 10; i++) {
        expect(yield* func()).toBeUndefined()
        expect(yield* value()).toBe(made)
        const [first, second] = yield* values()
        expect(first).toBe(made)
        expect(second).toBe('and another')
      }
      expect(calls).toBe(3)
    }))

  it.each([new Error('a'), 'a text', undefined])(
    'ON4: what the call threw (%s) is thrown each time',
    (thrown) =>
      run(function* () {
        let calls = 0
        const value = onceValue(function* theOrigin(): Generator<never, number> {
          calls++
          throw thrown
        })
        for (let i = 0; i < 3; i++) {
          const outcome = yield* go(() => value()).outcome()
          expect(outcome).toHaveProperty('error')
          expect(outcome.error).toBe(thrown)
        }
        expect(calls).toBe(1)
      }),
  )

  it('ON4: the stack of what is thrown shows where it comes from', () =>
    run(function* () {
      const func = onceFunc(function* theOrigin() {
        throw new Error('failed')
      })
      for (let i = 0; i < 2; i++) {
        const { error } = yield* go(() => func()).outcome()
        expect((error as Error).stack).toContain('theOrigin')
      }
    }))

  it('ON5: a call that exits by goexit counts', () =>
    run(function* () {
      let calls = 0
      const once = new Once()
      const func = onceFunc(exit)
      function* exit() {
        calls++
        yield* goexit()
      }
      yield* go(() => once.do(exit)).outcome()
      yield* once.do(exit)
      yield* go(() => func()).outcome()
      yield* func()
      expect(calls).toBe(2)
    }))

  it('ON6: the function is let go of after the call', async () => {
    let captured: object | undefined = { large: true }
    const reference = new WeakRef(captured)
    const value = onceValue(
      (
        (held: object) => () =>
          Object.keys(held).length
      )(captured), // only the function holds it
    )
    captured = undefined
    expect(await run(() => value())).toBe(1)
    await global.gc?.({ type: 'major', execution: 'async' }) // in a task of its own: what this one read is alive
    expect(reference.deref()).toBeUndefined()
    expect(await run(() => value())).toBe(1)
  })

  it('ON7: a call from within itself is a deadlock, which is reported', async () => {
    const recursive = bubble(function* () {
      const once = new Once()
      yield* once.do(function* () {
        yield* once.do(() => {})
      })
    })
    await expect(recursive).rejects.toThrow(DeadlockError)
    await expect(recursive).rejects.toThrow(/goroutine \d+ \[sync\.Mutex\.Lock\]/)
  })

  it('a waiter that is canceled leaves the call and the others alone', () =>
    bubble(function* () {
      const once = new Once()
      const first = go(() => once.do(() => sleep(10)))
      yield* waitIdle()
      const [second, third] = [go(() => once.do(() => {})), go(() => once.do(() => {}))]
      yield* waitIdle()
      expect([second.state, third.state]).toEqual(['waiting', 'waiting'])
      second.cancel()
      yield* first
      yield* third
    }))
})
