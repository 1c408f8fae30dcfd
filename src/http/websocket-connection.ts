import { Dependent, withCancel } from '../context/cancel.js'
import type { CancelContext, Context } from '../context/context.js'
import type { Expiring, TimerWheel } from '../net/timer-wheel.js'
import type { RecvChan } from '../runtime/chan.js'
import type { Operation } from '../runtime/operation.js'
import { Ring } from '../runtime/ring.js'
import { type Linked, WaitList } from '../runtime/wait-list.js'
import type { Peer } from './vendor/ws.js'
import { checkClosing, WebSocketClosed, type WebSocketClosing } from './websocket-closed.js'
import { checkMessage, type Ends, Receive, Send, type WebSocketMessage } from './websocket-waits.js'

/** @internal */
export interface ConnectionSettings {
  readonly inboxMessages: number
  readonly maxBufferedBytes: number
  readonly pingEveryMs: number
  readonly maxMissed: number
  readonly closeTimeoutMs: number
}

/**
 * A WebSocket: a channel of the peer's messages, and back. A peer that sends more than the handler takes is read no more
 * once its inbox is full; a sender parks while the peer does not keep up. A peer that is gone without a goodbye is found
 * out by pings.
 */
export class WebSocketConnection implements RecvChan<WebSocketMessage>, Expiring, Ends {
  /** @internal */ before: Linked | undefined
  /** @internal */ after: Linked | undefined
  /** @internal */ dueTick: number
  /** @internal */ wheelSlot: number
  /** Ends with the connection, and when the server begins to shut down. */
  readonly ctx: Context
  /** The protocol that was agreed on; empty where none was. */
  readonly protocol: string
  private readonly end: CancelContext
  private readonly notice: ShutdownNotice
  private readonly inbox = new Ring<WebSocketMessage>()
  private readonly receivers = new WaitList<Receive>()
  private readonly senders = new WaitList<Send>()
  private isClosing: boolean
  private how: WebSocketClosing | undefined
  private missed: number

  /** @internal */
  constructor(
    private readonly peer: Peer,
    closing: Context,
    private readonly wheel: TimerWheel,
    private readonly settings: ConnectionSettings,
  ) {
    this.before = undefined
    this.after = undefined
    this.dueTick = 0
    this.wheelSlot = -1
    this.end = withCancel(closing)
    this.ctx = this.end
    this.protocol = peer.protocol
    this.isClosing = false
    this.how = undefined
    this.missed = 0
    peer.on('message', (data, isBinary) => this.received(isBinary ? data : data.toString('utf8')))
    peer.on('pong', () => this.heard())
    peer.on('close', (code, reason) => this.ended({ code, reason: reason.toString('utf8') }))
    peer.on('error', ignore) // what the peer did wrong, which `closing` tells by its code
    wheel.set(this, settings.pingEveryMs)
    this.notice = new ShutdownNotice(this)
    this.notice.follow(closing)
  }

  /** Messages that have come and wait to be read. */
  get length(): number {
    return this.inbox.length
  }

  /** Messages that may wait before the socket is read no more. */
  get capacity(): number {
    return this.settings.inboxMessages
  }

  /** Messages can be sent: neither side has closed it. */
  get isOpen(): boolean {
    return !this.isClosing && this.how === undefined
  }

  /** How it was closed; `undefined` until that is over. */
  get closing(): WebSocketClosing | undefined {
    return this.how
  }

  /** Waits for the next message; `undefined` once the connection has been closed, by whomever and however: see `closing`. */
  recv(): Operation<WebSocketMessage | undefined> {
    return new Receive(this, false) as Operation<WebSocketMessage | undefined>
  }

  /** Like `recv`, as an iterator's result. */
  next(): Operation<IteratorResult<WebSocketMessage, undefined>> {
    return new Receive(this, true) as Operation<IteratorResult<WebSocketMessage, undefined>>
  }

