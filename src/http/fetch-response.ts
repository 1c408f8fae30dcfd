import { inspect, types } from 'node:util'
import { GivenStream, isDisturbed, LightBody } from './fetch-body.js'
import { type Source, sourceOf, StaticContent, TypeOf } from './fetch-content.js'
import { asHeaders, type HeadersSource, LightHeaders, headerValue } from './fetch-headers.js'
import { platform, standIn } from './fetch-platform.js'
import { HttpResponse } from './response.js'
import { addHeaders, StreamBody } from './fetch-send.js'

const textType = 'text/plain;charset=UTF-8'
const reasonPhrase = /^[\t\x20-\x7e\x80-\xff]*$/

const jsonInit = { headers: { 'content-type': 'application/json' } }

/**
 * Fetch's `Response` for texts, bytes and streams: it keeps what it is given until it is sent, which takes a platform's
 * class some microseconds of streams and promises. Whatever is uncommon, and whatever is wrong, is left to that class.
 *
 * Call `linkResponse()` before the first one is made.
 */
export class LightResponse {
  readonly #status: number
  readonly #statusText: string
  #source: Source
  /** The Content-Type, while it is the only header and nobody has asked for the headers. */
  #type: string | undefined
  #headers: LightHeaders | undefined
  #body: LightBody | undefined

