import { fatal } from '../runtime/crash.js'
import { FatalError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'
import type { Lock } from './mutex.js'

/**
 * Many readers or one writer. A reader that comes while a writer waits waits behind it, so writers are not starved;
 * all readers that came while a writer held the lock get in before the next writer, so readers are not either.
 * A goroutine must not take the read lock twice: a writer may come between.
 *
 * ```ts
 * using _ = yield* mu.rlock()   // with other readers, until the end of the block
 * ```
 *
 * Source: Go's `sync.RWMutex`.
 */
export class RWMutex implements Disposable {
  private readers = 0
  private writing = false
  private readonly waitingReaders = new WaitList<Enter>()
  private readonly waitingWriters = new WaitList<Enter>()
  private readonly reading = new RLocker(this)

  /** Waits until nobody reads or writes. Unlock by disposing the value or by `unlock`, not by both. */
  lock(): Operation<Lock> {
    return new Enter(this, true)
  }

  /** Waits until nobody writes or waits to. Unlock by disposing the value or by `runlock`, not by both. */
  rlock(): Operation<Lock> {
    return new Enter(this, false)
  }

  /** Takes the write lock if nobody holds any. */
  tryLock(): boolean {
    if (this.writing || this.readers > 0) return false
    this.writing = true
    return true
  }

  /** Takes a read lock if nobody writes or waits to. */
  tryRLock(): boolean {
    if (this.writing || !this.waitingWriters.isEmpty) return false
    this.readers++
    return true
  }

  /** @throws FatalError if it is not locked for writing. */
  unlock(): void {
    if (!this.writing) throw fatal(new FatalError('sync: Unlock of unlocked RWMutex'))
    this.writing = false
    this.admitReaders()
    this.admitWriter()
  }

  /** @throws FatalError if it is not locked for reading. */
  runlock(): void {
    if (this.readers === 0) throw fatal(new FatalError('sync: RUnlock of unlocked RWMutex'))
    this.readers--
    this.admitWriter()
  }

  /** The read side as a lock of its own, always the same: `lock` and `unlock` are `rlock` and `runlock`. */
  rlocker(): RLocker {
    return this.reading
  }

  /** Ends a write lock. */
  [Symbol.dispose](): void {
    this.unlock()
  }

  /** @internal */
  wait(enter: Enter): void {
    if (enter.writes) this.waitingWriters.push(enter)
    else this.waitingReaders.push(enter)
  }

  /** @internal */
  leave(enter: Enter): void {
    if (!enter.writes) {
      this.waitingReaders.remove(enter)
      return
    }
    this.waitingWriters.remove(enter)
    // The readers behind the last writer that gave up have nobody to wait for.
    if (this.waitingWriters.isEmpty && !this.writing) this.admitReaders()
  }

  private admitReaders(): void {
    const { waitingReaders } = this
    for (let reader = waitingReaders.shift(); reader !== undefined; reader = waitingReaders.shift()) {
      this.readers++
      reader.grant()
    }
  }

  private admitWriter(): void {
    if (this.readers > 0 || this.writing) return
    const writer = this.waitingWriters.shift()
    if (writer === undefined) return
    this.writing = true
    writer.grant()
  }
}

/** The read side of an `RWMutex`. */
export class RLocker implements Disposable {
  /** @internal */
  constructor(private readonly mutex: RWMutex) {}

  lock(): Operation<Lock> {
    return this.mutex.rlock()
  }

  tryLock(): boolean {
    return this.mutex.tryRLock()
  }

  unlock(): void {
    this.mutex.runlock()
  }

  [Symbol.dispose](): void {
    this.unlock()
  }
}

class Enter extends Operation<Lock> {
  constructor(
    private readonly mutex: RWMutex,
    readonly writes: boolean,
  ) {
    super()
  }

  override get waitReason(): string {
    return this.writes ? 'sync.RWMutex.Lock' : 'sync.RWMutex.RLock'
  }

  override attempt(): boolean {
    const entered = this.writes ? this.mutex.tryLock() : this.mutex.tryRLock()
    return entered && this.grant()
  }

  override park(): void {
    this.mutex.wait(this)
  }

  override unpark(): void {
    this.mutex.leave(this)
  }

  grant(): true {
    return this.complete(this.writes ? this.mutex : this.mutex.rlocker())
  }
}
