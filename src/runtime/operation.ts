import { MisuseError } from './errors.js'
import type { Goroutine } from './goroutine.js'
import { CANCEL_PENDING, thread, WAITING } from './scheduler.js'
import type { Linked } from './wait-list.js'

/** What a parked goroutine yields to the scheduler. Nobody but the runtime makes or reads one. */
export interface Parked {
  readonly [parked]: never
}
declare const parked: unique symbol

/** What a generator function that waits returns: its own calls are `yield*`ed in turn. */
export type Routine<T> = Generator<Parked, T, unknown>

/** Whoever waits for an operation: a goroutine, a promise, or an operation made of others. */
export interface Waiter {
  /** @internal `operation` has ended: its `state` says how. Called once for each park. */
  wake(operation: Operation<unknown>): void
}

/** What bounds a wait; a context is one. `err` is set from the moment it ends. */
export interface Bound {
  readonly err: Error | undefined
  /** True for one that never ends: nobody watches it, so it costs nothing. */
  readonly isEndless?: boolean
  done(): Operation<void>
}

/**
 * What decides between this thread and others when a select can be committed from both sides: whoever wins first. A parked
 * operation that is contested is handed nothing before it has won.
 */
export interface Contest {
  /** True for the first who asks, on whatever thread. */
  win(): boolean
}

/** What nobody wins any more. */
const lost: Contest = { win: () => false }

export const FRESH = 0
const STARTED = 1
const PARKED = 2
/** Parked in a select that another thread may commit at any moment; see `Contest`. */
export const CONTESTED = 3
export const SETTLED = 4
export const FAILED = 5
const RETURNED = 6

/** The value that a dump resumes a parked goroutine with: its operation takes the stack and stays parked. */
const PROBE = Symbol('probe')

/** Development's ear for operations that are made and never started; see forgotten.ts. */
export const watch: { made: ((operation: Operation<unknown>) => void) | undefined } = { made: undefined }

/**
 * A call that may wait. It is lazy: it starts when it is `yield*`ed in a goroutine, `await`ed in async code or given
 * to `select`, and it is used once.
 *
 * ```ts
 * const v = yield* ch.recv()               // in a goroutine
 * const v = await ch.recv()                // in async code
 * const v = yield* ch.recv().within(ctx)   // for no longer than the context lasts
 * ```
 *
 * A subclass says how to wait in three verbs, and ends each wait with one outcome, `complete` or `fail`:
 * `attempt` does it at once if it can; `park` links this object where the one who can end the wait will find it;
 * `unpark` takes it away again when the wait is given up. The operation is the iterator that `yield*` runs, the
 * result that this iterator returns and the node of the wait list, so that a wait costs one object.
 */
export abstract class Operation<T> implements PromiseLike<T>, Linked {
  /** @internal An iterator result's `value`: the outcome, or what went wrong. */
  value: unknown
  /** @internal */
  state: number
  /** @internal Who waits, while parked. */
  waiter: Waiter | undefined
  /** @internal The neighbours in a wait list. */
  before: Linked | undefined
  /** @internal */
  after: Linked | undefined

  constructor() {
    this.value = undefined
    this.state = FRESH
    this.waiter = undefined
    this.before = undefined
    this.after = undefined
    if (watch.made !== undefined) watch.made(this)
  }

  /** What a dump says of a goroutine that waits here, in Go's words: `chan receive`, `select`, `sleep`. */
  abstract get waitReason(): string

  /** Ends the wait at once if it can (`complete` or `fail`, and true); false if it has to wait. Must not wait. */
  abstract attempt(): boolean
  /** Links this operation where whoever ends the wait finds it. */
  abstract park(): void
  /** Unlinks it again: the wait is given up. */
  abstract unpark(): void

  /** Ends the wait with `value`. Whoever calls it has unlinked the operation. Always true, to end an `attempt`. */
  complete(value: T): true {
    return this.end(SETTLED, value)
  }

  /** Ends the wait with an error, thrown where the operation was started. Always true, to end an `attempt`. */
  fail(error: unknown): true {
    return this.end(FAILED, error)
  }

  /** The same wait, for no longer than `bound` (a context) lasts; then its error is thrown. */
  within(bound: Bound): Operation<T> {
    return bound.isEndless === true ? this : new Within(this, bound)
  }

  /** Starts the operation in async code. In a goroutine, `yield*` is the cheaper way. */
  // biome-ignore lint/suspicious/noThenProperty: `await op` is half of the contract.
  then<A = T, B = never>(
    onValue?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return new Promise<T>((resolve, reject) => {
      const settle = () => (this.failed ? reject(this.value) : resolve(this.value as T))
      if (this.claim().attempt()) settle()
      else this.parkFor({ wake: settle })
    }).then(onValue, onError)
  }

  /** Starts the operation in a goroutine: `yield* op`. */
  [Symbol.iterator](): Iterator<Parked, T, unknown> {
    if (this.state !== FRESH) throw usedTwice(this)
    // The object is its own iterator and its own results: see `next`.
    return this as unknown as Iterator<Parked, T, unknown>
  }

  /** @internal The iterator that `yield*` runs. Only the scheduler resumes it. */
  next(signal?: unknown): this {
    if (this.state <= STARTED) {
      const g = thread.current
      if (g === undefined) throw outsideGoroutine(this)
      this.state = STARTED
      // A goroutine that has to give up its turn comes back here, and then attempts.
      if (--thread.fuel < 0 && g.scheduler.preempt(g, this)) return this
      if (!this.attempt()) return this.parkIn(g)
    } else if (signal === PROBE) return this.tellStack()
    if (this.state === FAILED) throw this.value
    this.state = RETURNED
    return this
  }

