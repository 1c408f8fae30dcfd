import { describe, expect, it } from 'vitest'
import { Canceled, chan, FatalError, numGoroutine, type Routine, run, sleep, yieldNow } from 'sluice'
import { TaskPool } from 'sluice/flow'
import { bubble, forSeeds } from 'sluice/testing'

function* fails(message: string): Routine<never> {
  yield* yieldNow()
  throw new Error(message)
}

describe('TaskPool', () => {
  it('CN1: throws what one task threw, with its stack, when all the others have run to their end', () =>
    run(function* () {
      const pool = new TaskPool<void>()
      let completed = 0
      for (let i = 0; i < 5; i++) {
        yield* pool.go(function* () {
          for (let j = 0; j < 5; j++) yield* yieldNow()
          completed++
        })
      }
      yield* pool.go(fails, 'boom')
      let caught: unknown
      try {
        yield* pool.wait()
      } catch (error) {
        caught = error
      }
      expect(String(caught)).toBe('Error: boom')
      expect((caught as Error).stack).toContain('fails')
      expect(completed).toBe(5)
    }))

  it('CN1: tells of each task how it ended, without throwing', () =>
    run(function* () {
      const pool = new TaskPool<number>()
      yield* pool.go(() => 1)
      yield* pool.go(fails, 'two')
      yield* pool.go(() => 3)
      expect(yield* pool.settle()).toEqual([{ value: 1 }, { error: new Error('two') }, { value: 3 }])
    }))

  it('CN2: refuses a new limit once a task was started', async () => {
    const crashes: unknown[] = []
    const outcome = run(
      function* () {
        const pool = new TaskPool<void>()
        pool.setLimit(2)
        yield* pool.go(() => {})
        pool.setLimit(3)
      },
      { onCrash: (error) => crashes.push(error) },
    )
    await expect(outcome).rejects.toThrow('can not be configured once a task was started')
    expect(crashes[0]).toBeInstanceOf(FatalError)
  })

  it('CN3: cancels the siblings of a task that failed, waits for all of them, then throws', () =>
    run(function* () {
      const before = numGoroutine()
      const pool = new TaskPool<void>({ onError: 'cancel' })
      let cleaned = 0
      for (let i = 0; i < 3; i++) {
        yield* pool.go(function* () {
          try {
            yield* chan().recv()
          } finally {
            yield* yieldNow()
            cleaned++
          }
        })
      }
      yield* pool.go(fails, 'boom')
      const { error } = yield* waitOutcome(pool)
      expect(String(error)).toBe('Error: boom')
      expect([cleaned, numGoroutine()]).toEqual([3, before])
    }))

  it('CN4: throws the first error alone, never the Canceled that it caused', () =>
    forSeeds(100, (seed) =>
      run(
        function* () {
          const pool = new TaskPool<void>({ onError: 'cancel' })
          yield* pool.go(function* () {
            yield* chan().recv()
          })
          yield* pool.go(fails, 'first')
          const { error } = yield* waitOutcome(pool)
          expect(error).not.toBeInstanceOf(Canceled)
        },
        { seed },
      ),
    ))

  it('CN4: or all errors, in the order in which they came', () =>
    bubble(function* () {
      const pool = new TaskPool<void>({ errors: 'all' })
      for (const ms of [30, 10, 20]) {
        yield* pool.go(function* () {
          yield* sleep(ms)
          throw new Error(`after ${ms}`)
        })
      }
      const { error } = yield* waitOutcome(pool)
      expect(error).toBeInstanceOf(AggregateError)
      expect((error as AggregateError).errors.map(String)).toEqual([
        'Error: after 10',
        'Error: after 20',
        'Error: after 30',
      ])
    }))

  it('CN5: gives results in the order of submission, without those that failed, and can be used again', () =>
    forSeeds(100, (seed) =>
      bubble(
        function* () {
          const pool = new TaskPool<number>({ limit: 3 })
          for (let round = 0; round < 2; round++) {
            for (let i = 0; i < 10; i++) {
              yield* pool.go(function* () {
                yield* sleep((i * 7) % 5)
                return i
              })
            }
            expect(yield* pool.wait()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
          }
        },
        { seed },
      ),
    ))

  it('never runs more tasks than its limit', () =>
    forSeeds(100, (seed) =>
      run(
        function* () {
          const pool = new TaskPool<void>({ limit: 3 })
          let [running, most] = [0, 0]
          for (let i = 0; i < 20; i++) {
            yield* pool.go(function* () {
              most = Math.max(most, ++running)
              yield* yieldNow()
              running--
            })
          }
          yield* pool.wait()
          expect(running).toBe(0)
          expect(most).toBeLessThanOrEqual(3)
        },
        { seed },
      ),
    ))

  it.each([0, -1, 1.5])('refuses the limit %d', (limit) => {
    expect(() => new TaskPool({ limit })).toThrow('the limit of a TaskPool is a whole number from 1')
  })
})

function* waitOutcome(pool: TaskPool<unknown>): Routine<{ error?: unknown }> {
  try {
    yield* pool.wait()
    return {}
  } catch (error) {
    return { error }
  }
}
