import type { Http2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Context } from '../context/context.js'
import type { Account, Member } from '../net/connection-manager.js'
import type { Expiring } from '../net/timer-wheel.js'
import { type PeerCertificate, peerCertificateOf } from '../net/tls-peer.js'
import type { Linked } from '../runtime/wait-list.js'
import { HttpError } from './http-error.js'
import type { House } from './http1-connection.js'
import { ENHANCE_YOUR_CALM, Http2Exchange, REFUSED_STREAM, type StreamHouse } from './http2-exchange.js'
import { FloodGuard, type Rate } from './http2-guard.js'
import { type Http2Head, readHead } from './http2-head.js'
import { SessionAccount, sessionOver } from './http2-session.js'
import type { Service } from './service.js'
import { ServerClosed } from '../net/server-closed.js'

/**
 * What a client may do, but not all the time. A browser that leaves a page resets what it has not got, a hundred streams
 * at once; CVE-2023-44487 was thousands a second, each begun and reset, which no limit of streams at a time counts.
 */
const rates = {
  reset: { burst: 200, perSecond: 20 },
  ping: { burst: 50, perSecond: 10 },
  settings: { burst: 20, perSecond: 1 },
} satisfies Record<string, Rate>
/** How long a client has to close a connection after the last response. */
const lingerMs = 2000
const noDataFollows = 1 // END_STREAM

/**
 * The server's end of an HTTP/2 connection: `node:http2` does frames and header compression, this has the requests
 * handled and holds what a client may do within limits. Source: RFC 9113.
 */
export class Http2Connection implements Member, Expiring, StreamHouse {
  /** @internal */ before: Linked | undefined = undefined
  /** @internal */ after: Linked | undefined = undefined
  /** @internal */ dueTick = 0
  /** @internal */ wheelSlot = -1
  readonly connection: Account
  readonly isSecure = true
  private readonly session: Http2Session
  private readonly streams = new Set<Http2Exchange>()
  private readonly resets: FloodGuard
  private readonly pings: FloodGuard
  private readonly settings: FloodGuard
  /** Handlers that have not ended: those of streams that were reset are among them. */
  private running = 0
  private requests = 0
  private lastStreamId = 0
  /** When a stream last began or ended, and when the connection began to end; 0 before. */
  private lastMs: number
  private endingMs = 0
  /** Since when a head has been on its way that is not whole; 0 while none is. */
  private headMs = 0
  private isFlooded = false

  constructor(
    private readonly socket: Socket,
    private readonly service: Service,
    private readonly house: House,
  ) {
    this.connection = new SessionAccount(socket)
    this.lastMs = service.tick()
    this.resets = new FloodGuard(rates.reset, this.lastMs)
    this.pings = new FloodGuard(rates.ping, this.lastMs)
    this.settings = new FloodGuard(rates.settings, this.lastMs)
    socket.on('close', () => this.service.on.inEvent(() => this.closed()))
    this.session = sessionOver(socket, service.limits)
    this.listen()
    service.wheel.set(this, service.checkMs)
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress ?? ''
  }

  get remotePort(): number {
    return this.socket.remotePort ?? 0
  }

  get closing(): Context {
    return this.service.closing
  }

  get ctx(): Context {
    return this.service.ctx
  }

  get peerCertificate(): PeerCertificate | undefined {
    return peerCertificateOf(this.socket)
  }

  handled(): void {
    this.running--
  }

  left(exchange: Http2Exchange, wasReset: boolean): void {
    this.streams.delete(exchange)
    this.lastMs = this.service.tick()
    if (wasReset && this.endingMs === 0) this.guard(this.resets)
  }

  /** Time limits of phases do what this would. */
  idled(): void {
    this.end()
  }

  /** The server shuts down: the client is told which of its requests will be answered, and sends others elsewhere. */
  shutDown(): void {
    this.end()
  }

  /** The server has no more time: contexts end, and the connection with them. */
  cut(): void {
    const reason = new ServerClosed()
    for (const exchange of this.streams) exchange.cut(reason)
    this.session.destroy()
    this.socket.destroy()
  }

