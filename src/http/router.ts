import type { GoFunction } from '../runtime/origin.js'
import type { Handler, Middleware } from './handler.js'
import { settle, type Settled } from './onward.js'
import type { HttpRequest } from './request.js'
import type { Route } from './route.js'
import { placeOf, RouteError } from './route-error.js'
import { type PathParams, RoutePattern } from './route-pattern.js'
import { checkFunction, readStack, type Register } from './route-stack.js'
import { type Answers, RouteTable, standingBefore, type Under } from './route-table.js'

/** What has been said to a router. */
type Step =
  | { readonly kind: 'use'; readonly prefix: RoutePattern; readonly middleware: Middleware }
  | { readonly kind: 'mount'; readonly prefix: RoutePattern; readonly router: Router<never> }
  | {
      readonly kind: 'route'
      readonly method: string | undefined
      readonly pattern: RoutePattern
      readonly middleware: readonly Middleware[]
      readonly handler: Handler
    }

/** A route by which another one is a duplicate. */
interface Claim {
  /** `undefined` for all. */
  readonly method: string | undefined
  readonly pattern: RoutePattern
  readonly place: string
}

interface Parent {
  readonly router: Router<never>
  readonly prefix: RoutePattern
}

/**
 * Makes a router: what `serve` serves. One that is to be mounted under a prefix with parameters says which:
 * `router<{ shop: string }>()`.
 *
 * ```ts
 * const app = router()
 * app.use(log)
 * app.get('/orders/:id', function* (req) {
 *   return json(yield* orders.find(req.params.id))
 * })
 * app.use('/shops/:shop', shop)
 * ```
 */
export function router<Above = unknown>(): Router<Above> {
  return new Router()
}

/**
 * Finds the handler of a request by its method and its path.
 *
 * A path is made of segments: literals, parameters (`:id`: one segment, not empty) and at the end a wildcard (`*`: the
 * rest, which may be empty). A literal goes before a parameter and that before a wildcard, whatever was registered
 * first. Paths are compared as they are sent: case, trailing slashes, doubled slashes and percent-encoding of literals
 * matter (`/a%62` is not `/ab`). Parameters are decoded; see `decodeParams` for what they may hold.
 *
 * A path that is there for other methods is answered with 405 and `Allow`, one that is not there with 404, a method
 * that does not exist with 501. A GET route answers HEAD as well, and OPTIONS is answered with 204 and `Allow`, where no
 * route says otherwise.
 *
 * All registration throws `RouteError` for what cannot be: a malformed path, a route that is there already, a handler
 * that is no function.
 */
export class Router<in Above = unknown> {
  readonly get: Register<[], Above, this>
  readonly post: Register<[], Above, this>
  readonly put: Register<[], Above, this>
  readonly patch: Register<[], Above, this>
  readonly delete: Register<[], Above, this>
  readonly head: Register<[], Above, this>
  readonly options: Register<[], Above, this>
  /** A route for each method that no other route of this path answers. */
  readonly all: Register<[], Above, this>
  /** A route for several methods, or for one without a function here: `app.method(['REPORT'], '/calendar', …)`. */
  readonly method: Register<[methods: readonly string[]], Above, this>
  private readonly steps: Step[]
  private readonly claims: Map<string, Claim>
  private readonly parents: Parent[]
  private missing: Handler | undefined
  private table: RouteTable | undefined

  constructor() {
    this.get = this.registers('GET')
    this.post = this.registers('POST')
    this.put = this.registers('PUT')
    this.patch = this.registers('PATCH')
    this.delete = this.registers('DELETE')
    this.head = this.registers('HEAD')
    this.options = this.registers('OPTIONS')
    this.all = this.registers(undefined)
    const method = (methods: readonly string[], path: string, ...stack: readonly unknown[]) => {
      for (const each of methods) checkMethod(each, path)
      return this.add(methods, path, stack, method)
    }
    this.method = method
    this.steps = []
    this.claims = new Map()
    this.parents = []
    this.missing = undefined
    this.table = undefined
  }

  /**
   * Puts middleware before the routes that are registered after it, as Gin and Hono do, and before what answers where
   * there is no route (404, 405, OPTIONS). Under a prefix, only before what lies there.
   *
   * A router under a prefix adds its routes, at this place. They share the table of this router: what it does not have may
   * be a route of another one. Its middleware stand before its own routes, after those of this router.
   */
  use(...layers: readonly (Middleware | Router<Above>)[]): this
  use<P extends string>(prefix: P, ...layers: readonly (Middleware | Router<PathParams<P> & Above>)[]): this
  use(first: string | Middleware | Router<never>, ...others: readonly (Middleware | Router<never>)[]): this {
    if (typeof first === 'string') return this.layer(RoutePattern.parsePrefix(first), others)
    return this.layer(RoutePattern.root, [first, ...others])
  }

