import { fatal } from '../runtime/crash.js'
import { FatalError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'

/** A lock that is held; disposing it is the unlock. */
export type Lock = Disposable

/** Whoever waits for a mutex: it is told when the mutex is its own. */
export interface MutexWaiter extends Operation<unknown> {
  grant(): void
}

/**
 * Mutual exclusion over waits: what is between `lock` and `unlock` runs in one goroutine at a time, even where it
 * parks. A released mutex goes straight to the one that has waited longest, so nobody barges in and nobody starves
 * (Go's starvation mode, always). Not reentrant.
 *
 * ```ts
 * using _ = yield* mu.lock()   // unlocked at the end of the block
 * ```
 *
 * Disposing the lock is `unlock`, as Go's `defer mu.Unlock()` is: a lock is given back once, one way or the other. The
 * second unlock is fatal if the mutex is free, and takes it from its next holder if it is not.
 *
 * Where every nanosecond counts, `if (!mu.tryLock()) yield* mu.lock()` costs a fifth of `yield* mu.lock()` while the
 * mutex is free, and is as fair.
 *
 * Source: Go's `sync.Mutex`.
 */
export class Mutex implements Disposable {
  private held = false
  private readonly waiting = new WaitList<MutexWaiter>()

  /** Waits until the mutex is free and it is this caller's turn. Unlock by disposing the value, or by `unlock`. */
  lock(): Operation<Lock> {
    return new LockMutex(this)
  }

  /** Takes the mutex if it is free. */
  tryLock(): boolean {
    if (this.held) return false
    this.held = true
    return true
  }

  /** @throws FatalError if it is not locked. */
  unlock(): void {
    if (!this.held) throw fatal(new FatalError('sync: unlock of unlocked mutex'))
    const next = this.waiting.shift()
    if (next === undefined) this.held = false
    else next.grant() // it stays held, by the next one
  }

  /** The same as `unlock`. */
  [Symbol.dispose](): void {
    this.unlock()
  }

  /** @internal */
  get isHeld(): boolean {
    return this.held
  }

  /** @internal Gives the mutex to `waiter`, now or when its turn comes. */
  enqueue(waiter: MutexWaiter): void {
    if (this.tryLock()) waiter.grant()
    else this.waiting.push(waiter)
  }

  /** @internal */
  leave(waiter: MutexWaiter): void {
    this.waiting.remove(waiter)
  }
}

class LockMutex extends Operation<Lock> implements MutexWaiter {
  constructor(private readonly mutex: Mutex) {
    super()
  }

  override get waitReason(): string {
    return 'sync.Mutex.Lock'
  }

  override attempt(): boolean {
    return this.mutex.tryLock() && this.complete(this.mutex)
  }

  override park(): void {
    this.mutex.enqueue(this)
  }

  override unpark(): void {
    this.mutex.leave(this)
  }

  grant(): void {
    this.complete(this.mutex)
  }
}
