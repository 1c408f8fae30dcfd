import type { Socket } from 'node:net'
import type { Scheduler } from '../runtime/scheduler.js'
import { hear, leave, readOn } from './socket-events.js'

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
/** More than so many bytes that the peer's side has not taken make a connection full. */
const highWaterBytes = 16_384

/**
 * A socket that writes once a turn: what is written during a turn of the scheduler leaves in one write at its end.
 *
 * Strings are latin-1: what a protocol writes as text is ASCII, and such text costs no bytes before it is sent. What is
 * sent goes to the socket's `_write`, past its stream's buffer: the kernel mostly takes it at once, and what has to wait
 * waits here. Nobody else may write to the socket.
 */
export class Connection {
  protocol: Protocol
  private text: string
  private chunks: (string | Uint8Array)[] | undefined
  /** Length of what is in `chunks`. */
  private chunkBytes: number
  private isDirty: boolean
  private endsNext: boolean
  private diesNext: boolean
  /** Receives no more until `resume`. */
  isPaused: boolean
  /** Length of the write that the peer's side has not taken yet: those after it wait here. */
  private writingBytes: number
  private isSending: boolean
  /** The peer reads more slowly than this side writes: `drained` will tell when to go on. */
  isFull: boolean
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
    this.diesNext = false
    this.isPaused = false
    this.writingBytes = 0
    this.isSending = false
    this.isFull = false
    this.error = undefined
    this.receivedBytes = 0
    this.reads = 0
    this.writes = 0
    this.place = -1
    this.seenActivity = 0
    this.seenAt = 0
    hear(socket, this)
  }

  get isClosed(): boolean {
    return this.socket.destroyed
  }

  /** Bytes given to the socket so far. */
  get sentBytes(): number {
    return this.socket.bytesWritten ?? 0 // Node has none for a socket that was closed before it was open
  }

  /** Bytes that wait for the end of the turn or for the peer. */
  get pendingBytes(): number {
    return this.text.length + this.chunkBytes + this.writingBytes
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
    if (this.writingBytes === 0) this.socket.destroySoon()
    else this.diesNext = true
  }

  /** Hands the socket over, paused: what was written has been sent, and nothing of it is heard here any more. */
  detach(): Socket {
    this.flush()
    const { socket } = this
    // What has to wait still waits in the stream's buffer now, before what the next one writes.
    for (const chunk of [...(this.chunks ?? []), this.text]) if (chunk !== '') socket.write(chunk, 'latin1')
    this.text = ''
    this.chunks = undefined
    this.chunkBytes = 0
    this.isFull = false
    this.writingBytes = 0
    leave(socket)
    return socket
  }

  /** Receives no more until `resume`: the peer notices when the buffers between have filled. */
  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    readOn(this.socket)
  }

  /** @internal */
  turnEnded(): void {
    this.isDirty = false
    this.flush()
  }

  /** Sends what was written now instead of at the end of the turn, behind what the peer's side has not taken yet. */
  flush(): void {
    const { socket, text, chunks } = this
    if (this.writingBytes > 0) {
      this.noteFullness()
      return
    }
    const bytes = text.length + this.chunkBytes
    this.text = ''
    this.chunks = undefined
    this.chunkBytes = 0
    if (!socket.writable) return
    if (bytes > 0) {
      this.writes++
      this.writingBytes = bytes
      this.isSending = true
      const sent = (error?: Error | null) => this.sent(error)
      if (chunks === undefined) socket._write(text, 'latin1', sent)
      else {
        if (text !== '') chunks.push(text)
        socket._writev?.(
          chunks.map((chunk) => ({ chunk, encoding: 'latin1' })),
          sent,
        )
      }
      this.isSending = false
      if (this.writingBytes > 0) {
        this.noteFullness()
        return
      }
    }
    // Not in the middle of a turn: what is written after `end` in the same turn still leaves.
    if (this.endsNext && !this.isDirty) {
      this.endsNext = false
      socket.end()
    }
  }

  /** The peer's side has taken what was sent last: mostly at once, within the call that sends it. */
  private sent(error: Error | null | undefined): void {
    if (error != null) this.socket.destroy(error)
    if (this.isClosed) return // what was under way is lost, and so is what waits behind it
    this.writingBytes = 0
    if (this.isSending) return
    this.flush()
    if (this.writingBytes > 0) return
    if (this.diesNext) this.socket.destroySoon()
    if (!this.isFull) return
    this.isFull = false
    if (!this.isClosed) this.tell('drained')
  }

  private noteFullness(): void {
    if (this.isFull || this.pendingBytes <= highWaterBytes) return
    this.isFull = true
    this.protocol.filled?.()
  }

  private soil(): void {
    this.isDirty = true
    this.on.atTurnEnd(this)
  }

  /** @internal */
  received(bytes: Buffer): void {
    this.receivedBytes += bytes.length
    this.reads++
    const isTurn = this.on.beginEvent()
    try {
      this.protocol.received(bytes)
    } finally {
      if (isTurn) this.on.endEvent() // a protocol that throws is a broken program, but must not look like a deadlock
    }
  }

  /** @internal */
  ended(): void {
    this.tell('ended')
  }

  /** @internal The socket failed: `closed` follows. */
  failed(error: Error): void {
    this.error ??= error
  }

  /** @internal */
  closed(): void {
    this.tell('closed')
  }

  /** Tells the protocol of an event inside a turn. */
  private tell(event: 'ended' | 'drained' | 'closed'): void {
    const isTurn = this.on.beginEvent()
    try {
      if (event === 'closed') this.protocol.closed(this.error)
      else this.protocol[event]()
    } finally {
      if (isTurn) this.on.endEvent()
    }
  }
}
