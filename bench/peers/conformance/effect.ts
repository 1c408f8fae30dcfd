import { type Cause, Effect, Exit, Fiber, Option, Queue, Semaphore } from 'effect'
import type { Received, Subject, SubjectChan, SubjectTask } from '../../../test/conformance/subject.js'

const run = Effect.runPromise
const end: Received = { value: undefined, done: true }

function subjectChan(capacity: number): SubjectChan {
  const queue = Effect.runSync(Queue.bounded<unknown, Cause.Done>(capacity))
  return {
    send: async (value) => {
      if (!(await run(Queue.offer(queue, value)))) throw new Error('the queue is closed')
    },
    recv: async () => {
      const exit = await Effect.runPromiseExit(Queue.take(queue))
      return Exit.isSuccess(exit) ? { value: exit.value, done: false } : end
    },
    trySend: (value) => Queue.offerUnsafe(queue, value),
    tryRecv: () => {
      const option = Effect.runSync(Effect.result(Queue.poll(queue)) as never) as {
        success?: Option.Option<unknown>
      }
      if (option.success === undefined) return end
      return Option.isSome(option.success) ? { value: option.success.value, done: false } : undefined
    },
    close: async () => void (await run(Queue.end(queue))),
    length: () => Queue.sizeUnsafe(queue),
  }
}

function perform({ afterMs, value, error, started, ended }: SubjectTask): Effect.Effect<unknown, Error> {
  return Effect.gen(function* () {
    started?.()
    yield* Effect.sleep(afterMs)
    if (error !== undefined) return yield* Effect.fail(error)
    return value
  }).pipe(Effect.ensuring(Effect.sync(() => ended?.())))
}

export const subject: Subject = {
  name: 'effect',
  kinds: { bounded: true },
  chan: subjectChan,
  semaphore: (permits) => {
    const semaphore = Effect.runSync(Semaphore.make(permits))
    return {
      acquire: async (n) => void (await run(semaphore.take(n))),
      release: (n) => void Effect.runSync(semaphore.release(n)),
    }
  },
  forEver: (cleanup) => {
    const fiber = Effect.runFork(Effect.never.pipe(Effect.ensuring(Effect.sync(cleanup))))
    return async () => void (await run(Fiber.interrupt(fiber)))
  },
  all: (tasks, limit) => run(Effect.all(tasks.map(perform), { concurrency: limit ?? 'unbounded' })),
  sleep: (ms) => run(Effect.sleep(ms)),
}
