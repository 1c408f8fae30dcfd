import { describe, expect, it } from 'vitest'
import { run, sleep, yieldNow } from 'sluice'
import { OrderedStream } from 'sluice/flow'
import { bubble, forSeeds } from 'sluice/testing'

describe('OrderedStream', () => {
  it('CN6: handles values strictly in the order of submission, one at a time', () =>
    forSeeds(200, (seed) =>
      bubble(
        function* () {
          const stream = new OrderedStream({ limit: 4 })
          const handled: number[] = []
          let handling = 0
          for (let i = 0; i < 20; i++) {
            yield* stream.go(
              function* () {
                yield* sleep((i * 7) % 5)
                return i
              },
              function* (value) {
                expect(++handling).toBe(1)
                yield* sleep(value % 3)
                handled.push(value)
                handling--
              },
            )
          }
          yield* stream.wait()
          expect(handled).toEqual(Array.from({ length: 20 }, (_, i) => i))
        },
        { seed },
      ),
    ))

  it('CN6: a task or a handler that fails holds up neither producers nor the others', () =>
    run(function* () {
      const stream = new OrderedStream({ limit: 2 })
      const handled: number[] = []
      for (let i = 0; i < 10; i++) {
        yield* stream.go(
          function* () {
            yield* yieldNow()
            if (i === 2) throw new Error('task 2')
            return i
          },
          (value) => {
            if (value === 4) throw new Error('handler 4')
            handled.push(value)
          },
        )
      }
      const { error } = yield* outcome(stream)
      expect(String(error)).toBe('Error: task 2')
      expect(handled).toEqual([0, 1, 3, 5, 6, 7, 8, 9])
    }))

  it('is done at once without tasks', () =>
    run(function* () {
      yield* new OrderedStream().wait()
    }))
})

function* outcome(stream: OrderedStream) {
  try {
    yield* stream.wait()
    return {}
  } catch (error) {
    return { error }
  }
}
