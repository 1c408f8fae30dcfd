import type { Socket } from 'node:net'
import { withCancel } from '../context/cancel.js'
import type { CancelContext, Context } from '../context/context.js'
import { Canceled } from '../runtime/errors.js'
import { invoke, launch } from '../runtime/go.js'
import type { Goroutine, Joiner } from '../runtime/goroutine.js'
import { Operation, type Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { HANDLED, type Scheduler } from '../runtime/scheduler.js'
import { type Linked, WaitList } from '../runtime/wait-list.js'
import type { Codec } from './codec.js'
import { type Conn, ConnectionClosed, type ConnectionLimit, ConnectionTimeout } from './conn.js'
import { ConnTimes, type Heartbeat, type Timed } from './conn-times.js'
import { Connection, type Protocol } from './connection.js'
import type { ConnectionManager, Member } from './connection-manager.js'
import { Inbox } from './inbox.js'
import { checkTime } from './limits.js'
import { addressText } from './listener.js'
import type { TimerWheel } from './timer-wheel.js'

/** Who takes the frames of connections. One for all connections of a server. */
export interface Consumer<In, Out> {
  opened(conn: FramedConnection<In, Out>): void
  /** Frames may have come, or their end, and no goroutine of the consumer's runs for this connection. */
  flows(conn: FramedConnection<In, Out>): void
  drained(conn: FramedConnection<In, Out>): void
  /** The last: nothing comes any more, and nothing can be sent. */
  closed(conn: FramedConnection<In, Out>): void
}

/** What connections of one server have in common. */
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
  /** Where the server listens, for messages. */
  readonly place: string
  /** The function whose callers dumps show as where goroutines come from. */
  readonly above: GoFunction
  nextId(): number
  /** A handler has thrown. */
  report(error: unknown, conn: Conn<In, Out>): void
}

/**
 * A connection that carries frames. Frames go from the decoder through the inbox to the consumer, which holds the peer back
 * where it does not take them; frames that are sent leave at the end of the turn, and hold the sender back where the peer
 * does not take them.
 *
 * It is over when the socket is closed, what came before is handed on, and no goroutine runs for it any more.
 */
export class FramedConnection<In, Out> implements Conn<In, Out>, Protocol, Member, Timed<In, Out> {
  readonly connection: Connection
  readonly id: number
  readonly inbox: Inbox<In>
  isHeld: boolean
  /** Nothing can be sent any more. */
  isClosed: boolean
  /** Why it ended, if not in peace. */
  failure: unknown
  private readTimeout: ConnectionTimeout | undefined
  private isGone: boolean
  private isTold: boolean
  private goroutine: Goroutine<unknown> | undefined
  private receivers: WaitList<Recv<In>> | undefined
  private senders: WaitList<Send<Out>> | undefined
  private context: CancelContext | undefined
  private times: ConnTimes<In, Out> | undefined

