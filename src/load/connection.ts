import type { Socket } from 'node:net'
import { SluiceError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { dial } from './dial.js'
import { Pipeline } from './pipeline.js'
import type { RequestBatch } from './request-batch.js'
import { RequestError, requestError } from './request-error.js'
import { type ResponseInfo, ResponseReader } from './response-reader.js'
import type { Dialed, Result } from './results.js'
import type { Target } from './target.js'

const closedByServer = 'connection closed before the response'
/** What becomes of the requests behind one that ended their connection: nobody will answer them there. */
const endedByResponse = 'connection ended by an earlier response'
const endedByTimeout = 'connection ended by an earlier timeout'

/**
 * A connection that carries requests, several at a time if it is asked to. What happens on the socket ends the
 * operation that waits for it: `open` or `exchange`. The clock is read once for each event, when it comes, so that no
 * queue of ours is part of a latency.
 */
export class Connection {
  /** Its requests, and how those have ended that no `exchange` has told of. */
  readonly pipeline = new Pipeline()
  private socket: Socket | undefined = undefined
  private reader: ResponseReader
  private pending: Opening | Exchange | undefined = undefined
  private usable = false
  private runIsOver = false
  /** When the first bytes came of the response that is not whole yet. */
  private firstByteAtMs: number | undefined = undefined

  constructor(
    readonly target: Target,
    private readonly batch: RequestBatch,
    private readonly readBuffer: Buffer,
  ) {
    this.reader = new ResponseReader(target.method === 'HEAD')
  }

  /** Whether requests can go out at once. */
  get isOpen(): boolean {
    return this.usable
  }

  /** Connects. Throws `RequestError`. */
  open(): Operation<Dialed> {
    return new Opening(this)
  }

  /**
   * Sends `count` requests in one write, then waits until any request has ended, unless some have since the last call;
   * gives how they ended. Throws `RequestError` if it sent nothing: the connection has been closed, or the run is over.
   * @param sinceMs what their latency counts from: the write unless said.
   */
  exchange(count: number, sinceMs?: number): Operation<readonly Result[]> {
    return new Exchange(this, count, sinceMs)
  }

  /** Gives up on what began at `ms` or before: it took too long. */
  expire(ms: number): void {
    const { pending, pipeline } = this
    if (pending instanceof Opening) {
      if (pending.startedMs <= ms) this.drop(new RequestError('timeout'))
    } else if ((pipeline.oldestMs ?? Infinity) <= ms) {
      pipeline.failed('timeout', pipeline.sentBefore(ms))
      this.drop(new RequestError(endedByTimeout))
    }
  }

  /** The run is over: gives up on everything. An `open` that waits throws a `RequestError` of kind `cut off`. */
  cutOff(): void {
    this.runIsOver = true
    this.pipeline.giveUp()
    this.drop(new RequestError('cut off'))
  }

  close(): void {
    this.usable = false
    this.socket?.destroy()
    this.socket = undefined
  }

  /** @internal Sends, if it can; says why not otherwise. */
  send(count: number, sinceMs: number | undefined): RequestError | undefined {
    if (this.runIsOver) return new RequestError('cut off')
    if (!this.usable || this.socket === undefined) return new RequestError(closedByServer)
    if (count === 0) return undefined
    this.pipeline.sent(count, sinceMs ?? performance.now())
    this.batch.writeTo(this.socket, count)
    return undefined
  }

  /** @internal */
  dial(opening: Opening): void {
    this.pending = opening
    opening.startedMs = performance.now()
    this.reader = new ResponseReader(this.target.method === 'HEAD') // the last one may have been left amid a response
    this.firstByteAtMs = undefined
    const socket = dial(this.target, this.readBuffer, {
      lookedUp: () => opening.noteLookup(),
      opened: () => this.opened(),
      received: (bytes) => this.received(bytes),
      broke: (error) => socket === this.socket && this.drop(requestError(error)),
      closed: () => socket === this.socket && this.closed(),
    })
    this.socket = socket
  }

  /** @internal */
  awaitEnded(exchange: Exchange): void {
    this.pending = exchange
  }

  /** @internal The goroutine no longer waits. */
  abandon(): void {
    this.pending = undefined
    this.pipeline.giveUp()
    this.close()
  }

  private opened(): void {
    const { pending } = this
    if (!(pending instanceof Opening)) return
    this.usable = true
    this.pending = undefined
    pending.complete({ dialMs: performance.now() - pending.startedMs, lookupMs: pending.lookupMs })
  }

  private received(chunk: Buffer): void {
    // Bytes that nobody asked for: whatever they are, the next response could not be told from them.
    if (this.pipeline.inFlight === 0) {
      this.close()
      return
    }
    try {
      this.reader.feed(chunk)
      this.readResponses(performance.now())
      this.tell()
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
      this.pipeline.failed(`bad response: ${error.message}`, 1)
      this.drop(new RequestError(endedByResponse, error))
    }
  }

  private readResponses(nowMs: number): void {
    const { reader, pipeline } = this
    for (let response = reader.next(); response !== undefined; response = reader.next()) {
      if (pipeline.inFlight === 1) reader.expectEnd()
      pipeline.answered(response, this.firstByteAtMs ?? nowMs, nowMs)
      this.firstByteAtMs = undefined
      if (this.endsWith(response)) return
    }
    if (reader.isAmid) this.firstByteAtMs ??= nowMs
  }

  /** Closes the connection if that response is its last one. */
  private endsWith({ keepAlive }: ResponseInfo): boolean {
    if (keepAlive && this.target.keepAlive) return false
    this.pipeline.failed(endedByResponse, this.pipeline.inFlight)
    this.close()
    return true
  }

  private closed(): void {
    const response = this.pipeline.inFlight > 0 ? this.reader.end() : undefined
    if (response !== undefined) {
      const nowMs = performance.now()
      this.pipeline.answered(response, this.firstByteAtMs ?? nowMs, nowMs)
      this.endsWith(response)
      this.tell()
    } else this.drop(new RequestError(closedByServer))
  }

  private drop({ kind, cause }: RequestError): void {
    const { pending, pipeline } = this
    this.close()
    pipeline.failed(kind, pipeline.inFlight)
    if (!(pending instanceof Opening)) {
      this.tell()
      return
    }
    this.pending = undefined
    pending.fail(new RequestError(kind, cause, true))
  }

  /** Ends the exchange that waits, if any request has ended; without one, the next exchange tells it. */
  private tell(): void {
    const { pending, pipeline } = this
    if (!(pending instanceof Exchange) || (!pipeline.hasEnded && !this.runIsOver)) return
    this.pending = undefined
    pending.complete(pipeline.take())
  }
}

/** What both waits have in common: the socket ends them. */
abstract class OnSocket<T> extends Operation<T> {
  constructor(protected readonly connection: Connection) {
    super()
  }

  override unpark(): void {
    this.connection.abandon()
  }
}

class Opening extends OnSocket<Dialed> {
  startedMs = 0
  lookupMs = 0

  override get waitReason(): string {
    return 'connect'
  }

  override attempt(): boolean {
    return false
  }

  override park(): void {
    this.connection.dial(this)
  }

  noteLookup(): void {
    this.lookupMs = performance.now() - this.startedMs
  }
}

class Exchange extends OnSocket<readonly Result[]> {
  constructor(
    connection: Connection,
    readonly count: number,
    readonly sinceMs: number | undefined,
  ) {
    super(connection)
  }

  override get waitReason(): string {
    return 'http response'
  }

  override attempt(): boolean {
    const { connection } = this
    const refusal = connection.send(this.count, this.sinceMs)
    if (refusal !== undefined) return this.fail(refusal)
    return connection.pipeline.hasEnded && this.complete(connection.pipeline.take())
  }

  override park(): void {
    this.connection.awaitEnded(this)
  }
}
