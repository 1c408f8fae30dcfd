import type { Context } from '../context/context.js'
import type { PeerCertificate } from '../net/tls-peer.js'
import type { Operation } from '../runtime/operation.js'
import { decodeUtf8, emptyBody, type RequestBody } from './body.js'
import { parseCookies } from './cookies.js'
import { type FormFields, parseForm } from './form-fields.js'
import { HttpError } from './http-error.js'
import { RequestContext } from './request-context.js'
import type { RequestHeaders } from './request-headers.js'
import type { HeaderInit } from './response-headers.js'
import type { HttpResponse } from './response.js'
import { JsonError, parseJson } from './strict-json.js'
import type { Detached } from './upgrade.js'

/** What a request knows of the way it came; one object for all requests of a connection. */
export interface Arrival {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly isSecure: boolean
  /** Of a client that has shown one over TLS. */
  readonly peerCertificate?: PeerCertificate | undefined
  /** Ends when the server begins to shut down: what would go on for ever says goodbye then. */
  readonly closing: Context
  /** Ends with the server. */
  readonly ctx: Context
}

/** Why contexts of requests end mostly: one error for all, since it costs more than the rest of a request. */
let over: HttpError | undefined

/** Route parameters of a route that has none. */
export const noParams: Record<string, never> = Object.freeze(Object.create(null))

/** The most that is read of a form. */
const formLimits = { maxFields: 1000, maxFieldBytes: 1024 * 1024 }

/**
 * A request. Its parts are made when they are asked for: headers are checked when they arrive, and become strings here.
 * It may be kept for as long as one likes.
 */
export abstract class HttpRequest<P = Record<string, string>, V = unknown> {
  readonly method: string
  /** Path and query as they were sent: `/orders/7?full=1`; `*` for `OPTIONS *`. */
  readonly target: string
  /** The decoded parameters of the route: `{ id: '7' }` for `/orders/:id`. */
  params: P
  /** What `body(schema)` has made of the body. */
  valid: V
  /** @internal Header fields of an answer that no middleware sees: of what a handler threw, of a time limit. */
  errorHeaders: HeaderInit | undefined
  /** @internal Its answer, once known and until it is sent. */
  response: HttpResponse | undefined
  /** @internal The one that came after it on its connection. */
  following: HttpRequest | undefined
  /** @internal When it came, on the coarse clock of the server, in ms. */
  startedMs: number
  /** @internal Its context, once somebody asked for it. */
  context: RequestContext | undefined
  /** @internal What `derive` has made of its context. */
  derived: Context | undefined
  /** @internal Why its context ends, once it has to. */
  ending: Error | undefined
  private parsedCookies: Readonly<Record<string, string>> | undefined
  private parsedQuery: URLSearchParams | undefined
  private parsedBody: RequestBody | undefined

  /** @internal */
  constructor(
    /** @internal */ readonly arrival: Arrival,
    method: string,
    target: string,
    body: RequestBody | undefined,
    startedMs: number,
  ) {
    this.method = method
    this.target = target
    // The router, and `body(schema)`, fill these in before the handler runs, whose types say what they are.
    this.params = noParams as P
    this.valid = undefined as V
    this.errorHeaders = undefined
    this.response = undefined
    this.following = undefined
    this.startedMs = startedMs
    this.context = undefined
    this.derived = undefined
    this.ending = undefined
    this.parsedCookies = undefined
    this.parsedQuery = undefined
    this.parsedBody = body
  }

  abstract readonly headers: RequestHeaders
  abstract readonly httpVersion: '1.0' | '1.1' | '2'
  /** Host and port as the client wrote them; empty when HTTP/1.0 sent none. */
  abstract readonly host: string

  /** The path of the target, percent-encoded as it was sent. */
  get path(): string {
    const { target } = this
    const query = target.indexOf('?')
    return query < 0 ? target : target.slice(0, query)
  }

  /** The parameters of the query; empty where there is none. */
  get query(): URLSearchParams {
    if (this.parsedQuery === undefined) {
      const at = this.target.indexOf('?')
      this.parsedQuery = new URLSearchParams(at < 0 ? '' : this.target.slice(at + 1))
    }
    return this.parsedQuery
  }

  /** The value of a header field, its name in any case; several are joined with `, `. */
  header(name: string): string | undefined {
    return this.headers.get(name)
  }

