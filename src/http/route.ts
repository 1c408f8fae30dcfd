import { isGeneratorFunction } from '../runtime/go.js'
import type { GoFunction } from '../runtime/origin.js'
import type { Handler, Middleware } from './handler.js'
import { nextOf, settle } from './onward.js'

/** What answers a request: a handler with the middleware before it. Made once for each route, not for each request. */
export interface Route {
  readonly handler: Handler
  /** Calling `handler` gives a routine and runs nothing yet. False for plain and async functions. */
  readonly isGenerator: boolean
  /** The user's function that stands first: whose name a dump shows. */
  readonly fn: GoFunction
  /** Who it is, for errors: `the handler of GET /orders/:id`. */
  readonly label: string
}

/** A handler behind its middleware, the first of them outermost. `name` is of the form `GET /orders/:id`. */
export function routeOf(middleware: readonly Middleware[], handler: Handler, name: string): Route {
  const last: Route = {
    handler,
    isGenerator: isGeneratorFunction(handler),
    fn: handler,
    label: `the handler of ${name}`,
  }
  return middleware.reduceRight((behind, each) => before(each, behind, name), last)
}

function before(middleware: Middleware, behind: Route, name: string): Route {
  const isGenerator = isGeneratorFunction(middleware)
  const route: Route = {
    // What a plain one returns may be what `next()` gave: whoever calls this gets a response, or what will be one.
    handler: isGenerator
      ? (req) => middleware(req, nextOf(behind, req))
      : (req) => settle(middleware(req, nextOf(behind, req)), route),
    isGenerator,
    fn: middleware,
    label: labelOf(middleware, name),
  }
  return route
}

function labelOf(middleware: Middleware, name: string): string {
  const who = `the middleware ${middleware.name === '' ? '(without a name)' : middleware.name} of ${name}`
  // A plain one hands on what comes from behind it, and nobody looks at that in between.
  return kindOf(middleware) === '[object Function]' ? `${who}, or what stands behind it,` : who
}

/** `[object Function]`, `[object AsyncFunction]`, `[object GeneratorFunction]`, `[object AsyncGeneratorFunction]`. */
export function kindOf(fn: unknown): string {
  return Object.prototype.toString.call(fn)
}
