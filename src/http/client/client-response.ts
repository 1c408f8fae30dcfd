import type { Operation } from '../../runtime/operation.js'
import { scheduler } from '../../runtime/scheduler.js'
import { parseHttpDate } from '../http-date.js'
import { parseJson } from '../strict-json.js'
import { BadResponse } from './client-errors.js'
import type { ResponseBody } from './response-body.js'

/** The header fields of a response that was received, in the order they came. Names are found in any case. */
export interface ReceivedHeaders extends Iterable<readonly [name: string, value: string]> {
  /** The value of a field, several joined with `, `; `undefined` where there is none. */
  get(name: string): string | undefined
  /** Each value of a field: of `Set-Cookie`, say. */
  getAll(name: string): string[]
  has(name: string): boolean
}

/**
 * What a server has answered: the head is here, the body may still be on its way. Read the body to its end, or `dump()` it:
 * until then it may keep a connection busy. At the end of a block that holds the response by `using`, it is dumped.
 */
export class ClientResponse implements Disposable {
  /** @internal @param what was asked, for errors. */
  constructor(
    private readonly what: string,
    readonly status: number,
    readonly headers: ReceivedHeaders,
    /** The body in pieces, as fast as they are read, without a limit. */
    readonly body: ResponseBody,
    private readonly maxBodyBytes: number,
  ) {}

  /** The status is from 200 to 299. */
  get ok(): boolean {
    return this.status >= 200 && this.status <= 299
  }

  /**
   * When to come back, in ms, where a status of 429 or 503 has a `Retry-After`: `retry` waits for so long. A date there is
   * compared with the server's own clock. Source: RFC 9110, 10.2.3.
   */
  get retryAfterMs(): number | undefined {
    const value = this.status === 429 || this.status === 503 ? this.headers.get('retry-after') : undefined
    if (value === undefined) return undefined
    if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
    const atMs = parseHttpDate(value)
    if (atMs === undefined) return undefined
    const nowMs = parseHttpDate(this.headers.get('date') ?? '') ?? scheduler().clock.epochNow()
    return Math.max(0, atMs - nowMs)
  }

  /** The whole body. Throws `ResponseTooLarge` beyond `maxBodyBytes`, and like `body.recv()`. */
  bytes(): Operation<Uint8Array> {
    return this.body.read<Uint8Array>(this.maxBodyBytes, (bytes) => bytes)
  }

  /** The whole body as text in UTF-8; what is none becomes U+FFFD. Throws like `bytes`. */
  text(): Operation<string> {
    return this.body.read(this.maxBodyBytes, decode)
  }

  /**
   * The whole body as JSON, read strictly. Throws like `bytes`, and `BadResponse` if it is no JSON, has a key twice or a key
   * `__proto__`, or is nested too deeply. Check the status first: an error page is mostly none.
   */
  json(): Operation<unknown> {
    return this.body.read(this.maxBodyBytes, (bytes) => {
      try {
        return parseJson(decode(bytes))
      } catch (error) {
        throw new BadResponse(this.what, `the body is no JSON: ${(error as Error).message}`, error)
      }
    })
  }

  /** Throws the body away, and the connection with it if much of it is still to come. */
  dump(): void {
    this.body.dump()
  }

  [Symbol.dispose](): void {
    this.dump()
  }
}

function decode(bytes: Buffer): string {
  return new TextDecoder().decode(bytes)
}
