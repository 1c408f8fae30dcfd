import { inspect } from 'node:util'
import { Dependent } from '../context/cancel.js'
import { DeadlineExceeded } from '../context/deadline.js'
import type { Ending } from '../context/ending.js'
import { ClientGone } from './body.js'
import { type BodyContent, LightBody, pulledStream } from './fetch-body.js'
import { asHeaders, LightHeaders } from './fetch-headers.js'
import { platform, standIn } from './fetch-platform.js'
import { HttpError } from './http-error.js'
import { problemOf } from './problem.js'
import type { HttpRequest } from './request.js'
import { ServerClosed } from '../net/server-closed.js'

/**
 * Fetch's `Request` over a request of the server: url, method, headers and the whole body come from there when they are
 * asked for; for anything else a `Request` of the platform is made, once.
 *
 * Call `linkRequest()` before the first one is made.
 */
export class LightRequest {
  readonly #req: HttpRequest
  readonly #url: string
  #headers: LightHeaders | undefined
  #body: LightBody | undefined
  #signal: AbortSignal | undefined
  #real: Request | undefined

  /** @param url absolute and in normal form. */
  constructor(req: HttpRequest, url: string) {
    this.#req = req
    this.#url = url
    this.#headers = undefined
    this.#body = undefined
    this.#signal = undefined
    this.#real = undefined
  }

  get method(): string {
    return this.#req.method
  }

  get url(): string {
    return this.#url
  }

  get headers(): Headers {
    this.#headers ??= new LightHeaders(this.#req.headers)
    return asHeaders(this.#headers)
  }

  get signal(): AbortSignal {
    this.#signal ??= signalOf(this.#req)
    return this.#signal
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#content.body
  }

  get bodyUsed(): boolean {
    return this.#body?.bodyUsed ?? false
  }

  get duplex(): 'half' {
    return 'half'
  }

  text(): Promise<string> {
    return this.#content.text()
  }

  json(): Promise<unknown> {
    return this.#content.json()
  }

  bytes(): Promise<Uint8Array> {
    return this.#content.bytes()
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#content.arrayBuffer()
  }

  blob(): Promise<Blob> {
    return this.#content.blob()
  }

  formData(): Promise<FormData> {
    return this.#content.formData()
  }

  clone(): Request {
    const other = this.#content.tee()
    this.#real = undefined // it holds the stream that has been split
    return this.#make(other)
  }

  [inspect.custom](_depth: number, options: object): string {
    const { method, url, headers } = this
    return `Request ${inspect({ method, url, headers }, options)}`
  }

  /** A Request of the platform for what is a light one; what is none is returned as it is. */
  static unwrap<T>(value: T): T | Request {
    return typeof value === 'object' && value !== null && #real in value ? value.#platform : value
  }

  /** @internal */
  static platformOf(light: LightRequest): Request {
    return light.#platform
  }

  get #content(): LightBody {
    this.#body ??= new LightBody(new RequestContent(this.#req))
    return this.#body
  }

  get #platform(): Request {
    this.#real ??= this.#make(this.#content.body)
    return this.#real
  }

  #make(body: ReadableStream<Uint8Array> | null): Request {
    const { method, url, headers, signal } = this
    const isUsed = this.bodyUsed
    const real = new (platform().Request)(url, {
      method,
      headers,
      signal,
      ...(body !== null && { body: isUsed ? '' : body, duplex: 'half' }),
    })
    if (isUsed) void real.text() // then it says so, and refuses what the light one refuses
    return real
  }
}

/** Makes light requests instances of the platform's class. */
export function linkRequest(): void {
  const real = platform()
  if (LightRequest.prototype instanceof real.Request) return
  standIn(LightRequest.prototype, real.Request.prototype, LightRequest.platformOf)
  standIn(LightHeaders.prototype, real.Headers.prototype, (headers) => new real.Headers([...headers]))
}

/** A limit of the server that a body goes beyond. Hono answers with what `getResponse` gives, others throw it on. */
export class RefusedBody extends HttpError {
  constructor(refusal: HttpError) {
    const { status, detail, title, type, headers, extra } = refusal
    super(status, detail, { title, type, headers, extra, cause: refusal } as object)
  }

  getResponse(): Response {
    const { body, contentType } = problemOf(this)
    return new Response(body, { status: this.status, headers: { 'Content-Type': contentType } })
  }
}

class RequestContent implements BodyContent {
  readonly given = undefined

  constructor(private readonly req: HttpRequest) {}

  // GET and HEAD have none in fetch, whatever was sent.
  get isNull(): boolean {
    const { method, body } = this.req
    return method === 'GET' || method === 'HEAD' || body.declaredLength === 0
  }

  get type(): string {
    return this.req.header('content-type') ?? ''
  }

  load(): Promise<Uint8Array> {
    return this.isNull ? Promise.resolve(nothing) : this.req.bytes().then(undefined, refuse)
  }

  // A piece is copied: it may lie in memory that other requests lie in, and streams hand on memory as a whole.
  open(): ReadableStream<Uint8Array> {
    const { body } = this.req
    return pulledStream(() =>
      body.recv().then((piece) => (piece === undefined ? undefined : new Uint8Array(piece)), refuse),
    )
  }
}

const nothing = new Uint8Array(0)

function refuse(error: unknown): never {
  throw error instanceof HttpError ? new RefusedBody(error) : error
}

function signalOf(req: HttpRequest): AbortSignal {
  const follower = new SignalFollower(req)
  follower.follow(req.ctx)
  return follower.signal
}

/** Aborts with the context of a request, unless that ends because all has been answered. */
class SignalFollower extends Dependent {
  private readonly controller = new AbortController()

  constructor(private readonly req: HttpRequest) {
    super()
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  override end(ending: Ending): void {
    this.leave()
    const { err, cause } = ending
    const isEarly =
      this.req.response === undefined ||
      err instanceof DeadlineExceeded ||
      cause instanceof ClientGone ||
      cause instanceof ServerClosed
    if (isEarly) this.controller.abort(err)
  }
}
