import { type Contest, Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'
import { Claim } from './offer-board.js'
import { object, SharedObject } from './shared-object.js'
import { Waiters } from './waiters.js'

/** A wait for something of a shared object. */
export abstract class SharedWait<T> extends Operation<T> {
  /** When it began to wait. */
  sinceMs = 0

  constructor(private readonly on: WaitingObject) {
    super()
  }

  /** Whether `take` would probably succeed. */
  abstract readonly isReady: boolean
  /** Takes what it waits for, if this thread may have it now. */
  abstract take(): boolean
  /** It has it. */
  abstract grant(): void

  override attempt(): boolean {
    return this.on.attempt(this)
  }

  override park(): void {
    this.on.enter(this)
  }

  override unpark(): void {
    this.on.leave(this)
  }
}

/**
 * A shared object that goroutines of any thread wait for.
 *
 * The waits of one thread stand in a list, first come, first served. Between threads nothing is handed over: what is free
 * is free for all, and whoever waits looks whether it can have it. A thread that finds nothing says so by a bit, looks once
 * more and sleeps; one that sets something free looks at the bits afterwards (see waiters.ts).
 *
 * A wait in a select that another thread may commit wins that select before it takes anything, and gives it back if there
 * is nothing after all.
 */
export abstract class WaitingObject extends SharedObject {
  /** Goroutines of this thread that wait. */
  protected readonly waiting = new WaitList<SharedWait<unknown>>()
  /** Threads that wait. */
  protected readonly waiters: Waiters

  protected constructor(kind: number, address: number | undefined, bytes: number) {
    super(kind, address, bytes)
    this.waiters = new Waiters(this.processor, this.address, object.waiters)
  }

  /** Whether another thread might find something now. */
  protected abstract readonly hasMore: boolean

  /** Whether another thread waits. */
  protected get othersWait(): boolean {
    const { words, processor, address } = this
    for (let half = 0; half < 2; half++) {
      const own = half === processor.p >> 5 ? 1 << (processor.p & 31) : 0
      if ((Atomics.load(words, address + object.waiters + half) & ~own) !== 0) return true
      if (processor.procs <= 32) return false
    }
    return false
  }

  /** What ends every wait. */
  protected trouble(): Error | undefined {
    return undefined
  }

  /** A wait of this thread, the first one, got nothing: true if it should try again at once. */
  protected sayThatItWaits(_first: SharedWait<unknown>): boolean {
    return this.waiters.arm()
  }

  /** A wait of this thread got what it waited for. */
  protected served(): void {}

  /** @internal */
  attempt(wait: SharedWait<unknown>): boolean {
    if (!this.waiting.isEmpty) return false
    if (wait.take()) wait.grant()
    else {
      const trouble = this.trouble()
      if (trouble === undefined) return false
      wait.fail(trouble)
    }
    return true
  }

  /** @internal */
  enter(wait: SharedWait<unknown>): void {
    wait.sinceMs = performance.now()
    const contest = contestAbove(wait)
    if (contest !== undefined) wait.contend(contest)
    this.waiting.push(wait)
    this.processor.watch(this)
    this.look()
  }

  /** @internal */
  leave(wait: SharedWait<unknown>): void {
    this.waiting.remove(wait)
    this.rest()
    // Those behind it may have their turn now: later, since the one that leaves may be a case of a select that is just
    // leaving all its cases, of which one could be next here.
    if (!this.waiting.isEmpty) this.processor.ring(this.processor.p)
  }

  /** @internal Serves the waits of this thread as far as it goes; true if one was served. */
  look(): boolean {
    let served = false
    for (let first = this.waiting.first; first !== undefined; first = this.waiting.first) {
      if (this.serve(first)) served = true
      else if (!this.sayThatItWaits(first)) break
    }
    this.rest()
    return served
  }

  private serve(wait: SharedWait<unknown>): boolean {
    const trouble = this.trouble()
    if (trouble !== undefined) {
      this.waiting.remove(wait)
      return wait.fail(trouble)
    }
    const { contest } = wait
    if (contest instanceof Claim) return this.serveContested(wait, contest)
    return wait.take() && this.grant(wait)
  }

  private serveContested(wait: SharedWait<unknown>, claim: Claim): boolean {
    if (!wait.isReady) return false
    if (!wait.isWon) return this.waiting.remove(wait) // another thread was first
    if (wait.take()) return this.grant(wait)
    claim.giveBack()
    wait.contend(claim)
    return false
  }

  private grant(wait: SharedWait<unknown>): true {
    this.waiting.remove(wait)
    wait.grant()
    this.served()
    return true
  }

  /** Nobody of this thread waits any more, perhaps. */
  protected rest(): void {
    if (!this.waiting.isEmpty) return
    this.waiters.disarm(() => this.hasMore)
    this.processor.unwatch(this)
  }
}

/** A select is contested from the moment it offers something: its cases that park after that are so from the beginning. */
export function contestAbove(operation: Operation<unknown>): Contest | undefined {
  for (let { waiter } = operation; waiter instanceof Operation; waiter = waiter.waiter)
    if (waiter.contest !== undefined) return waiter.contest
  return undefined
}
