import { ChunkedParser } from './chunked-parser.js'
import { HttpError } from './http-error.js'
import type { Http1Request } from './http1-request.js'
import type { Limits } from './limits.js'
import { COMPLETE, REFUSED, type RequestParser } from './request-parser.js'

/** So much of a body that nobody reads is received and thrown away to keep the connection, as in Go's net/http. */
const mostSkippedBytes = 256 * 1024

/** Finds the body of a request in the bytes that come, and hands it on. */
export class BodyReceiver {
  /** All of it has come. */
  isWhole = false
  /** It cannot be read: what follows could not be told from it. */
  fault: HttpError | undefined = undefined
  private remaining: number
  private readonly chunked: ChunkedParser | undefined
  /** Bytes that were thrown away; -1 while somebody may want them. */
  private skippedBytes = -1

  /** @param sinceMs when it began, for its time limit. */
  constructor(
    readonly req: Http1Request,
    { contentLength, isChunked }: RequestParser,
    limits: Limits,
    readonly sinceMs: number,
  ) {
    this.remaining = contentLength
    this.chunked = isChunked ? new ChunkedParser(limits) : undefined
  }

  /** Nobody wants the rest. */
  skip(): void {
    this.skippedBytes = 0
  }

  get isSkipping(): boolean {
    return this.skippedBytes >= 0
  }

  get hasSkippedTooMuch(): boolean {
    return this.skippedBytes > mostSkippedBytes
  }

  /** Whether the rest may be short enough to throw away. Where the client waits for 100 it may never come. */
  get canSkip(): boolean {
    return !this.req.expectsContinue && (this.chunked !== undefined || this.remaining <= mostSkippedBytes)
  }

  /** Takes what belongs to the body from `bytes`. @returns where it stopped: `isWhole` and `fault` say why. */
  receive(bytes: Buffer, from: number): number {
    if (this.chunked !== undefined) return this.receiveChunks(this.chunked, bytes, from)
    const end = Math.min(bytes.length, from + this.remaining)
    this.remaining -= end - from
    this.take(bytes, from, end)
    if (this.remaining === 0) this.end()
    return end
  }

  private receiveChunks(chunked: ChunkedParser, bytes: Buffer, from: number): number {
    let at = from
    while (at < bytes.length) {
      const parsed = chunked.next(bytes, at)
      this.take(bytes, chunked.dataStart, chunked.dataEnd)
      at = chunked.at
      if (parsed === COMPLETE) {
        this.end()
        return at
      }
      if (parsed === REFUSED) {
        this.fault = new HttpError(chunked.status, chunked.reason)
        return bytes.length
      }
    }
    return at
  }

  private take(bytes: Buffer, start: number, end: number): void {
    if (start === end) return
    if (this.isSkipping) this.skippedBytes += end - start
    else this.req.body.push(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))
  }

  private end(): void {
    this.isWhole = true
    if (!this.isSkipping) this.req.body.end()
  }
}