  get cookies(): Readonly<Record<string, string>> {
    this.parsedCookies ??= parseCookies(this.headers.get('cookie'))
    return this.parsedCookies
  }

  get scheme(): 'http' | 'https' {
    return this.arrival.isSecure ? 'https' : 'http'
  }

  /** The whole URL. Its host is what the client says: do not trust it. Throws `HttpError` 400 for a host that is none. */
  get url(): URL {
    const path = this.target.startsWith('/') ? this.target : '/'
    try {
      return new URL(`${this.scheme}://${this.host === '' ? 'localhost' : this.host}${path}`)
    } catch (cause) {
      throw new HttpError(400, 'the Host is not one that a URL can have', { cause })
    }
  }

  /** The address of the peer: of a proxy, where one stands between. */
  get remoteAddress(): string {
    return this.arrival.remoteAddress
  }

  get remotePort(): number {
    return this.arrival.remotePort
  }

  /** The certificate that the client has shown and that was verified; `undefined` where it has none, or nobody asked for it. */
  get peerCertificate(): PeerCertificate | undefined {
    return this.arrival.peerCertificate
  }

  /**
   * Ends with the response, with the connection (`ClientGone`), at the handler's time limit (`DeadlineExceeded`) or when
   * the server has no more time to shut down.
   */
  get ctx(): Context {
    if (this.derived !== undefined) return this.derived
    if (this.context === undefined) {
      this.context = new RequestContext(this.arrival.ctx, this.deadline)
      if (this.ending !== undefined) this.context.finish(this.ending)
    }
    return this.context
  }

  /** The body, in pieces. */
  get body(): RequestBody {
    this.parsedBody ??= emptyBody()
    return this.parsedBody
  }

  /** The whole body. Throws `HttpError` 413 beyond the limit, `ClientGone` when the rest does not come. */
  bytes(): Operation<Uint8Array> {
    return this.body.read<Uint8Array>((bytes) => bytes)
  }

  /** The whole body as text. Throws like `bytes`, and `HttpError` 400 if it is not UTF-8. */
  text(): Operation<string> {
    return this.body.read(decodeUtf8)
  }

  /**
   * The whole body as JSON, read strictly. Throws like `text`, `HttpError` 415 if the Content-Type says something else
   * and 400 if it is no JSON, has a key twice, a key `__proto__`, or is nested too deeply.
   */
  json(): Operation<unknown> {
    const type = this.headers.get('content-type')
    return this.body.read((bytes) => {
      checkType(type, isJson, 'application/json')
      return readJson(decodeUtf8(bytes))
    })
  }

  /** The fields of a form, `application/x-www-form-urlencoded`. Throws like `json`. */
  form(): Operation<FormFields> {
    const type = this.headers.get('content-type')
    return this.body.read((bytes) => {
      checkType(type, isForm, 'application/x-www-form-urlencoded')
      return parseForm(bytes, formLimits)
    })
  }

  /** @internal Takes the socket over for another protocol; `undefined` where the client did not ask for one. */
  upgrade(): Detached | undefined {
    return undefined
  }

  /** @internal When the handler's time is over. */
  protected abstract readonly deadline: Date | undefined

  /** @internal Adds header fields to an answer that comes from an error. */
  addErrorHeaders(more: HeaderInit): void {
    this.errorHeaders = { ...this.errorHeaders, ...more }
  }

  /** @internal Those behind a middleware get what it derives from the context: with less time, or a value. */
  derive(make: (ctx: Context) => Context): void {
    this.derived = make(this.ctx)
  }

  /** @internal Ends its context, also where somebody asks for it only later: it has been answered completely. */
  answered(): void {
    over ??= new HttpError(500, 'the request has been answered')
    this.finish(over)
  }

  /** @internal Ends its context: with an error, or because it has been answered. */
  finish(error: Error): void {
    this.ending ??= error
    this.context?.finish(error)
  }
}

const isJson = /^application\/(?:json|[!#$&^_.+\-a-z0-9]+\+json)\s*(?:;|$)/i
const isForm = /^application\/x-www-form-urlencoded\s*(?:;|$)/i

function readJson(text: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw new HttpError(400, error.message, { cause: error })
  }
}

function checkType(type: string | undefined, accepted: RegExp, name: string): void {
  if (type !== undefined && accepted.test(type)) return
  throw new HttpError(
    415,
    `the body is ${type === undefined ? 'of no Content-Type' : JSON.stringify(type)}: send ${name}`,
  )
}
