import { fatal } from '../runtime/crash.js'
import { FatalError } from '../runtime/errors.js'
import { type Bound, Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'
import type { Mutex, MutexWaiter } from './mutex.js'

/**
 * Goroutines that wait for a condition over what a mutex protects. Check the condition in a loop. A channel is mostly
 * the simpler choice.
 *
 * ```ts
 * using _ = yield* mu.lock()
 * while (queue.length === 0) yield* cond.wait()
 * ```
 *
 * Source: Go's `sync.Cond`.
 */
export class Cond {
  /** @internal */
  readonly waiting = new WaitList<CondWait>()

  constructor(
    /** Protects what the condition is about. */
    readonly mutex: Mutex,
  ) {}

  /**
   * Unlocks the mutex, waits for a signal, and locks the mutex again before it ends: also where it ends with an error,
   * because it was canceled or its context ended. Not for a case of a select, which could not hold the mutex.
   * @throws FatalError if the mutex is not locked.
   */
  wait(): Operation<void> {
    return new CondWait(this, [])
  }

  /** Wakes the one that has waited longest. With or without the mutex. */
  signal(): void {
    this.waiting.shift()?.notify()
  }

  /** Wakes all that wait. With or without the mutex. */
  broadcast(): void {
    for (let each = this.waiting.shift(); each !== undefined; each = this.waiting.shift()) each.notify()
  }
}

/**
 * Moves from the list of the cond to that of the mutex when it is signaled, canceled or out of time, so that it always
 * ends with the mutex held. Hence it looks after its bounds itself: `Operation.within` would end it without the mutex.
 */
class CondWait extends Operation<void> implements MutexWaiter {
  /** It waits for the mutex, and no longer for a signal. A wait list cannot tell which list a node is in. */
  private notified = false
  private interruption: { readonly error: unknown } | undefined = undefined
  private ends: Operation<void>[] = []

  constructor(
    private readonly cond: Cond,
    private readonly bounds: readonly Bound[],
  ) {
    super()
  }

  override get waitReason(): string {
    return 'sync.Cond.Wait'
  }

  override within(bound: Bound): Operation<void> {
    if (bound.isEndless === true) return this
    // eslint-disable-next-line sluice/no-forgotten-operation -- the one that is made here starts it
    this.claim()
    return new CondWait(this.cond, [...this.bounds, bound])
  }

  override attempt(): boolean {
    if (!this.cond.mutex.isHeld)
      throw fatal(new FatalError('sync: unlock of unlocked mutex: Cond.wait needs it locked'))
    const ended = this.bounds.find(({ err }) => err !== undefined)
    return ended !== undefined && this.fail(ended.err)
  }

  override park(): void {
    const { waiting, mutex } = this.cond
    waiting.push(this)
    mutex.unlock()
    for (const bound of this.bounds) this.watch(bound)
  }

  override unpark(): void {
    this.leaveBounds()
    if (this.notified) this.cond.mutex.leave(this)
    else this.cond.waiting.remove(this)
  }

  /** It is unlinked from the cond. Now only the mutex is waited for, which no bound shortens. */
  notify(): void {
    this.notified = true
    this.leaveBounds()
    this.cond.mutex.enqueue(this)
  }

  /** The wait is given up, and then ends when the mutex is held again. */
  override interrupt(error: unknown): boolean {
    if (this.interruption !== undefined) return true
    this.interruption = { error }
    if (this.notified) {
      this.cond.signal() // it cannot make use of the signal that it got, so that one is for the next
      return true
    }
    this.cond.waiting.remove(this)
    this.notify()
    return true
  }

  grant(): void {
    if (this.interruption === undefined) this.complete()
    else this.fail(this.interruption.error)
  }

  private watch(bound: Bound): void {
    const end = bound.done().claim()
    this.ends.push(end)
    const wake = () => this.interrupt(bound.err)
    if (end.attempt()) wake()
    else end.parkFor({ wake })
  }

  private leaveBounds(): void {
    for (const end of this.ends) end.abandon()
  }
}
