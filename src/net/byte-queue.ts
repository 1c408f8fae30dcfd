import { ArgumentError } from '../runtime/errors.js'

/** Chunks up to this size are put together, so that a peer that sends byte by byte costs bytes and not objects. */
const smallBytes = 2048
/** What is allocated to put them together in. */
const blockBytes = 4096

/**
 * Bytes in the order in which they came, in the chunks in which they came. What lies within one chunk is taken out
 * without copying; only what spans several is copied, once. Nothing that was handed out is written to again. A decoder is one.
 */
export class ByteQueue {
  /** Bytes in the queue. */
  length: number
  private head: Buffer | undefined
  /** Where the first byte of the queue is in `head`. */
  private start: number
  private rest: Buffer[] | undefined
  /** Bytes in use of the last one in `rest`, where that is a block of ours with room behind them; 0 where it is not. */
  private blockUsed: number

  constructor() {
    this.length = 0
    this.head = undefined
    this.start = 0
    this.rest = undefined
    this.blockUsed = 0
  }

  /** Adds a chunk, which is the queue's from now on. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.length += chunk.length
    if (this.head === undefined) this.head = chunk
    else if (chunk.length >= smallBytes) this.link(chunk)
    else this.pushSmall(chunk)
  }

  /** The byte at `index`, counted from the first in the queue. There must be one. */
  at(index: number): number {
    let offset = this.start + index
    for (let i = -1; ; i++) {
      const segment = this.segment(i)
      if (segment === undefined) throw this.beyond(index + 1)
      if (offset < segment.length) return segment[offset] as number
      offset -= segment.length
    }
  }

  /** Takes the first `count` bytes, of which there must be so many. */
  take(count: number): Buffer {
    const { head, start } = this
    if (head === undefined || count > head.length - start) return this.takeAcross(count)
    this.drop(count)
    return head.subarray(start, start + count)
  }

  /** Forgets the first `count` bytes. */
  drop(count: number): void {
    this.length -= count
    this.start += count
    while (this.head !== undefined && this.start >= this.head.length) {
      this.start -= this.head.length
      this.nextHead()
    }
  }

  /** Where `sequence` begins, searched from `from` on; -1 if it is not there. */
  indexOf(sequence: Buffer, from = 0): number {
    let base = 0 - this.start // where the segment begins, as the queue counts; -0 would be a number with a fraction
    for (let i = -1; ; i++) {
      const segment = this.segment(i)
      if (segment === undefined) return -1
      const at = segment.indexOf(sequence, Math.max(0, from - base))
      if (at >= 0) return base + at
      base += segment.length
      const across = base > from && sequence.length > 1 ? this.acrossBorder(sequence, base, from) : -1
      if (across >= 0) return across
    }
  }

  /** The same for a sequence that begins before the border of two segments and ends behind it. */
  private acrossBorder(sequence: Buffer, border: number, from: number): number {
    const first = Math.max(from, border - sequence.length + 1)
    const end = Math.min(this.length, border + sequence.length - 1)
    if (end - first < sequence.length) return -1
    const found = this.copy(first, end).indexOf(sequence)
    return found < 0 ? -1 : first + found
  }

  private takeAcross(count: number): Buffer {
    if (count > this.length) throw this.beyond(count)
    const bytes = this.copy(0, count)
    this.drop(count)
    return bytes
  }

  private copy(first: number, end: number): Buffer {
    const bytes = Buffer.allocUnsafe(end - first)
    let base = 0 - this.start
    for (let i = -1, filled = 0; filled < bytes.length; i++) {
      const segment = this.segment(i)
      if (segment === undefined) break
      const from = Math.max(0, first - base)
      if (from < segment.length)
        filled += segment.copy(bytes, filled, from, Math.min(segment.length, end - base))
      base += segment.length
    }
    return bytes
  }

  /** The chunk at `index`; the head is at -1. */
  private segment(index: number): Buffer | undefined {
    return index < 0 ? this.head : this.rest?.[index]
  }

  private link(chunk: Buffer): void {
    this.rest ??= []
    this.rest.push(chunk)
    this.blockUsed = 0
  }

  private pushSmall(chunk: Buffer): void {
    const { rest, blockUsed } = this
    const last = rest?.at(-1)
    // A block is linked as far as it is used; the memory behind that is ours still.
    if (rest !== undefined && last !== undefined && blockUsed > 0 && blockUsed + chunk.length <= blockBytes) {
      const whole = Buffer.from(last.buffer, last.byteOffset, blockUsed + chunk.length)
      whole.set(chunk, blockUsed)
      rest[rest.length - 1] = whole
      this.blockUsed = whole.length
      return
    }
    const block = Buffer.allocUnsafeSlow(blockBytes)
    block.set(chunk)
    this.link(block.subarray(0, chunk.length))
    this.blockUsed = chunk.length
  }

  private beyond(count: number): ArgumentError {
    return new ArgumentError(
      `ByteQueue: asked for ${count} bytes, but ${this.length} are there: look at length first`,
    )
  }

  private nextHead(): void {
    const { rest } = this
    this.head = rest?.shift()
    if (rest === undefined || rest.length > 0) return
    this.rest = undefined // an idle connection holds no list
    this.blockUsed = 0
  }
}
