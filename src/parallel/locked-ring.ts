import { lockedRing, type Memory } from './layout.js'
import { lock, unlock } from './spin-lock.js'

/** A bounded queue of slot numbers for any number of threads: the global queue, and each processor's inbox. */
export class LockedRing {
  private readonly words: Int32Array

  constructor(
    memory: Memory,
    private readonly machine: number,
    private readonly at: number,
    private readonly capacity: number,
  ) {
    this.words = memory.words
  }

  get length(): number {
    const { words, at } = this
    return (Atomics.load(words, at + lockedRing.tail) - Atomics.load(words, at + lockedRing.head)) | 0
  }

  /** A look that costs little: true may be wrong for a moment. */
  get looksEmpty(): boolean {
    return this.words[this.at + lockedRing.tail] === this.words[this.at + lockedRing.head]
  }

  /** Appends them all; false, and none, when they do not fit. */
  push(numbers: readonly number[]): boolean {
    const { words, at, capacity } = this
    const count = numbers.length
    lock(words, at, this.machine)
    const tail = words[at + lockedRing.tail] as number
    const fits = ((tail - (words[at + lockedRing.head] as number)) | 0) + count <= capacity
    if (fits) {
      for (let i = 0; i < count; i++)
        words[at + lockedRing.ring + ((tail + i) & (capacity - 1))] = numbers[i] as number
      Atomics.store(words, at + lockedRing.tail, (tail + count) | 0)
    }
    unlock(words, at)
    return fits
  }

  /** Takes the first; 0 when there is none. */
  take(): number {
    const { words, at, capacity } = this
    if (this.looksEmpty) return 0
    lock(words, at, this.machine)
    const head = words[at + lockedRing.head] as number
    let number = 0
    if (head !== words[at + lockedRing.tail]) {
      number = words[at + lockedRing.ring + (head & (capacity - 1))] as number
      Atomics.store(words, at + lockedRing.head, (head + 1) | 0)
    }
    unlock(words, at)
    return number
  }
}
