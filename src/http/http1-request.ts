import type { RequestBody } from './body.js'
import type { Http1Connection } from './http1-connection.js'
import { discardBody } from './produce-body.js'
import { HttpRequest } from './request.js'
import { RequestHeaders, splitLines } from './request-headers.js'
import type { RequestParser } from './request-parser.js'
import type { Detached } from './upgrade.js'

/** A request of HTTP/1.1 or 1.0, over the bytes that it came in. */
export class Http1Request extends HttpRequest {
  readonly minorVersion: number
  /** The connection stays open after the response. */
  keepAlive: boolean
  /** The client waits for 100 before it sends the body. */
  expectsContinue: boolean
  readonly wantsUpgrade: boolean
  /** Its answer is not sent: the connection ends with one before it. */
  isDropped: boolean
  private readonly fieldsStart: number
  private readonly fieldsEnd: number
  private readonly hostStart: number
  private readonly hostEnd: number
  private split: RequestHeaders | undefined

  constructor(
    readonly connection: Http1Connection,
    parser: RequestParser,
    private readonly message: Buffer,
    base: number,
    target: string,
    body: RequestBody | undefined,
    startedMs: number,
  ) {
    super(connection, parser.method, target, body, startedMs)
    this.minorVersion = parser.minorVersion
    this.keepAlive = parser.keepAlive
    this.expectsContinue = parser.expectsContinue
    this.wantsUpgrade = parser.wantsUpgrade
    this.isDropped = false
    this.fieldsStart = base + parser.fieldsStart
    this.fieldsEnd = base + parser.fieldsEnd
    this.hostStart = base + parser.hostStart
    this.hostEnd = base + parser.hostEnd
    this.split = undefined
  }

  override get headers(): RequestHeaders {
    this.split ??= new RequestHeaders(
      splitLines(this.message.toString('latin1', this.fieldsStart, this.fieldsEnd)),
    )
    return this.split
  }

  override get httpVersion(): '1.0' | '1.1' {
    return this.minorVersion === 0 ? '1.0' : '1.1'
  }

  override get host(): string {
    return this.message.toString('latin1', this.hostStart, this.hostEnd)
  }

  protected override get deadline(): Date | undefined {
    return this.connection.deadlineOf(this)
  }

  /** Its answer is not sent any more. */
  drop(reason: Error): void {
    this.isDropped = true
    if (this.response !== undefined) discardBody(this.response.body)
    this.finish(reason)
  }

  override upgrade(): Detached | undefined {
    return this.wantsUpgrade ? this.connection.detach() : undefined
  }
}
