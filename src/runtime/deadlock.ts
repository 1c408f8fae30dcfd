import { suspected } from './forgotten.js'
import type { Goroutine } from './goroutine.js'
import { dumpOf, others } from './dump.js'
import { endProcess } from './crash.js'
import { FatalError } from './errors.js'
import { hostProcess } from './host.js'
import { DEAD, EXITED, type Scheduler } from './scheduler.js'

/** Root goroutines that have not ended: when the event loop runs empty, they never will. */
const roots = new Set<Goroutine<unknown>>()

/**
 * Reports a deadlock if the event loop runs empty before `root` has ended. The host keeps account of what may still
 * wake somebody (timers, sockets, files), so nothing is reported while anything of that kind is open.
 * Source: Go's `checkdead` in runtime/proc.go.
 */
export function watchDeadlock(root: Goroutine<unknown>): void {
  if (roots.size === 0) hostProcess?.on('beforeExit', report)
  roots.add(root)
}

export function unwatchDeadlock(root: Goroutine<unknown>): void {
  roots.delete(root)
  if (roots.size === 0) hostProcess?.off('beforeExit', report)
}

function report(): void {
  for (const root of roots) {
    const text = deadlockReport(root)
    const error = new FatalError(text)
    if (root.scheduler.onCrash === undefined) endProcess(`fatal error: ${text}`, error)
    else root.scheduler.onCrash(error, root)
  }
}

function deadlockReport(root: Goroutine<unknown>): string {
  const headline =
    root.phase === DEAD && (root.flags & EXITED) !== 0
      ? 'no goroutines (main called runtime.Goexit) - deadlock!'
      : 'all goroutines are asleep - deadlock!'
  return [headline, deadlockDetails(root.scheduler)].filter((part) => part !== '').join('\n\n')
}

/** The stack of every goroutine, and operations whose `yield*` may be missing. */
export function deadlockDetails(of: Scheduler): string {
  return [dumpOf(of.goroutines()), ...(others.dump?.() ?? []), ...suspected()]
    .filter((part) => part !== '')
    .join('\n\n')
}
