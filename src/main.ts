import type { Clock } from './runtime/clock.js'
import type { GoTarget } from './runtime/go.js'
import type { GoFunction } from './runtime/origin.js'
import { SeededRandom, type Random } from './runtime/random.js'
import { startRoot } from './runtime/root.js'
import { Scheduler, threadScheduler } from './runtime/scheduler.js'

/** How `run` differs from the thread's own scheduler, for tests. */
export interface RunOptions {
  /** Runs the goroutines in an order drawn from this seed: the same seed gives the same interleaving. */
  seed?: number
  /** The time they live in. */
  clock?: Clock
  /** Where select and shuffle take their choice from. */
  random?: Random
  /** Receives a failure that nobody joined, or a fatal error, instead of ending the process. */
  onCrash?: (error: unknown) => void
}

/** Runs `fn` as a root goroutine inside a program that is already async, and gives its outcome. */
export function run<T>(fn: GoTarget<[], T>, options?: RunOptions): Promise<T> {
  return new Promise((resolve, reject) => {
    startRoot(schedulerFor(options), run as GoFunction, fn, [], (outcome) => {
      if ('error' in outcome) reject(outcome.error)
      else resolve(outcome.value)
    })
  })
}

function schedulerFor(options: RunOptions | undefined): Scheduler {
  if (options === undefined) return threadScheduler()
  const { seed, clock, random, onCrash } = options
  return new Scheduler({
    ...(clock && { clock }),
    ...(seed === undefined ? random && { random } : { random: new SeededRandom(seed), shuffle: true }),
    ...(onCrash && { onCrash: (error: unknown) => onCrash(error) }),
  })
}
