import { object } from './shared-object.js'
import { type SharedWait, WaitingObject } from './shared-waiting.js'

/** A thread whose first waiter has waited so long is passed over no more. Source: Go's `starvationThresholdNs`. */
const patienceMs = 1

/**
 * A shared object of which somebody takes a part and gives it back, and which nobody is kept from for ever.
 *
 * As a rule a thread serves itself first: waking another one takes longer than most locks are held, so that handing each
 * lock to the next thread would have all of them wait for wakes. So every release rings one thread that waits, the next
 * one in turn, and meanwhile whoever comes may take what is free. A thread that was rung, found nothing and has a waiter
 * that waits for more than a millisecond is starving: it says so by a bit, and becomes the heir if there is none. While
 * there is an heir no other thread takes anything. The heir leaves the inheritance, as soon as one of its waiters is served
 * or none is left, to the next starving thread in turn, so that each has its turn; if there is none, the first rule is
 * back in force.
 *
 * The bit is set for as long as the thread starves, and only the thread itself clears it. So whoever names an heir looks
 * at its bit afterwards, and one that starves no more looks at the heir after it cleared its bit: at least one of the two
 * sees an heir that does not want to be one, and names the next.
 *
 * The price: a thread that computes for long without a break keeps the others waiting while it is the heir.
 *
 * Sources: Go's sync.Mutex (normal and starvation mode); Dice, Marathe, Shavit, "Lock Cohorting", PPoPP 2012.
 */
export abstract class FairObject extends WaitingObject {
  /** This thread as an heir: its processor's number plus 1, since 0 is nobody. */
  private readonly asHeir: number
  private readonly heirAt: number
  private readonly bitsAt: number
  private isStarving = false

  /** @param heir the heir's word, counted from the beginning of the object. */
  protected constructor(kind: number, address: number | undefined, bytes: number, heir: number) {
    super(kind, address, bytes)
    this.asHeir = this.processor.p + 1
    this.heirAt = this.address + heir
    this.bitsAt = this.address + object.otherWaiters
  }

  /** Whether this thread may take what is free. */
  protected get isOurTurn(): boolean {
    const heir = Atomics.load(this.words, this.heirAt)
    return heir === 0 || heir === this.asHeir
  }

  /** Something was set free, or was passed on on this thread: others may have it, or see that they starve. */
  protected ring(): void {
    const heir = Atomics.load(this.words, this.heirAt)
    if (heir !== 0 && heir !== this.asHeir) this.processor.ring(heir - 1)
    else if (this.othersWait) this.ringWaiters()
  }

  protected ringWaiters(): void {
    this.waiters.ringOne()
  }

  protected override sayThatItWaits(first: SharedWait<unknown>): boolean {
    const again = super.sayThatItWaits(first)
    return (performance.now() - first.sinceMs > patienceMs && this.starve()) || again
  }

  protected override served(): void {
    this.starveNoMore()
  }

  protected override rest(): void {
    if (this.waiting.isEmpty) this.starveNoMore()
    super.rest()
  }

  /** True if this thread has become the heir. */
  private starve(): boolean {
    const { words, heirAt, asHeir, processor } = this
    if (!this.isStarving) {
      this.isStarving = true
      Atomics.or(words, this.bitsAt + (processor.p >> 5), 1 << (processor.p & 31))
    }
    return Atomics.compareExchange(words, heirAt, 0, asHeir) === 0
  }

  private starveNoMore(): void {
    if (!this.isStarving) return
    this.isStarving = false
    this.clearBit(this.processor.p)
    if (this.bequeath() && this.hasMore) this.ring()
  }

  /** Names the next heir instead of this thread; false if it is not the heir. */
  private bequeath(): boolean {
    const { words, heirAt, asHeir } = this
    for (let heir = asHeir; ; ) {
      const next = this.nextStarving()
      if (Atomics.compareExchange(words, heirAt, heir, next) !== heir) return heir !== asHeir
      if (next === 0) return true
      this.processor.ring(next - 1)
      if (this.starves(next - 1)) return true
      heir = next
    }
  }

  /** The next one in turn, beginning behind this thread, as an heir; 0 if no other one starves. */
  private nextStarving(): number {
    const { procs, p } = this.processor
    for (let i = 1; i < procs; i++) if (this.starves((p + i) % procs)) return ((p + i) % procs) + 1
    return 0
  }

  private starves(p: number): boolean {
    return (Atomics.load(this.words, this.bitsAt + (p >> 5)) & (1 << (p & 31))) !== 0
  }

  private clearBit(p: number): void {
    Atomics.and(this.words, this.bitsAt + (p >> 5), ~(1 << (p & 31)))
  }

  /** The thread of processor `p` has died: it neither starves nor inherits, nor does the one that takes its place. */
  protected forget(p: number): void {
    this.clearBit(p)
    if (Atomics.compareExchange(this.words, this.heirAt, p + 1, 0) === p + 1) this.waiters.ringAll()
  }
}
