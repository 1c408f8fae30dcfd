import { all, createQueue, run, sleep, suspend } from 'effection'
import type { Subject, SubjectTask } from '../../../test/conformance/subject.js'

function* perform({ afterMs, value, error, started, ended }: SubjectTask) {
  started?.()
  try {
    yield* sleep(afterMs)
    if (error !== undefined) throw error
    return value
  } finally {
    ended?.()
  }
}

export const subject: Subject = {
  name: 'effection',
  // Its queue has no bound: a send never waits.
  chan: () => {
    const queue = createQueue<unknown, undefined>()
    return {
      send: async (value) => queue.add(value),
      recv: async () => {
        const { value, done } = await run(() => queue.next())
        return { value, done: done === true }
      },
      close: () => queue.close(undefined),
    }
  },
  forEver: (cleanup) => {
    const task = run(function* () {
      try {
        yield* suspend()
      } finally {
        cleanup()
      }
    })
    return async () => void (await task.halt())
  },
  all: (tasks) => run(() => all(tasks.map(perform))),
  sleep: (ms) => run(() => sleep(ms)),
}
