import { type GoTarget, spawn } from '../runtime/go.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'
import { checkParent, type Context, dependOn } from './context.js'

/**
 * Runs `fn` in a goroutine of its own once `ctx` has ended, at once if it has. Returns how to prevent it: true if that
 * came in time. Source: Go's `context.AfterFunc`.
 */
export function afterFunc(ctx: Context, fn: GoTarget<[], unknown>): () => boolean {
  checkParent(ctx)
  const on = scheduler()
  let pending = true
  const end = () => {
    if (!pending) return
    pending = false
    spawn(on, afterFunc as GoFunction, fn, [])
  }
  const leave = dependOn(ctx, { end })
  return () => {
    const stopped = pending
    pending = false
    leave()
    return stopped
  }
}
