import type { Socket } from 'node:net'
import { background } from '../context/background.js'
import { DeadlineExceeded, withTimeout } from '../context/deadline.js'
import { spawn } from '../runtime/go.js'
import { Operation, type Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { yieldNow } from '../runtime/sleep.js'
import { WaitList } from '../runtime/wait-list.js'
import { IdleSweep } from './idle-sweep.js'
import { checkCount, checkTime } from './limits.js'
import type { TimerWheel } from './timer-wheel.js'
import { ignore, WaitingRoom } from './waiting-room.js'

/** What a manager knows of a connection: a `Connection`, or what stands for one that somebody else reads and writes. */
export interface Account {
  readonly socket: Socket
  readonly isClosed: boolean
  readonly receivedBytes: number
  readonly sentBytes: number
  /** How often bytes came and how often they left. */
  readonly reads: number
  readonly writes: number
  /** Its place in the manager's list; -1 outside. */
  place: number
  /** For the IdleSweep: the sum of its reads and writes when it was looked at, and when that was first so. */
  seenActivity: number
  seenAt: number
}

/** Whoever speaks over a connection that a manager keeps account of. */
export interface Member {
  readonly connection: Account
  /** It is on the list now. */
  begin?(): void
  /** Nothing came and nothing went for `idleTimeoutMs`: it ends now. */
  idled(): void
  /** The server shuts down: it finishes what it is about, and ends. */
  shutDown(): void
  /** The time for that is over: it ends at once. */
  cut(): void
}

export interface ConnectionLimits {
  /** Connections that may be open at once: 65,536 by default. */
  maxConnections?: number
  /** What becomes of those beyond: they are closed at once (the default), or wait for a place. */
  whenFull?: 'refuse' | 'queue'
  /** Connections that may wait for a place: 1,024 by default. */
  maxQueued?: number
  /** How long they wait, in milliseconds, before they are closed: 5 s by default. */
  queueTimeoutMs?: number
  /** Connections that one address may have open at once; no limit by default, since many may share one. */
  maxPerAddress?: number
  /** A connection over which nothing went in either direction for so long is closed: 10 minutes by default, an eighth late at most. */
  idleTimeoutMs?: number
  /** Runs in a goroutine of its own when four in five of `maxConnections` are open; again only after it was less than seven in ten. */
  onAlarm?: (alarm: ConnectionAlarm) => void
}

export interface ConnectionAlarm {
  readonly open: number
  readonly maxConnections: number
}

/** Whose connections a manager keeps account of. */
export interface MemberHost<M extends Member> {
  /** Makes the member of a socket that is let in, which has the manager told by `leave` when it has ended. */
  open(socket: Socket): M
  /** Says goodbye to a socket that is not let in; it is destroyed by default. Its errors are of no interest. */
  refuse?(socket: Socket): void
}

/** What became of connections so far. */
export interface ConnectionStats {
  /** Connections that were opened. */
  accepted: number
  /** Of these, those that are open now. */
  open: number
  /** The most that were open at once. */
  peak: number
  /** Connections that were closed at once: too many, too many from one address, or no place in time. */
  refused: number
  /** Connections that wait for a place now. */
  queued: number
  /** Connections that were closed because nothing went over them. */
  idleClosed: number
  /** Heartbeats that had no answer. */
  heartbeatsMissed: number
  bytesIn: number
  bytesOut: number
}

const defaults = {
  /** Half of what a system with a million descriptors gives to a process; each costs some kilobytes. */
  maxConnections: 65_536,
  maxPerAddress: Infinity,
  maxQueued: 1024,
  queueTimeoutMs: 5000,
  idleTimeoutMs: 600_000,
}
/** The alarm is given at four fifths, and armed anew below seven tenths, so that one that comes and goes gives one. */
const alarm = { from: 0.8, below: 0.7 }
/** Connections that are told of the shutdown before others have their turn. */
const toldAtOnce = 256

/**
 * Keeps account of the connections of a server: how many there may be, what becomes of those beyond, which are idle,
 * and how all of them end.
 */
export class ConnectionManager<M extends Member> implements Iterable<M> {
  heartbeatsMissed = 0
  private readonly members: M[] = []
  private readonly room: WaitingRoom
  private readonly byAddress: Map<string, number> | undefined
  private readonly maxConnections: number
  private readonly maxPerAddress: number
  private readonly sweep: IdleSweep<M>
  private readonly waiting = new WaitList<Empty>()
  private isAlarmed = false
  private isClosing = false
  private accepted = 0
  private peak = 0
  private refused = 0
  private bytesIn = 0
  private bytesOut = 0

  /** @throws ArgumentError if a limit is none. */
  constructor(
    private readonly host: MemberHost<M>,
    private readonly wheel: TimerWheel,
    private readonly limits: ConnectionLimits = {},
  ) {
    const { maxConnections = defaults.maxConnections, maxPerAddress = defaults.maxPerAddress } = limits
    const { maxQueued = defaults.maxQueued, queueTimeoutMs = defaults.queueTimeoutMs } = limits
    const { idleTimeoutMs = defaults.idleTimeoutMs } = limits
    checkCount('listen', 'maxConnections', maxConnections)
    checkCount('listen', 'maxPerAddress', maxPerAddress)
    checkCount('listen', 'maxQueued', maxQueued)
    checkTime('listen', 'queueTimeoutMs', queueTimeoutMs)
    checkTime('listen', 'idleTimeoutMs', idleTimeoutMs)
    this.maxConnections = maxConnections
    this.maxPerAddress = maxPerAddress
    this.byAddress = maxPerAddress === Infinity ? undefined : new Map()
    this.room = new WaitingRoom(wheel, { most: maxQueued, timeoutMs: queueTimeoutMs }, (socket) =>
      this.refuse(socket),
    )
    this.sweep = new IdleSweep(wheel.on, this.members, idleTimeoutMs)
  }

  /** Connections that are open. */
  get size(): number {
    return this.members.length
  }

  /** Those that are open now, also when some leave while it is gone through. */
  [Symbol.iterator](): Iterator<M> {
    return [...this.members].values()
  }

  /** Takes a socket that was accepted: opens it, lets it wait, or refuses it. */
  admit(socket: Socket): void {
    const hasPlace = this.members.length < this.maxConnections && !this.isClosing
    const mayWait = this.limits.whenFull === 'queue' && !this.isClosing
    if (hasPlace) this.enter(socket)
    else if (!mayWait || !this.room.enter(socket)) this.refuse(socket)
  }

  /** A member has ended: whoever waits for its place gets it. */
  leave(member: M): void {
    const { members } = this
    const { connection } = member
    const { place } = connection
    if (members[place] !== member) return
    const last = members.pop() as M
    if (last !== member) {
      members[place] = last
      last.connection.place = place
    }
    connection.place = -1
    this.bytesIn += connection.receivedBytes
    this.bytesOut += connection.sentBytes
    this.forgetAddress(connection.socket)
    if (members.length < this.maxConnections * alarm.below) this.isAlarmed = false
    this.admitWaiting()
    if (members.length === 0) this.emptied()
  }

  /** Figures; looks at every open connection. */
  stats(): ConnectionStats {
    let { bytesIn, bytesOut } = this
    for (const { connection } of this.members) {
      bytesIn += connection.receivedBytes
      bytesOut += connection.sentBytes
    }
    const { accepted, peak, refused, heartbeatsMissed } = this
    const { idleClosed } = this.sweep
    const now = { open: this.members.length, queued: this.room.size }
    return { accepted, ...now, peak, refused, idleClosed, heartbeatsMissed, bytesIn, bytesOut }
  }

  /** Lets nobody in any more, tells every member to end, and cuts those that have not after `graceMs`. Ends when all have. */
  *shutdown(graceMs: number): Routine<void> {
    this.closeDoor()
    for (const [i, member] of [...this.members].entries()) {
      member.shutDown()
      if (i % toldAtOnce === toldAtOnce - 1) yield* yieldNow()
    }
    using grace = withTimeout(background(), graceMs)
    try {
      yield* this.empty().within(grace)
    } catch (error) {
      if (!(error instanceof DeadlineExceeded)) throw error
      this.cutAll()
      yield* this.empty()
    }
  }

  /** Ends every connection at once, and lets nobody in any more. */
  cutAll(): void {
    this.closeDoor()
    for (const member of this) member.cut()
  }

  /** Waits until no connection is open. */
  empty(): Operation<void> {
    return new Empty(this.members, this.waiting)
  }

  private enter(socket: Socket): void {
    if (!this.noteAddress(socket)) {
      this.refuse(socket)
      return
    }
    const member = this.host.open(socket)
    member.connection.place = this.members.push(member) - 1
    this.accepted++
    this.sweep.entered(member)
    const open = this.members.length
    if (open > this.peak) this.peak = open
    if (!this.isAlarmed && open >= this.maxConnections * alarm.from) this.giveAlarm(open)
    member.begin?.()
  }

  private refuse(socket: Socket): void {
    this.refused++
    socket.on('error', ignore)
    if (this.host.refuse === undefined) socket.destroy()
    else this.host.refuse(socket)
  }

  private admitWaiting(): void {
    while (this.members.length < this.maxConnections && !this.isClosing) {
      const socket = this.room.next()
      if (socket === undefined) return
      this.enter(socket)
    }
  }

  private closeDoor(): void {
    this.isClosing = true
    for (let socket = this.room.next(); socket !== undefined; socket = this.room.next()) this.refuse(socket)
  }

  private emptied(): void {
    this.sweep.stop()
    for (let each = this.waiting.shift(); each !== undefined; each = this.waiting.shift()) each.complete()
  }

  private giveAlarm(open: number): void {
    this.isAlarmed = true
    const { onAlarm } = this.limits
    const { maxConnections } = this
    if (onAlarm !== undefined)
      spawn(this.wheel.on, this.giveAlarm as GoFunction, onAlarm, [{ open, maxConnections }])
  }

  /** False when its address has as many connections as it may have. */
  private noteAddress(socket: Socket): boolean {
    const address = this.byAddress === undefined ? undefined : socket.remoteAddress
    if (address === undefined) return true
    const count = this.byAddress?.get(address) ?? 0
    if (count >= this.maxPerAddress) return false
    this.byAddress?.set(address, count + 1)
    return true
  }

  private forgetAddress(socket: Socket): void {
    const address = this.byAddress === undefined ? undefined : socket.remoteAddress // known still: the socket was asked before
    const count = address === undefined ? undefined : this.byAddress?.get(address)
    if (address === undefined || count === undefined) return
    if (count === 1) this.byAddress?.delete(address)
    else this.byAddress?.set(address, count - 1)
  }
}

class Empty extends Operation<void> {
  constructor(
    private readonly members: readonly unknown[],
    private readonly waiting: WaitList<Empty>,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'connections to end'
  }

  override attempt(): boolean {
    return this.members.length === 0 && this.complete()
  }

  override park(): void {
    this.waiting.push(this)
  }

  override unpark(): void {
    this.waiting.remove(this)
  }
}
