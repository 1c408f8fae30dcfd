import { Ring } from '../runtime/ring.js'
import type { Decoder } from './codec.js'

/** Frames that are meant for the connection and not for its handler: answers to heartbeats. */
export interface FrameFilter<In> {
  /** True if it has taken the frame. */
  takes(frame: In): boolean
}

/**
 * What has come and nobody has taken yet: a few frames, and behind them bytes. Only so many are decoded ahead of whoever
 * takes them, however many a chunk holds.
 */
export class Inbox<In> {
  /** Nothing is decoded any more: what `next` gives from now on was decoded before. */
  private isStopped: boolean
  /** The peer has sent all, or nothing can come any more. */
  private hasEnded: boolean
  /** Why it ended, if not in peace. */
  error: unknown
  /** The next frame, if one was decoded ahead; the others behind it are in `ring`. */
  private first: In | undefined
  private ring: Ring<In> | undefined

  constructor(
    private readonly decoder: Decoder<In>,
    private readonly mostFrames: number,
    private readonly filter: FrameFilter<In> | undefined,
  ) {
    this.isStopped = false
    this.hasEnded = false
    this.error = undefined
    this.first = undefined
    this.ring = undefined
  }

  /** No frame will come out any more. */
  get isDone(): boolean {
    return this.isStopped && this.first === undefined
  }

  /** As many frames wait as may. */
  get isFull(): boolean {
    return this.first !== undefined && 1 + (this.ring?.length ?? 0) >= this.mostFrames
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

  /** Decodes ahead as many frames as may wait. */
  fill(): void {
    while (!this.isFull && this.hasNext()) {
      if (this.isFull) return
      const frame = this.decode()
      if (frame === undefined) return
      this.ring ??= new Ring()
      this.ring.push(frame)
    }
  }

  private decode(): In | undefined {
    try {
      while (!this.isStopped) {
        let frame = this.decoder.next()
        if (frame === undefined) frame = this.last()
        if (frame === undefined || this.filter?.takes(frame) !== true) return frame
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
