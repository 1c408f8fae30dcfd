import type { Handler, Middleware } from './handler.js'
import type { HttpRequest } from './request.js'
import { kindOf } from './route.js'
import { RouteError } from './route-error.js'

/** A middleware that may say what it makes of the body: what `req.valid` is for the handler after it. */
export interface Validates<V> extends Middleware {
  /** Never there at run time. */
  readonly valid?: V
}

/** What a route is registered with: middleware, one of which may say what the body is, and the handler behind them. */
export type Stack<P, V> = readonly [
  ...middleware: readonly Validates<V>[],
  handler: Handler<HttpRequest<P, V>>,
]

/** The middleware and the handler of a stack whose types are gone. @throws RouteError */
export function readStack(stack: readonly unknown[], path: string): [Middleware[], Handler] {
  if (stack.length === 0) throw new RouteError(`the route ${path} has no handler`)
  for (const [i, each] of stack.entries())
    checkFunction(each, `the ${i < stack.length - 1 ? 'middleware' : 'handler'} of ${path}`)
  // What a function takes and gives shows when it is called; `Stack` has told the compiler.
  return [stack.slice(0, -1) as Middleware[], stack.at(-1) as Handler]
}

/** @throws RouteError if `fn` is nothing that can answer requests. */
export function checkFunction(fn: unknown, what: string): void {
  if (typeof fn !== 'function')
    throw new RouteError(`${what} is ${fn === null ? 'null' : typeof fn}: it has to be a function`)
  if (kindOf(fn) === '[object AsyncGeneratorFunction]')
    throw new RouteError(
      `${what} is an async generator function: it has to be a generator or an async function`,
    )
}
