import { presentProcessor, thisProcessor } from './current.js'
import type { Stall as Raw } from './sysmon.js'

/** A step of a goroutine or a task that kept its thread for too long: everybody else on that thread had to wait. */
export interface Stall {
  readonly processor: number
  /** Id of the goroutine; `undefined` for a task that is a plain function. */
  readonly goroutine: number | undefined
  /** Name of the task, where it is one that is a plain function. */
  readonly task: string | undefined
  /** How long it lasted, to a few milliseconds; so far, while it goes on. */
  readonly durationMs: number
  /** Where it was, in V8's form; `undefined` when the thread did not answer. */
  readonly stack: string | undefined
  /** It goes on: it is told once more when it is over. */
  readonly ongoing: boolean
}

const listeners = new Set<(stall: Stall) => void>()

/**
 * Calls `listener` for every step of a goroutine or task, on any thread, that goes on for more than 10 ms without reaching
 * an operation: once when it is over, and once before when it passes a second. Returns how to stop. Calls come on the main
 * thread, so those about itself come late. Most stalls over 30 ms are seen, shorter ones by chance. `schedStats().stalls`
 * counts them, with or without listeners.
 *
 * Source: Go's sysmon (runtime/proc.go), which preempts; JavaScript can only be told.
 */
export function onStall(listener: (stall: Stall) => void): () => void {
  thisProcessor()
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}

/** What the monitor has seen. */
export function tellStall(raw: Raw): void {
  const task = raw.task === undefined ? undefined : presentProcessor()?.taskName(raw.task)
  for (const listener of listeners) listener({ ...raw, task })
}
