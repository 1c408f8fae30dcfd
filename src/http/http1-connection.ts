import type { Context } from '../context/context.js'
import { DeadlineExceeded } from '../context/deadline.js'
import type { Connection, Protocol } from '../net/connection.js'
import type { Member } from '../net/connection-manager.js'
import type { Expiring } from '../net/timer-wheel.js'
import type { Linked } from '../runtime/wait-list.js'
import { type BodyOrigin, ClientGone, RequestBody } from './body.js'
import type { BodySender } from './body-sender.js'
import { ChunkedParser } from './chunked-parser.js'
import { HttpError } from './http-error.js'
import { Http1Request } from './http1-request.js'
import type { Arrival } from './request.js'
import type { Exchange } from './request-goroutine.js'
import { COMPLETE, INCOMPLETE, REFUSED, type RequestParser } from './request-parser.js'
import type { HttpResponse } from './response.js'
import { type Asked, writeResponse } from './response-writer.js'
import type { Service } from './service.js'
import { ShutdownError } from './shutdown-error.js'
import type { Detached } from './upgrade.js'

/** A body that waits to be read holds up to so many bytes here; then the client has to wait. */
const mostWaitingBytes = 64 * 1024
/** So much of a body that nobody reads is received and thrown away to keep the connection, as in Go's net/http. */
const mostSkippedBytes = 256 * 1024
/** How long the rest of what a client sends is received after the last response, so that it can read that one. */
const lingerMs = 2000
/** How long an idle connection stays at a shutdown, for a request that has been sent already. */
const quietMs = 300

/** Where a connection belongs. */
export interface House {
  /** It has ended, or speaks something else now. */
  leave(connection: Member): void
}

/**
 * The server's end of an HTTP/1.1 connection.
 *
 * All requests of a read are parsed and handed to their handlers, and what these answer in the same turn leaves in one
 * write. Requests are handled at the same time only while all of them are safe (GET, HEAD, OPTIONS); answers leave in the
 * order of the requests, which is the order of the line from `first`. Source: RFC 9112, 9.3.2.
 *
 * Once `isOver`, no more requests are read: after a refused one, after `Connection: close`, or at shutdown. The
 * tempting wrong version closes the socket right behind the last response: bytes that still come make the kernel reset
 * the connection, and the client loses the response. So this end says that it has finished and waits for the other.
 */
export class Http1Connection implements Protocol, Member, Expiring, Arrival, BodyOrigin, Exchange {
  /** @internal */ before: Linked | undefined
  /** @internal */ after: Linked | undefined
  /** @internal */ dueTick: number
  /** @internal */ wheelSlot: number
  /** The line of requests that are not answered completely yet. */
  private first: Http1Request | undefined
  private last: Http1Request | undefined
  private inFlight: number
  /** One of those is not safe: what follows waits. */
  private isExclusive: boolean
  /** Bytes that could not be used yet: a part of a head, or what waits for earlier requests. */
  private pending: Buffer | undefined
  /** Holds how far the head in `pending` has been read. */
  private parser: RequestParser | undefined
  /** The request whose body is being received. */
  private receiving: Http1Request | undefined
  private remaining: number
  private chunked: ChunkedParser | undefined
  /** Bytes of that body that nobody wants; -1 while somebody may. */
  private skipped: number
  private sender: BodySender | undefined
  /** What is said last, behind the line. */
  private farewell: HttpResponse | undefined
  private isOver: boolean
  private hasEnded: boolean
  private isPaused: boolean
  private isDetached: boolean
  private isConsuming: boolean
  private requests: number
  /** When the present phase began: the head in `pending`, the body, the wait for a client that reads, the lingering. */
  private lastMs: number
  private headMs: number
  private bodyMs: number
  private fullMs: number
  private overMs: number

