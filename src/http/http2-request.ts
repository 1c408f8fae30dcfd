import type { RequestBody } from './body.js'
import type { Http2Head } from './http2-head.js'
import { type Arrival, HttpRequest } from './request.js'
import { RequestHeaders } from './request-headers.js'
import type { Service } from './service.js'

/** A request that came as a stream of an HTTP/2 connection. */
export class Http2Request extends HttpRequest {
  readonly host: string
  private readonly fields: string[]
  private list: RequestHeaders | undefined

  constructor(
    arrival: Arrival,
    private readonly service: Service,
    { method, target, host, fields }: Http2Head,
    body: RequestBody | undefined,
    startedMs: number,
  ) {
    super(arrival, method, target, body, startedMs)
    this.host = host
    this.fields = fields
    this.list = undefined
  }

  override get headers(): RequestHeaders {
    this.list ??= new RequestHeaders(this.fields)
    return this.list
  }

  override get httpVersion(): '2' {
    return '2'
  }

  protected override get deadline(): Date | undefined {
    return this.service.deadlineOf(this)
  }
}
