import { ArgumentError, SluiceError } from '../runtime/errors.js'
import { type Scheduler, scheduler } from '../runtime/scheduler.js'
import { checkMs } from '../runtime/sleep.js'
import type { Deadline } from '../runtime/timers.js'
import { CancelNode } from './cancel.js'
import { type CancelContext, checkParent, type Context } from './context.js'
import { Ending } from './ending.js'

/** A wait was given up because its context's deadline passed. Source: Go's `context.DeadlineExceeded`. */
export class DeadlineExceeded extends SluiceError {
  readonly code = 'ERR_SLUICE_DEADLINE_EXCEEDED'

  constructor(cause?: unknown) {
    super('context deadline exceeded', cause === undefined ? undefined : { cause })
  }

  /** True, as for every error that stands for a time limit. Source: Go's `net.Error`. */
  timeout(): boolean {
    return true
  }
}

/**
 * Derives a context that ends `ms` milliseconds from now at the latest, at once if that is zero or less, with `cause`
 * as the reason if given. Cancel it when its work is done, by `using` for example: that stops its timer, which keeps
 * the process alive as any timer does. Source: Go's `context.WithTimeoutCause`.
 */
export function withTimeout(parent: Context, ms: number, cause?: unknown): CancelContext {
  checkMs('withTimeout', ms)
  checkParent(parent)
  const on = scheduler()
  return derive(new DeadlineNode(parent, on, on.clock.epochNow() + ms, cause), ms)
}

/** Derives a context that ends at `deadline` at the latest, with `cause` as the reason if given; see `withTimeout`. */
export function withDeadline(parent: Context, deadline: Date, cause?: unknown): CancelContext {
  checkParent(parent)
  if (!(deadline instanceof Date) || Number.isNaN(deadline.getTime())) {
    throw new ArgumentError(`withDeadline() needs a valid Date, not ${String(deadline)}`)
  }
  const on = scheduler()
  const atEpochMs = deadline.getTime()
  return derive(new DeadlineNode(parent, on, atEpochMs, cause), atEpochMs - on.clock.epochNow())
}

function derive(child: DeadlineNode, ms: number): CancelContext {
  child.start(ms)
  return child
}

// The last moment that a Date can hold is in the year 275760; what is later is never.
const mostEpochMs = 8.64e15

class DeadlineNode extends CancelNode implements Deadline {
  atMs: number
  heapIndex: number
  sequence: number
  /** `Infinity` when there is none. */
  private readonly atEpochMs: number

  constructor(
    parent: Context,
    private readonly on: Scheduler,
    private readonly ownEpochMs: number,
    private readonly reason: unknown,
  ) {
    super(parent)
    this.atMs = Infinity
    this.heapIndex = -1
    this.sequence = 0
    this.atEpochMs = Math.min(ownEpochMs, parent.deadline?.getTime() ?? Infinity)
  }

  override get deadline(): Date | undefined {
    return this.atEpochMs > mostEpochMs ? undefined : new Date(Math.max(this.atEpochMs, -mostEpochMs))
  }

  /** Ends after `ms`, or with its parent. Where the parent's deadline comes first it has no timer of its own. */
  start(ms: number): void {
    this.follow(this.parent)
    if (this.howEnded() !== undefined || this.ownEpochMs > this.atEpochMs || this.deadline === undefined)
      return
    this.atMs = this.on.clock.now() + ms
    if (ms <= 0) this.expire()
    else this.on.timers.add(this)
  }

  expire(): void {
    this.end(new Ending(DeadlineExceeded, this.reason ?? undefined))
  }

  override end(ending: Ending): void {
    this.on.timers.remove(this)
    super.end(ending)
  }

  override toString(): string {
    const { deadline, on } = this
    const text =
      deadline === undefined
        ? 'never'
        : `${deadline.toISOString()} [${deadline.getTime() - on.clock.epochNow()} ms]`
    return `${this.parent}.WithDeadline(${text})`
  }
}
