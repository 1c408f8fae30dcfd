import { ArgumentError, SluiceError } from '../runtime/errors.js'
import { scheduler } from '../runtime/scheduler.js'
import { checkMs } from '../runtime/sleep.js'
import { Timer } from '../runtime/timer.js'
import { type CancelContext, CancelNode, checkParent, type Context } from './context.js'

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

/** Derives a context that ends `ms` milliseconds from now at the latest, with `cause` as the reason if given. */
export function withTimeout(parent: Context, ms: number, cause?: unknown): CancelContext {
  checkMs('withTimeout', ms)
  checkParent(parent)
  return derive(parent, scheduler().clock.epochNow() + ms, ms, cause)
}

/** Derives a context that ends at `deadline` at the latest, with `cause` as the reason if given. */
export function withDeadline(parent: Context, deadline: Date, cause?: unknown): CancelContext {
  checkParent(parent)
  if (!(deadline instanceof Date) || Number.isNaN(deadline.getTime())) {
    throw new ArgumentError(`withDeadline() needs a valid Date, not ${String(deadline)}`)
  }
  return derive(parent, deadline.getTime(), deadline.getTime() - scheduler().clock.epochNow(), cause)
}

function derive(parent: Context, atEpochMs: number, ms: number, cause: unknown): CancelContext {
  const own = Math.min(atEpochMs, parent.deadline?.getTime() ?? Infinity)
  const child = new DeadlineNode(parent, own)
  child.follow(parent)
  // Where the parent ends first, it tells this one: no timer of its own.
  if (child.err === undefined && own === atEpochMs && own !== Infinity) child.arm(ms, cause)
  return child
}

class DeadlineNode extends CancelNode {
  private timer: Timer | undefined = undefined

  constructor(
    parent: Context,
    private readonly atEpochMs: number,
  ) {
    super(parent)
  }

  override get deadline(): Date | undefined {
    return this.atEpochMs === Infinity ? undefined : new Date(this.atEpochMs)
  }

  arm(ms: number, cause: unknown): void {
    const expire = () => {
      const err = new DeadlineExceeded(cause)
      this.end(err, cause ?? err)
    }
    if (ms <= 0) expire()
    else this.timer = new Timer(expire, () => {}, ms)
  }

  override toString(): string {
    return `${this.parent}.WithDeadline(${this.deadline?.toISOString() ?? 'never'})`
  }

  override end(err: Error, cause: unknown): void {
    this.timer?.stop()
    super.end(err, cause)
  }
}
