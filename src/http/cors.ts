import { ArgumentError } from '../runtime/errors.js'
import type { Middleware } from './handler.js'
import { type OriginCheck, type Origins, originCheck } from './origins.js'
import type { HttpRequest } from './request.js'
import { empty, type HttpResponse } from './response.js'
import type { ResponseHeaders } from './response-headers.js'
import { vary } from './vary.js'

export interface CorsOptions {
  /** `'*'`, an origin, a RegExp, a list of these, or a function. There is no default: say who may read. */
  readonly origins: Origins
  /** Whether requests with cookies may come: false unless given. Not together with `'*'`. */
  readonly credentials?: boolean
  /** `GET, HEAD, PUT, PATCH, POST, DELETE` unless given. */
  readonly methods?: readonly string[]
  /** Header fields that may be sent; those that are asked for unless given. */
  readonly allowedHeaders?: readonly string[]
  /** Header fields that scripts may read beside the few that they always may. */
  readonly exposedHeaders?: readonly string[]
  /** How long browsers remember the answer to a preflight, in seconds: 600 unless given. */
  readonly maxAgeSeconds?: number
}

const simpleMethods = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE']

/**
 * A middleware that lets pages of other origins read the answers. Preflights are answered here with 204; whoever is not
 * allowed gets the answer without the fields that let a browser hand it on. CORS keeps nobody from sending requests: it is no
 * protection against forged ones. Source: WHATWG Fetch, 3.3.
 *
 * ```ts
 * app.use(cors({ origins: ['https://example.com', /^https:\/\/[a-z0-9-]+\.example\.com$/], credentials: true }))
 * ```
 *
 * @throws ArgumentError for `'*'` with credentials, `'null'`, what is no origin, an expression that is not anchored.
 */
export function cors(options: CorsOptions): Middleware {
  const policy = new Policy(options)
  return function* cors(req, next) {
    if (policy.isPreflight(req)) return policy.preflight(req)
    // A page shall be able to read what was wrong with its request.
    req.addErrorHeaders(policy.errorHeaders(req))
    const response = yield* next()
    policy.apply(req, response.headers)
    return response
  }
}

class Policy {
  private readonly isOpen: boolean
  private readonly allows: OriginCheck
  private readonly credentials: boolean
  private readonly methods: string
  private readonly allowedHeaders: string | undefined
  private readonly exposedHeaders: string
  private readonly maxAge: string

  constructor({ origins, credentials = false, methods = simpleMethods, ...rest }: CorsOptions) {
    const { allowedHeaders, exposedHeaders = [], maxAgeSeconds = 600 } = rest
    if (origins === undefined) throw new ArgumentError("cors() needs origins: a list, or '*' for all")
    if (origins === '*' && credentials) {
      throw new ArgumentError(
        "cors(): with credentials '*' would let every page act for whoever is logged in: list the origins",
      )
    }
    if (!Number.isInteger(maxAgeSeconds) || maxAgeSeconds < 0)
      throw new ArgumentError(`cors() needs a whole number of maxAgeSeconds from 0, not ${maxAgeSeconds}`)
    this.isOpen = origins === '*'
    this.allows = originCheck(origins)
    this.credentials = credentials
    this.methods = tokens('methods', methods)
    this.allowedHeaders = allowedHeaders === undefined ? undefined : tokens('allowedHeaders', allowedHeaders)
    this.exposedHeaders = tokens('exposedHeaders', exposedHeaders)
    this.maxAge = String(maxAgeSeconds)
  }

  isPreflight({ method, headers }: HttpRequest): boolean {
    return method === 'OPTIONS' && headers.has('origin') && headers.has('access-control-request-method')
  }

  preflight(req: HttpRequest): HttpResponse {
    const response = empty(204)
    const { headers } = response
    const asked = req.header('access-control-request-headers')
    if (this.allowedHeaders === undefined) vary(headers, 'Access-Control-Request-Headers')
    if (!this.allowOrigin(req, headers)) return response
    const allowed = this.allowedHeaders ?? (asked !== undefined && isList(asked) ? asked : '')
    if (this.methods !== '') headers.set('Access-Control-Allow-Methods', this.methods)
    if (allowed !== '') headers.set('Access-Control-Allow-Headers', allowed)
    headers.set('Access-Control-Max-Age', this.maxAge)
    return response
  }

  apply(req: HttpRequest, headers: ResponseHeaders): void {
    if (!this.allowOrigin(req, headers)) return
    if (this.exposedHeaders !== '') headers.set('Access-Control-Expose-Headers', this.exposedHeaders)
  }

  errorHeaders(req: HttpRequest): Record<string, string> {
    const { headers } = empty()
    this.apply(req, headers)
    return Object.fromEntries(headers)
  }

  /** The answer depends on the origin even where there is none: a cache must not hand it to a page that sends one. */
  private allowOrigin(req: HttpRequest, headers: ResponseHeaders): boolean {
    if (!this.isOpen) vary(headers, 'Origin')
    const origin = req.header('origin')
    if (origin === undefined || !this.allows(origin, req)) return this.isOpen && this.allow('*', headers)
    return this.allow(this.isOpen ? '*' : origin, headers)
  }

  private allow(origin: string, headers: ResponseHeaders): true {
    headers.set('Access-Control-Allow-Origin', origin)
    if (this.credentials) headers.set('Access-Control-Allow-Credentials', 'true')
    return true
  }
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

function tokens(name: string, list: readonly string[]): string {
  const wrong = list.find((each) => typeof each !== 'string' || !token.test(each))
  if (wrong !== undefined)
    throw new ArgumentError(`cors() needs names in ${name}, not ${JSON.stringify(wrong)}`)
  return list.join(', ')
}

function isList(field: string): boolean {
  return field.split(',').every((each) => token.test(each.trim()))
}