  tryRecv(): IteratorResult<WebSocketMessage, undefined> | undefined {
    if (this.inbox.length > 0) {
      const value = this.inbox.shift() as WebSocketMessage // there is one
      if (this.peer.isPaused && this.inbox.length < this.capacity) this.peer.resume()
      return { done: false, value }
    }
    return this.how === undefined ? undefined : { done: true, value: undefined }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WebSocketMessage, void> {
    for (;;) {
      const { done, value } = await this.next()
      if (done === true) return
      yield value
    }
  }

  /**
   * Sends a message, text or bytes, which must not change afterwards. Waits while more than `maxBufferedBytes` wait for the
   * peer; does not wait for the message to arrive. Throws `WebSocketClosed`.
   */
  send(message: WebSocketMessage): Operation<void> {
    checkMessage(message)
    return new Send(this, message)
  }

  /** Sends if that needs no wait; false otherwise. Throws `WebSocketClosed`. */
  trySend(message: WebSocketMessage): boolean {
    checkMessage(message)
    if (!this.isOpen) throw new WebSocketClosed(this.how)
    if (!this.hasRoom) return false
    this.transmit(message)
    return true
  }

  /**
   * Closes the connection: what was sent goes out first, what comes from now on is dropped, and the peer has
   * `closeTimeoutMs` to answer. Only the first call counts. Wait for `ctx.done()` to know when it is over.
   *
   * @throws ArgumentError for a code that RFC 6455 (7.4) does not let one send, or a reason of more than 123 bytes.
   */
  close(code = 1000, reason = ''): void {
    checkClosing(code, reason)
    if (!this.isOpen) return
    this.isClosing = true
    this.peer.close(code, reason)
    this.peer.resume()
    this.wheel.set(this, this.settings.closeTimeoutMs)
    this.refuseSenders()
  }

  /** @internal Time to see whether the peer is there. */
  expired(): void {
    const { peer, settings, wheel } = this
    if (this.isClosing || this.missed >= settings.maxMissed) {
      peer.terminate()
      return
    }
    // What is not read cannot be heard: then it is the handler that is slow.
    if (!peer.isPaused) {
      this.missed++
      peer.ping()
    }
    wheel.set(this, settings.pingEveryMs)
  }

  /** @internal A message may be sent at once, and none that waits is overtaken. */
  get hasRoom(): boolean {
    return this.senders.isEmpty && this.keepsUp
  }

  /** @internal */
  get closed(): WebSocketClosed {
    return new WebSocketClosed(this.how)
  }

  /** @internal */
  transmit(message: WebSocketMessage): void {
    this.peer.send(message, { binary: typeof message !== 'string' }, this.sent)
  }

  /** @internal */
  enter(waiting: Receive | Send): void {
    if (waiting instanceof Send) this.senders.push(waiting)
    else this.receivers.push(waiting)
  }

  /** @internal */
  leave(waiting: Receive | Send): void {
    if (waiting instanceof Send) this.senders.remove(waiting)
    else this.receivers.remove(waiting)
  }

  private get keepsUp(): boolean {
    return this.peer.bufferedAmount < this.settings.maxBufferedBytes
  }

  private readonly sent = (): void => {
    while (this.isOpen && !this.senders.isEmpty && this.keepsUp) this.senders.shift()?.transmit()
  }

  private heard(): void {
    this.missed = 0
  }

  private received(message: WebSocketMessage): void {
    this.heard()
    if (this.isClosing) return
    this.inbox.push(message)
    this.receivers.shift()?.attempt()
    // A read may hold more messages than there is room for: those are kept as well.
    if (this.inbox.length >= this.capacity && !this.peer.isPaused) this.peer.pause()
  }

  private ended(how: WebSocketClosing): void {
    this.how = how
    this.wheel.clear(this)
    this.notice.lift()
    this.refuseSenders()
    for (let next = this.receivers.shift(); next !== undefined; next = this.receivers.shift()) next.attempt()
    this.end.cancel(this.closed)
  }

  private refuseSenders(): void {
    for (let next = this.senders.shift(); next !== undefined; next = this.senders.shift())
      next.fail(this.closed)
  }
}

/** Closes a connection when its server shuts down. */
class ShutdownNotice extends Dependent {
  constructor(private readonly connection: WebSocketConnection) {
    super()
  }

  override end(): void {
    this.leave()
    this.connection.close(1001, 'the server shuts down')
  }

  lift(): void {
    this.leave()
  }
}

function ignore(): void {}
