import { ArgumentError } from '../runtime/errors.js'
import { platform } from './fetch-platform.js'
import { linkRequest, LightRequest } from './fetch-request.js'
import { linkResponse, LightResponse } from './fetch-response.js'
import { fromPlatform, StreamBody, unread } from './fetch-send.js'
import { requestUrl } from './fetch-url.js'
import type { Handler } from './handler.js'
import type { HttpRequest } from './request.js'
import type { HttpResponse } from './response.js'

/** What a fetch handler gets besides the Request; in Hono it is `c.env`. */
export interface FetchEnv {
  /** The request as the server has it: client address, context. Its body is that of the Request. */
  readonly req: HttpRequest
}

/** A function from Request to Response. */
export type FetchFunction = (request: Request, env: FetchEnv) => Response | PromiseLike<Response>

/** What answers requests in the terms of fetch: a function, or an object that has one as `fetch`, a Hono app say. */
export type FetchApp = FetchFunction | { readonly fetch: FetchFunction }

export interface FetchOptions {
  /**
   * Which `Request` and `Response` the app works with.
   * - `'light'`, the default: classes that cost a tenth. `fetchHandler()` puts them in the place of the global ones, once
   *   for the thread, since an app makes its responses with `new Response`; `instanceof` and what `fetch()` takes and
   *   gives stay as they were.
   * - `'platform'`: Node's own, and no global is touched.
   */
  readonly classes?: 'light' | 'platform'
}

/**
 * Makes a handler of a fetch handler. A status text is not sent; a 101 cannot be made this way.
 *
 * ```ts
 * app.all('/api/*', fetchHandler(hono))
 * ```
 *
 * @throws ArgumentError if `app` is neither a function nor has a method `fetch`.
 */
export function fetchHandler(app: FetchApp, { classes = 'light' }: FetchOptions = {}): Handler {
  const call = fetchOf(app)
  linkRequest()
  linkResponse()
  const isLight = classes === 'light'
  if (isLight) replaceGlobals()
  return (req) => {
    const light = new LightRequest(req, requestUrl(req))
    // It is one once it is linked.
    const request = (isLight ? light : LightRequest.unwrap(light)) as Request
    const response = call(request, { req })
    if (LightResponse.is(response)) return bodyFor(req, LightResponse.toHttp(response))
    return later(req, response)
  }
}

async function later(req: HttpRequest, promise: Response | PromiseLike<Response>): Promise<HttpResponse> {
  const response = await promise
  if (LightResponse.is(response)) return bodyFor(req, LightResponse.toHttp(response))
  if (isResponse(response)) return bodyFor(req, await fromPlatform(response))
  throw new TypeError(`a fetch handler has to give a Response, not ${String(response)}`)
}

/** What nobody reads is canceled: the answer to HEAD, and those that have no body. */
function bodyFor(req: HttpRequest, response: HttpResponse): HttpResponse {
  const { body, status } = response
  if (!(body instanceof StreamBody)) return response
  if (req.method !== 'HEAD' && status !== 204 && status !== 205 && status !== 304) return response
  body.return().catch(() => undefined) // what it fails with concerns nobody
  response.body = req.method === 'HEAD' ? unread : undefined
  return response
}

function fetchOf(app: FetchApp): FetchFunction {
  if (typeof app === 'function') return app
  if (typeof app?.fetch === 'function') return (request, env) => app.fetch(request, env)
  throw new ArgumentError(
    `a fetch handler is a function from Request to Response, or an object that has one as fetch, not ${String(app)}`,
  )
}

function isResponse(value: unknown): value is Response {
  return (
    typeof value === 'object' && value !== null && 'status' in value && 'headers' in value && 'body' in value
  )
}

let replaced = false

/**
 * Puts the light classes in the place of the global ones. Whatever replaces them later, a mock say, is left alone.
 * `Request` and `fetch` have to take a light request as they take any other.
 */
function replaceGlobals(): void {
  if (replaced) return
  replaced = true
  const real = platform()
  define('Response', LightResponse)
  define(
    'Request',
    class Request extends real.Request {
      constructor(input: string | URL | globalThis.Request, init?: RequestInit) {
        super(LightRequest.unwrap(input), init)
      }

      static override [Symbol.hasInstance](value: unknown): boolean {
        return value instanceof real.Request
      }
    },
  )
  define('fetch', function fetch(input: string | URL | Request, init?: RequestInit) {
    return real.fetch(LightRequest.unwrap(input), init)
  })
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false })
}
