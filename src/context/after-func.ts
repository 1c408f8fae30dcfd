import { ArgumentError } from '../runtime/errors.js'
import { type GoTarget, spawn } from '../runtime/go.js'
import type { GoFunction } from '../runtime/origin.js'
import { type Scheduler, scheduler } from '../runtime/scheduler.js'
import { Dependent } from './cancel.js'
import { checkParent, type Context } from './context.js'

/**
 * Runs `fn` in a goroutine of its own once `ctx` has ended, at once if it has. Returns how to prevent it: true if that
 * came in time. Whoever ends the context does not wait for `fn`. Source: Go's `context.AfterFunc`.
 */
export function afterFunc(ctx: Context, fn: GoTarget<[], unknown>): () => boolean {
  checkParent(ctx)
  if (typeof fn !== 'function') throw new ArgumentError(`afterFunc() needs a function, not ${String(fn)}`)
  const call = new Call(fn, scheduler())
  call.follow(ctx)
  return () => call.stop()
}

class Call extends Dependent {
  private isPending: boolean

  constructor(
    private readonly fn: GoTarget<[], unknown>,
    private readonly on: Scheduler,
  ) {
    super()
    this.isPending = true
  }

  override end(): void {
    if (this.stop()) spawn(this.on, afterFunc as GoFunction, this.fn, [])
  }

  /** True if it was not called and not stopped before. */
  stop(): boolean {
    const stopped = this.isPending
    this.isPending = false
    this.leave()
    return stopped
  }
}
