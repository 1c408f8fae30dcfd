import { ArgumentError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import type { WebSocketClosed } from './websocket-closed.js'

/** A text, or bytes. */
export type WebSocketMessage = string | Uint8Array

/** What waits have to do with a connection. */
export interface Ends {
  readonly isOpen: boolean
  /** @internal A message may be sent at once, and none that waits is overtaken. */
  readonly hasRoom: boolean
  /** @internal */
  readonly closed: WebSocketClosed
  tryRecv(): IteratorResult<WebSocketMessage, undefined> | undefined
  /** @internal */
  transmit(message: WebSocketMessage): void
  /** @internal */
  enter(waiting: Receive | Send): void
  /** @internal */
  leave(waiting: Receive | Send): void
}

/** Waits for a message; both forms in one class, so that a list holds one shape of object. */
export class Receive extends Operation<unknown> {
  constructor(
    private readonly connection: Ends,
    private readonly asResult: boolean,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'websocket receive'
  }

  override attempt(): boolean {
    const found = this.connection.tryRecv()
    return found !== undefined && this.complete(this.asResult ? found : found.value)
  }

  override park(): void {
    this.connection.enter(this)
  }

  override unpark(): void {
    this.connection.leave(this)
  }
}

/** Waits until a message may be sent. */
export class Send extends Operation<void> {
  constructor(
    private readonly connection: Ends,
    private readonly message: WebSocketMessage,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'websocket send'
  }

  override attempt(): boolean {
    const { connection } = this
    if (!connection.isOpen) return this.fail(connection.closed)
    return connection.hasRoom && this.transmit()
  }

  transmit(): true {
    this.connection.transmit(this.message)
    return this.complete()
  }

  override park(): void {
    this.connection.enter(this)
  }

  override unpark(): void {
    this.connection.leave(this)
  }
}

/** @throws ArgumentError for what is no message. */
export function checkMessage(message: unknown): void {
  if (typeof message !== 'string' && !(message instanceof Uint8Array))
    throw new ArgumentError(`a WebSocket sends a text or a Uint8Array, not ${String(message)}`)
}
