import { RuntimeError } from '../runtime/errors.js'
import { Scratch } from './cell.js'
import type { Claim } from './offer-board.js'
import type { Processor } from './processor.js'
import { ended, full, nothing, refused, RingBuffer } from './ring-chan.js'
import { claimOf, contendLikeAbove, SharedChan, type SharedSend } from './shared-chan.js'
import { defineKind } from './shared-object.js'

const bufferedKind = 1

/** A channel with a buffer between threads: what waits is served by the thread that it waits on, which looks when it is rung. */
export class BufferedChan<T> extends SharedChan<T> {
  readonly capacity: number
  private readonly buffer: RingBuffer

  constructor(address: number | undefined, capacity: number) {
    super(bufferedKind, address, address === undefined ? RingBuffer.bytesFor(capacity) : 0)
    const { memory } = this.processor
    if (address === undefined) RingBuffer.init(memory, this.address, capacity)
    this.buffer = new RingBuffer(this.processor, this.address, Scratch.of(this.processor))
    this.capacity = RingBuffer.capacityOf(memory, this.address)
  }

  static {
    defineKind(bufferedKind, (address) => new BufferedChan<unknown>(address, 0), emptyBuffer)
  }

  override get length(): number {
    return this.buffer.length
  }

  override offer(send: SharedSend<T>): boolean {
    if (!this.senders.isEmpty) return false
    return this.push(send)
  }

  private push(send: SharedSend<T>): boolean {
    let how: number
    try {
      how = this.buffer.push(send.payload)
    } catch (error) {
      return send.fail(error)
    }
    if (how === full) return false
    if (how === refused) return send.refuse()
    if (this.receiving.areAny) this.receiving.ringOne()
    return send.complete()
  }

  override take(): unknown {
    const value = this.buffer.shift()
    if (value !== nothing && value !== ended && this.sending.areAny) this.sending.ringOne()
    return value
  }

  override close(): void {
    if (!this.buffer.close()) throw new RuntimeError('close of closed channel')
    this.receiving.ringAll()
    this.sending.ringAll()
  }

  override enterSender(send: SharedSend<T>): void {
    contendLikeAbove(send)
    this.senders.push(send)
    this.processor.watch(this)
    this.look()
  }

  override leaveSender(send: SharedSend<T>): void {
    this.senders.remove(send)
    this.rest()
  }

  protected override mayTake(): boolean {
    return this.buffer.hasValue
  }

  protected override serveSenders(): boolean {
    let served = false
    for (let first = this.senders.first; first !== undefined; first = this.senders.first) {
      if (this.serveSender(first, claimOf(first))) served = true
      else if (!this.sending.arm()) break
    }
    return served
  }

  private serveSender(send: SharedSend<T>, claim: Claim | undefined): boolean {
    if (!this.buffer.hasRoom) return false
    if (claim !== undefined && !send.isWon) return this.senders.remove(send) // another thread was first
    if (this.push(send)) return this.senders.remove(send)
    if (claim !== undefined) {
      send.contend(claim)
      claim.giveBack()
    }
    return false
  }

  protected override rest(): void {
    if (this.receivers.isEmpty) this.receiving.disarm(() => this.buffer.hasValue)
    if (this.senders.isEmpty) this.sending.disarm(() => this.buffer.hasRoom)
    if (this.receivers.isEmpty && this.senders.isEmpty) this.processor.unwatch(this)
  }
}

/** What is left in a channel that nobody holds may itself hold something. */
function emptyBuffer(processor: Processor, address: number): void {
  const buffer = new RingBuffer(processor, address, Scratch.of(processor))
  while (buffer.length > 0 && buffer.shift() !== nothing);
}
