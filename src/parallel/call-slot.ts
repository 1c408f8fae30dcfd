import { type Memory, ownerOf, slot, slotAt, slotNumber, slotsPerProc } from './layout.js'

/** A call slot's state, and how it changes hands: `free` → `queued` → `running` → `done` → `free`. */
export const free = 0
export const queued = 1
export const running = 2
export const done = 3

const kindBits = 3
const kindMask = (1 << kindBits) - 1

/** What a slot carries besides its payload. */
export const slotFlag = {
  /** The payload of a finished call is the error that it threw. */
  failed: 1,
  /** The payload travels by message; see post.ts. */
  posted: 2,
  /** The task may be run again when the worker that ran it died. */
  idempotent: 4,
  /** The payload has shared objects in it, which last until they arrive somewhere. */
  holds: 8,
} as const

/** What `slot.cancel` says. */
export const canceled = 1

export function kindOf(state: number): number {
  return state & kindMask
}

export function machineOf(state: number): number {
  return state >>> kindBits
}

/**
 * Claims a queued slot for a thread: only the one whose claim succeeds runs the call. An entry in a queue is no more than a
 * hint where to try.
 */
export function claim({ words }: Memory, number: number, machine: number): boolean {
  const at = slotAt(number) + slot.state
  return (
    words[at] === queued &&
    Atomics.compareExchange(words, at, queued, running | (machine << kindBits)) === queued
  )
}

/** The caller takes back a call that nobody has claimed. */
export function unqueue({ words }: Memory, number: number): boolean {
  const at = slotAt(number) + slot.state
  return Atomics.compareExchange(words, at, queued, free) === queued
}

export function finish({ words }: Memory, number: number, machine: number): void {
  Atomics.store(words, slotAt(number) + slot.state, done | (machine << kindBits))
}

/** The slots of one processor, kept by its thread; only that thread takes and frees them. */
export class SlotArena {
  private readonly available: number[] = []

  constructor(
    private readonly memory: Memory,
    readonly p: number,
  ) {
    // The slots of calls that an earlier thread of this processor made stay out until they come back.
    for (let i = slotsPerProc - 1; i >= 0; i--) {
      const number = slotNumber(p, i)
      if (memory.words[slotAt(number) + slot.state] === free) this.available.push(number)
    }
  }

  get outstanding(): number {
    return slotsPerProc - this.available.length
  }

  /** A free slot; 0 when all are in use. */
  take(): number {
    return this.available.pop() ?? 0
  }

  give(number: number): void {
    Atomics.store(this.memory.words, slotAt(number) + slot.state, free)
    this.available.push(number)
  }

  owns(number: number): boolean {
    return ownerOf(number) === this.p
  }

  /** All slots with their states, for what has to be saved after a death. */
  *entries(): Generator<{ number: number; state: number }> {
    for (let i = 0; i < slotsPerProc; i++) {
      const number = slotNumber(this.p, i)
      yield { number, state: Atomics.load(this.memory.words, slotAt(number) + slot.state) }
    }
  }
}
