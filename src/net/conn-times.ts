import type { Linked } from '../runtime/wait-list.js'
import type { ConnectionLimit } from './conn.js'
import type { Connection } from './connection.js'
import type { Expiring, TimerWheel } from './timer-wheel.js'

/** How a server finds out whether silent peers live. */
export interface Heartbeat<In, Out> {
  /** How often, in milliseconds. */
  everyMs: number
  /** Makes the frame that asks. */
  ping: () => Out
  /** Says whether a frame is an answer, which the handler then does not see. Without it, whatever comes is a sign of life. */
  isPong?: (frame: In) => boolean
  /** How many may go unanswered one after the other before the connection ends: 3 by default. */
  maxMissed?: number
}

/** Whose times they are. */
export interface Timed<Out> {
  readonly connection: Connection
  readonly heartbeat: Heartbeat<never, Out> | undefined
  readonly writeTimeoutMs: number
  /** The peer is held back: that nothing comes from it says nothing. */
  readonly isHeld: boolean
  /** A limit is exceeded. */
  timedOut(limit: ConnectionLimit): void
  /** All is sent, and the peer has had its time to end. */
  lingered(): void
  ping(frame: () => Out): void
  missedHeartbeat(): void
}

/** What a slow peer has to take within the write timeout: a limit that any byte moves out would never end a trickle. */
const leastProgressBytes = 4096
/** How long a peer that has got all has to end its side: nginx's lingering_timeout. */
const lingerMs = 5000
/** Heartbeats that may go unanswered: one may be lost with a packet, and the next wait for its repetition. */
export const mostMissed = 3

/**
 * The time limits of one connection, all of them over one entry of the wheel: it expires when the next one does. Times are
 * whole milliseconds of the scheduler's clock, so that they cost no objects; 0 stands for none.
 */
export class ConnTimes<Out> implements Expiring {
  dueTick: number
  wheelSlot: number
  before: Linked | undefined
  after: Linked | undefined
  private readAtMs: number
  private writeAtMs: number
  private stallAtMs: number
  private beatAtMs: number
  /** What the peer had taken when its progress was looked at last. */
  private takenBytes: number
  private isClosing: boolean
  private readsSeen: number
  private hasPonged: boolean
  private isPinged: boolean
  private missed: number

  constructor(
    private readonly wheel: TimerWheel,
    private readonly conn: Timed<Out>,
  ) {
    this.dueTick = 0
    this.wheelSlot = -1
    this.before = undefined
    this.after = undefined
    this.readAtMs = 0
    this.writeAtMs = 0
    this.stallAtMs = 0
    this.beatAtMs = 0
    this.takenBytes = 0
    this.isClosing = false
    this.readsSeen = 0
    this.hasPonged = false
    this.isPinged = false
    this.missed = 0
  }

  /** A frame has to come within `ms`. */
  limitRead(ms: number): void {
    this.readAtMs = this.at(ms)
    this.rearm()
  }

  /** What was sent has to have gone out within `ms`. */
  limitWrite(ms: number): void {
    this.writeAtMs = this.at(ms)
    this.rearm()
  }

  /** The peer does not keep up: from now on it has to make progress. */
  stalled(): void {
    if (this.stallAtMs !== 0) return
    this.takenBytes = this.conn.connection.takenBytes
    this.stallAtMs = this.at(this.conn.writeTimeoutMs)
    this.rearm()
  }

  /** The peer has caught up. The wheel finds out by itself. */
  caughtUp(): void {
    if (!this.isClosing) this.stallAtMs = 0
  }

  /** Nothing more is sent: what is on its way may take as long as there is progress, then the peer has to end. */
  closing(): void {
    this.isClosing = true
    this.beatAtMs = 0
    this.readAtMs = 0
    this.takenBytes = -leastProgressBytes // the first look only takes note
    this.stallAtMs = this.at(Math.min(lingerMs, this.conn.writeTimeoutMs))
    this.rearm()
  }

  startBeating(everyMs: number): void {
    this.beatAtMs = this.at(everyMs)
    this.rearm()
  }

  /** No limit any more. */
  clear(): void {
    this.readAtMs = 0
    this.writeAtMs = 0
    this.stallAtMs = 0
    this.beatAtMs = 0
    this.wheel.clear(this)
  }

  /** An answer to a heartbeat has come. */
  ponged(): void {
    this.hasPonged = true
  }

  expired(): void {
    const nowMs = this.wheel.on.clock.now()
    if (this.beatAtMs !== 0 && this.beatAtMs <= nowMs) this.beat()
    if (this.readAtMs !== 0 && this.readAtMs <= nowMs) this.endRead()
    if (this.writeAtMs !== 0 && this.writeAtMs <= nowMs) this.endWrite()
    if (this.stallAtMs !== 0 && this.stallAtMs <= nowMs) this.lookAtProgress()
    this.rearm()
  }

  private beat(): void {
    const { conn } = this
    const { heartbeat, connection } = conn
    if (heartbeat === undefined) return
    const { everyMs, ping, isPong, maxMissed = mostMissed } = heartbeat
    const lives = isPong === undefined ? connection.reads !== this.readsSeen : this.hasPonged
    this.readsSeen = connection.reads
    this.hasPonged = false
    this.beatAtMs = this.at(everyMs)
    if (lives || conn.isHeld || !this.isPinged) this.missed = 0
    else {
      conn.missedHeartbeat()
      if (++this.missed >= maxMissed) {
        conn.timedOut('heartbeat')
        return
      }
    }
    // A peer that is heard need not be asked; one that takes nothing is a matter of the write timeout.
    this.isPinged = !conn.isHeld && !connection.isFull && (!lives || isPong !== undefined)
    if (this.isPinged) conn.ping(ping)
  }

  private endRead(): void {
    this.readAtMs = 0
    this.conn.timedOut('read')
  }

  private endWrite(): void {
    this.writeAtMs = 0
    if (this.conn.connection.pendingBytes > 0) this.conn.timedOut('write')
  }

  private lookAtProgress(): void {
    const { conn, isClosing } = this
    const { writeTimeoutMs } = conn
    const { takenBytes, pendingBytes } = conn.connection
    const isStalled = writeTimeoutMs < Infinity && takenBytes - this.takenBytes < leastProgressBytes
    this.takenBytes = takenBytes
    this.stallAtMs = 0
    if (pendingBytes === 0) {
      if (isClosing) conn.lingered()
    } else if (isStalled) conn.timedOut('write')
    else this.stallAtMs = this.at(isClosing && writeTimeoutMs === Infinity ? lingerMs : writeTimeoutMs)
  }

  private at(ms: number): number {
    return ms === Infinity ? 0 : Math.ceil(this.wheel.on.clock.now() + ms)
  }

  private rearm(): void {
    const { readAtMs, writeAtMs, stallAtMs, beatAtMs } = this
    let nextMs = Infinity
    if (readAtMs !== 0) nextMs = readAtMs
    if (writeAtMs !== 0 && writeAtMs < nextMs) nextMs = writeAtMs
    if (stallAtMs !== 0 && stallAtMs < nextMs) nextMs = stallAtMs
    if (beatAtMs !== 0 && beatAtMs < nextMs) nextMs = beatAtMs
    this.wheel.set(this, nextMs - this.wheel.on.clock.now())
  }
}