  constructor(
    readonly connection: Connection,
    private readonly service: Service,
    private readonly house: House,
    readonly isSecure: boolean,
  ) {
    this.before = undefined
    this.after = undefined
    this.dueTick = 0
    this.wheelSlot = -1
    this.first = undefined
    this.last = undefined
    this.inFlight = 0
    this.isExclusive = false
    this.pending = undefined
    this.parser = undefined
    this.receiving = undefined
    this.remaining = 0
    this.chunked = undefined
    this.skipped = -1
    this.sender = undefined
    this.farewell = undefined
    this.isOver = false
    this.hasEnded = false
    this.isPaused = false
    this.isDetached = false
    this.isConsuming = false
    this.requests = 0
    this.lastMs = service.tick()
    this.headMs = this.lastMs
    this.bodyMs = 0
    this.fullMs = 0
    this.overMs = 0
    service.wheel.set(this, service.checkMs)
  }

  get remoteAddress(): string {
    return this.connection.socket.remoteAddress ?? ''
  }

  get remotePort(): number {
    return this.connection.socket.remotePort ?? 0
  }

  get isStopping(): boolean {
    return this.service.isDraining
  }

  get ctx(): Context {
    return this.service.ctx
  }

  /** Nothing is under way: it can be closed without loss. */
  get isIdle(): boolean {
    return this.first === undefined && this.pending === undefined && this.receiving === undefined
  }

  received(bytes: Buffer): void {
    this.lastMs = this.service.tick()
    if (this.isOver && this.receiving === undefined) return
    const { pending } = this
    this.pending = undefined
    this.consume(pending === undefined ? bytes : Buffer.concat([pending, bytes]))
  }

  /** Reads requests and bodies until the bytes are used up, or what follows has to wait. */
  private consume(bytes: Buffer): void {
    const parser = this.parser ?? this.service.parsers.get()
    this.parser = parser
    this.isConsuming = true
    let at = 0
    for (;;) {
      if (this.receiving !== undefined) {
        at = this.receiveBody(bytes, at)
        if (this.receiving !== undefined) break
      }
      if (at >= bytes.length || this.isOver) break
      if (!this.hasRoom()) {
        this.hold(bytes, at)
        break
      }
      if (!parser.hasBegun) this.headMs = this.lastMs
      const parsed = parser.parse(bytes, at)
      if (parsed === COMPLETE) {
        if (this.inFlight > 0 && !isSafe(parser.method)) {
          parser.reset()
          this.hold(bytes, at)
          break
        }
        at = this.handle(parser, bytes, at)
        parser.reset()
      } else {
        if (parsed === INCOMPLETE) this.pending = at === 0 ? bytes : bytes.subarray(at)
        else this.refuse(new HttpError(parser.status, parser.reason))
        break
      }
    }
    this.isConsuming = false
    if (!parser.hasBegun || this.isOver) {
      parser.reset()
      this.parser = undefined
      this.service.parsers.put(parser)
    }
    if (this.first === undefined) this.proceed()
  }

  private hasRoom(): boolean {
    if (this.inFlight === 0) return true
    return !this.isExclusive && this.inFlight < this.service.limits.inFlight && !this.connection.isFull
  }

  /** What follows is read when those before it have been answered; until then the socket is not. */
  private hold(bytes: Buffer, at: number): void {
    this.pending = bytes.subarray(at)
    this.pause()
  }

  /** A head is complete: its handler starts. @returns where what follows the head and its body begins. */
  private handle(parser: RequestParser, bytes: Buffer, base: number): number {
    const { service } = this
    let at = parser.end
    const hasBody = parser.isChunked || parser.contentLength > 0
    const body = hasBody ? new RequestBody(this, parser.contentLength, service.limits.bodyBytes) : undefined
    const target = service.targets.find(
      bytes,
      base + parser.targetStart,
      base + parser.targetEnd,
      parser.targetHash,
    )
    const req = new Http1Request(this, parser, bytes, base, target, body, this.lastMs)
    if (++this.requests >= service.limits.requests || service.isDraining) req.keepAlive = false
    if (!req.keepAlive) this.isOver = true
    if (body !== undefined) {
      this.receiving = req
      this.remaining = parser.contentLength
      this.chunked = parser.isChunked ? new ChunkedParser(service.limits) : undefined
      this.skipped = -1
      this.bodyMs = this.lastMs
      at = this.receiveBody(bytes, at)
    }
    this.enqueue(req)
    if (req.wantsUpgrade) {
      // What follows may be of another protocol: it is read here only once the request was answered in this one.
      this.isExclusive = true
      if (at < bytes.length) this.hold(bytes, at)
      at = bytes.length
    }
    service.dispatch(req, this)
    return at
  }

