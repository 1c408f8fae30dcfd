import type { Handler, Middleware } from './handler.js'
import type { HttpRequest } from './request.js'
import { kindOf } from './route.js'
import { RouteError } from './route-error.js'
import type { PathParams } from './route-pattern.js'

/** A middleware that may say what it makes of the body: what `req.valid` is for the handler after it. */
export interface Validates<V> extends Middleware {
  /** Never there at run time. */
  readonly valid?: V
}

/**
 * Registers a route: a path, middleware, and the handler behind them, whose `req.params` are those of the path and whose
 * `req.valid` is what a middleware (`body(schema)`) makes of the body. The compiler finds that for up to four middleware.
 *
 * @template Before arguments before the path. @template Above parameters of the prefix. @template R what it returns.
 */
export type Register<Before extends readonly unknown[], Above, R> = Registers<Before, Above, R>['register']

// Written as a method, so that the compiler takes a router for one of more parameters than it knows: see `Router`.
// One signature for each number of middleware, because it does not infer through a tuple of any length.
interface Registers<Before extends readonly unknown[], Above, R> {
  register<P extends string>(...args: [...Before, path: P, handler: To<P, Above, []>]): R
  register<P extends string, A extends Middleware>(
    ...args: [...Before, path: P, a: A, handler: To<P, Above, [A]>]
  ): R
  register<P extends string, A extends Middleware, B extends Middleware>(
    ...args: [...Before, path: P, a: A, b: B, handler: To<P, Above, [A, B]>]
  ): R
  register<P extends string, A extends Middleware, B extends Middleware, C extends Middleware>(
    ...args: [...Before, path: P, a: A, b: B, c: C, handler: To<P, Above, [A, B, C]>]
  ): R
  register<
    P extends string,
    A extends Middleware,
    B extends Middleware,
    C extends Middleware,
    D extends Middleware,
  >(...args: [...Before, path: P, a: A, b: B, c: C, d: D, handler: To<P, Above, [A, B, C, D]>]): R
  register<P extends string>(
    ...args: [...Before, path: P, ...stack: readonly [...Middleware[], To<P, Above, []>]]
  ): R
}

type To<P extends string, Above, M extends readonly Middleware[]> = Handler<
  HttpRequest<PathParams<P> & Above, ValidOf<M>>
>

/** What the last middleware that makes something of the body makes. */
type ValidOf<M extends readonly Middleware[]> = M extends readonly [
  ...infer Before extends readonly Middleware[],
  infer Last,
]
  ? Last extends Validates<infer V>
    ? unknown extends V
      ? ValidOf<Before>
      : V
    : ValidOf<Before>
  : unknown

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
