import { Canceled, FatalError } from './errors.js'
import { Operation, type Parked, type Routine, type Waiter } from './operation.js'
import type { Origin } from './origin.js'
import { crash, reportUnjoined } from './crash.js'
import {
  CANCEL_PENDING,
  DEAD,
  EXITED,
  FAILED_GOROUTINE,
  HANDLED,
  RUNNABLE,
  RUNNING,
  type Scheduler,
  thread,
  UNLISTED,
  WAITING,
} from './scheduler.js'
import { type Linked, WaitList } from './wait-list.js'

/** How a goroutine ended: with a value, or with what it threw. */
export type Outcome<T> =
  | { readonly value: T; readonly error?: never }
  | { readonly error: unknown; readonly value?: never }

export type GoroutineState = 'runnable' | 'running' | 'waiting' | 'dead'

/** @internal Who is told when a goroutine has ended. */
export interface Joiner extends Linked {
  settle(): void
}

/** Why goroutines were told to stop while they ran: thrown at their next park. */
const pendingCancel = new WeakMap<Goroutine<unknown>, Canceled>()

/**
 * A function that runs concurrently with the rest of its thread: what `go` returns. `yield* g` joins it, which gives
 * its value or throws its error; it can be joined any number of times. Source: Go's `g` in runtime/runtime2.go.
 */
export class Goroutine<T> implements Waiter, PromiseLike<T> {
  readonly id: number
  /** @internal */
  phase: number
  /** @internal */
  flags: number
  /** @internal The parked operation; once dead, the outcome. */
  slot: unknown
  /** @internal Place in the scheduler's list of those that have parked; -1 before. */
  index: number
  /** @internal When it parked last, in tenths of a second. */
  sinceDecis: number
  /** @internal */
  joiners: WaitList<Joiner> | undefined
  /** @internal The async context it runs in, where one is in use; see locals.ts. */
  locals: unknown

  /** @internal */
  constructor(
    /** @internal */ readonly scheduler: Scheduler,
    /** @internal */ readonly generator: Routine<T>,
    /** @internal */ readonly origin: Origin,
  ) {
    this.id = ++thread.lastId
    this.phase = RUNNABLE
    this.flags = 0
    this.slot = undefined
    this.index = UNLISTED
    this.sinceDecis = 0
    this.joiners = undefined
    this.locals = undefined
  }

  get state(): GoroutineState {
    return this.phase === WAITING
      ? 'waiting'
      : this.phase === RUNNABLE
        ? 'runnable'
        : this.phase === RUNNING
          ? 'running'
          : 'dead'
  }

  /** What it waits for while it is parked, in Go's words: `chan receive`, `select`, `sleep`. */
  get waitReason(): string | undefined {
    return this.phase === WAITING ? (this.slot as Operation<unknown>).waitReason : undefined
  }

  /**
   * Throws `Canceled` at the point where the goroutine is parked, so that its `finally` blocks and `using` run. One
   * that runs gets it when it parks or gives up its turn; one that has not started ends without running. Each call
   * throws once: what catches it goes on, and may wait again.
   */
  cancel(cause?: unknown): void {
    if (this.phase === DEAD) return
    const canceled = new Canceled(cause)
    if (this.phase === WAITING && (this.slot as Operation<unknown>).interrupt(canceled)) return
    if (this.phase === RUNNABLE && this.slot === undefined) {
      this.scheduler.finish(this, true, canceled)
    } else {
      this.flags |= CANCEL_PENDING
      pendingCancel.set(this, canceled)
    }
  }

  /** Waits until the goroutine has ended, and throws its error if it failed. The same as `yield* g`. */
  join(): Operation<T> {
    return new Join(this)
  }

  /** Waits until the goroutine has ended, and tells how: `{ value }` or `{ error }`. Counts as handling its failure. */
  outcome(): Operation<Outcome<T>> {
    this.flags |= HANDLED
    return new Await(this)
  }

  /** The join, for no longer than `bound` (a context) lasts. */
  within(bound: Parameters<Operation<T>['within']>[0]): Operation<T> {
    return this.join().within(bound)
  }

  /** @internal The join, as the case of a select. */
  claim(): Operation<T> {
    return this.join().claim()
  }

  /** @internal */
  isJoinedBy(operation: Operation<unknown>): boolean {
    return operation instanceof AfterEnd && operation.goroutine === this
  }

  [Symbol.iterator](): Iterator<Parked, T, unknown> {
    return this.join()[Symbol.iterator]()
  }

  // biome-ignore lint/suspicious/noThenProperty: `await g` joins.
  then<A = T, B = never>(
    onValue?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.join().then(onValue, onError)
  }

  /** @internal The operation it waits in has ended. */
  wake(_operation: Operation<unknown>): void {
    this.scheduler.ready(this)
  }

  /** @internal */
  end(failed: boolean, value: unknown): void {
    this.phase = DEAD
    this.slot = value
    if (failed) this.flags |= FAILED_GOROUTINE
    const { joiners } = this
    if (joiners !== undefined)
      for (let each = joiners.shift(); each !== undefined; each = joiners.shift()) each.settle()
    if (!failed || value instanceof Canceled) return
    // A broken program is not an outcome that somebody could handle.
    if (value instanceof FatalError) crash(this.scheduler, value, this)
    else if ((this.flags & HANDLED) === 0) reportUnjoined(this)
  }

  /** @internal Has `joiner` told when this goroutine, which is alive, has ended: also where it never started. */
  addJoiner(joiner: Joiner): void {
    this.joiners ??= new WaitList()
    this.joiners.push(joiner)
  }

  /** @internal How it ended. */
  get result(): Outcome<T> {
    return (this.flags & FAILED_GOROUTINE) !== 0 ? { error: this.slot } : { value: this.slot as T }
  }

  /** @internal True when it ended by `goexit`, and nothing was thrown on the way out. */
  get exited(): boolean {
    return (this.flags & (EXITED | FAILED_GOROUTINE)) === EXITED
  }

  /** @internal Why it was told to stop while it ran; asked once, by the operation that parks next. */
  takeCancel(): Canceled | undefined {
    const canceled = pendingCancel.get(this)
    pendingCancel.delete(this)
    this.flags &= ~CANCEL_PENDING
    return canceled
  }
}

abstract class AfterEnd<T, R> extends Operation<R> {
  constructor(readonly goroutine: Goroutine<T>) {
    super()
  }

  override get waitReason(): string {
    return 'goroutine join'
  }

  /** Ends this wait with what the goroutine, which is dead, left behind. */
  abstract settle(): true

  override attempt(): boolean {
    return this.goroutine.phase === DEAD && this.settle()
  }

  override park(): void {
    this.goroutine.addJoiner(this)
  }

  override unpark(): void {
    this.goroutine.joiners?.remove(this)
  }
}

class Join<T> extends AfterEnd<T, T> {
  override settle(): true {
    const { slot } = this.goroutine
    this.goroutine.flags |= HANDLED // only now: a join that was given up has handled nothing
    return (this.goroutine.flags & FAILED_GOROUTINE) !== 0 ? this.fail(slot) : this.complete(slot as T)
  }
}

class Await<T> extends AfterEnd<T, Outcome<T>> {
  override settle(): true {
    return this.complete(this.goroutine.result)
  }
}
