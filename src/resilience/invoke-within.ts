import type { Context } from '../context/context.js'
import { isGeneratorFunction, isThenable } from '../runtime/go.js'
import { Goroutine } from '../runtime/goroutine.js'
import { Operation, type Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'

/** A function that a guard calls: any kind that may be guarded, with something more to know. */
export type Callee<A> = (ctx: Context, about: A) => Routine<unknown> | PromiseLike<unknown> | unknown

/** Calls `fn` as a guarded function is called: what it gives to wait for is waited for as long as `ctx` lasts. */
export function* invokeWithin<A>(fn: Callee<A>, ctx: Context, about: A): Routine<unknown> {
  const made = fn(ctx, about)
  if (isGeneratorFunction(fn)) return yield* made as Routine<unknown>
  if (made instanceof Operation || made instanceof Goroutine) return yield* made.within(ctx)
  if (isThenable(made)) return yield* wait(made).within(ctx)
  return made
}