  private enqueue(req: Http1Request): void {
    if (this.last === undefined) this.first = req
    else this.last.following = req
    this.last = req
    this.inFlight++
    if (!isSafe(req.method)) this.isExclusive = true
  }

  /** Hands the body its bytes. @returns where it stopped: behind the body if `receiving` is undefined then. */
  private receiveBody(bytes: Buffer, from: number): number {
    const { chunked, receiving } = this
    if (receiving === undefined || from >= bytes.length) return from
    if (chunked !== undefined) return this.receiveChunks(receiving, chunked, bytes, from)
    const end = Math.min(bytes.length, from + this.remaining)
    this.remaining -= end - from
    this.take(receiving, bytes, from, end)
    if (this.remaining === 0) this.endBody(receiving)
    return end
  }

  private receiveChunks(req: Http1Request, chunked: ChunkedParser, bytes: Buffer, from: number): number {
    let at = from
    while (at < bytes.length) {
      const parsed = chunked.next(bytes, at)
      this.take(req, bytes, chunked.dataStart, chunked.dataEnd)
      at = chunked.at
      if (parsed === COMPLETE) {
        this.endBody(req)
        return at
      }
      if (parsed === REFUSED) {
        this.loseBody(req, new HttpError(chunked.status, chunked.reason))
        return bytes.length
      }
    }
    return at
  }

