import { METHODS } from 'node:http'
import type { Handler, Middleware } from './handler.js'
import { HttpError } from './http-error.js'
import { problemOf } from './problem.js'
import type { HttpRequest } from './request.js'
import { empty, HttpResponse } from './response.js'
import { type Route, routeOf } from './route.js'
import { decodeParams } from './route-params.js'
import type { RoutePattern } from './route-pattern.js'
import { type PathTree, pathTree } from './vendor/memoirist.js'

/** A middleware, or an answer to what is not found, and the prefix it stands under. */
export interface Under<F> {
  readonly prefix: RoutePattern
  readonly fn: F
}

/** A route of a router or of one that is mounted in it, with all that stands before it. */
export interface Entry {
  /** `undefined` for all. */
  readonly method: string | undefined
  readonly pattern: RoutePattern
  readonly middleware: readonly Middleware[]
  readonly handler: Handler
}

/** All that a router and those mounted in it have to answer with. */
export interface Answers {
  readonly entries: Entry[]
  readonly middleware: Under<Middleware>[]
  /** What answers where nothing is found. */
  readonly missing: Under<Handler>[]
}

interface Parametric {
  readonly route: Route
  readonly names: readonly string[]
}

interface Found {
  readonly store: Parametric
  /** As they were sent. */
  readonly params: Record<string, string>
}

/** The routes of a method. Most requests are for a path without parameters, and found by one look into a map. */
class MethodRoutes {
  readonly static = new Map<string, Route>()
  private readonly tree: PathTree<Parametric> = pathTree()
  private readonly shapes = new Set<string>()

  /** Adds a route unless one that goes before has its place. */
  add({ method, pattern, middleware, handler }: Entry): void {
    if (this.shapes.has(pattern.shape)) return
    this.shapes.add(pattern.shape)
    const route = routeOf(middleware, handler, `${method ?? 'ALL'} ${pattern}`)
    const { names } = pattern
    if (names.length === 0) this.static.set(`${pattern}`, route)
    else this.tree.add('', `${pattern}`, { route, names })
  }

  /** Looks among those with parameters. */
  find(path: string): Found | undefined {
    // The tree takes the first character for a slash without looking.
    return path.startsWith('/') ? (this.tree.find('', path) ?? undefined) : undefined
  }

  has(path: string): boolean {
    return this.static.has(path) || this.find(path) !== undefined
  }
}

/** All routes of a router in the form in which requests find them. It does not change: a new route makes a new table. */
export class RouteTable {
  /** Those a route names, and then those that exist. */
  private readonly methods: ReadonlyMap<string, MethodRoutes>
  private readonly named: readonly string[]
  /** The innermost first. */
  private readonly missing: readonly Under<Handler>[]
  private readonly refusals = new Map<string, Route>()

  constructor(private readonly answers: Answers) {
    const { entries } = answers
    const named = new Set(entries.map(({ method }) => method).filter((method) => method !== undefined))
    if (named.has('GET')) named.add('HEAD')
    this.named = [...named]
    const others = routesOf(undefined, entries)
    const methods = new Map(METHODS.map((method) => [method, others]))
    for (const method of named) methods.set(method, routesOf(method, entries))
    this.methods = methods
    this.missing = [...answers.missing].sort((a, b) => b.prefix.segments.length - a.prefix.segments.length)
  }

  /** Who answers this request; sets its parameters. */
  route(req: HttpRequest): Route {
    const { method, path } = req
    const routes = this.methods.get(method)
    const route = routes?.static.get(path)
    if (route !== undefined) return route
    return routes === undefined ? this.notImplemented() : this.search(routes, path, req)
  }

  private search(routes: MethodRoutes, path: string, req: HttpRequest): Route {
    const found = routes.find(path)
    if (found === undefined) return this.unanswered(req.method, path)
    const { route, names } = found.store
    try {
      req.params = decodeParams(found.params, names)
      return route
    } catch (error) {
      if (!(error instanceof HttpError)) throw error
      return this.refusal(error.message, () => problem(error))
    }
  }

  private notImplemented(): Route {
    return this.refusal('501', () => problem(new HttpError(501, 'This server does not know the method.')))
  }

  // No route has this method and this path.
  private unanswered(method: string, path: string): Route {
    const isServer = path === '*' && method === 'OPTIONS' // RFC 9110, 9.3.7: what the server can, for any path
    const methods = isServer ? this.named : this.named.filter((each) => this.methods.get(each)?.has(path))
    if (methods.length === 0 && !isServer) return this.notFound(path)
    const Allow = [...new Set([...methods, 'OPTIONS'])].sort().join(', ')
    if (method === 'OPTIONS') return this.refusal(`OPTIONS ${Allow}`, () => () => empty(204, { Allow }))
    return this.refusal(`405 ${Allow}`, () =>
      problem(new HttpError(405, `This path answers ${Allow}.`, { headers: { Allow } })),
    )
  }

  private notFound(path: string): Route {
    const own = this.missing.find(({ prefix }) => prefix.isPrefixOf(path))
    return own !== undefined
      ? this.refusal(`404 ${own.prefix}`, () => own.fn)
      : this.refusal('404', () => problem(new HttpError(404, 'There is nothing at this path.')))
  }

  /** A route that is none of the program's, behind all middleware of the path: a log or CORS has to see these as well. */
  private refusal(key: string, handler: () => Handler): Route {
    const known = this.refusals.get(key)
    if (known !== undefined) return known
    const route = routeOf(this.answers.middleware.map(whereUnder), handler(), 'requests without a route')
    this.refusals.set(key, route)
    return route
  }
}

function routesOf(method: string | undefined, entries: readonly Entry[]): MethodRoutes {
  const routes = new MethodRoutes()
  const order = method === 'HEAD' ? ['HEAD', 'GET', undefined] : [method, undefined]
  for (const each of new Set(order)) for (const entry of entries) if (entry.method === each) routes.add(entry)
  return routes
}

/** Those of `middleware` that stand before the paths of `pattern`. */
export function standingBefore(
  pattern: RoutePattern,
  middleware: readonly Under<Middleware>[],
): Middleware[] {
  return middleware.flatMap((under) => {
    const coverage = under.prefix.covers(pattern)
    if (coverage === 'none') return []
    return coverage === 'all' ? under.fn : whereUnder(under)
  })
}

/** A middleware that looks whether the path of a request is under its prefix. */
function whereUnder({ prefix, fn }: Under<Middleware>): Middleware {
  if (prefix.isRoot) return fn
  return (req, next) => (prefix.isPrefixOf(req.path) ? fn(req, next) : next())
}

/** Answers with a problem. An error is not thrown for it: its stack would cost more than the rest of the answer. */
function problem(error: HttpError): Handler {
  const { status, headers } = error
  const { body, contentType } = problemOf(error)
  return () => new HttpResponse(status, body, { ...headers, 'Content-Type': contentType })
}