  /** @internal Takes the operation for a waiter that is not a goroutine. */
  claim(): this {
    if (this.state !== FRESH) throw usedTwice(this)
    this.state = STARTED
    return this
  }

  /** @internal An iterator result's `done`: false while this waits. */
  get done(): boolean {
    return this.state === RETURNED
  }

  /** @internal It has its outcome. */
  get hasEnded(): boolean {
    return this.state >= SETTLED
  }

  /** @internal It ended with an error, which is its `value`. */
  get failed(): boolean {
    return this.state === FAILED
  }

  /** @internal Parks for `waiter`, which will be woken once. */
  parkFor(waiter: Waiter): void {
    this.state = PARKED
    this.waiter = waiter
    // What crosses threads can end while it parks, and has to win even then.
    if (waiter instanceof Operation && waiter.contest !== undefined) this.contend(waiter.contest)
    this.park()
  }

  /** @internal From now on this wait, and those it is part of, have to win before they end. */
  contend(contest: Contest): void {
    if (this.state !== PARKED) return
    this.state = CONTESTED
    this.value = contest
    if (this.waiter instanceof Operation) this.waiter.contend(contest)
  }

  /** @internal A case of a select that has chosen another one: whoever is about to serve it passes it over. */
  lose(): void {
    if (this.state !== PARKED && this.state !== CONTESTED) return
    this.state = CONTESTED
    this.value = lost
  }

  /** @internal What it has to win; `undefined` where only this thread can end it. */
  get contest(): Contest | undefined {
    return this.state === CONTESTED ? (this.value as Contest) : undefined
  }

  /** @internal Whether whoever has unlinked this may end the wait; false when another thread was first. */
  get isWon(): boolean {
    if (this.state !== CONTESTED) return true
    if (!(this.value as Contest).win()) return false
    this.state = PARKED
    return true
  }

  /** @internal Gives up the wait without an outcome. */
  abandon(): void {
    if (this.state !== PARKED && this.state !== CONTESTED) return
    this.waiter = undefined
    this.state = FAILED
    this.unpark()
  }

  /** @internal Gives up the wait and fails it; false when another thread has ended it already, which will show. */
  interrupt(error: unknown): boolean {
    if (!this.isWon) return false
    this.unpark()
    return this.fail(error)
  }

  private end(state: number, value: unknown): true {
    const waiter = this.waiter
    if (this.state === CONTESTED && !this.isWon) return true // another thread was first, and tells how it ended
    this.state = state
    this.value = value
    if (waiter !== undefined) {
      this.waiter = undefined
      waiter.wake(this)
    }
    return true
  }

  private parkIn(g: Goroutine<unknown>): this {
    if ((g.flags & CANCEL_PENDING) !== 0) {
      this.state = FAILED
      throw g.takeCancel()
    }
    this.state = PARKED
    this.waiter = g
    g.slot = this
    g.phase = WAITING
    g.sinceDecis = thread.decis
    if (g.index < 0) g.scheduler.register(g)
    this.park()
    return this
  }

  private tellStack(): this {
    thread.probedStack = new Error().stack
    return this
  }
}

/** @internal The stack of a goroutine that stands in an operation, taken by resuming it for a moment. */
export function stackOf(g: Goroutine<unknown>): string {
  const operation = g.slot as Operation<unknown>
  const { state } = operation
  operation.state = PARKED // one that gave up its turn has not been attempted yet, and must not be now
  thread.probedStack = undefined
  g.generator.next(PROBE)
  operation.state = state
  return thread.probedStack ?? ''
}

/** @internal An operation and a bound: whichever ends first. */
export class Within<T> extends Operation<T> implements Waiter {
  private ended: Operation<void> | undefined = undefined

  constructor(
    private readonly inner: Operation<T>,
    private readonly bound: Bound,
  ) {
    super()
    // eslint-disable-next-line sluice/no-forgotten-operation -- the one that is made here starts it
    inner.claim()
  }

  override get waitReason(): string {
    return this.inner.waitReason
  }

  // A bound that has ended wins over an operation that is ready, as in Go's semaphore (go#63615).
  override attempt(): boolean {
    if (this.bound.err !== undefined) return this.fail(this.bound.err)
    return this.inner.attempt() && this.settleAs(this.inner)
  }

  override park(): void {
    this.ended = this.bound.done().claim()
    if (!this.ended.attempt()) this.ended.parkFor(this)
    this.inner.parkFor(this)
  }

  override unpark(): void {
    this.inner.abandon()
    this.ended?.abandon()
  }

  override contend(contest: Contest): void {
    super.contend(contest)
    this.inner.contend(contest)
    this.ended?.contend(contest)
  }

  override lose(): void {
    super.lose()
    this.inner.lose()
  }

  wake(operation: Operation<unknown>): void {
    this.unpark()
    if (operation === this.inner) this.settleAs(this.inner)
    else this.fail(this.bound.err)
  }

  private settleAs(inner: Operation<T>): true {
    return inner.failed ? this.fail(inner.value) : this.complete(inner.value as T)
  }
}

function usedTwice(operation: Operation<unknown>): MisuseError {
  return new MisuseError(
    `this operation (${operation.waitReason}) has been used already: make a new one for each wait, as in \`yield* ch.recv()\``,
  )
}

function outsideGoroutine(operation: Operation<unknown>): MisuseError {
  return new MisuseError(
    `\`yield*\` of an operation (${operation.waitReason}) outside a goroutine: start the function with go() or run(), or \`await\` the operation in async code`,
  )
}
