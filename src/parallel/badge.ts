import { mostProcs, proc, procAt } from './layout.js'
import type { Processor } from './processor.js'

/**
 * Who somebody is, in one word of shared memory: the number of the thread, which no two ever share, and its processor. So
 * whether it lives is seen by one load. Never 0, never negative: both are free to mean something else.
 */
export function badgeOf({ machine, p }: Processor): number {
  return machine * mostProcs + p
}

/** The badge of whoever runs processor `p` now; `undefined` if nobody does. */
export function badgeAt(words: Int32Array, p: number): number | undefined {
  const machine = Atomics.load(words, procAt(p) + proc.machine)
  return machine === 0 ? undefined : machine * mostProcs + p
}

export function machineOf(badge: number): number {
  return Math.floor(badge / mostProcs)
}

export function processorOf(badge: number): number {
  return badge % mostProcs
}

export function isAlive(words: Int32Array, badge: number): boolean {
  return badgeAt(words, processorOf(badge)) === badge
}
