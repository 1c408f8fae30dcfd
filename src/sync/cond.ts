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
  private readonly waiting = new WaitList<CondWait>()

  constructor(readonly mutex: Mutex) {}

  /**
   * Unlocks the mutex, waits for a signal, and locks the mutex again before it ends: also where it ends with an error,
   * because it was canceled or its context ended. Not for a case of a select, which could not hold the mutex.
   */
  wait(): Operation<void> {
    return new CondWait(this.mutex, this.waiting)
  }

  /** Wakes the one that has waited longest. */
  signal(): void {
    const first = this.waiting.shift()
    if (first !== undefined) this.mutex.enqueue(first)
  }

  /** Wakes all that wait. */
  broadcast(): void {
    for (let each = this.waiting.shift(); each !== undefined; each = this.waiting.shift()) this.mutex.enqueue(each)
  }
}

class CondWait extends Operation<void> implements MutexWaiter {
  private interruption: { readonly error: unknown } | undefined = undefined
  private ended: Operation<void> | undefined = undefined

  constructor(
    private readonly mutex: Mutex,
    private readonly waiting: WaitList<CondWait>,
    private readonly bound?: Bound,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'sync.Cond.Wait'
  }

  override within(bound: Bound): Operation<void> {
    this.claim()
    return new CondWait(this.mutex, this.waiting, bound)
  }

  override attempt(): boolean {
    return this.bound?.err !== undefined && this.fail(this.bound.err)
  }

  override park(): void {
    this.waiting.push(this)
    this.mutex.unlock()
    if (this.bound === undefined) return
    this.ended = this.bound.done().claim()
    this.ended.parkFor({ wake: () => this.interrupt(this.bound?.err) })
  }

  override unpark(): void {
    this.ended?.abandon()
    this.waiting.remove(this)
    this.mutex.leave(this)
  }

  /** The wait is given up, and then ends when the mutex is held again. */
  override interrupt(error: unknown): void {
    this.ended?.abandon()
    this.interruption ??= { error }
    if (this.waiting.remove(this)) this.mutex.enqueue(this)
  }

  grant(): void {
    this.ended?.abandon()
    if (this.interruption === undefined) this.complete()
    else this.fail(this.interruption.error)
  }
}
