import { writeSync } from 'node:fs'
import { parked, polling, quiet } from './doorbell.js'
import { globalAt, header, lockedRing, type Memory, mostProcs, proc, procAt } from './layout.js'

/** What the processors do, one line at a time, in the layout of Go's `GODEBUG=schedtrace=1000`. */

/**
 * One line, read from the shared words while they change: its numbers are of one moment each.
 * @param goroutines how many are alive, where the caller knows it; not in Go's line, so it comes last.
 */
export function schedTraceLine(
  { words }: Memory,
  startedMs: number,
  nowMs: number,
  goroutines?: number,
): string {
  const read = (at: number) => Atomics.load(words, at)
  const queued = (headAt: number, tailAt: number) => Math.max(0, (read(tailAt) - read(headAt)) | 0)
  const local = (p: number) => {
    const at = procAt(p)
    return queued(at + proc.head, at + proc.tail) + (read(at + proc.runnext) === 0 ? 0 : 1)
  }
  const each = <T>(count: number, fn: (p: number) => T) => Array.from({ length: count }, (_, p) => fn(p))
  // The monitor's own thread counts, as Go counts that of its sysmon.
  const threads = 1 + each(mostProcs, (p) => read(procAt(p) + proc.machine)).filter((m) => m !== 0).length
  const procs = read(header.procs)
  const states = each(procs, (p) => read(procAt(p) + proc.state))
  const inState = (...wanted: number[]) => states.filter((state) => wanted.includes(state)).length
  // A processor that sleeps keeps its thread, which then sleeps too. And none is ever in need of a spinning one: who
  // puts work wakes one itself.
  const fields = {
    gomaxprocs: procs,
    idleprocs: inState(parked, quiet),
    threads,
    spinningthreads: inState(polling),
    needspinning: 0,
    idlethreads: inState(parked, quiet),
    runqueue: queued(globalAt + lockedRing.head, globalAt + lockedRing.tail),
  }
  const text = Object.entries(fields).map(([name, value]) => `${name}=${value}`)
  const tail = goroutines === undefined ? '' : ` goroutines=${goroutines}`
  return `SCHED ${Math.round(nowMs - startedMs)}ms: ${text.join(' ')} [${each(procs, local).join(' ')}]${tail}`
}

/** Prints lines on time. */
export interface SchedTrace {
  /** Prints one when it is due. Returns how long the next one is off, in ms. */
  printWhenDue(nowMs: number): number
}

/**
 * A line every `everyMs`, the first one at once. It is written past the streams of Node, so that it comes from the
 * monitor's thread even when the main thread is stuck.
 */
export function schedTraceEvery(
  memory: Memory,
  everyMs: number,
  { startedMs, print = printToStderr }: { startedMs: number; print?: (line: string) => void },
): SchedTrace {
  let dueMs = startedMs
  return {
    printWhenDue(nowMs) {
      if (nowMs >= dueMs) {
        print(schedTraceLine(memory, startedMs, nowMs))
        // Times that were missed are not made up for.
        dueMs += everyMs * (Math.floor((nowMs - dueMs) / everyMs) + 1)
      }
      return dueMs - nowMs
    },
  }
}

function printToStderr(line: string): void {
  try {
    writeSync(2, `${line}\n`)
  } catch {
    // A pipe that is full or closed: the line is lost, the program goes on.
  }
}
