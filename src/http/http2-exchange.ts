import type { ServerHttp2Stream } from 'node:http2'
import { DeadlineExceeded } from '../context/deadline.js'
import { Canceled } from '../runtime/errors.js'
import type { Scheduler } from '../runtime/scheduler.js'
import { type BodyOrigin, ClientGone, RequestBody } from './body.js'
import { BodySender, type BodySink } from './body-sender.js'
import { HttpError } from './http-error.js'
import type { Http2Head } from './http2-head.js'
import { Http2Request } from './http2-request.js'
import { replyOf } from './http2-response.js'
import type { Arrival, HttpRequest } from './request.js'
import type { Exchange } from './request-goroutine.js'
import type { BodySource, HttpResponse } from './response.js'
import { inPieces, mostAtOnceBytes } from './response-writer.js'
import type { Service } from './service.js'

/** A body that waits to be read holds up to so many bytes here; then the client has to wait. */
const mostWaitingBytes = 64 * 1024

/** Codes of RFC 9113, 7. */
export const NO_ERROR = 0
export const INTERNAL_ERROR = 2
export const REFUSED_STREAM = 7
export const CANCEL = 8
export const ENHANCE_YOUR_CALM = 11

/** The connection of a stream. */
export interface StreamHouse extends Arrival {
  /** A handler has ended, which may be long after its stream. */
  handled(): void
  /** The stream has ended. @param wasReset by the client, before it was answered. */
  left(exchange: Http2Exchange, wasReset: boolean): void
}

/** A request and its response: a stream of an HTTP/2 connection. */
export class Http2Exchange implements Exchange, BodyOrigin, BodySink {
  readonly on: Scheduler
  private readonly body: RequestBody | undefined
  private readonly startedMs: number
  private expectsContinue: boolean
  private req: Http2Request | undefined
  private sender: BodySender | undefined
  private isAnswered: boolean
  /** All of the answer has been written. */
  private isWritten: boolean
  private isGone: boolean
  /** This end has given it up. */
  private isCut: boolean
  private isPaused: boolean
  private writtenBytes: number
  /** What the client had taken at the last look, and since when it has been that. */
  private takenBytes: number
  private takenMs: number

  constructor(
    private readonly stream: ServerHttp2Stream,
    private readonly house: StreamHouse,
    private readonly service: Service,
    hasBody: boolean,
    head: Http2Head | undefined,
  ) {
    this.on = service.on
    this.startedMs = service.nowMs
    this.body =
      hasBody && head !== undefined
        ? new RequestBody(this, head.contentLength, service.limits.bodyBytes)
        : undefined
    this.expectsContinue = head?.expectsContinue ?? false
    this.req = undefined
    this.sender = undefined
    this.isAnswered = false
    this.isWritten = false
    this.isGone = false
    this.isCut = false
    this.isPaused = false
    this.writtenBytes = 0
    this.takenBytes = 0
    this.takenMs = this.startedMs
    this.listen()
  }

  get isFull(): boolean {
    return this.stream.writableNeedDrain
  }

  /** Has the request handled. */
  begin(head: Http2Head): void {
    const req = new Http2Request(this.house, this.service, head, this.body, this.startedMs)
    this.req = req
    this.service.dispatch(req, this)
  }

  /** Answers a request that no handler is to see. */
  refuse(error: HttpError): void {
    this.service.stats.refused++
    this.answer(this.service.responseTo(error))
  }

  settle(req: HttpRequest, failed: boolean, value: unknown): void {
    this.house.handled()
    if (failed && this.isGone && value instanceof Canceled) return // nobody is there to be told, and nothing is broken
    this.answer(failed ? this.service.responseTo(value, req) : (value as HttpResponse)) // it is one unless it has failed
  }

  /** A handler waits for the body. */
  wanted(): void {
    const { stream } = this
    if (this.expectsContinue && !stream.headersSent && !stream.destroyed && !stream.closed) {
      this.expectsContinue = false
      stream.additionalHeaders({ ':status': 100 })
    }
    if (!this.isPaused) return
    this.isPaused = false
    stream.resume()
  }

  write(text: string): void {
    this.writeBytes(Buffer.from(text, 'latin1'))
  }

  writeBytes(bytes: Uint8Array): void {
    if (!this.stream.writable) return // `closed` tells the sender
    this.writtenBytes += bytes.length
    this.stream.write(bytes)
  }

