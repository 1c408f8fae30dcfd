import type { Context } from '../context/context.js'
import { DeadlineExceeded } from '../context/deadline.js'
import type { Connection, Protocol } from '../net/connection.js'
import type { Member } from '../net/connection-manager.js'
import type { Expiring } from '../net/timer-wheel.js'
import { type PeerCertificate, peerCertificateOf } from '../net/tls-peer.js'
import type { Linked } from '../runtime/wait-list.js'
import { type BodyOrigin, ClientGone, RequestBody } from './body.js'
import { BodyReceiver } from './body-receiver.js'
import type { BodySender } from './body-sender.js'
import { HttpError } from './http-error.js'
import { Http1Request } from './http1-request.js'
import type { Arrival } from './request.js'
import type { Exchange } from './request-goroutine.js'
import { isSafe, RequestLine } from './request-line.js'
import { COMPLETE, INCOMPLETE, type RequestParser } from './request-parser.js'
import { discardBody } from './produce-body.js'
import type { HttpResponse } from './response.js'
import { type Asked, writeResponse } from './response-writer.js'
import type { Service } from './service.js'
import { ServerClosed } from '../net/server-closed.js'
import type { Detached } from './upgrade.js'

/** A body that waits to be read holds up to so many bytes here; then the client has to wait. */
const mostWaitingBytes = 64 * 1024
/** How long the rest of what a client sends is received after the last response, so that it can read that one. */
const lingerMs = 2000
/** How long an idle connection stays at a shutdown, for a request that has been sent already. */
const quietMs = 300
/** The same where it would be the first one, which has a longer way behind it. Browsers connect ahead and then ask nothing. */
const firstQuietMs = 1000

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
  private readonly line: RequestLine
  /** Bytes that could not be used yet: a part of a head, or what waits for earlier requests. */
  private pending: Buffer | undefined
  /** Holds how far the head in `pending` has been read. */
  private parser: RequestParser | undefined
  /** The body that is being received. */
  private receiving: BodyReceiver | undefined
  private sender: BodySender | undefined
  /** What is said last, behind the line. */
  private farewell: HttpResponse | undefined
  private isOver: boolean
  private hasEnded: boolean
  private isPaused: boolean
  private isDetached: boolean
  private isConsuming: boolean
  private requests: number
  /** When something came last; when the head in `pending`, the wait for a client that reads, the lingering began. */
  private lastMs: number
  private headMs: number
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
    this.line = new RequestLine()
    this.pending = undefined
    this.parser = undefined
    this.receiving = undefined
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

  get peerCertificate(): PeerCertificate | undefined {
    return peerCertificateOf(this.connection.socket)
  }

  get closing(): Context {
    return this.service.closing
  }

  get ctx(): Context {
    return this.service.ctx
  }

  /** Nothing is under way: it can be closed without loss. */
  get isIdle(): boolean {
    return this.line.isEmpty && this.pending === undefined && this.receiving === undefined
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
        at = this.receiveBody(this.receiving, bytes, at)
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
        if (!this.line.isEmpty && standsAlone(parser)) {
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
    if (!parser.hasBegun || this.isOver) this.releaseParser()
    if (this.hasEnded) this.endInput()
    if (this.line.isEmpty) this.proceed()
  }

  /** Whoever does not take the answers to earlier requests gets no more of them to wait here. */
  private hasRoom(): boolean {
    const { line } = this
    if (this.connection.isFull) return false
    return line.isEmpty || (!line.isExclusive && line.count < this.service.limits.inFlight)
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
    const target = originForm(
      service.targets.find(bytes, base + parser.targetStart, base + parser.targetEnd, parser.targetHash),
    )
    const req = new Http1Request(this, parser, bytes, base, target, body, this.lastMs)
    if (++this.requests >= service.limits.requests || service.isDraining) req.keepAlive = false
    if (!req.keepAlive) this.isOver = true
    if (body !== undefined) {
      this.receiving = new BodyReceiver(req, parser, service.limits, this.lastMs)
      at = this.receiveBody(this.receiving, bytes, at)
    }
    this.line.push(req)
    if (req.wantsUpgrade) {
      // What follows may be of another protocol: it is read here only once the request was answered in this one.
      if (at < bytes.length) this.hold(bytes, at)
      at = bytes.length
    }
    service.dispatch(req, this)
    return at
  }

  /** @returns where the body's bytes end: all of it has come if nothing is received any more then. */
  private receiveBody(receiver: BodyReceiver, bytes: Buffer, from: number): number {
    if (from >= bytes.length) return from
    const at = receiver.receive(bytes, from)
    const { body } = receiver.req
    if (receiver.fault !== undefined) this.loseBody(receiver, receiver.fault)
    else if (receiver.isWhole) {
      this.receiving = undefined
      if (receiver.isSkipping) this.proceed()
    } else if (receiver.hasSkippedTooMuch) this.finish()
    else if (body.waitingBytes > mostWaitingBytes && !body.isAwaited) this.pause()
    return at
  }

  /** The rest of the body cannot be had: nothing that follows could be told from it. */
  private loseBody({ req }: BodyReceiver, error: Error): void {
    this.receiving = undefined
    req.keepAlive = false
    this.isOver = true
    req.body.fail(error)
    if (req.response !== undefined && this.line.isEmpty) this.finish()
  }

  /** A handler waits for the body. */
  wanted(): void {
    const req = this.receiving?.req
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
    if (req.response !== undefined || req.isDropped) {
      discardBody(response.body)
      return
    }
    req.response = response
    if (req === this.line.first) this.proceed()
  }

  /** Sends what can be sent, in the order of the requests, and then reads on. */
  private proceed(): void {
    const { line } = this
    for (let req = line.first; req?.response !== undefined && this.sender === undefined; req = line.first) {
      if (!this.send(req, req.response)) return
      this.leave(req)
    }
    if (!line.isEmpty || this.isConsuming) {
      if (!this.isConsuming && this.hasRoom()) this.readOn()
      return
    }
    if (this.farewell !== undefined) this.sayFarewell(this.farewell)
    else if (this.isOver && this.receiving === undefined) this.finish()
    else this.readOn()
  }

  /** False if the body is still being produced: then `proceed` is called again at its end. */
  private send(req: Http1Request, response: HttpResponse): boolean {
    // Nobody is there to read it, and nothing would tell the producer of a body to end.
    if (this.isDetached || this.connection.isClosed) {
      discardBody(response.body)
      return true
    }
    if (this.receiving?.req === req && !this.receiving.canSkip) req.keepAlive = false
    if (this.service.isDraining && req.following === undefined) req.keepAlive = false
    let sender: BodySender | undefined
    try {
      sender = writeResponse(this.connection, req, response, this.service.date)
      this.service.stats.count(response.status)
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

  /** A request has been answered completely. */
  private leave(req: Http1Request): void {
    this.line.shift()
    req.answered()
    if (!req.keepAlive) this.dropRest()
    if (this.receiving?.req !== req) return
    req.body.fail(new ClientGone('the request has been answered: its body is read no more'))
    if (this.isOver) this.receiving = undefined
    else {
      this.receiving.skip()
      this.resume()
    }
  }

  /** That was the last response: the client takes all that follows for a part of it, or for nothing. */
  private dropRest(): void {
    this.isOver = true
    this.farewell = undefined
    if (this.line.isEmpty) return
    const gone = new ClientGone('the connection ends with an earlier response')
    while (this.line.first !== undefined) {
      this.line.first.drop(gone)
      this.line.shift()
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
    if (this.isHolding && pending !== undefined && this.hasRoom()) {
      this.pending = undefined
      this.lastMs = this.service.tick() // its time begins now
      this.consume(pending)
    }
    if (this.hasRoom() && this.receiving === undefined && !this.isHolding) this.resume()
  }

  /** What is in `pending` waits for earlier requests, not for the rest of a head. */
  private get isHolding(): boolean {
    return this.pending !== undefined && this.parser === undefined
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
    this.endInput()
    if (this.line.isEmpty && this.pending === undefined) this.finish()
    if (this.overMs !== 0) this.connection.destroyWhenSent()
    const gone = new ClientGone()
    for (const req of this.line) req.finish(gone)
  }

  /** Nothing comes behind what is there: half a body is lost, half a head is none. */
  private endInput(): void {
    if (this.receiving !== undefined) this.loseBody(this.receiving, new ClientGone())
    if (this.isHolding) return
    this.isOver = true
    this.pending = undefined
    this.releaseParser()
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
    this.receiving?.req.body.fail(gone)
    this.receiving = undefined
    for (const req of this.line) req.finish(gone)
    this.releaseParser()
  }

  private releaseParser(): void {
    const { parser } = this
    if (parser === undefined) return
    this.parser = undefined
    parser.reset()
    this.service.parsers.put(parser)
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
    const reason = new ServerClosed()
    for (const req of this.line) req.finish(reason)
    this.connection.destroy()
  }

  /** @internal When the handler of a request runs out of time. */
  deadlineOf(req: Http1Request): Date | undefined {
    return this.service.deadlineOf(req)
  }

  /**
   * @internal Gives the socket to another protocol. The connection is counted for as long as the socket is open. Throws
   * `ClientGone`: of a socket that has ended nobody else is told.
   */
  detach(): Detached {
    if (this.hasEnded || this.connection.isClosed) throw new ClientGone()
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
    // A socket that has been told to end does not say any more that it is full.
    const isBehind = connection.isFull || (this.overMs !== 0 && connection.pendingBytes > 0)
    if (!isBehind) this.fullMs = 0
    else if (this.fullMs === 0) this.fullMs = now
    else if (now - this.fullMs > timeouts.writeMs) this.cutOff('write')
    if (this.overMs === 0) this.checkPhases(now)
    else if (isBehind) this.overMs = now
    else if (now - this.overMs > lingerMs) connection.destroy()
    if (!connection.isClosed) service.wheel.set(this, service.isClosing ? quietMs : service.checkMs)
  }

  private checkPhases(now: number): void {
    const { service } = this
    const { timeouts } = service
    this.checkHandlers(now)
    if (!this.line.isEmpty) this.lastMs = now // the time between requests begins behind them
    const { receiving } = this
    if (receiving !== undefined) {
      if (now - receiving.sinceMs > timeouts.bodyMs && !this.isPaused) this.endSlowBody(receiving)
    } else if (this.parser !== undefined || (this.requests === 0 && this.isIdle && !service.isClosing)) {
      if (now - this.headMs > timeouts.headMs) this.endSlowHead()
    } else if (this.isIdle && now - this.lastMs > this.mostIdleMs) this.finish()
  }

  private get mostIdleMs(): number {
    if (!this.service.isClosing) return this.service.timeouts.idleMs
    return this.requests === 0 ? firstQuietMs : quietMs
  }

  private checkHandlers(now: number): void {
    for (const req of this.line) {
      if (req.response !== undefined || now - req.startedMs <= this.service.timeouts.handlerMs) continue
      this.service.stats.timedOut++
      req.finish(new DeadlineExceeded())
      this.answer(req, this.service.responseTo(new HttpError(503, 'the request took too long'), req))
      return // the line may have changed; the others are looked at next time
    }
  }

  private endSlowBody(receiver: BodyReceiver): void {
    this.service.stats.timedOut++
    this.loseBody(receiver, new HttpError(408, 'the body took too long'))
  }

  private endSlowHead(): void {
    this.service.stats.timedOut++
    this.pending = undefined
    if (this.parser === undefined) this.finish()
    else {
      this.releaseParser()
      this.refuse(new HttpError(408, 'the head of the request took too long'))
    }
  }

  private cutOff(_what: 'write'): void {
    this.service.stats.timedOut++
    this.connection.destroy()
  }
}

/** 100 Continue would be taken for the answer to the request before, and so would the bytes of another protocol. */
function standsAlone(parser: RequestParser): boolean {
  return !isSafe(parser.method) || parser.expectsContinue || parser.wantsUpgrade
}

/** A URL without a path means its root: `http://example.com?a=b` asks for `/?a=b`. Source: RFC 9112, 3.2.1. */
function originForm(target: string): string {
  return target === '' || target.startsWith('?') ? `/${target}` : target
}

/** What a refusal answers: nobody knows what was asked. */
const lastWords: Asked = { keepAlive: false, minorVersion: 1, method: 'GET' }
