import { Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'
import type { Codec } from './codec.js'
import type { Connection } from './connection.js'

/** Whose frames they are. */
export interface OutboxOwner {
  /** Nothing can be sent any more. */
  readonly isClosed: boolean
  /** Why. */
  whyClosed(): Error
}

/**
 * Frames on their way out: encoded at once while the peer keeps up, and held by whoever sends them while it does not, in
 * the order in which they were sent.
 */
export class Outbox<Out> {
  private senders: WaitList<Send<Out>> | undefined

  constructor(
    private readonly connection: Connection,
    private readonly codec: Codec<unknown, Out>,
    private readonly owner: OutboxOwner,
  ) {
    this.senders = undefined
  }

  send(frame: Out): Operation<void> {
    return new Send(this, frame)
  }

  /** Sends a frame if that needs no wait. */
  trySend(frame: Out): boolean {
    if (this.owner.isClosed || this.isBackedUp) return false
    this.write(frame)
    return true
  }

  /** The peer has caught up. */
  drained(): void {
    const { senders, connection } = this
    while (senders !== undefined && !senders.isEmpty && !connection.isFull) {
      const send = senders.shift()
      if (send !== undefined) this.put(send)
    }
  }

  /** The owner is closed: whoever waits is told. */
  close(): void {
    for (let send = this.senders?.shift(); send !== undefined; send = this.senders?.shift()) {
      send.fail(this.owner.whyClosed())
    }
  }

  /** Writes a frame, whether or not the peer keeps up. */
  write(frame: Out): void {
    const { connection } = this
    const encoded = this.codec.encode(frame)
    if (typeof encoded === 'string') {
      // Text of ASCII characters alone is as long in bytes: it leaves as latin-1, which costs no bytes of ours.
      if (Buffer.byteLength(encoded) === encoded.length) connection.write(encoded)
      else connection.writeBytes(Buffer.from(encoded))
    } else if (encoded instanceof Uint8Array) connection.writeBytes(encoded)
    else for (const piece of encoded) connection.writeBytes(piece)
  }

  /** @internal Ends a wait, if it can. */
  settle(send: Send<Out>): boolean {
    if (this.owner.isClosed) return send.fail(this.owner.whyClosed())
    return !this.isBackedUp && this.put(send)
  }

  /** @internal */
  enter(send: Send<Out>): void {
    this.senders ??= new WaitList()
    this.senders.push(send)
  }

  /** @internal */
  exit(send: Send<Out>): void {
    this.senders?.remove(send)
  }

  private get isBackedUp(): boolean {
    return this.connection.isFull || this.senders?.isEmpty === false
  }

  private put(send: Send<Out>): true {
    try {
      this.write(send.frame)
    } catch (error) {
      return send.fail(error)
    }
    return send.complete()
  }
}

class Send<Out> extends Operation<void> {
  constructor(
    private readonly outbox: Outbox<Out>,
    readonly frame: Out,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'frame send'
  }

  override attempt(): boolean {
    return this.outbox.settle(this)
  }

  override park(): void {
    this.outbox.enter(this)
  }

  override unpark(): void {
    this.outbox.exit(this)
  }
}
