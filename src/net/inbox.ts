import { Operation } from '../runtime/operation.js'
import { Ring } from '../runtime/ring.js'
import { WaitList } from '../runtime/wait-list.js'
import type { Decoder } from './codec.js'

/** Whose frames they are. */
export interface InboxOwner<In> {
  /** Frames that may wait. */
  readonly inboxFrames: number
  /** Takes a frame that is meant for the connection and not for its handler, an answer to a heartbeat; true if it has. */
  takes(frame: In): boolean
  /** A frame was taken: there may be room for more. */
  taken(): void
}

/**
 * What has come and nobody has taken yet: a few frames, and behind them bytes. Only so many are decoded ahead of whoever
 * takes them, however many a chunk holds.
 *
 * Invariant: while somebody waits in `recv`, no frame waits here.
 */
export class Inbox<In> {
  /** Why it ended, if not in peace. */
  error: unknown
  /** Nothing is decoded any more: what comes out from now on was decoded before. */
  private isStopped: boolean
  /** The peer has sent all, or nothing can come any more. */
  private hasEnded: boolean
  /** The next frame, if one was decoded ahead; the others behind it are in `ring`. */
  private first: In | undefined
  private ring: Ring<In> | undefined
  private receivers: WaitList<Recv<In>> | undefined
  /** What those get who wait beyond the deadline. */
  private lateness: Error | undefined

  constructor(
    private readonly decoder: Decoder<In>,
    private readonly owner: InboxOwner<In>,
  ) {
    this.error = undefined
    this.isStopped = false
    this.hasEnded = false
    this.first = undefined
    this.ring = undefined
    this.receivers = undefined
    this.lateness = undefined
  }

  /** No frame will come out any more. */
  get isDone(): boolean {
    return this.isStopped && this.first === undefined
  }

  /** As many frames wait as may. */
  get isFull(): boolean {
    return this.first !== undefined && 1 + (this.ring?.length ?? 0) >= this.owner.inboxFrames
  }

  /** Adds bytes; those that come after the end are of no interest. */
  push(bytes: Buffer): void {
    if (!this.isStopped && !this.hasEnded) this.decoder.push(bytes)
  }

  /** No more bytes come; `error` says why, if something broke. */
  end(error?: unknown): void {
    if (this.hasEnded) return
    this.hasEnded = true
    if (!this.isStopped) this.error = error
  }

  /** Decodes no more: only frames that are there already come out. */
  stop(): void {
    this.isStopped = true
  }

  /** Forgets everything. */
  drop(): void {
    this.stop()
    this.first = undefined
    this.ring = undefined
  }

  recv(): Operation<In | undefined> {
    return new Recv(this)
  }

  /** Whoever waits, or begins to wait, gets `lateness`; nobody does any more if there is none. */
  beLate(lateness: Error | undefined): void {
    this.lateness = lateness
    if (lateness === undefined) return
    for (let r = this.receivers?.shift(); r !== undefined; r = this.receivers?.shift()) r.fail(lateness)
  }

  /** Whether `error` is what somebody got who waited here. */
  hasThrown(error: unknown): boolean {
    return error !== undefined && (error === this.error || error === this.lateness)
  }

  /** Whether a frame is there to take. */
  hasNext(): boolean {
    if (this.first === undefined) this.first = this.decode()
    return this.first !== undefined
  }

  /** Takes a frame. */
  next(): In | undefined {
    const { first } = this
    if (first === undefined) return this.decode()
    this.first = this.ring?.shift()
    return first
  }

  /** Hands frames to those who wait, and the end. */
  deliver(): void {
    const { receivers } = this
    while (receivers !== undefined && !receivers.isEmpty && (this.hasNext() || this.isDone))
      receivers.shift()?.attempt()
  }

  /** Decodes ahead as many frames as may wait. */
  fill(): void {
    if (!this.hasNext()) return
    while (!this.isFull) {
      const frame = this.decode()
      if (frame === undefined) return
      this.ring ??= new Ring()
      this.ring.push(frame)
    }
  }

  /** @internal Ends a wait, if it can. */
  settle(recv: Recv<In>): boolean {
    const frame = this.next()
    if (frame !== undefined) {
      recv.complete(frame)
      this.owner.taken()
      return true
    }
    if (this.isDone) return this.error === undefined ? recv.complete(undefined) : recv.fail(this.error)
    return this.lateness !== undefined && recv.fail(this.lateness)
  }

  /** @internal */
  enter(recv: Recv<In>): void {
    this.receivers ??= new WaitList()
    this.receivers.push(recv)
  }

  /** @internal */
  exit(recv: Recv<In>): void {
    this.receivers?.remove(recv)
  }

  private decode(): In | undefined {
    try {
      while (!this.isStopped) {
        let frame = this.decoder.next()
        if (frame === undefined) frame = this.last()
        if (frame === undefined || !this.owner.takes(frame)) return frame
      }
    } catch (error) {
      this.isStopped = true
      this.error = error
    }
    return undefined
  }

  private last(): In | undefined {
    if (!this.hasEnded) return undefined
    this.isStopped = true
    return this.error === undefined ? this.decoder.end() : undefined
  }
}

class Recv<In> extends Operation<In | undefined> {
  constructor(private readonly inbox: Inbox<In>) {
    super()
  }

  override get waitReason(): string {
    return 'frame receive'
  }

  override attempt(): boolean {
    return this.inbox.settle(this)
  }

  override park(): void {
    this.inbox.enter(this)
  }

  override unpark(): void {
    this.inbox.exit(this)
  }
}
