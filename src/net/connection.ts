import type { Socket } from 'node:net'
import type { Scheduler } from '../runtime/scheduler.js'

/** What speaks over a connection. It is told of what comes; all of it happens inside a turn of the scheduler. */
export interface Protocol {
  /** Bytes have come. They are the receiver's: nobody writes to them again. */
  received(bytes: Buffer): void
  /** The peer sends no more; it may still read. */
  ended(): void
  /** More was written than the peer takes for now: `drained` follows once all of it has gone out. */
  filled?(): void
  /** What was written has gone out after `isFull`. */
  drained(): void
  /** Nothing can be sent or received any more. Called once, last. */
  closed(error: Error | undefined): void
}

/** Bytes that are collected in a turn before they leave: beyond that they leave at once, so that `isFull` tells the truth. */
const mostHeldBytes = 65_536

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
  /** Length of what is in `chunks`. */
  private chunkBytes: number
  private isDirty: boolean
  private endsNext: boolean
  private error: Error | undefined
  /** Bytes received so far. */
  receivedBytes: number
  /** How often bytes came and how often they left: an idle connection is one where both stand still. */
  reads: number
  writes: number
  /** For the ConnectionManager: its place in the list, and when its reads and writes were first seen as they are. */
  place: number
  seenActivity: number
  seenAt: number

  constructor(
    readonly socket: Socket,
    readonly on: Scheduler,
    protocol: Protocol,
  ) {
    this.protocol = protocol
    this.text = ''
    this.chunks = undefined
    this.chunkBytes = 0
    this.isDirty = false
    this.endsNext = false
    this.error = undefined
    this.receivedBytes = 0
    this.reads = 0
    this.writes = 0
    this.place = -1
    this.seenActivity = 0
    this.seenAt = 0
    attach(socket, this)
  }

  get isClosed(): boolean {
    return this.socket.destroyed
  }

  /** Bytes given to the socket so far. */
  get sentBytes(): number {
    return this.socket.bytesWritten ?? 0 // Node has none for a socket that was closed before it was open
  }

  /** The peer reads more slowly than this side writes: `drained` will tell when to go on. */
  get isFull(): boolean {
    return this.socket.writableNeedDrain
  }

  /** Bytes that wait for the end of the turn or for the peer. */
  get pendingBytes(): number {
    return this.text.length + this.chunkBytes + this.socket.writableLength
  }

  /** Bytes that the peer's side has taken: what grows as long as a slow one makes progress. */
  get takenBytes(): number {
    // Not in Node's types: what is left of the write under way, by which node:net itself tells a slow peer from a dead one.
    const handle = (this.socket as { _handle?: { bytesWritten?: number; writeQueueSize?: number } | null })
      ._handle
    return (handle?.bytesWritten ?? 0) - (handle?.writeQueueSize ?? 0)
  }

  /** Adds latin-1 text to what leaves at the end of the turn. */
  write(text: string): void {
    this.text += text
    if (!this.isDirty) this.soil()
    if (this.text.length + this.chunkBytes > mostHeldBytes) this.flush()
  }

  /** Adds bytes, which must not change afterwards, to what leaves at the end of the turn. */
  writeBytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.chunks ??= []
    if (this.text !== '') this.chunks.push(this.text)
    this.chunkBytes += this.text.length + bytes.length
    this.text = ''
    this.chunks.push(bytes)
    if (!this.isDirty) this.soil()
    if (this.chunkBytes > mostHeldBytes) this.flush()
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

  /** Ends the connection as soon as what was written has gone out. */
  destroyWhenSent(): void {
    this.flush()
    this.socket.destroySoon()
  }

  /** Hands the socket over, paused: what was written has been sent, and nothing of it is heard here any more. */
  detach(): Socket {
    this.flush()
    const { socket } = this
    socket.pause()
    release(socket)
    return socket
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
    this.chunks = undefined
    this.chunkBytes = 0
    if (!socket.writable) return
    if (chunks === undefined) {
      if (text !== '') this.sent(socket.write(text, 'latin1'))
    } else {
      if (text !== '') chunks.push(text)
      this.flushAll(chunks)
    }
    // Not in the middle of a turn: what is written after `end` in the same turn still leaves.
    if (this.endsNext && !this.isDirty) {
      this.endsNext = false
      socket.end()
    }
  }

  private flushAll(chunks: (string | Uint8Array)[]): void {
    const { socket } = this
    let hasRoom = true
    socket.cork()
    for (const chunk of chunks)
      hasRoom = typeof chunk === 'string' ? socket.write(chunk, 'latin1') : socket.write(chunk)
    socket.uncork()
    this.sent(hasRoom)
  }

  private sent(hasRoom: boolean): void {
    this.writes++
    if (!hasRoom) this.protocol.filled?.()
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
    try {
      this.protocol.received(bytes)
    } finally {
      if (isTurn) this.on.endEvent() // a protocol that throws is a broken program, but must not look like a deadlock
    }
  }

  /** @internal Tells the protocol of an event inside a turn. */
  tell(event: 'ended' | 'drained' | 'closed'): void {
    const isTurn = this.on.beginEvent()
    try {
      if (event === 'closed') this.protocol.closed(this.error)
      else this.protocol[event]()
    } finally {
      if (isTurn) this.on.endEvent()
    }
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

function release(socket: Attached): void {
  delete socket[connection]
  socket.off('data', onData)
  socket.off('end', onEnd)
  socket.off('drain', onDrain)
  socket.off('error', onError)
  socket.off('close', onClose)
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
