import { fatal } from '../runtime/crash.js'
import { ArgumentError, FatalError } from '../runtime/errors.js'
import { type GoTarget, invoke, launch } from '../runtime/go.js'
import { Operation, type Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'
import { WaitList } from '../runtime/wait-list.js'

/** What a group cancels: a context from `withCancel`. */
export interface Cancelable {
  cancel(cause?: unknown): void
}

export interface GroupOptions {
  /** Canceled by the first error, which is its cause, and at the latest when `wait` ends. */
  ctx?: Cancelable
  /** How many goroutines may run at once; no limit by default. */
  limit?: number
}

/**
 * Goroutines that work on parts of one task: `wait` waits for all of them and throws the first error.
 *
 * ```ts
 * const group = new Group({ limit: 10 })
 * for (const url of urls) yield* group.go(load, url)
 * yield* group.wait()
 * ```
 *
 * Source: golang.org/x/sync/errgroup.
 */
export class Group {
  private active = 0
  private limit: number
  private readonly ctx: Cancelable | undefined
  private failure: { readonly error: unknown } | undefined = undefined
  private readonly starting = new WaitList<Start>()
  private readonly waiting = new WaitList<Wait>()

  constructor({ ctx, limit = Infinity }: GroupOptions = {}) {
    checkLimit(limit)
    this.ctx = ctx
    this.limit = limit
  }

  /** Starts `fn(...args)` as a goroutine, once fewer than the limit are running. */
  go<A extends unknown[]>(fn: GoTarget<A, unknown>, ...args: A): Operation<void> {
    return new Start(this, fn as GoTarget<unknown[], unknown>, args)
  }

  /** Starts `fn(...args)` as a goroutine if the limit allows it now. */
  tryGo<A extends unknown[]>(fn: GoTarget<A, unknown>, ...args: A): boolean {
    if (this.active >= this.limit || !this.starting.isEmpty) return false
    this.start(fn as GoTarget<unknown[], unknown>, args)
    return true
  }

  /**
   * Changes how many may run at once; `Infinity` for any number.
   * @throws FatalError while goroutines of the group are running.
   */
  setLimit(limit: number): void {
    checkLimit(limit)
    if (this.active > 0) {
      const message = `errgroup: modify limit while ${this.active} goroutines in the group are still active`
      throw fatal(new FatalError(message))
    }
    this.limit = limit
  }

  /** Waits until all have ended; throws the first error that any of them threw. */
  wait(): Operation<void> {
    return new Wait(this)
  }

  /** @internal */
  get isDone(): boolean {
    return this.active === 0 && this.starting.isEmpty
  }

  /** @internal */
  settle(wait: Wait): true {
    this.ctx?.cancel()
    return this.failure === undefined ? wait.complete() : wait.fail(this.failure.error)
  }

  /** @internal */
  start(fn: GoTarget<unknown[], unknown>, args: unknown[]): void {
    this.active++
    launch(scheduler(), this.member(fn, args), fn as GoFunction, this.start as GoFunction)
  }

  /** @internal */
  get queue(): WaitList<Start> {
    return this.starting
  }

  /** @internal */
  get waiters(): WaitList<Wait> {
    return this.waiting
  }

  private *member(fn: GoTarget<unknown[], unknown>, args: unknown[]): Routine<void> {
    try {
      yield* invoke(fn, args)
    } catch (error) {
      if (this.failure === undefined) {
        this.failure = { error }
        this.ctx?.cancel(error)
      }
    } finally {
      this.leave()
    }
  }

  private leave(): void {
    this.active--
    const next = this.starting.shift()
    if (next !== undefined) next.begin()
    if (!this.isDone) return
    for (let wait = this.waiting.shift(); wait !== undefined; wait = this.waiting.shift()) this.settle(wait)
  }
}

class Start extends Operation<void> {
  constructor(
    private readonly group: Group,
    private readonly fn: GoTarget<unknown[], unknown>,
    private readonly args: unknown[],
  ) {
    super()
  }

  override get waitReason(): string {
    return 'errgroup.Group.Go'
  }

  override attempt(): boolean {
    return this.group.tryGo(this.fn, ...this.args) && this.complete()
  }

  override park(): void {
    this.group.queue.push(this)
  }

  override unpark(): void {
    this.group.queue.remove(this)
  }

  begin(): void {
    this.group.start(this.fn, this.args)
    this.complete()
  }
}

class Wait extends Operation<void> {
  constructor(private readonly group: Group) {
    super()
  }

  override get waitReason(): string {
    return 'errgroup.Group.Wait'
  }

  override attempt(): boolean {
    return this.group.isDone && this.group.settle(this)
  }

  override park(): void {
    this.group.waiters.push(this)
  }

  override unpark(): void {
    this.group.waiters.remove(this)
  }
}

function checkLimit(limit: number): void {
  if (limit !== Infinity && (!Number.isInteger(limit) || limit < 0)) {
    throw new ArgumentError(`the limit of a group is a whole number from 0, or Infinity, not ${limit}`)
  }
}