  /** Answers where no route is. Of a mounted router: for the paths under its prefix. */
  notFound(handler: Handler): this {
    checkFunction(handler, 'the handler of notFound()')
    if (this.missing !== undefined) throw new RouteError('this router has a notFound() handler already')
    this.missing = handler
    this.changed()
    return this
  }

  /** Who answers this request; sets its parameters. Never throws. */
  route(req: HttpRequest): Route {
    this.table ??= this.compile()
    return this.table.route(req)
  }

  /** Has a request answered: a response, or a routine or promise that gives one. */
  handle(req: HttpRequest): Settled {
    const route = this.route(req)
    return settle(route.handler(req), route)
  }

  private registers(method: string | undefined): Register<[], Above, this> {
    const register = (path: string, ...stack: readonly unknown[]) => this.add([method], path, stack, register)
    return register
  }

  private add(
    methods: readonly (string | undefined)[],
    path: string,
    stack: readonly unknown[],
    above: GoFunction,
  ): this {
    const pattern = RoutePattern.parse(path)
    const place = placeOf(above)
    const [middleware, handler] = readStack(stack, path)
    for (const method of methods) {
      this.claim({ method, pattern, place })
      this.steps.push({ kind: 'route', method, pattern, middleware, handler })
    }
    this.changed()
    return this
  }

  private layer(prefix: RoutePattern, layers: readonly (Middleware | Router<never>)[]): this {
    for (const layer of layers) {
      if (layer instanceof Router) this.mount(prefix, layer)
      else {
        checkFunction(layer, `the middleware of ${prefix}`)
        this.steps.push({ kind: 'use', prefix, middleware: layer })
      }
    }
    this.changed()
    return this
  }

  private mount(prefix: RoutePattern, router: Router<never>): void {
    if (router.holds(this)) throw new RouteError(`a router cannot be mounted in itself, at ${prefix}`)
    for (const claim of router.claims.values()) this.claim({ ...claim, pattern: prefix.join(claim.pattern) })
    router.parents.push({ router: this, prefix })
    this.steps.push({ kind: 'mount', prefix, router })
  }

  private holds(other: Router<never>): boolean {
    return other === this || this.steps.some((step) => step.kind === 'mount' && step.router.holds(other))
  }

  /** Takes a place for a route, in this router and in those it is mounted in. */
  private claim({ method, pattern, place }: Claim): void {
    const name = `${method ?? 'ALL'} ${pattern}`
    if (new Set(pattern.names).size < pattern.names.length)
      throw new RouteError(`${name} (${place}) has a parameter twice: rename one`)
    const key = `${method ?? 'ALL'} ${pattern.shape}`
    const known = this.claims.get(key)
    if (known !== undefined)
      throw new RouteError(`${name} (${place}) is there already: ${known.pattern} (${known.place})`)
    for (const { router, prefix } of this.parents)
      router.claim({ method, pattern: prefix.join(pattern), place })
    this.claims.set(key, { method, pattern, place })
  }

  private changed(): void {
    this.table = undefined
    for (const { router } of this.parents) router.changed()
  }

  private compile(): RouteTable {
    const answers: Answers = { entries: [], middleware: [], missing: [] }
    this.collect(RoutePattern.root, [], answers)
    return new RouteTable(answers)
  }

  /** Adds what this router has, as it lies under `prefix` and behind the middleware `above` it. */
  private collect(prefix: RoutePattern, above: readonly Under<Middleware>[], answers: Answers): void {
    const before = [...above]
    for (const step of this.steps) {
      if (step.kind === 'mount') step.router.collect(prefix.join(step.prefix), before, answers)
      else if (step.kind === 'use') {
        const under = { prefix: prefix.join(step.prefix), fn: step.middleware }
        before.push(under)
        answers.middleware.push(under)
      } else {
        const pattern = prefix.join(step.pattern)
        const middleware = [...standingBefore(pattern, before), ...step.middleware]
        answers.entries.push({ method: step.method, pattern, middleware, handler: step.handler })
      }
    }
    if (this.missing !== undefined) answers.missing.push({ prefix, fn: this.missing })
  }
}

function checkMethod(method: string, path: string): void {
  if (/^[A-Z][A-Z0-9-]*$/.test(method)) return
  throw new RouteError(`${JSON.stringify(method)} of the route ${path} is no method: methods are in capitals`)
}