  /** @internal The time of a look at all time limits has come. */
  expired(): void {
    const { service } = this
    const now = service.tick()
    for (const exchange of [...this.streams]) exchange.checkLimits(now)
    if (this.endingMs !== 0) this.checkEnd(now)
    else this.checkPhases(now)
    if (!this.connection.isClosed) service.wheel.set(this, service.checkMs)
  }

  private listen(): void {
    const { session } = this
    session.on('stream', (stream, _headers, flags, raw) =>
      this.service.on.inEvent(() => this.opened(stream as ServerHttp2Stream, flags, raw)),
    )
    session.on('ping', () => this.service.on.inEvent(() => this.guard(this.pings)))
    session.on('remoteSettings', () => this.service.on.inEvent(() => this.guard(this.settings)))
    session.on('error', (error) => this.failed(error))
  }

  private opened(stream: ServerHttp2Stream, flags: number, raw: readonly string[] | undefined): void {
    const { service } = this
    stream.on('error', () => {}) // what becomes of it, its 'close' tells
    this.lastMs = service.tick()
    this.lastStreamId = stream.id ?? 0
    this.requests++
    if (this.session.destroyed) return
    if (stream.destroyed || stream.closed) this.guard(this.resets)
    else if (this.running >= service.limits.streams) this.turnAway(stream)
    else this.handle(stream, (flags & noDataFollows) === 0, raw ?? [])
    if (this.requests >= service.limits.requests) this.end()
  }

  private handle(stream: ServerHttp2Stream, hasBody: boolean, raw: readonly string[]): void {
    let head: Http2Head | undefined
    let fault: HttpError | undefined
    try {
      head = readHead(raw, this.service.limits)
    } catch (error) {
      if (!(error instanceof HttpError)) throw error
      fault = error
    }
    const exchange = new Http2Exchange(stream, this, this.service, hasBody, head)
    this.streams.add(exchange)
    if (head === undefined) exchange.refuse(fault ?? new HttpError(400))
    else {
      this.running++
      exchange.begin(head)
    }
  }

  /** As many handlers run as streams may be open, though fewer are: those of streams that were reset. The client may try again. */
  private turnAway(stream: ServerHttp2Stream): void {
    stream.close(REFUSED_STREAM)
    this.guard(this.resets)
  }

  /** Ends the connection of a client that does something too often. */
  private guard(what: FloodGuard): void {
    if (what.allows(this.service.tick()) || this.session.destroyed) return
    this.service.stats.floods++
    this.isFlooded = true
    this.session.destroy(new Error('the client floods the server'), ENHANCE_YOUR_CALM)
  }

  /** Takes no more streams; the session ends with the last of them. */
  private end(): void {
    if (this.endingMs !== 0) return
    this.endingMs = this.service.tick()
    this.session.close()
  }

  private checkEnd(now: number): void {
    if (this.streams.size > 0 || now - Math.max(this.endingMs, this.lastMs) <= lingerMs) return
    this.session.destroy()
    this.socket.destroy()
  }

  private checkPhases(now: number): void {
    const { headMs, idleMs } = this.service.timeouts
    this.checkHead(now)
    if (this.streams.size > 0) return
    if (now - this.lastMs <= (this.requests === 0 ? headMs : idleMs)) return
    if (this.requests === 0) this.service.stats.timedOut++
    this.end()
  }

  /**
   * A head that comes in many frames is seen when it is whole. Until then nghttp2 knows of a stream that nobody here has
   * been told of; so it does of one that it has refused, after which the connection ends a while later than it would have.
   */
  private checkHead(now: number): void {
    const { lastProcStreamID = 0 } = this.session.state
    if (lastProcStreamID <= this.lastStreamId) this.headMs = 0
    else if (this.headMs === 0) this.headMs = now
    else if (now - this.headMs > this.service.timeouts.headMs) {
      this.service.stats.timedOut++
      this.end()
    }
  }

  /** The session has ended with an error: bytes that are no HTTP/2, more of them than it takes, or a connection that broke. */
  private failed({ code = '' }: Error & { code?: string }): void {
    if (!this.isFlooded && code.startsWith('ERR_HTTP2_')) this.service.stats.refused++
  }

  private closed(): void {
    this.service.wheel.clear(this)
    this.house.leave(this)
  }
}