  constructor(body?: ConstructorParameters<typeof Response>[0], init?: ResponseInit) {
    this.#status = init?.status === undefined ? 200 : init.status
    this.#statusText = init?.statusText === undefined ? '' : init.statusText
    this.#source = null
    this.#type = undefined
    this.#headers = undefined
    this.#body = undefined
    if (!isCommon(this.#status, this.#statusText, body)) {
      const real = new (platform().Response)(body, init)
      this.#status = real.status
      this.#statusText = real.statusText
      this.#headers = LightHeaders.of(real.headers)
      if (real.body !== null) this.#body = new LightBody(new GivenStream(real.body, new TypeOf(this)))
      return
    }
    if (init?.headers !== undefined) this.#setHeaders(init)
    if (typeof body === 'string') {
      this.#source = body
      this.#setDefaultType()
    } else if (body instanceof Uint8Array) this.#source = new Uint8Array(body)
    else if (body !== null && body !== undefined) this.#setStream(body as ReadableStream<Uint8Array>) // see isCommon
  }

  get status(): number {
    return this.#status
  }

  get statusText(): string {
    return this.#statusText
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status < 300
  }

  get headers(): Headers {
    if (this.#headers === undefined) {
      this.#headers = new LightHeaders()
      if (this.#type !== undefined) this.#headers.append('content-type', this.#type)
      this.#type = undefined
    }
    return asHeaders(this.#headers)
  }

  get type(): Response['type'] {
    return 'default'
  }

  get url(): string {
    return ''
  }

  get redirected(): boolean {
    return false
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#content.body
  }

  get bodyUsed(): boolean {
    return this.#body?.bodyUsed ?? false
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

  clone(): Response {
    const copy = new LightResponse(null, { status: this.#status, statusText: this.#statusText })
    copy.#headers = LightHeaders.of(this.headers)
    this.#body?.checkUsable()
    if (this.#source !== null) copy.#source = this.#source
    else if (this.#body !== undefined) copy.#setStream(this.#body.tee())
    return asResponse(copy)
  }

  [inspect.custom](_depth: number, options: object): string {
    const { status, statusText, headers } = this
    return `Response ${inspect({ status, statusText, headers }, options)}`
  }

  // What fetch() gives is a Response as well, as it was before this class stood in.
  static [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    // biome-ignore-start lint/complexity/noThisInStatic: it may be a class that extends this one.
    if (this === LightResponse) return value instanceof platform().Response
    return Function.prototype[Symbol.hasInstance].call(this, value)
    // biome-ignore-end lint/complexity/noThisInStatic: as above
  }

  static json(data: unknown, init?: ResponseInit): Response {
    const text = JSON.stringify(data)
    if (text === undefined) throw new TypeError('Value is not JSON serializable')
    if (init === undefined) return asResponse(new LightResponse(text, jsonInit))
    const headers = LightHeaders.of(init.headers)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    const { status = 200, statusText = '' } = init
    return asResponse(new LightResponse(text, { status, statusText, headers: asHeaders(headers) }))
  }

  static redirect(url: string | URL, status = 302): Response {
    return asResponse(new LightResponse(null, platform().Response.redirect(url, status as 302)))
  }

  /** @internal */
  static is(value: unknown): value is LightResponse {
    return typeof value === 'object' && value !== null && #status in value
  }

  /** @internal The response to send. @throws TypeError if it has been read. */
  static toHttp(light: LightResponse): HttpResponse {
    const stream = light.#body?.take()
    const body = stream === undefined ? (light.#source ?? undefined) : new StreamBody(stream)
    const response = new HttpResponse(light.#status, body, undefined, light.#type)
    if (light.#headers !== undefined) addHeaders(response, LightHeaders.listOf(light.#headers))
    return response
  }

  /** @internal A Response of the platform with what this one has. */
  static platformOf(light: LightResponse): Response {
    const { body, status, statusText, headers } = light
    return new (platform().Response)(body, { status, statusText, headers })
  }

  get #content(): LightBody {
    this.#body ??= new LightBody(new StaticContent(this.#source, this))
    return this.#body
  }

  #setHeaders(init: ResponseInit): void {
    if (#type in init && init.#headers === undefined) {
      this.#type = init.#type
      return
    }
    const headers = init.headers as NonNullable<HeadersSource> // there are some: see the constructor
    const type = onlyType(headers)
    if (type === undefined) this.#headers = LightHeaders.of(headers)
    else this.#type = headerValue('append', 'content-type', type)
  }

  #setDefaultType(): void {
    if (this.#headers === undefined) this.#type ??= textType
    else if (!this.#headers.has('content-type')) this.#headers.append('content-type', textType)
  }

  #setStream(stream: ReadableStream<Uint8Array> | null): void {
    if (stream === null) return
    const source = sourceOf(stream)
    if (source === undefined) this.#body = new LightBody(new GivenStream(stream, new TypeOf(this)))
    else {
      this.#source = source
      this.#body = new LightBody(new StaticContent(source, this), stream)
    }
  }
}

/** Makes light responses instances of the platform's class. */
export function linkResponse(): void {
  const real = platform().Response
  if (Object.getPrototypeOf(LightResponse) === real) return
  Object.setPrototypeOf(LightResponse, real)
  Object.defineProperty(LightResponse, 'name', { value: 'Response' })
  standIn(LightResponse.prototype, real.prototype, LightResponse.platformOf)
  LightResponse.prototype.constructor = LightResponse
}

/** What is kept as it is. All else, right or wrong, goes to the platform's class. */
function isCommon(status: unknown, statusText: unknown, body: unknown): boolean {
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) return false
  if (statusText !== '' && (typeof statusText !== 'string' || !reasonPhrase.test(statusText))) return false
  if (body === undefined || body === null) return true
  if (status === 204 || status === 205 || status === 304) return false
  if (typeof body === 'string') return true
  if (body instanceof Uint8Array) return !types.isSharedArrayBuffer(body.buffer)
  return body instanceof ReadableStream && !body.locked && !isDisturbed(body)
}

/** The Content-Type, if headers are a plain object of nothing else. */
function onlyType(headers: object): string | undefined {
  let only: string | undefined
  for (const name in headers) {
    if (only !== undefined) return undefined
    only = name
  }
  if (only !== 'Content-Type' && only !== 'content-type') return undefined
  const value: unknown = (headers as Record<string, unknown>)[only] // it has it
  return typeof value === 'string' ? value : undefined
}

/** What the outside sees of it: once it is linked, it is one. */
function asResponse(light: LightResponse): Response {
  return light as unknown as Response
}
