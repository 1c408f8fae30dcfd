import type { Socket } from 'node:net'
import type { Scheduler } from '../runtime/scheduler.js'

/** What speaks over a connection. It is told of what comes; all of it happens inside a turn of the scheduler. */
export interface Protocol {
  /** Bytes have come. They are the receiver's: nobody writes to them again. */
  received(bytes: Buffer): void
  /** The peer sends no more; it may still read. */
  ended(): void
  /** What was written has gone out after `isFull`. */
  drained(): void
  /** Nothing can be sent or received any more. Called once, last. */
  closed(error: Error | undefined): void
}

/**
 * A socket that writes once a turn: what is written during a turn of the scheduler leaves in one write at its end.
 *
 * Strings are latin-1: what a protocol writes as text is ASCII, and such text costs no bytes before it is sent. The
 * socket's listeners are shared by all connections, which find theirs by a property of the socket: a closure an event
 * and connection would cost an idle connection a kilobyte.
 */
export class Connection {
  protocol: Protocol
  private text: string
  private chunks: (string | Uint8Array)[] | undefined
  private isDirty: boolean
  private endsNext: boolean
  private error: Error | undefined
  /** Bytes received and sent so far. */
  receivedBytes: number
  /** How often bytes came; an idle connection is one where this stands still. */
  reads: number

  constructor(
    readonly socket: Socket,
    readonly on: Scheduler,
    protocol: Protocol,
  ) {
    this.protocol = protocol
    this.text = ''
    this.chunks = undefined
    this.isDirty = false
    this.endsNext = false
    this.error = undefined
    this.receivedBytes = 0
    this.reads = 0
    attach(socket, this)
  }

  get isClosed(): boolean {
    return this.socket.destroyed
  }

  get sentBytes(): number {
    return this.socket.bytesWritten
  }

  /** The peer reads more slowly than this side writes: `drained` will tell when to go on. */
  get isFull(): boolean {
    return this.socket.writableNeedDrain
  }

  /** Bytes that wait for the end of the turn or for the peer. */
  get pendingBytes(): number {
    let sum = this.text.length + this.socket.writableLength
    for (const chunk of this.chunks ?? []) sum += chunk.length
    return sum
  }

  /** Adds latin-1 text to what leaves at the end of the turn. */
  write(text: string): void {
    this.text += text
    if (!this.isDirty) this.soil()
  }

  /** Adds bytes, which must not change afterwards, to what leaves at the end of the turn. */
  writeBytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.chunks ??= []
    if (this.text !== '') this.chunks.push(this.text)
    this.text = ''
    this.chunks.push(bytes)
    if (!this.isDirty) this.soil()
  }

  /** Sends no more after what has been written. */
  end(): void {
    this.endsNext = true
    if (!this.isDirty) this.soil()
  }

  /** Ends the connection at once; what was written and has not gone out is lost. */
  destroy(error?: Error): void {
    this.error ??= error
    this.socket.destroy()
  }

  /** Receives no more until `resume`: the peer notices when the buffers between have filled. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** @internal */
  turnEnded(): void {
    this.isDirty = false
    this.flush()
  }

  /** Sends what was written now instead of at the end of the turn. */
  flush(): void {
    const { socket, text, chunks } = this
    this.text = ''
    if (socket.destroyed) this.chunks = undefined
    else if (chunks === undefined) {
      if (text !== '') socket.write(text, 'latin1')
    } else {
      this.chunks = undefined
      if (text !== '') chunks.push(text)
      this.flushAll(chunks)
    }
    if (this.endsNext && !socket.destroyed) {
      this.endsNext = false
      socket.end()
    }
  }

  private flushAll(chunks: (string | Uint8Array)[]): void {
    const { socket } = this
    socket.cork()
    for (const chunk of chunks) {
      if (typeof chunk === 'string') socket.write(chunk, 'latin1')
      else socket.write(chunk)
    }
    socket.uncork()
  }

  private soil(): void {
    this.isDirty = true
    this.on.atTurnEnd(this)
  }

  /** @internal */
  receive(bytes: Buffer): void {
    this.receivedBytes += bytes.length
    this.reads++
    const isTurn = this.on.beginEvent()
    this.protocol.received(bytes)
    if (isTurn) this.on.endEvent()
  }

  /** @internal Tells the protocol of an event inside a turn. */
  tell(event: 'ended' | 'drained' | 'closed'): void {
    const isTurn = this.on.beginEvent()
    if (event === 'closed') this.protocol.closed(this.error)
    else this.protocol[event]()
    if (isTurn) this.on.endEvent()
  }

  /** @internal The socket failed: `closed` follows. */
  fail(error: Error): void {
    this.error ??= error
  }
}

const connection = Symbol('connection')

interface Attached extends Socket {
  [connection]?: Connection
}

function attach(socket: Attached, to: Connection): void {
  socket[connection] = to
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('drain', onDrain)
  socket.on('error', onError)
  socket.on('close', onClose)
}

function onData(this: Attached, bytes: Buffer): void {
  this[connection]?.receive(bytes)
}

function onEnd(this: Attached): void {
  this[connection]?.tell('ended')
}

function onDrain(this: Attached): void {
  this[connection]?.tell('drained')
}

function onError(this: Attached, error: Error): void {
  this[connection]?.fail(error)
}

function onClose(this: Attached): void {
  this[connection]?.tell('closed')
}
