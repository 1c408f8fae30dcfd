import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { SluiceError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { RequestError, requestError } from './request-error.js'
import { type ResponseInfo, ResponseReader } from './response-reader.js'
import type { Dialed, Sample } from './results.js'
import type { Target } from './target.js'

/**
 * A connection that carries one request at a time. What happens on the socket ends the operation that waits for it:
 * `open` or `exchange`. The clock is read once for each event, when it comes, so that no queue is part of a latency.
 */
export class Connection {
  private socket: Socket | undefined = undefined
  private reader: ResponseReader
  private pending: Opening | Exchange | undefined = undefined
  private usable = false
  private requestWasCutOff = false

  constructor(readonly target: Target) {
    this.reader = new ResponseReader(target.method === 'HEAD')
  }

  /** Whether the next request can go out at once. */
  get isOpen(): boolean {
    return this.usable
  }

  /** Whether a request was under way when the run ended. */
  get wasCutOff(): boolean {
    return this.requestWasCutOff
  }

  /** When the operation that waits now began, in milliseconds of `performance.now()`; `undefined` if none waits. */
  get waitingSince(): number | undefined {
    return this.pending?.startedMs
  }

  /** Connects. Throws `RequestError`. */
  open(): Operation<Dialed> {
    return new Opening(this)
  }

  /** Sends the request and waits for its response. Throws `RequestError`. */
  exchange(): Operation<Sample> {
    return new Exchange(this)
  }

  /** Gives up on what waits now: it took too long. */
  expire(): void {
    this.drop(new RequestError('timeout'))
  }

  /** Gives up on what waits now, because the run is over: its operation throws a `RequestError` of kind `cut off`. */
  cutOff(): void {
    this.requestWasCutOff = this.pending instanceof Exchange
    this.drop(new RequestError('cut off'))
  }

  close(): void {
    this.usable = false
    this.socket?.destroy()
    this.socket = undefined
  }

  /** @internal */
  start(pending: Opening | Exchange): void {
    pending.startedMs = performance.now()
    this.pending = pending
    if (pending instanceof Opening) this.dial(pending)
    else this.socket?.write(this.target.request)
  }

  /** @internal The goroutine no longer waits. */
  abandon(): void {
    this.pending = undefined
    this.close()
  }

  private dial(opening: Opening): void {
    const { host, port, tls } = this.target
    const socket = tls
      ? connectTls({ host, port, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) })
      : connectTcp({ host, port })
    this.socket = socket
    this.reader = new ResponseReader(this.target.method === 'HEAD') // the last one may have been left amid a response
    socket.setNoDelay(true)
    socket.on('lookup', () => opening.noteLookup())
    socket.on(tls ? 'secureConnect' : 'connect', () => this.opened())
    socket.on('data', (chunk: Buffer) => this.received(chunk))
    socket.on(
      'error',
      (error: NodeJS.ErrnoException) => socket === this.socket && this.drop(requestError(error)),
    )
    socket.on('close', () => socket === this.socket && this.closed())
  }

  private opened(): void {
    const { pending } = this
    if (!(pending instanceof Opening)) return
    this.usable = true
    this.pending = undefined
    pending.complete({ dialMs: performance.now() - pending.startedMs, lookupMs: pending.lookupMs })
  }

  private received(chunk: Buffer): void {
    const { pending } = this
    // Bytes that nobody asked for: whatever they are, the next response could not be told from them.
    if (!(pending instanceof Exchange)) {
      this.close()
      return
    }
    const nowMs = performance.now()
    pending.firstByteAtMs ??= nowMs
    try {
      const response = this.reader.read(chunk)
      if (response !== undefined) this.respond(pending, response, nowMs)
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
      this.drop(new RequestError(`bad response: ${error.message}`, error))
    }
  }

  private respond(exchange: Exchange, { status, bodyBytes, keepAlive }: ResponseInfo, nowMs: number): void {
    const { startedMs, firstByteAtMs = nowMs } = exchange
    this.pending = undefined
    if (!keepAlive || !this.target.keepAlive) this.close()
    exchange.complete({
      latencyMs: nowMs - startedMs,
      firstByteMs: firstByteAtMs - startedMs,
      status,
      bytes: bodyBytes,
    })
  }

  private closed(): void {
    const { pending } = this
    const response = pending instanceof Exchange ? this.reader.end() : undefined
    if (response !== undefined && pending instanceof Exchange)
      this.respond(pending, response, performance.now())
    else this.drop(new RequestError('connection closed before the response'))
  }

  private drop({ kind, cause }: RequestError): void {
    const { pending } = this
    this.pending = undefined
    this.close()
    pending?.fail(new RequestError(kind, cause, pending instanceof Opening))
  }
}

/** What both waits have in common: the socket ends them, never the call itself. */
abstract class OnSocket<T> extends Operation<T> {
  startedMs = 0

  constructor(protected readonly connection: Connection) {
    super()
  }

  override attempt(): boolean {
    return false
  }

  override unpark(): void {
    this.connection.abandon()
  }
}

class Opening extends OnSocket<Dialed> {
  lookupMs = 0

  override get waitReason(): string {
    return 'connect'
  }

  override park(): void {
    this.connection.start(this)
  }

  noteLookup(): void {
    this.lookupMs = performance.now() - this.startedMs
  }
}

class Exchange extends OnSocket<Sample> {
  firstByteAtMs: number | undefined = undefined

  override get waitReason(): string {
    return 'http response'
  }

  // The server may have closed the connection since it was opened.
  override attempt(): boolean {
    return !this.connection.isOpen && this.fail(new RequestError('connection closed before the response'))
  }

  override park(): void {
    this.connection.start(this)
  }
}
