import type { Socket } from 'node:net'
import { withCancel } from '../context/cancel.js'
import type { CancelContext, Context } from '../context/context.js'
import { Canceled } from '../runtime/errors.js'
import { launch } from '../runtime/go.js'
import type { Goroutine } from '../runtime/goroutine.js'
import type { Operation, Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { HANDLED, type Scheduler } from '../runtime/scheduler.js'
import type { Linked, WaitList } from '../runtime/wait-list.js'
import type { Codec } from './codec.js'
import { type Conn, ConnectionClosed, type ConnectionLimit, ConnectionTimeout } from './conn.js'
import { ConnTimes, type Heartbeat, mostMissed, type Timed } from './conn-times.js'
import { Connection, type Protocol } from './connection.js'
import type { ConnectionManager, Member } from './connection-manager.js'
import { Inbox, type InboxOwner } from './inbox.js'
import { checkTime } from './limits.js'
import { addressText } from './listener.js'
import { type Outlet, Send, writeEncoded } from './outbox.js'
import type { TimerWheel } from './timer-wheel.js'

/** Who takes the frames of connections. One for all connections of a server; it says what runs as their goroutines. */
export interface Consumer<In, Out> {
  opened(conn: FramedConnection<In, Out>): void
  /** Something has changed: frames may be in the inbox, or its end, or the goroutine of the connection has ended. */
  flows(conn: FramedConnection<In, Out>): void
  drained(conn: FramedConnection<In, Out>): void
  /** No frame came by the read deadline. */
  late(conn: FramedConnection<In, Out>, timeout: ConnectionTimeout): void
  /** The last: nothing comes any more, and nothing can be sent. */
  closed(conn: FramedConnection<In, Out>): void
}

/** What the connections of a server have in common. */
export interface Home<In, Out> {
  readonly on: Scheduler
  readonly wheel: TimerWheel
  readonly manager: ConnectionManager<FramedConnection<In, Out>>
  readonly consumer: Consumer<In, Out>
  readonly codec: Codec<In, Out>
  readonly ctx: Context
  readonly inboxFrames: number
  readonly writeTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly heartbeat: Heartbeat<In, Out> | undefined
  /** The function whose callers dumps show as where goroutines come from. */
  readonly above: GoFunction
  /** Where the server listens, as text. */
  readonly place: string
  nextId(): number
  /** A handler has thrown. */
  report(error: unknown, conn: Conn<In, Out>): void
}

/** Frames can be sent. */
const OPEN = 0
/** Nothing can be sent any more; what is on its way still leaves. */
const CLOSING = 1
/** The socket is closed. */
const GONE = 2
/** The consumer has been told. */
const TOLD = 3

/**
 * A connection that carries frames: from the decoder through the inbox to the consumer, which holds the peer back where it
 * does not take them, and through the outbox to the socket, where the peer holds back whoever sends.
 *
 * It is over when the socket is closed, what came before is handed on, and no goroutine runs for it any more.
 */
export class FramedConnection<In, Out>
  implements Conn<In, Out>, Protocol, Member, Timed<Out>, InboxOwner<In>, Outlet<Out>
{
  readonly connection: Connection
  readonly id: number
  readonly inbox: Inbox<In>
  senders: WaitList<Send<Out>> | undefined
  before: Linked | undefined
  after: Linked | undefined
  isHeld: boolean
  /** What ended it, if it did not end in peace. */
  failure: unknown
  private closedError: ConnectionClosed | undefined
  private phase: typeof OPEN | typeof CLOSING | typeof GONE | typeof TOLD
  private goroutine: Goroutine<unknown> | undefined
  private context: CancelContext | undefined
  private times: ConnTimes<Out> | undefined

  constructor(
    private readonly home: Home<In, Out>,
    socket: Socket,
  ) {
    this.id = home.nextId()
    this.senders = undefined
    this.before = undefined
    this.after = undefined
    this.isHeld = false
    this.failure = undefined
    this.closedError = undefined
    this.phase = OPEN
    this.goroutine = undefined
    this.context = undefined
    this.times = undefined
    this.inbox = new Inbox(home.codec.decoder(), this)
    this.connection = new Connection(socket, home.on, this)
    void socket.remoteAddress // is known after the end only if it was asked for before
  }

  begin(): void {
    const { heartbeat, consumer } = this.home
    if (heartbeat !== undefined) this.timing().startBeating(heartbeat.everyMs)
    consumer.opened(this)
  }

  get remoteAddress(): string {
    return this.connection.socket.remoteAddress ?? ''
  }

  get remotePort(): number | undefined {
    return this.connection.socket.remotePort
  }

  get ctx(): Context {
    if (this.context === undefined) {
      this.context = withCancel(this.home.ctx)
      if (this.isClosed) this.context.cancel(this.whyClosed())
    }
    return this.context
  }

  get isClosed(): boolean {
    return this.phase !== OPEN
  }

  get inboxFrames(): number {
    return this.home.inboxFrames
  }

  get heartbeat(): Heartbeat<In, Out> | undefined {
    return this.home.heartbeat
  }

  get writeTimeoutMs(): number {
    return this.home.writeTimeoutMs
  }

  recv(): Operation<In | undefined> {
    return this.inbox.recv()
  }

  send(frame: Out): Operation<void> {
    return new Send(this, frame)
  }

  trySend(frame: Out): boolean {
    if (this.isClosed || this.isBackedUp) return false
    this.write(frame)
    return true
  }

  setReadDeadline(ms: number): void {
    checkTime('setReadDeadline', 'ms', ms)
    this.inbox.beLate(undefined)
    if (!this.isClosed) this.timing().limitRead(ms)
  }

  setWriteDeadline(ms: number): void {
    checkTime('setWriteDeadline', 'ms', ms)
    if (!this.isClosed) this.timing().limitWrite(ms)
  }

  close(): void {
    this.inbox.drop()
    if (this.isClosed) return
    this.phase = CLOSING
    this.connection.end()
    this.timing().closing()
    this.release()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<In, void> {
    for (let frame = await this.recv(); frame !== undefined; frame = await this.recv()) yield frame
  }

  /** `connection 3 (127.0.0.1:5555)`. */
  toString(): string {
    const { remoteAddress: host, remotePort: port } = this
    return `connection ${this.id} (${port === undefined ? this.home.place : addressText({ host, port })})`
  }

  /** Whether an earlier event of this connection is still being handled. */
  get isBusy(): boolean {
    return this.goroutine !== undefined
  }

  /** Runs a handler as the goroutine of this connection. */
  run(routine: Routine<unknown>, fn: GoFunction): void {
    const g = launch(this.home.on, routine, fn, this.home.above)
    g.flags |= HANDLED // what it throws is the connection's: see `failed`
    this.goroutine = g
    g.addJoiner(this)
  }

  /** @internal The goroutine has ended. */
  settle(): void {
    const result = this.goroutine?.result
    this.goroutine = undefined
    if (result !== undefined && 'error' in result) this.failed(result.error)
    this.flow()
  }

  /** A handler has thrown: the connection ends. What had ended it before, and passes through its handler, is no news. */
  failed(error: unknown): void {
    const isOwn = error === this.failure || error === this.closedError || this.inbox.hasThrown(error)
    const isNews = !isOwn && !(error instanceof Canceled)
    if (!(error instanceof Canceled)) this.failure ??= error
    if (isNews) this.home.report(error, this)
    this.close()
  }

  /** The connection ends at once, for the reason `why`. */
  abort(why: Error): void {
    this.failure ??= why
    this.connection.destroy(why)
  }

  /** Whatever happened: hands on what there is to hand on, and holds the peer back where nobody takes it. */
  flow(): void {
    const { inbox } = this
    inbox.deliver()
    this.home.consumer.flows(this)
    if (!this.isClosed) inbox.fill()
    this.hold(inbox.isFull && !this.isClosed)
    if (this.phase >= GONE) this.leave()
  }

  received(bytes: Buffer): void {
    this.inbox.push(bytes)
    if (!this.isClosed) this.flow()
  }

  ended(): void {
    this.inbox.end()
    this.flow()
  }

  filled(): void {
    this.timing().stalled()
  }

  drained(): void {
    this.times?.caughtUp()
    const { senders, connection } = this
    while (senders !== undefined && !senders.isEmpty && !connection.isFull) senders.shift()?.go()
    if (!this.isClosed) this.home.consumer.drained(this)
  }

  closed(error: Error | undefined): void {
    // What breaks a connection that both sides have done with is nobody's business.
    const isLoss = error !== undefined && !(this.isClosed && this.connection.pendingBytes === 0)
    if (isLoss) this.failure ??= new ConnectionClosed(`${this}`, error.message, error)
    this.phase = GONE
    this.times?.clear()
    this.inbox.end(this.failure === undefined ? undefined : this.whyClosed())
    this.release()
  }

  idled(): void {
    this.timedOut('idle')
  }

  shutDown(): void {
    this.inbox.stop()
    this.flow()
  }

  cut(): void {
    this.failure ??= this.home.ctx.cause
    this.connection.destroy()
    this.goroutine?.cancel(this.failure)
  }

  timedOut(limit: ConnectionLimit): void {
    const timeout = new ConnectionTimeout(`${this}`, limit, problemOf(limit, this.home))
    if (limit === 'read') this.home.consumer.late(this, timeout)
    else this.abort(timeout)
  }

  lingered(): void {
    this.connection.destroy()
  }

  ping(frame: () => Out): void {
    try {
      this.write(frame())
    } catch (error) {
      this.failed(error)
    }
  }

  get isBackedUp(): boolean {
    return this.connection.isFull || this.senders?.isEmpty === false
  }

  write(frame: Out): void {
    writeEncoded(this.connection, this.home.codec.encode(frame))
  }

  missedHeartbeat(): void {
    this.home.manager.heartbeatsMissed++
  }

  takes(frame: In): boolean {
    const isPong = this.home.heartbeat?.isPong?.(frame) === true
    if (isPong) this.times?.ponged()
    return isPong
  }

  taken(): void {
    if (this.isHeld) this.flow()
  }

  /** What is thrown by whatever is asked of this connection after its end. */
  whyClosed(): Error {
    const { failure } = this
    if (failure instanceof ConnectionClosed || failure instanceof ConnectionTimeout) return failure
    this.closedError ??= new ConnectionClosed(`${this}`, ...this.reason())
    return this.closedError
  }

  private reason(): [why: string, cause?: unknown] {
    const { failure } = this
    if (failure === undefined)
      return [this.phase >= GONE ? 'both sides have ended it' : 'it was closed on this side']
    return [failure instanceof Error ? failure.message : String(failure), failure]
  }

  /** Nothing can be sent any more: whoever waits is told. */
  private release(): void {
    for (let send = this.senders?.shift(); send !== undefined; send = this.senders?.shift()) send.refuse()
    if (this.context !== undefined) this.context.cancel(this.whyClosed())
    this.flow()
  }

  private leave(): void {
    if (this.isBusy || !this.inbox.isDone) return
    if (this.phase === GONE) {
      this.phase = TOLD
      this.home.consumer.closed(this)
    }
    if (!this.isBusy) this.home.manager.leave(this)
  }

  private hold(isHeld: boolean): void {
    if (isHeld === this.isHeld) return
    this.isHeld = isHeld
    if (isHeld) this.connection.pause()
    else this.connection.resume()
  }

  /** Made when it is first needed: an idle connection without heartbeats has none. */
  private timing(): ConnTimes<Out> {
    this.times ??= new ConnTimes(this.home.wheel, this)
    return this.times
  }
}

/** What was exceeded, and what to do. */
function problemOf<In, Out>(limit: ConnectionLimit, home: Home<In, Out>): string {
  const { idleTimeoutMs, writeTimeoutMs, heartbeat } = home
  switch (limit) {
    case 'idle':
      return `was idle for ${idleTimeoutMs} ms: raise idleTimeoutMs, or give a heartbeat, if silent peers are meant to stay`
    case 'read':
      return 'got no frame by its read deadline: give it longer by setReadDeadline(), or lift that by Infinity'
    case 'write':
      return `has a peer that does not take what was sent to it: raise writeTimeoutMs (${writeTimeoutMs}) or the write deadline if it is merely slow`
    case 'heartbeat':
      return `has a peer that left ${heartbeat?.maxMissed ?? mostMissed} heartbeats in a row unanswered, one every ${heartbeat?.everyMs} ms: it is gone, or raise everyMs or maxMissed`
  }
}
