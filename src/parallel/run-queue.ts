import { type Memory, proc, procAt, runQueueLength } from './layout.js'
import type { LockedRing } from './locked-ring.js'

/**
 * The run queue of one processor: its owner puts at the tail and takes at the head, others take half of it at the head.
 * Bounded; what overflows goes to the global queue, half a queue at a time. Ahead of it stands one runnext slot.
 *
 * Whoever takes moves the head by compareExchange; only the owner moves the tail, by a store that publishes what it
 * wrote before. An entry is a hint: a task belongs to whoever claims its slot (see call-slot.ts), so that entries may be
 * doubled when the work of a dead thread is saved.
 *
 * Source: Go's runtime/proc.go (`runqput`, `runqget`, `runqgrab`, `runqputslow`).
 */
export class RunQueue {
  private readonly words: Int32Array
  private readonly at: number
  /** What only the owner writes; others read the published one. */
  private tail: number

  constructor(
    memory: Memory,
    readonly p: number,
  ) {
    this.words = memory.words
    this.at = procAt(p)
    this.tail = Atomics.load(this.words, this.at + proc.tail)
  }

  /** Entries, for those who only want to know; runnext counts. */
  get length(): number {
    const { words, at } = this
    for (;;) {
      const tail = Atomics.load(words, at + proc.tail)
      const queued = (tail - Atomics.load(words, at + proc.head)) | 0
      const next = Atomics.load(words, at + proc.runnext) === 0 ? 0 : 1
      // What was in runnext may have gone to the tail between two of the looks.
      if (Atomics.load(words, at + proc.tail) === tail) return Math.max(0, queued) + next
    }
  }

  /** A look that costs little: true may be wrong for a moment. */
  get looksEmpty(): boolean {
    const { words, at } = this
    return words[at + proc.tail] === words[at + proc.head] && words[at + proc.runnext] === 0
  }

  /** Owner: appends a slot. It is seen by others after `publish`. */
  put(number: number, overflow: LockedRing): void {
    const { words, at, tail } = this
    const head = Atomics.load(words, at + proc.head)
    if (((tail - head) | 0) >= runQueueLength) {
      this.spill(number, head, overflow)
      return
    }
    words[at + proc.ring + (tail & (runQueueLength - 1))] = number
    this.tail = (tail + 1) | 0
  }

  /** Owner: makes a slot the next to run; the one that was in its place goes to the tail. */
  putNext(number: number, overflow: LockedRing): void {
    const earlier = Atomics.exchange(this.words, this.at + proc.runnext, number)
    if (earlier !== 0) this.put(earlier, overflow)
  }

  /** Owner: lets others see what was put. One store for a whole batch. */
  publish(): void {
    const { words, at, tail } = this
    if (words[at + proc.tail] !== tail) Atomics.store(words, at + proc.tail, tail)
  }

  /** Owner: takes the next one; 0 when there is none. */
  take(): number {
    const { words, at } = this
    if (words[at + proc.runnext] !== 0) {
      const next = Atomics.exchange(words, at + proc.runnext, 0)
      if (next !== 0) return next
    }
    for (;;) {
      const head = Atomics.load(words, at + proc.head)
      if (head === this.tail) return 0
      const number = words[at + proc.ring + (head & (runQueueLength - 1))] as number
      if (Atomics.compareExchange(words, at + proc.head, head, (head + 1) | 0) === head) return number
    }
  }

  /**
   * Owner of this one: takes half of another's entries, keeps all but one, and returns that one; 0 for none.
   * @param withNext takes runnext when there is nothing else.
   */
  stealFrom(victim: RunQueue, withNext: boolean): number {
    const count = this.grab(victim, withNext)
    if (count === 0) return 0
    // The last of them is run at once; the others become visible.
    const last = (this.tail + count - 1) | 0
    const number = this.words[this.at + proc.ring + (last & (runQueueLength - 1))] as number
    if (count > 1) {
      this.tail = last
      this.publish()
    }
    return number
  }

  /** Copies half of the victim's entries behind this queue's tail and moves the victim's head over them. */
  private grab(victim: RunQueue, withNext: boolean): number {
    const { words, at } = this
    for (;;) {
      const head = Atomics.load(words, victim.at + proc.head)
      const queued = (Atomics.load(words, victim.at + proc.tail) - head) | 0
      const count = queued - (queued >> 1)
      if (count <= 0) return withNext ? this.grabNext(victim) : 0
      if (count > runQueueLength / 2) continue // head and tail were not read at one moment
      for (let i = 0; i < count; i++) {
        words[at + proc.ring + ((this.tail + i) & (runQueueLength - 1))] = words[
          victim.at + proc.ring + ((head + i) & (runQueueLength - 1))
        ] as number
      }
      if (Atomics.compareExchange(words, victim.at + proc.head, head, (head + count) | 0) === head)
        return count
    }
  }

  private grabNext(victim: RunQueue): number {
    const { words } = this
    const next = words[victim.at + proc.runnext] as number
    if (next === 0 || Atomics.compareExchange(words, victim.at + proc.runnext, next, 0) !== next) return 0
    words[this.at + proc.ring + (this.tail & (runQueueLength - 1))] = next
    return 1
  }

  /** Moves half of a full queue, and then the new one, to the global queue. */
  private spill(number: number, head: number, overflow: LockedRing): void {
    const { words, at } = this
    this.publish() // the head never passes the published tail, or the next thread would begin beyond it
    const half = runQueueLength / 2
    const batch: number[] = []
    for (let i = 0; i < half; i++)
      batch.push(words[at + proc.ring + ((head + i) & (runQueueLength - 1))] as number)
    if (Atomics.compareExchange(words, at + proc.head, head, (head + half) | 0) !== head) {
      this.put(number, overflow) // a thief made room
      return
    }
    batch.push(number)
    overflow.push(batch)
  }
}

/**
 * The processors in an order in which each comes once, beginning anywhere and going on in steps that have no divisor in
 * common with their number. Source: Go's runtime/proc.go (`randomOrder`).
 */
export class StealOrder {
  private readonly coprimes: number[] = []

  constructor(private readonly count: number) {
    for (let step = 1; step <= count; step++) if (divisor(step, count) === 1) this.coprimes.push(step)
  }

  /** Calls `visit` with each processor until it returns other than 0, which is then returned. @param seed any whole number from 0. */
  visit(seed: number, visit: (p: number) => number): number {
    const { count, coprimes } = this
    const step = coprimes[Math.floor(seed / count) % coprimes.length] ?? 1
    let p = seed % count
    for (let i = 0; i < count; i++) {
      const found = visit(p)
      if (found !== 0) return found
      p = (p + step) % count
    }
    return 0
  }
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}