  constructor(
    private readonly home: Home<In, Out>,
    socket: Socket,
  ) {
    const { heartbeat } = home
    this.id = home.nextId()
    this.isHeld = false
    this.isClosed = false
    this.failure = undefined
    this.readTimeout = undefined
    this.isGone = false
    this.isTold = false
    this.goroutine = undefined
    this.receivers = undefined
    this.senders = undefined
    this.context = undefined
    this.times = heartbeat === undefined ? undefined : new ConnTimes(home.wheel, this)
    this.inbox = new Inbox(home.codec.decoder(), home.inboxFrames, heartbeat?.isPong === undefined ? undefined : this.times)
    this.connection = new Connection(socket, home.on, this)
    void socket.remoteAddress // is known after the end only if it was asked for before
    this.times?.startBeating(heartbeat?.everyMs ?? Infinity)
    home.consumer.opened(this)
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

  get heartbeat(): Heartbeat<In, Out> | undefined {
    return this.home.heartbeat
  }

  get writeTimeoutMs(): number {
    return this.home.writeTimeoutMs
  }

  recv(): Operation<In | undefined> {
    return new Recv(this)
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
    this.readTimeout = undefined
    if (!this.isClosed) this.timing().limitRead(ms)
  }

  setWriteDeadline(ms: number): void {
    checkTime('setWriteDeadline', 'ms', ms)
    if (!this.isClosed) this.timing().limitWrite(ms)
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.inbox.drop()
    this.connection.end()
    this.timing().closing()
    this.release()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<In, void> {
    for (let frame = await this.recv(); frame !== undefined; frame = await this.recv()) yield frame
  }

  /** `connection 3 (127.0.0.1:5555)`. */
  toString(): string {
    const { remoteAddress, remotePort } = this
    return `connection ${this.id} (${remotePort === undefined ? this.home.place : addressText({ host: remoteAddress, port: remotePort })})`
  }

  // What the connection tells.

  received(bytes: Buffer): void {
    this.inbox.push(bytes)
    this.flow()
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
    const { senders } = this
    while (senders !== undefined && !senders.isEmpty && !this.connection.isFull) senders.shift()?.go()
    if (!this.isClosed) this.home.consumer.drained(this)
  }

  closed(error: Error | undefined): void {
    if (error !== undefined) this.failure ??= error === this.failure ? error : new ConnectionClosed(`${this}`, error.message, error)
    this.isGone = true
    this.isClosed = true
    this.times?.clear()
    this.inbox.end(this.failure)
    this.release()
  }

  // What the manager and the times tell.

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
    if (limit === 'read' && this.home.consumer.receives === true) {
      this.readTimeout = timeout
      for (let r = this.receivers?.shift(); r !== undefined; r = this.receivers?.shift()) r.fail(timeout)
      return
    }
    this.failure ??= timeout
    this.connection.destroy(timeout)
  }

  lingered(): void {
    this.connection.destroy()
  }

  sendPing(ping: () => Out): void {
    try {
      this.write(ping())
    } catch (error) {
      this.failed(error)
    }
  }

  missedHeartbeat(): void {
    this.home.manager.heartbeatsMissed++
  }

  // What consumers and operations do.

  /** Whether the consumer is busy with an earlier event of this connection. */
  get isBusy(): boolean {
    return this.goroutine !== undefined
  }

  /** Runs a handler as a goroutine of this connection. */
  run(routine: Routine<unknown>, fn: GoFunction): void {
    const g = launch(this.home.on, routine, fn, this.home.above)
    g.flags |= HANDLED
    this.goroutine = g
    g.addJoiner(new Handling(this, g))
  }

  /** The goroutine has ended. @internal */
  ran(g: Goroutine<unknown>): void {
    const { result } = g
    this.goroutine = undefined
    if ('error' in result) this.failed(result.error)
    this.flow()
  }

  /** A handler has thrown: the connection ends. What ended the connection, and passes through its handler, is told already. */
  failed(error: unknown): void {
    const isNews = error !== this.failure && !(error instanceof Canceled) && !(error instanceof ConnectionClosed)
    this.failure ??= error
    if (isNews) this.home.report(error, this)
    this.close()
  }

  /** Hands on what there is to hand on, and holds the peer back where nobody takes it. */
  flow(): void {
    const { inbox } = this
    if (this.goroutine === undefined || this.receivers !== undefined) this.home.consumer.flows(this)
    if (!this.isClosed) inbox.fill()
    this.hold(inbox.isFull && !this.isClosed)
    if (this.isGone) this.leave()
  }

  /** Hands frames to those who wait in `recv`. */
  deliver(): void {
    const { receivers, inbox } = this
    while (receivers !== undefined && !receivers.isEmpty && (inbox.hasNext() || inbox.isDone)) {
      const receiver = receivers.shift()
      if (receiver !== undefined) this.receive(receiver)
    }
  }

  /** @internal Ends a wait for a frame, if it can. */
  receive(recv: Recv<In>): boolean {
    const { inbox } = this
    const frame = inbox.next()
    if (frame !== undefined) {
      recv.complete(frame)
      if (this.isHeld) this.flow()
      return true
    }
    if (inbox.isDone) {
      if (inbox.error === undefined) return recv.complete(undefined)
      this.failure ??= inbox.error
      return recv.fail(inbox.error)
    }
    return this.readTimeout !== undefined && recv.fail(this.readTimeout)
  }

  /** @internal */
  parkReceiver(recv: Recv<In>): void {
    this.receivers ??= new WaitList()
    this.receivers.push(recv)
  }

  /** @internal */
  unparkReceiver(recv: Recv<In>): void {
    this.receivers?.remove(recv)
  }

  /** @internal */
  parkSender(send: Send<Out>): void {
    this.senders ??= new WaitList()
    this.senders.push(send)
  }

  /** @internal */
  unparkSender(send: Send<Out>): void {
    this.senders?.remove(send)
  }

  /** @internal Whether a frame that is sent now has to wait. */
  get isBackedUp(): boolean {
    return this.connection.isFull || this.senders?.isEmpty === false
  }

  /** @internal */
  write(frame: Out): void {
    const { connection } = this
    const encoded = this.home.codec.encode(frame)
    if (typeof encoded === 'string') {
      // Text of ASCII characters alone is as long in bytes: it leaves as latin-1, which costs no bytes of ours.
      if (Buffer.byteLength(encoded) === encoded.length) connection.write(encoded)
      else connection.writeBytes(Buffer.from(encoded))
    } else if (encoded instanceof Uint8Array) connection.writeBytes(encoded)
    else for (const piece of encoded) connection.writeBytes(piece)
  }

  /** @internal The error of what is asked of a closed connection. */
  whyClosed(): ConnectionClosed {
    const { failure, isGone } = this
    if (failure instanceof ConnectionClosed) return failure
    if (failure === undefined) return new ConnectionClosed(`${this}`, isGone ? 'both sides have ended it' : 'it was closed on this side')
    return new ConnectionClosed(`${this}`, failure instanceof Error ? failure.message : String(failure), failure)
  }

  /** Nothing can be sent any more: whoever waits is told. */
  private release(): void {
    for (let s = this.senders?.shift(); s !== undefined; s = this.senders?.shift()) s.fail(this.whyClosed())
    this.context?.cancel(this.failure ?? this.whyClosed())
    this.flow()
  }

  private leave(): void {
    if (this.isBusy || !this.inbox.isDone) return
    if (!this.isTold) {
      this.isTold = true
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
  private timing(): ConnTimes<In, Out> {
    this.times ??= new ConnTimes(this.home.wheel, this)
    return this.times
  }
}
