import { MisuseError } from '../runtime/errors.js'
import type { Goroutine } from '../runtime/goroutine.js'
import { thread } from '../runtime/scheduler.js'
import { thisProcessor } from './current.js'

/** How often a goroutine has locked its thread. */
const counts = new WeakMap<Goroutine<unknown>, number>()

/**
 * Keeps the thread of the goroutine that calls it for what this goroutine does to the thread: no other task begins there
 * until it has called `unlockOSThread` as often. If it ends before, a worker thread ends with it and another one takes its
 * place: nobody gets a thread that was left half changed. Goroutines that live there already go on.
 *
 * Source: Go's `runtime.LockOSThread`.
 * @throws MisuseError outside a goroutine, or when another goroutine has locked the thread.
 */
export function lockOSThread(): void {
  const g = caller('lockOSThread')
  const processor = thisProcessor()
  if (processor.lockedBy !== undefined && processor.lockedBy !== g)
    throw new MisuseError(`lockOSThread(): goroutine ${processor.lockedBy.id} has locked this thread already`)
  processor.lockedBy = g
  counts.set(g, (counts.get(g) ?? 0) + 1)
}

/** Takes one `lockOSThread` back; does nothing where there is none. Source: Go's `runtime.UnlockOSThread`. */
export function unlockOSThread(): void {
  const g = caller('unlockOSThread')
  const count = counts.get(g) ?? 0
  if (count === 0) return
  counts.set(g, count - 1)
  if (count > 1) return
  const processor = thisProcessor()
  processor.lockedBy = undefined
  processor.schedule()
}

function caller(name: string): Goroutine<unknown> {
  const g = thread.current
  if (g === undefined)
    throw new MisuseError(
      `${name}() outside a goroutine: a task with a generator body is one, a plain function is not`,
    )
  return g
}
