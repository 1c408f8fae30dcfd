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

/** One processor of a program that uses every core. */
export interface ProcessorStats {
  /** 0 is the main thread's. */
  readonly id: number
  /** Number of the worker thread that runs it; a replacement has another one. 0 while there is none. */
  readonly worker: number
  /** `locked` takes no tasks for now: see `lockOSThread`. */
  readonly state: 'running' | 'spinning' | 'idle' | 'locked' | 'retired'
  /** Tasks in its run queue. */
  readonly queued: number
  /** Tasks that it has begun. */
  readonly taken: number
  /** How often it stole from another one. */
  readonly stolen: number
  /** How often it went to sleep. */
  readonly parks: number
}

/** What this thread's scheduler has done so far, and what all processors do where sluice/parallel is in use. */
export interface ProgramStats extends SchedStats {
  /** Processors, as `procs()` says; 1 where only this thread is used. */
  readonly gomaxprocs: number
  /** Tasks in the global queue. */
  readonly runQueue: number
  /** Steps that kept a thread for too long; see `onStall`. */
  readonly stalls: number
  readonly processors: readonly ProcessorStats[]
}

/** The other threads of the program, where there are some; set by sluice/parallel. */
export const others: {
  stats: (() => Omit<ProgramStats, keyof SchedStats>) | undefined
  dump: (() => string[]) | undefined
} = { stats: undefined, dump: undefined }

/** What the scheduler of this thread has done so far, and the processors of all threads. */
export function schedStats(): ProgramStats {
  const here = { gomaxprocs: 1, runQueue: 0, stalls: 0, processors: [] }
  return { ...scheduler().stats(), ...(others.stats?.() ?? here) }
}

// Taking one stack costs 40 µs, so a dump of very many would stop the program: the rest is counted.
const mostStacks = 10_000

/**
 * The stack of every goroutine, of all threads, in Go's layout: id, state or wait reason, how long it has waited, where it stands and
 * where it was created. A parked goroutine is resumed for a moment by a probe that its operation answers with the
 * stack, so nothing has to be recorded when it parks.
 */
export function dump(): string {
  return [dumpHere(), ...(others.dump?.() ?? [])].join('\n\n')
}

/** The goroutines of this thread. */
export function dumpHere(): string {
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