  private take(req: Http1Request, bytes: Buffer, start: number, end: number): void {
    if (start === end) return
    if (this.skipped >= 0) {
      this.skipped += end - start
      if (this.skipped > mostSkippedBytes) this.finish()
      return
    }
    const { body } = req
    body.push(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))
    if (body.waitingBytes > mostWaitingBytes && !body.isAwaited) this.pause()
  }

  private endBody(req: Http1Request): void {
    this.receiving = undefined
    this.chunked = undefined
    if (this.skipped < 0) req.body.end()
    else this.proceed()
  }

  /** The rest of the body cannot be had: nothing that follows could be told from it. */
  private loseBody(req: Http1Request, error: Error): void {
    this.receiving = undefined
    this.chunked = undefined
    req.keepAlive = false
    this.isOver = true
    req.body.fail(error)
    if (req.response !== undefined && this.first === undefined) this.finish()
  }

  /** A handler waits for the body. */
  wanted(): void {
    const req = this.receiving
    if (req?.expectsContinue === true && req.response === undefined) {
      req.expectsContinue = false
      this.connection.write('HTTP/1.1 100 Continue\r\n\r\n')
    }
    this.resume()
  }

  /** A request that cannot be read is answered behind those before it, and is the last. */
  private refuse(error: HttpError): void {
    this.service.stats.refused++
    this.isOver = true
    this.farewell = this.service.responseTo(error)
    this.proceed()
  }

  settle(req: Http1Request, failed: boolean, value: unknown): void {
    this.answer(req, failed ? this.service.responseTo(value, req) : (value as HttpResponse))
  }

  /** The response of a request; only the first counts. */
  answer(req: Http1Request, response: HttpResponse): void {
    if (req.response !== undefined) return
    req.response = response
    if (req === this.first) this.proceed()
  }

  /** Sends what can be sent, in the order of the requests, and then reads on. */
  private proceed(): void {
    for (let req = this.first; req?.response !== undefined && this.sender === undefined; req = this.first) {
      if (!this.send(req, req.response)) return
      this.leave(req)
    }
    if (this.first !== undefined || this.isConsuming) {
      if (!this.isConsuming && this.hasRoom()) this.readOn()
      return
    }
    if (this.farewell !== undefined) this.sayFarewell(this.farewell)
    else if (this.isOver && this.receiving === undefined) this.finish()
    else this.readOn()
  }

  /** False if the body is still being produced: then `proceed` is called again at its end. */
  private send(req: Http1Request, response: HttpResponse): boolean {
    if (response.status === 101) return true
    if (this.receiving === req && !this.canSkipRest(req)) req.keepAlive = false
    if (this.service.isDraining) req.keepAlive = false
    this.service.stats.count(response.status)
    let sender: BodySender | undefined
    try {
      sender = writeResponse(this.connection, req, response, this.service.date)
    } catch (error) {
      this.service.report(error, req)
      this.connection.destroy()
      return false
    }
    if (sender === undefined) return true
    this.sender = sender
    sender.start((error) => this.sent(req, error))
    return false
  }

  private sent(req: Http1Request, error: Error | undefined): void {
    this.sender = undefined
    if (error !== undefined) {
      if (!(error instanceof ClientGone)) this.service.report(error, req)
      // A body that breaks off must not look whole.
      this.connection.destroy(error)
      return
    }
    this.leave(req)
    this.proceed()
  }

  private canSkipRest(req: Http1Request): boolean {
    return !req.expectsContinue && (this.chunked !== undefined || this.remaining <= mostSkippedBytes)
  }

  /** A request has been answered completely. */
  private leave(req: Http1Request): void {
    this.first = req.following as Http1Request | undefined // a line holds only requests of this connection
    if (this.first === undefined) {
      this.last = undefined
      this.isExclusive = false
    }
    this.inFlight--
    if (req.context !== undefined) req.finish(new HttpError(500, 'the request has been answered'))
    if (!req.keepAlive) this.isOver = true
    if (this.receiving !== req) return
    req.body.fail(new ClientGone('the request has been answered: its body is read no more'))
    if (this.isOver) this.receiving = undefined
    else {
      this.skipped = 0
      this.resume()
    }
  }

  private sayFarewell(response: HttpResponse): void {
    this.farewell = undefined
    this.service.stats.count(response.status)
    writeResponse(this.connection, lastWords, response, this.service.date)
    this.finish()
  }

  /** Nothing more is sent; what still comes is received for a while and thrown away. */
  private finish(): void {
    if (this.overMs !== 0 || this.isDetached) return
    this.isOver = true
    this.receiving = undefined
    this.pending = undefined
    this.overMs = this.service.nowMs
    this.connection.end()
    this.resume()
    if (this.hasEnded) this.connection.destroyWhenSent()
  }

  private readOn(): void {
    const { pending } = this
    if (pending !== undefined && this.parser === undefined && !this.isConsuming) {
      this.pending = undefined
      this.consume(pending)
    }
    if (this.hasRoom() && this.receiving === undefined) this.resume()
  }

  private pause(): void {
    if (this.isPaused) return
    this.isPaused = true
    this.connection.pause()
  }

  private resume(): void {
    if (!this.isPaused || this.isDetached) return
    this.isPaused = false
    this.connection.resume()
  }

  /** The client sends no more. One that waits for its answers still gets them; but mostly it has left. */
  ended(): void {
    this.hasEnded = true
    const gone = new ClientGone()
    if (this.receiving !== undefined) this.loseBody(this.receiving, gone)
    this.isOver = true
    if (this.parser !== undefined) this.pending = undefined // half a head
    if (this.first === undefined && this.pending === undefined) this.finish()
    if (this.overMs !== 0) this.connection.destroyWhenSent()
    for (let req = this.first; req !== undefined; req = req.following as Http1Request | undefined)
      req.finish(gone)
  }

  drained(): void {
    this.fullMs = 0
    this.sender?.drained()
    this.proceed()
  }

  closed(error: Error | undefined): void {
    const { service } = this
    service.wheel.clear(this)
    this.house.leave(this)
    const gone = new ClientGone(undefined, error)
    this.isOver = true
    this.pending = undefined
    this.sender?.abort(gone)
    if (this.receiving !== undefined) this.receiving.body.fail(gone)
    this.receiving = undefined
    for (let req = this.first; req !== undefined; req = req.following as Http1Request | undefined)
      req.finish(gone)
    if (this.parser === undefined) return
    this.parser.reset()
    service.parsers.put(this.parser)
    this.parser = undefined
  }

  /** Time limits of phases do what this would. */
  idled(): void {
    this.finish()
  }

  /**
   * The server shuts down: what is under way is finished. A client may have sent a request that is still on its way: it
   * is answered as well, and told that it was the last. So an idle connection is closed only after a while of silence.
   */
  shutDown(): void {
    if (this.isDetached) return // whoever has the socket is told by `closing`
    this.lastMs = this.service.tick()
    this.service.wheel.clear(this)
    this.service.wheel.set(this, quietMs)
  }

  /** The server has no more time: contexts end, and the connection with them. */
  cut(): void {
    const reason = new ShutdownError('the server shuts down, and its grace period is over')
    for (let req = this.first; req !== undefined; req = req.following as Http1Request | undefined)
      req.finish(reason)
    this.connection.destroy()
  }

  /** @internal When the handler of a request runs out of time. */
  deadlineOf(req: Http1Request): Date | undefined {
    return this.service.deadlineOf(req)
  }

  /** @internal Gives the socket to another protocol. The connection is counted for as long as the socket is open. */
  detach(): Detached {
    const { service } = this
    const head = this.pending ?? Buffer.alloc(0)
    this.pending = undefined
    this.isDetached = true
    service.wheel.clear(this)
    const socket = this.connection.detach()
    socket.once('close', () => this.house.leave(this))
    return { socket, head, closing: service.closing, report: (error) => service.report(error) }
  }

  /** @internal The time of a look at all time limits has come. */
  expired(): void {
    const { service, connection } = this
    const now = service.tick()
    const { timeouts } = service
    if (connection.isFull) {
      if (this.fullMs === 0) this.fullMs = now
      else if (now - this.fullMs > timeouts.writeMs) this.cutOff('write')
    } else this.fullMs = 0
    if (this.overMs !== 0) {
      if (now - this.overMs > lingerMs && !connection.isFull) connection.destroy()
    } else this.checkPhases(now)
    if (!connection.isClosed) service.wheel.set(this, service.isDraining ? quietMs : service.checkMs)
  }

  private checkPhases(now: number): void {
    const { service } = this
    const { timeouts } = service
    this.checkHandlers(now)
    const { receiving } = this
    if (receiving !== undefined) {
      if (now - this.bodyMs > timeouts.bodyMs && !this.isPaused) this.endSlowBody(receiving)
    } else if (this.parser !== undefined || (this.requests === 0 && this.first === undefined)) {
      if (now - this.headMs > timeouts.headMs) this.endSlowHead()
    } else if (this.isIdle && now - this.lastMs > (service.isDraining ? quietMs : timeouts.idleMs))
      this.finish()
  }

  private checkHandlers(now: number): void {
    for (let req = this.first; req !== undefined; req = req.following as Http1Request | undefined) {
      if (req.response !== undefined || now - req.startedMs <= this.service.timeouts.handlerMs) continue
      this.service.stats.timedOut++
      req.finish(new DeadlineExceeded())
      this.answer(req, this.service.responseTo(new HttpError(503, 'the request took too long'), req))
      return // the line may have changed; the others are looked at next time
    }
  }

  private endSlowBody(req: Http1Request): void {
    this.service.stats.timedOut++
    this.loseBody(req, new HttpError(408, 'the body took too long'))
  }

  private endSlowHead(): void {
    this.service.stats.timedOut++
    this.pending = undefined
    if (this.parser === undefined) this.finish()
    else this.refuse(new HttpError(408, 'the head of the request took too long'))
  }

  private cutOff(_what: 'write'): void {
    this.service.stats.timedOut++
    this.connection.destroy()
  }
}

function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}

/** What a refusal answers: nobody knows what was asked. */
const lastWords: Asked = { keepAlive: false, minorVersion: 1, method: 'GET' }
