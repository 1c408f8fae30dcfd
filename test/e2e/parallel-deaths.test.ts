import { expect, it } from 'vitest'
import { go, type Routine, run } from 'sluice'
import { AtomicInt, limitWorkers, procs, stopProcs, WorkerDied } from 'sluice/parallel'
import { type Death, howToDie, work } from '../parallel/death-tasks.js'

const total = 100_000
/** About so many of the tasks end their worker. */
const deaths = 12

it('of 100,000 tasks those fail that end their worker, and no others; none runs twice', {
  timeout: 120_000,
}, async () => {
  procs(3)
  limitWorkers({ maxOldGenerationSizeMb: 64 })
  const seed = Date.now() % 1_000_000
  const deadly = new Map<number, Death>()
  for (let i = 0, at = seed; i < deaths; i++) {
    at = (Math.imul(at, 1103515245) + 12345) & 0x7fffffff
    deadly.set(at % total, howToDie[i % howToDie.length] as Death)
  }
  const runs = new AtomicInt()
  const failed = new Map<number, unknown>()
  let given = 0
  await run(function* () {
    let next = 0
    const caller = function* (): Routine<void> {
      while (next < total) {
        const n = next++
        const death = deadly.get(n)
        try {
          // What would end the main thread as well runs on a worker.
          const value = yield* death === undefined
            ? work(n, runs, undefined)
            : work.on(1 + (n % 2))(n, runs, death)
          if (value === n) given++
        } catch (error) {
          failed.set(n, error)
        }
      }
    }
    const callers = Array.from({ length: 500 }, () => go(caller))
    for (const each of callers) yield* each
  })
  limitWorkers({})
  await stopProcs()
  expect([...failed.keys()].sort(), `seed ${seed}`).toEqual([...deadly.keys()].sort())
  for (const error of failed.values()) expect(error).toBeInstanceOf(WorkerDied)
  expect(given).toBe(total - deadly.size)
  expect(runs.load()).toBe(total - deadly.size)
})
