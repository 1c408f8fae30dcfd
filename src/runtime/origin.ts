import { thread } from './scheduler.js'

/** Where a goroutine comes from: its function, and for some also the line of the `go`. */
export type Origin = GoFunction | Site
export type GoFunction = (...args: never[]) => unknown

/** A recorded `go`: its stack is formatted when somebody reads it. */
export interface Site {
  readonly fn: GoFunction
  /** The goroutine that called `go`; 0 when it was not a goroutine. */
  readonly parentId: number
  readonly at: { readonly stack?: string }
}

// A stack costs 2 to 4 µs, thirty times as much as a whole goroutine, so only some are taken: the first ones, which
// in most programs are all the long-lived ones, then one in so many.
const budget = { first: 1000, oneIn: 1024, frames: 4 }

/** Records the line of every `go` from now on: tests, and `SLUICE_DEBUG=tracebacks=all`. */
export function recordAllSites(): void {
  budget.first = Infinity
}

/** What to keep of a `go`: mostly the function alone. @param above frames above this function are the user's. */
export function originOf(fn: GoFunction, above: GoFunction): Origin {
  const id = thread.lastId + 1
  if (id > budget.first && id % budget.oneIn !== 0) return fn
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = budget.frames
  const at: { stack?: string } = {}
  Error.captureStackTrace(at, above)
  Error.stackTraceLimit = limit
  return { fn, parentId: thread.current?.id ?? 0, at }
}

export function functionOf(origin: Origin): GoFunction {
  return typeof origin === 'function' ? origin : origin.fn
}

/** The recorded line of the `go`, if there is one. */
export function siteOf(origin: Origin): Site | undefined {
  return typeof origin === 'function' ? undefined : origin
}
