import { describe, expect, it } from 'vitest'
import { chan, go, numGoroutine, type Routine, run, sleep, yieldNow } from 'sluice'
import { pipeline, type Pipeline } from 'sluice/flow'
import { bubble, forSeeds } from 'sluice/testing'

const numbers = Array.from({ length: 30 }, (_, i) => i)

function* naturals(): Generator<number, void> {
  for (let n = 0; ; n++) yield n
}

function* errorOf(p: Pipeline<unknown>): Routine<unknown> {
  try {
    yield* p.collect()
    return undefined
  } catch (error) {
    return error
  }
}

describe('pipeline', () => {
  it('applies its stages in order', () =>
    run(function* () {
      const result = yield* pipeline(numbers)
        .map((n) => n * 2)
        .filter((n) => n % 3 === 0)
        .collect()
      expect(result).toEqual(numbers.map((n) => n * 2).filter((n) => n % 3 === 0))
    }))

  it.each([
    [1, true],
    [2, true],
    [5, true],
    [5, false],
  ])('gives every value once, with %i workers, ordered: %s', (workers, ordered) =>
    forSeeds(100, (seed) =>
      bubble(
        function* () {
          const result = yield* pipeline(numbers)
            .map(
              function* (n) {
                yield* sleep((n * 7) % 4)
                return n
              },
              { workers, ordered, buffer: 2 },
            )
            .collect()
          expect(ordered ? result : result.sort((a, b) => a - b)).toEqual(numbers)
        },
        { seed },
      ),
    ),
  )

  it('never runs more workers than it is told', () =>
    run(function* () {
      for (const ordered of [true, false]) {
        let [running, most] = [0, 0]
        yield* pipeline(numbers)
          .map(
            function* () {
              most = Math.max(most, ++running)
              yield* yieldNow()
              running--
            },
            { workers: 3, ordered },
          )
          .collect()
        expect(most).toBe(3)
      }
    }))

  it('holds its source back when a stage is slow', () =>
    run(function* () {
      let produced = 0
      let [handled, most] = [0, 0]
      const source = function* () {
        for (const n of numbers) {
          produced++
          yield n
        }
      }
      yield* pipeline(source()).forEach(function* () {
        for (let i = 0; i < 5; i++) yield* yieldNow()
        most = Math.max(most, produced - ++handled)
      })
      expect(most).toBeLessThanOrEqual(2)
    }))

  it('stops its source when it has given enough, and leaves no goroutine', () =>
    run(function* () {
      const before = numGoroutine()
      expect(
        yield* pipeline(naturals())
          .map((n) => n * n, { workers: 4 })
          .take(5),
      ).toEqual([0, 1, 4, 9, 16])
      expect(numGoroutine()).toBe(before)
    }))

  it.each([1, 4])('an error in a stage of %i workers ends the others and comes out', (workers) =>
    run(function* () {
      const before = numGoroutine()
      const failing = pipeline(naturals()).map(
        function* (n) {
          yield* yieldNow()
          if (n === 7) throw new Error('seven')
          return n
        },
        { workers },
      )
      expect(String(yield* errorOf(failing))).toBe('Error: seven')
      expect(numGoroutine()).toBe(before)
    }),
  )

  it('takes a channel or an async iterable as its source', () =>
    run(function* () {
      const ch = chan<number>()
      go(function* () {
        for (const n of [1, 2, 3]) yield* ch.send(n)
        ch.close()
      })
      expect(yield* pipeline(ch).collect()).toEqual([1, 2, 3])
      const lines = (async function* () {
        yield 'a'
        yield 'b'
      })()
      expect(yield* pipeline(lines).collect()).toEqual(['a', 'b'])
    }))

  it('refuses a number of workers that is none', () => {
    expect(() => pipeline(numbers).map((n) => n, { workers: 0 })).toThrow(
      'a stage needs a whole number of workers',
    )
  })
})
