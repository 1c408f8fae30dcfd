import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { FixedThreadPool, ThreadWorker } from 'poolifier'
import { next, rename, sameBytes, sameText } from '../programs/pieces.js'
import { measurePool } from '../programs/promise-pool.js'

if (!isMainThread) {
  new ThreadWorker<unknown, unknown>({
    next: (n) => next(n as number),
    rename: (object) => rename(object as Parameters<typeof rename>[0]),
    sameBytes: (bytes) => sameBytes(bytes as Uint8Array),
    sameText: (text) => sameText(text as string),
  })
}

await measurePool(async ({ threads, queue }) => {
  const pool = new FixedThreadPool<unknown, unknown>(Number(threads), fileURLToPath(import.meta.url), {
    enableEvents: false,
    enableTasksQueue: queue !== undefined,
    ...(queue !== undefined && { tasksQueueOptions: { concurrency: Number(queue) } }),
  })
  return (name, value) => pool.execute(value, name)
})