  /** Ends what takes too long. */
  checkLimits(nowMs: number): void {
    const { body, req, service } = this
    const { timeouts, stats } = service
    const sinceMs = nowMs - this.startedMs
    if (
      body !== undefined &&
      !body.isWhole &&
      body.error === undefined &&
      !this.isPaused &&
      sinceMs > timeouts.bodyMs
    ) {
      stats.timedOut++
      body.fail(new HttpError(408, 'the body took too long'))
    }
    if (!this.isAnswered && sinceMs > timeouts.handlerMs) {
      stats.timedOut++
      req?.finish(new DeadlineExceeded())
      this.answer(service.responseTo(new HttpError(503, 'the request took too long'), req))
    }
    if (this.isStuck(nowMs)) {
      stats.timedOut++
      this.cut(new ClientGone('the client has not read the response in time'), CANCEL)
    }
  }

  /** Ends it now, whatever has been sent. */
  cut(reason: Error, code = CANCEL): void {
    this.isCut = true
    this.req?.finish(reason)
    const { stream } = this
    // `close` ends the body first: one without a byte so far would look whole.
    if (stream.headersSent && this.writtenBytes === 0 && !stream.writableEnded) stream.destroy(reason)
    else stream.close(code)
    stream.destroy() // the frame says so to the client; nothing here waits for it to leave
  }

  /** The response; only the first counts. */
  private answer(response: HttpResponse): void {
    if (this.isAnswered) return
    this.isAnswered = true
    this.takenMs = this.service.nowMs
    if (this.isGone || this.stream.destroyed || this.stream.closed) return
    this.service.stats.count(response.status)
    try {
      this.send(response)
    } catch (error) {
      this.service.report(error, this.req)
      this.cut(new ClientGone('the response cannot be sent'), INTERNAL_ERROR)
    }
  }

  private send(response: HttpResponse): void {
    const { stream } = this
    const { headers, body, declared } = replyOf(response, this.req?.method ?? 'GET', this.service.date)
    stream.respond(headers, { endStream: body === undefined })
    if (body === undefined) this.written()
    else if (body instanceof Uint8Array && body.length <= mostAtOnceBytes) {
      this.writtenBytes += body.length
      stream.end(body)
      this.written()
    } else if (body instanceof Uint8Array) this.produce(inPieces(body), body.length)
    else this.produce(body, declared)
  }

  private produce(source: BodySource, length: number | undefined): void {
    this.sender = new BodySender(this, source, false, length)
    this.sender.start((error) => this.sent(error))
  }

  /** A body that was produced while it was sent has ended. */
  private sent(error: Error | undefined): void {
    this.sender = undefined
    if (error === undefined) {
      this.stream.end()
      this.written()
      return
    }
    if (!(error instanceof ClientGone)) this.service.report(error, this.req)
    this.cut(error, INTERNAL_ERROR) // a body that breaks off must not look whole
  }

  /** All has been written: what the client still sends is of no use. Source: RFC 9113, 8.1. */
  private written(): void {
    const { stream, body, req } = this
    this.isWritten = true
    req?.answered()
    if (stream.readableEnded || stream.endAfterHeaders) return
    body?.fail(new ClientGone('the request has been answered: its body is read no more'))
    stream.resume() // and thrown away
    if (body?.isWhole !== true) stream.close(NO_ERROR)
  }

  /** There is something to read for the client, and it has not read any of it for too long. */
  private isStuck(nowMs: number): boolean {
    const { stream } = this
    const taken = this.writtenBytes - stream.writableLength
    if (taken !== this.takenBytes || (stream.writableLength === 0 && !this.isWritten)) {
      this.takenBytes = taken
      this.takenMs = nowMs
      return false
    }
    return this.isAnswered && nowMs - this.takenMs > this.service.timeouts.writeMs
  }

  private listen(): void {
    const { stream, body } = this
    stream.on('close', () => this.on.inEvent(() => this.closed()))
    stream.on('drain', () => this.on.inEvent(() => this.drained()))
    if (body === undefined) return
    stream.on('data', (bytes: Buffer) => this.on.inEvent(() => this.received(bytes, body)))
    stream.on('end', () => this.on.inEvent(() => !this.isGone && !stream.aborted && body.end()))
  }

  private received(bytes: Buffer, body: RequestBody): void {
    if (this.isWritten) return
    body.push(bytes)
    if (body.waitingBytes <= mostWaitingBytes || body.isAwaited || this.isPaused) return
    this.isPaused = true
    this.stream.pause()
  }

  private drained(): void {
    this.sender?.drained()
  }

  private closed(): void {
    this.isGone = true
    if (!this.isWritten) this.lose(new ClientGone()) // an error costs more than the rest of a request
    this.house.left(this, !this.isWritten && !this.isCut)
  }

  private lose(gone: ClientGone): void {
    this.body?.fail(gone)
    this.sender?.abort(gone)
    this.req?.finish(gone)
  }
}
