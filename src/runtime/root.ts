import { crashUnjoined } from './crash.js'
import { unwatchDeadlock, watchDeadlock } from './deadlock.js'
import type { Goroutine, Outcome } from './goroutine.js'
import { spawn, type GoTarget } from './go.js'
import type { Operation } from './operation.js'
import type { GoFunction } from './origin.js'
import type { Scheduler } from './scheduler.js'

/**
 * Starts a root goroutine: the one whose end is the end of the program or of a `run`. While it lives, an event loop
 * that runs empty is a deadlock. `ended` is called within the step in which it ends, before any other goroutine runs.
 *
 * A root that calls `goexit` has ended without an outcome: the others go on, and when they are done there is nobody
 * left to end the program, which Go counts as a deadlock too.
 */
export function startRoot<A extends unknown[], T>(
  on: Scheduler,
  above: GoFunction,
  fn: GoTarget<A, T>,
  args: A,
  ended: (outcome: Outcome<T>) => void,
): Goroutine<T> {
  const root = spawn(on, above, fn, args)
  const operation = root.outcome()
  const wake = () => {
    if (root.exited) return
    unwatchDeadlock(root)
    crashUnjoined()
    ended(operation.value as Outcome<T>)
  }
  operation.claim().attempt()
  operation.parkFor({ wake } satisfies { wake(operation: Operation<unknown>): void })
  watchDeadlock(root)
  return root
}
