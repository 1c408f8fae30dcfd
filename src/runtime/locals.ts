import { builtin } from './host.js'
import type { Goroutine } from './goroutine.js'
import { contextSwitch, resume, thread } from './scheduler.js'

/**
 * Node's AsyncLocalStorage, kept per goroutine: each sees the stores of the place of its `go`, and what it enters
 * later, across every park and wake.
 *
 * Entering and leaving a context costs as much as several switches of goroutines, so it is done only from the moment
 * that somebody uses an AsyncLocalStorage. Node has no way to ask for that; so the two methods by which a store comes
 * to be are watched. Once there is one, each step of a goroutine runs inside an AsyncResource of its own, which is
 * renewed when it parks, because `enterWith` may have changed the context.
 */
export const asyncContext: {
  capture: (() => unknown) | undefined
  /** Takes back the very first store, where it was entered outside of goroutines. */
  leaveFirst: (() => void) | undefined
} = { capture: undefined, leaveFirst: undefined }

interface Resource {
  runInAsyncScope<A, R>(fn: (arg: A) => R, thisArg: undefined, arg: A): R
}
interface AsyncHooks {
  AsyncResource: new (type: string, options: { requireManualDestroy: boolean }) => Resource
  AsyncLocalStorage: { prototype: { run: Method; enterWith: Method } }
}
type Method = (this: unknown, ...args: unknown[]) => unknown

export function watchAsyncContext(): void {
  const hooks = builtin<AsyncHooks>('node:async_hooks')
  if (hooks === undefined) return
  const { AsyncResource, AsyncLocalStorage } = hooks
  const { run, enterWith } = AsyncLocalStorage.prototype

  const capture = () => new AsyncResource('Goroutine', { requireManualDestroy: true })
  const outside = capture() // where goroutines run that were started before any store was entered
  const begin = () => {
    AsyncLocalStorage.prototype.run = run
    asyncContext.capture = capture
    contextSwitch.run = (g) => ((g.locals ?? outside) as Resource).runInAsyncScope(stepAndKeep, undefined, g)
  }
  const stepAndKeep = (g: Goroutine<unknown>) => {
    try {
      return resume(g)
    } finally {
      g.locals = capture()
    }
  }
  if (holdsStores(outside)) {
    begin()
    return
  }
  AsyncLocalStorage.prototype.run = function (...args) {
    begin()
    return run.apply(this, args)
  }
  AsyncLocalStorage.prototype.enterWith = function (...args) {
    if (asyncContext.capture === undefined) begin()
    const result = enterWith.apply(this, args)
    // The step that enters the very first store has no resource of its own yet, so what it enters is kept here.
    if (thread.current !== undefined) thread.current.locals = capture()
    else {
      asyncContext.leaveFirst = () => {
        asyncContext.leaveFirst = undefined
        enterWith.call(this, undefined)
      }
    }
    return result
  }
}

/**
 * Calls `fn`, which is no goroutine, so that the stores that it enters are not seen behind it. Before there is any store,
 * calling `fn` and then `leaveFirst` is enough.
 */
export function apart(fn: () => void): void {
  if (asyncContext.capture === undefined) fn()
  else (asyncContext.capture() as Resource).runInAsyncScope(fn, undefined, undefined)
}

// Whether a store was entered before anybody watched. Node 20 keeps stores on the resource itself, later ones in a map.
function holdsStores(resource: Resource): boolean {
  return Object.getOwnPropertySymbols(resource).some(
    (symbol) =>
      symbol.description === 'kResourceStore' ||
      (resource as unknown as Record<symbol, unknown>)[symbol] instanceof Map,
  )
}
