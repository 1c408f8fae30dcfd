import { hostNow } from './clock.js'
import type { Goroutine } from './goroutine.js'
import { hostProcess } from './host.js'
import { stackOf } from './operation.js'
import { type SchedStats, type Scheduler, scheduler, thread, threadScheduler, WAITING } from './scheduler.js'
import { createdBy, ownFunction, stackLines } from './traceback.js'

/** The goroutines of this thread that are alive, in order of their ids. */
export function goroutines(): Goroutine<unknown>[] {
  return schedulers().flatMap((each) => each.goroutines())
}

/** How many goroutines are alive. Source: Go's `runtime.NumGoroutine`. */
export function numGoroutine(): number {
  return schedulers().reduce((sum, each) => sum + each.live, 0)
}

/** What this thread's scheduler has done so far. */
export function schedStats(): SchedStats {
  return scheduler().stats()
}

// Taking one stack costs 40 µs, so a dump of very many would stop the program: the rest is counted.
const mostStacks = 10_000

/**
 * The stack of every goroutine, in Go's layout: id, state or wait reason, how long it has waited, where it stands and
 * where it was created. A parked goroutine is resumed for a moment by a probe that its operation answers with the
 * stack, so nothing has to be recorded when it parks.
 */
export function dump(): string {
  return dumpOf(goroutines())
}

export function dumpOf(all: Goroutine<unknown>[]): string {
  const shown = all.slice(0, mostStacks).map(entry)
  if (all.length > mostStacks) shown.push(`... ${all.length - mostStacks} more goroutines`)
  return shown.join('\n\n')
}

function entry(g: Goroutine<unknown>): string {
  return [`goroutine ${g.id} [${status(g)}]:`, ...where(g), ...createdBy(g)].join('\n')
}

function status(g: Goroutine<unknown>): string {
  if (g.phase !== WAITING) return g.state
  const minutes = Math.floor((hostNow() / 100 - g.sinceDecis) / 600)
  return minutes < 1 ? `${g.waitReason}` : `${g.waitReason}, ${minutes} minutes`
}

function where(g: Goroutine<unknown>): string[] {
  let stack: string | undefined
  if (g === thread.current) stack = new Error().stack
  else if (g.slot !== undefined) stack = stackOf(g)
  const lines = stackLines(stack)
  return lines.length === 0 ? ownFunction(g) : lines
}

function schedulers(): Scheduler[] {
  return [...new Set([threadScheduler(), scheduler()])]
}

/** Prints a dump and ends the process with code 2 on SIGQUIT (Ctrl-\), as Go does. Returns how to stop. */
export function dumpOnSigquit(print: (text: string) => void): () => void {
  const listener = () => {
    print(`SIGQUIT: quit\n\n${dump()}`)
    hostProcess?.exit(2)
  }
  hostProcess?.on('SIGQUIT', listener)
  return () => hostProcess?.off('SIGQUIT', listener)
}
