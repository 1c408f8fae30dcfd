import { fatal } from '../runtime/crash.js'
import { FatalError } from '../runtime/errors.js'
import type { Operation } from '../runtime/operation.js'
import type { Lock } from '../sync/mutex.js'
import { FairObject } from './fair-object.js'
import { OwnerDied, reasonOfDeath } from './owner-died.js'
import { defineKind } from './shared-object.js'
import { SharedWait } from './shared-waiting.js'

const mutexKind = 3

/**
 * Words of a mutex, behind those of every shared object. The holder is the number of the thread that locked; 0 when it is
 * free; the negative number of one that died with it, until `recover`.
 */
const mutex = { holder: 16, heir: 17, words: 32 } as const

/**
 * Mutual exclusion between goroutines of all threads: a `Mutex` that can be an argument of tasks and a value of shared
 * channels.
 *
 * ```ts
 * using _ = yield* mu.lock()   // unlocked at the end of the block
 * ```
 *
 * Among the goroutines of one thread the one that has waited longest is next. A thread serves its own goroutines first,
 * until one of another thread has waited for a millisecond; see fair-object.ts. It may be unlocked on any thread.
 *
 * When the thread that locked it dies, everybody who waits or locks gets an `OwnerDied`, until somebody says by `recover`
 * that what it guards is in order.
 *
 * Source: Go's `sync.Mutex`; POSIX's robust mutexes.
 */
export class SharedMutex extends FairObject implements Disposable {
  private readonly holderAt: number

  constructor()
  /** @internal */
  constructor(address: number | undefined)
  constructor(address?: number) {
    super(mutexKind, address, mutex.words * 4, mutex.heir)
    this.holderAt = this.address + mutex.holder
  }

  static {
    defineKind(mutexKind, (address) => new SharedMutex(address))
  }

  /**
   * Waits until the mutex is free and it is this caller's turn. Unlock by disposing the value, or by `unlock`.
   * @throws OwnerDied if the thread that holds it has died.
   */
  lock(): Operation<Lock> {
    return new LockShared(this)
  }

  /**
   * Takes the mutex if it is free, and no goroutine of this thread waits for it.
   * @throws OwnerDied if the thread that holds it has died.
   */
  tryLock(): boolean {
    if (this.waiting.isEmpty && this.take()) return true
    const trouble = this.trouble()
    if (trouble !== undefined) throw trouble
    return false
  }

  /**
   * @throws FatalError if it is not locked.
   * @throws OwnerDied if the thread that held it has died.
   */
  unlock(): void {
    const { words, holderAt, processor } = this
    if (
      this.waiting.isEmpty &&
      Atomics.compareExchange(words, holderAt, processor.machine, 0) === processor.machine
    )
      this.ring()
    else this.unlockForOthers()
  }

  /** The same as `unlock`. */
  [Symbol.dispose](): void {
    this.unlock()
  }

  /**
   * After an `OwnerDied`: what the mutex guards is in order again, and it can be locked. Put that right first, in one
   * goroutine, while nobody else can lock it. False if there was nothing to recover from.
   */
  recover(): boolean {
    const { words, holderAt } = this
    const holder = Atomics.load(words, holderAt)
    if (holder >= 0 || Atomics.compareExchange(words, holderAt, holder, 0) !== holder) return false
    this.ring()
    return true
  }

  /** @internal */
  take(): boolean {
    return (
      this.isOurTurn && Atomics.compareExchange(this.words, this.holderAt, 0, this.processor.machine) === 0
    )
  }

  /** @internal */
  get canTake(): boolean {
    return Atomics.load(this.words, this.holderAt) === 0 && this.isOurTurn
  }

  protected override get hasMore(): boolean {
    return Atomics.load(this.words, this.holderAt) === 0
  }

  /** Somebody of this thread waits, or another thread had locked it. */
  private unlockForOthers(): void {
    const { words, holderAt, processor } = this
    for (;;) {
      const holder = Atomics.load(words, holderAt)
      if (holder === 0) throw fatal(new FatalError('sync: unlock of unlocked mutex'))
      if (holder < 0) throw this.died(-holder)
      const next = this.waiting.isEmpty || !this.isOurTurn ? 0 : processor.machine
      if (Atomics.compareExchange(words, holderAt, holder, next) !== holder) continue
      // Who was first may have lost its select to another thread: then the one behind it is next, if there is one.
      if (next === 0 || this.passOn()) break
    }
    this.ring()
  }

  /** It stays locked, by the goroutine of this thread that has waited longest. */
  private passOn(): boolean {
    const next = this.waiting.shift()
    if (next !== undefined) {
      next.grant()
      this.served()
    }
    this.rest()
    return next !== undefined
  }

  protected override trouble(): OwnerDied | undefined {
    const holder = Atomics.load(this.words, this.holderAt)
    return holder < 0 ? this.died(-holder) : undefined
  }

  private died(worker: number): OwnerDied {
    const reason = reasonOfDeath(this.processor, worker)
    return new OwnerDied(
      `worker ${worker} died while it held this mutex: ${reason}. What the mutex guards may be half changed; put it right, then mu.recover() makes the mutex usable again`,
      worker,
    )
  }

  /** @internal */
  override ownerDied(machine: number, p: number): void {
    this.forget(p)
    if (Atomics.compareExchange(this.words, this.holderAt, machine, -machine) === machine)
      this.waiters.ringAll()
  }
}

class LockShared extends SharedWait<Lock> {
  constructor(private readonly mutex: SharedMutex) {
    super(mutex)
  }

  override get waitReason(): string {
    return 'shared sync.Mutex.Lock'
  }

  override get isReady(): boolean {
    return this.mutex.canTake
  }

  override take(): boolean {
    return this.mutex.take()
  }

  override grant(): void {
    this.complete(this.mutex)
  }
}
