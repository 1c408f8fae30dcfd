import { ordersLoads } from './layout.js'
import { object } from './shared-object.js'
import type { Processor } from './processor.js'

/**
 * The threads that wait for one thing of a shared object: a bit for each processor. Who finds nothing sets its bit, tries
 * again, and only then sleeps; who brings something looks at the bits afterwards. One of the two sees the other.
 *
 * A bit is a wish, and whoever clears it owes that thread a ring. A thread whose bit was ever set and which waits no more
 * clears it, and rings the next one when there is something left: the ring it may have been given is not lost.
 */
export class Waiters {
  private readonly words: Int32Array
  private readonly at: number
  private readonly own: number
  private readonly bit: number
  private armed = false
  private firstHalf = 0

  /** @param which `object.waiters` or `object.otherWaiters`. */
  constructor(
    private readonly processor: Processor,
    address: number,
    which: number = object.waiters,
  ) {
    this.words = processor.memory.words
    this.at = address + which
    this.own = this.at + (processor.p >> 5)
    this.bit = 1 << (processor.p & 31)
  }

  /** This thread waits: it has to try once more after that. False if it had said so already. */
  arm(): boolean {
    if (this.armed && ((this.words[this.own] as number) & this.bit) !== 0) return false
    this.armed = true
    Atomics.or(this.words, this.own, this.bit)
    return true
  }

  /** This thread waits no more. @param isMore whether there is something for somebody else. */
  disarm(isMore: () => boolean): void {
    if (!this.armed) return
    this.armed = false
    Atomics.and(this.words, this.own, ~this.bit)
    if (isMore()) this.ringOne()
  }

  /** Asked right behind an atomic store, which orders a plain load on x64. */
  get areAny(): boolean {
    const { words, at } = this
    if ((ordersLoads ? words[at] : Atomics.load(words, at)) !== 0) return true
    return this.processor.procs > 32 && Atomics.load(words, at + 1) !== 0
  }

  /** Rings one thread that waits. */
  ringOne(): void {
    if (this.processor.procs <= 32) {
      this.ringIn(0)
      return
    }
    this.firstHalf ^= 1 // both halves have their turn
    if (!this.ringIn(this.firstHalf)) this.ringIn(this.firstHalf ^ 1)
  }

  private ringIn(half: number): boolean {
    const { words, at } = this
    for (;;) {
      const mask = Atomics.load(words, at + half)
      if (mask === 0) return false
      const chosen = this.choose(mask)
      if (Atomics.compareExchange(words, at + half, mask, mask & ~(1 << chosen)) !== mask) continue
      this.processor.ring(half * 32 + chosen)
      return true
    }
  }

  /** Rings all threads that wait. */
  ringAll(): void {
    const { words, at } = this
    for (let half = 0; half < 2; half++) {
      const mask = Atomics.exchange(words, at + half, 0)
      for (let bit = 0; bit < 32; bit++) if ((mask & (1 << bit)) !== 0) this.processor.ring(half * 32 + bit)
    }
  }

  /** The next one in turn, beginning behind this thread, so that none is always the first. */
  private choose(mask: number): number {
    const from = (this.processor.p + 1) & 31
    const rotated = from === 0 ? mask : (mask >>> from) | (mask << (32 - from))
    return (31 - Math.clz32(rotated & -rotated) + from) & 31
  }
}
