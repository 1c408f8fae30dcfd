import { ArgumentError } from '../runtime/errors.js'
import { mostProcs } from './layout.js'
import { presentProcessor } from './current.js'
import { procsWanted, setProcs, setWorkerLimits, stopMachine } from './machine.js'

/**
 * How many processors there are: that of the main thread, and one for each worker thread. With a number it sets it, and
 * returns what it was. By default as many as the process may use CPUs, as its affinity and its cgroup say. In a worker thread it only tells. Worker threads
 * are started on first use; one that is taken away ends when it has finished what it runs. With 1, tasks run on the main
 * thread, while it waits.
 *
 * Source: Go's `runtime.GOMAXPROCS`.
 * @throws ArgumentError if it is not a whole number from 1 to 64.
 */
export function procs(count?: number): number {
  const before = procsWanted()
  if (count === undefined) return before
  if (!Number.isInteger(count) || count < 1 || count > mostProcs)
    throw new ArgumentError(`procs(${String(count)}): a whole number from 1 to ${mostProcs} is needed`)
  // A worker thread evaluates the modules of its tasks, where a program may say how many it wants: that is said already.
  if (presentProcessor()?.isRoot !== false) setProcs(count)
  return before
}

/** What a worker thread may use at most, in MiB; what it does not say is Node's own default. */
export interface WorkerLimits {
  readonly maxOldGenerationSizeMb?: number
  readonly maxYoungGenerationSizeMb?: number
  readonly codeRangeSizeMb?: number
  readonly stackSizeMb?: number
}

/**
 * Limits the memory of each worker thread that is started from now on. One that exceeds it dies, as `WorkerDied` says to those
 * whose tasks it ran, and is replaced; the program goes on.
 *
 * @throws ArgumentError for what is no positive number.
 */
export function limitWorkers(limits: WorkerLimits): void {
  for (const [name, value] of Object.entries(limits))
    if (typeof value !== 'number' || !(value > 0))
      throw new ArgumentError(`limitWorkers(): ${name} is a number of MiB above 0, not ${String(value)}`)
  setWorkerLimits(limits)
}

/**
 * Ends the worker threads and forgets what they share; the next task starts new ones. A program does not need it, since the
 * threads end with it; a test may.
 */
export function stopProcs(): Promise<void> {
  return stopMachine()
}
