/** The cases of the suite `parallel` for a pool that gives a promise for each task. */
import { isMainThread } from 'node:worker_threads'
import { type Case, measure, perOp } from './measure.js'
import { bytes1k, bytes64k, inFlight, small, text1k } from './pieces.js'

/** Runs the function of that name from pieces.ts in a worker. */
export type RunTask = (name: string, value: unknown) => Promise<unknown>

/** What a pool is told, as `SETTINGS=threads=1,atomics=sync` in the environment. */
export type Settings = Readonly<Record<string, string>>

/** Measures the pool that `open` starts; in its worker threads, which import the same program, it does nothing. */
export async function measurePool(open: (settings: Settings) => Promise<RunTask>): Promise<void> {
  if (!isMainThread) return
  const text = process.env['SETTINGS'] ?? 'threads=1'
  const run = await open(Object.fromEntries(text.split(',').map((each) => each.split('=', 2))))
  await measure({
    taskInt: batched(run, 'next', 1),
    taskObject: batched(run, 'rename', small),
    taskText1k: batched(run, 'sameText', text1k),
    taskBytes1k: batched(run, 'sameBytes', bytes1k),
    taskBytes64k: batched(run, 'sameBytes', bytes64k),
    taskAlone: async (n) => {
      const startedMs = performance.now()
      for (let i = 0; i < n; i++) await run('next', i)
      return perOp(startedMs, n)
    },
    taskIdle: async (n) => {
      let spentMs = 0
      for (let i = 0; i < n; i++) {
        await new Promise((resolve) => setTimeout(resolve, 1))
        const startedMs = performance.now()
        await run('next', i)
        spentMs += performance.now() - startedMs
      }
      return (spentMs * 1e6) / n
    },
  })
  process.exit()
}

function batched(run: RunTask, name: string, value: unknown): Case {
  const caller = async (calls: number) => {
    for (let i = 0; i < calls; i++) await run(name, value)
  }
  return async (n) => {
    const startedMs = performance.now()
    await Promise.all(Array.from({ length: inFlight }, () => caller(n / inFlight)))
    return perOp(startedMs, n)
  }
}
