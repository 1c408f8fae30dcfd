import { ArgumentError } from '../runtime/errors.js'

/** What a full queue does with one more value: gives up its oldest one, or refuses the new one. */
export type Overflow = 'overwrite' | 'refuse'

/**
 * A bounded first-in, first-out queue that never waits: the last so many events, a backlog that says no. Use a channel
 * where somebody should wait.
 *
 * ```ts
 * const latest = new RingQueue<string>(100, { overflow: 'overwrite' })
 * latest.push(line)
 * ```
 */
export class RingQueue<T> implements Iterable<T> {
  readonly capacity: number
  private readonly overflow: Overflow
  private readonly slots: (T | undefined)[]
  private head = 0
  private count = 0
  private lost = 0

  /** @throws ArgumentError if `capacity` is not a positive whole number. */
  constructor(capacity: number, { overflow = 'refuse' }: { overflow?: Overflow } = {}) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new ArgumentError(`a RingQueue needs a positive whole number as its capacity, not ${capacity}`)
    }
    if (overflow !== 'overwrite' && overflow !== 'refuse') {
      throw new ArgumentError(
        `the overflow of a RingQueue is 'overwrite' or 'refuse', not ${String(overflow)}`,
      )
    }
    this.capacity = capacity
    this.overflow = overflow
    this.slots = new Array<T | undefined>(capacity).fill(undefined)
  }

  /** Values in the queue. */
  get length(): number {
    return this.count
  }

  /** Values lost so far: overwritten, or refused. */
  get dropped(): number {
    return this.lost
  }

  /** Adds a value at the tail; false if the queue is full and refuses it. */
  push(value: T): boolean {
    if (this.count === this.capacity) {
      this.lost++
      if (this.overflow === 'refuse') return false
      this.shift()
    }
    this.slots[(this.head + this.count) % this.capacity] = value
    this.count++
    return true
  }

  /** Takes the oldest value; `undefined` when there is none. */
  shift(): T | undefined {
    if (this.count === 0) return undefined
    const value = this.slots[this.head]
    this.slots[this.head] = undefined
    this.head = (this.head + 1) % this.capacity
    this.count--
    return value
  }

  /** The oldest value, left in place. */
  peek(): T | undefined {
    return this.count === 0 ? undefined : this.slots[this.head]
  }

  /** Empties the queue. */
  clear(): void {
    while (this.count > 0) this.shift()
  }

  /** The values from the oldest to the newest, left in place. */
  *[Symbol.iterator](): Generator<T, void> {
    for (let i = 0; i < this.count; i++) yield this.slots[(this.head + i) % this.capacity] as T
  }
}
