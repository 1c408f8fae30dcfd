import { Effect, Fiber } from 'effect'
import { measure, perOp } from '../programs/measure.js'

const nothing = Effect.void
/** `Effect.void` is a finished exit, for which `Effect.all` starts no fiber. */
const task = Effect.sync(() => {})

await measure({
  spawn: (n) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const startedMs = performance.now()
        for (let i = 0; i < n; i += 250) {
          const fibers: Fiber.Fiber<void>[] = []
          for (let j = 0; j < 250; j++) fibers.push(yield* Effect.forkChild(nothing))
          for (const fiber of fibers) yield* Fiber.join(fiber)
        }
        return perOp(startedMs, n)
      }),
    ),
  group: (n) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const startedMs = performance.now()
        const tasks = Array.from({ length: 10_000 }, () => task)
        for (let i = 0; i < n; i += 10_000)
          yield* Effect.all(tasks, { concurrency: 'unbounded', discard: true })
        return perOp(startedMs, n)
      }),
    ),
})
