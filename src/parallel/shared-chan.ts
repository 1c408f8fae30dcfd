import type { Chan } from '../runtime/chan.js'
import { RuntimeError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'
import { Scratch } from './cell.js'
import { boardBytes, Claim, OfferBoard } from './offer-board.js'
import { ended, full, nothing, refused, RingBuffer } from './ring-chan.js'
import { defineKind, object, SharedObject } from './shared-object.js'
import { contestAbove } from './shared-waiting.js'
import { Waiters } from './waiters.js'
import type { Processor } from './processor.js'

/**
 * Makes a channel that crosses threads: an argument or a result of tasks, a value of other shared channels. Any number
 * of goroutines on any thread send and receive; each value arrives once, as a copy. Otherwise it is like `chan`: with
 * capacity 0 a send waits for its receiver, values arrive in the order they were sent.
 *
 * Among threads that wait the order is not kept; among the goroutines of one thread it is.
 *
 * @throws RuntimeError if the capacity is not a whole number from 0 to 2^20.
 */
export function sharedChan<T>(capacity = 0): SharedChan<T> {
  if (!Number.isInteger(capacity) || capacity < 0 || capacity > mostCapacity) {
    throw new RuntimeError(
      `makechan: size out of range: a shared channel's capacity is a whole number from 0 to ${mostCapacity}, not ${capacity}`,
    )
  }
  return capacity === 0 ? new UnbufferedChan<T>() : new BufferedChan<T>(undefined, capacity)
}

const mostCapacity = 2 ** 20
const bufferedKind = 1
const unbufferedKind = 2

/** Both ends of a channel that crosses threads. */
export abstract class SharedChan<T> extends SharedObject implements Chan<T> {
  /** @internal Goroutines of this thread that wait. */
  readonly receivers = new WaitList<SharedReceive<T>>()
  /** @internal */
  readonly senders = new WaitList<SharedSend<T>>()
  protected readonly receiving: Waiters
  protected readonly sending: Waiters

  /** @internal */
  protected constructor(kind: number, address: number | undefined, bytes: number) {
    super(kind, address, bytes)
    this.receiving = new Waiters(this.processor, this.address, object.waiters)
    this.sending = new Waiters(this.processor, this.address, object.otherWaiters)
  }

  abstract readonly length: number
  abstract readonly capacity: number

  send(value: T): Operation<void> {
    return new SharedSend(this, value)
  }

  recv(): Operation<T | undefined> {
    return new SharedReceive<T>(this, false) as Operation<T | undefined>
  }

  next(): Operation<IteratorResult<T, undefined>> {
    return new SharedReceive<T>(this, true) as Operation<IteratorResult<T, undefined>>
  }

  trySend(value: T): boolean {
    const send = new SharedSend(this, value)
    if (!send.claim().attempt()) return false
    if (send.failed) throw send.value
    return true
  }

  tryRecv(): IteratorResult<T, undefined> | undefined {
    const receive = new SharedReceive<T>(this, true)
    return receive.claim().attempt() ? (receive.value as IteratorResult<T, undefined>) : undefined
  }

  abstract close(): void

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (;;) {
      const { done, value } = await this.next()
      if (done === true) return
      yield value as T
    }
  }

  /** @internal Sends without waiting. */
  abstract offer(send: SharedSend<T>): boolean
  /** @internal A value, `ended` or `nothing`. */
  abstract take(own: Claim | undefined): unknown
  /** @internal Serves those of this thread that wait; true if one was served. */
  look(): boolean {
    const received = this.serveReceivers()
    const sent = this.serveSenders()
    this.rest()
    return received || sent
  }

  /** @internal The send waits from now on. */
  abstract enterSender(send: SharedSend<T>): void
  /** @internal */
  abstract leaveSender(send: SharedSend<T>): void

  /** @internal */
  enterReceiver(receive: SharedReceive<T>): void {
    contestLikeAbove(receive)
    this.receivers.push(receive)
    this.processor.watch(this)
    this.look()
  }

  /** @internal */
  leaveReceiver(receive: SharedReceive<T>): void {
    this.receivers.remove(receive)
    this.rest()
  }

  /** Serves the senders of this thread as far as it goes; true if one was served. */
  protected abstract serveSenders(): boolean

  /** Serves the receivers of this thread as far as it goes; true if one was served. */
  protected serveReceivers(): boolean {
    let served = false
    for (let first = this.receivers.first; first !== undefined; first = this.receivers.first) {
      const claim = claimOf(first)
      if (claim === undefined ? this.serveReceiver(first) : this.serveContested(first, claim)) served = true
      else if (!this.receiving.arm()) break
    }
    return served
  }

  private serveReceiver(receive: SharedReceive<T>): boolean {
    const value = this.take(undefined)
    if (value === nothing) return false
    this.receivers.remove(receive)
    return receive.deliver(value)
  }

  /** In a select that another thread may commit: winning comes first, since what is taken cannot be put back. */
  private serveContested(receive: SharedReceive<T>, claim: Claim): boolean {
    if (!this.mayTake(claim)) return false
    if (!receive.isWon) return this.receivers.remove(receive) // that thread was first
    const value = this.take(claim)
    if (value === nothing) {
      receive.contend(claim) // first: giving back has this thread's receivers look again
      claim.giveBack()
      return false
    }
    this.receivers.remove(receive)
    return receive.deliver(value)
  }

  /** Whether a receive would probably find something, beside what the same select offers. */
  protected abstract mayTake(own: Claim): boolean

  /** Nobody of this thread waits any more, perhaps. */
  protected abstract rest(): void
}

/** @internal */
export class SharedSend<T> extends Operation<void> {
  constructor(
    private readonly channel: SharedChan<T>,
    readonly payload: T,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'shared chan send'
  }

  override attempt(): boolean {
    return this.channel.offer(this)
  }

  override park(): void {
    this.channel.enterSender(this)
  }

  override unpark(): void {
    this.channel.leaveSender(this)
  }

  refuse(): true {
    return this.fail(new RuntimeError('send on closed channel'))
  }
}

/** @internal */
export class SharedReceive<T> extends Operation<unknown> {
  constructor(
    private readonly channel: SharedChan<T>,
    private readonly asResult: boolean,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'shared chan receive'
  }

  deliver(value: unknown): true {
    if (value === ended) return this.complete(this.asResult ? { done: true, value: undefined } : undefined)
    return this.complete(this.asResult ? { done: false, value } : value)
  }

  override attempt(): boolean {
    const { channel } = this
    if (!channel.receivers.isEmpty) return false // first come, first served
    const value = channel.take(undefined)
    return value !== nothing && this.deliver(value)
  }

  override park(): void {
    this.channel.enterReceiver(this)
  }

  override unpark(): void {
    this.channel.leaveReceiver(this)
  }
}

class BufferedChan<T> extends SharedChan<T> {
  readonly capacity: number
  private readonly buffer: RingBuffer

  constructor(address: number | undefined, capacity: number) {
    super(bufferedKind, address, address === undefined ? RingBuffer.bytesFor(capacity) : 0)
    const { memory } = this.processor
    if (address === undefined) RingBuffer.init(memory, this.address, capacity)
    this.buffer = new RingBuffer(this.processor, this.address, scratchOf(this.processor))
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
    contestLikeAbove(send)
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

class UnbufferedChan<T> extends SharedChan<T> {
  readonly length = 0
  readonly capacity = 0
  private readonly board: OfferBoard
  /** The offers of this thread's senders. */
  private readonly offers = new Map<SharedSend<T>, { readonly at: number; readonly claim: Claim }>()

  constructor(address?: number) {
    super(unbufferedKind, address, boardBytes)
    this.board = new OfferBoard(this.processor, this.address, scratchOf(this.processor))
  }

  static {
    defineKind(unbufferedKind, (address) => new UnbufferedChan<unknown>(address))
  }

  /** A receiver that waits elsewhere can take it only by itself: it is given a moment for that. */
  override offer(send: SharedSend<T>): boolean {
    if (this.board.isClosed) return send.refuse()
    if (!this.senders.isEmpty || (this.receivers.isEmpty && !this.receiving.areAny)) return false
    const claim = new Claim(this.processor)
    const at = this.post(send, claim)
    if (at <= 0) return at === 0
    this.announce()
    const untilMs = performance.now() + momentMs
    while (!claim.hasTaken(at) && performance.now() < untilMs);
    const wasTaken = claim.hasTaken(at) || (!claim.win() && claim.hasTaken(at))
    this.board.remove(at, wasTaken)
    claim.leave()
    return wasTaken && send.complete()
  }

  override take(own: Claim | undefined): unknown {
    const value = this.board.take(own, (p) =>
      p === this.processor.p ? this.serveSenders() : this.processor.ring(p),
    )
    return value === nothing && this.board.isClosed ? ended : value
  }

  override close(): void {
    if (!this.board.close()) throw new RuntimeError('close of closed channel')
    this.receiving.ringAll()
    this.sending.ringAll()
  }

  override enterSender(send: SharedSend<T>): void {
    const shared = contestAbove(send)
    const claim = shared instanceof Claim ? shared : this.claimFor(send)
    const at = claim === undefined ? 0 : this.post(send, claim)
    if (claim === undefined || at === 0) return
    this.offers.set(send, { at, claim })
    this.senders.push(send)
    send.contend(claim)
    this.processor.watch(this)
    this.sending.arm()
    if (this.board.isClosed) this.look()
    else this.announce()
  }

  override leaveSender(send: SharedSend<T>): void {
    this.senders.remove(send)
    this.withdraw(send, false)
    this.rest()
  }

  override ownerDied(_machine: number, p: number): void {
    this.board.withdrawAll(p)
  }

  protected override mayTake(own: Claim): boolean {
    return this.board.hasOffer(own) || this.board.isClosed
  }

  private claimFor(send: SharedSend<T>): Claim | undefined {
    try {
      return new Claim(this.processor)
    } catch (error) {
      send.fail(error)
      return undefined
    }
  }

  /** Posts the offer of a send; what fails ends it. The offer's address; 0 for one that has ended. */
  private post(send: SharedSend<T>, claim: Claim): number {
    claim.enter(() => this.announce())
    let at = 0
    try {
      at = this.board.post(send.payload, claim)
      if (at === 0) send.refuse()
    } catch (error) {
      send.fail(error)
    }
    if (at === 0) claim.leave()
    return at
  }

  /** Has those who wait look at the offers: this thread's own receivers first. */
  private announce(): void {
    if (!this.receivers.isEmpty) this.serveReceivers()
    if (!this.board.looksEmpty && this.receiving.areAny) this.receiving.ringOne()
  }

  protected override serveSenders(): boolean {
    let served = false
    for (const [send, { at, claim }] of this.offers) {
      const wasTaken = claim.hasTaken(at)
      if (!wasTaken && !(this.board.isClosed && claim.win())) continue
      served = true
      this.senders.remove(send)
      this.withdraw(send, wasTaken)
      if (wasTaken) send.complete()
      else send.refuse()
    }
    return served
  }

  private withdraw(send: SharedSend<T>, wasTaken: boolean): void {
    const offer = this.offers.get(send)
    if (offer === undefined) return
    this.offers.delete(send)
    this.board.remove(offer.at, wasTaken)
    offer.claim.leave()
  }

  protected override rest(): void {
    if (this.receivers.isEmpty) this.receiving.disarm(() => !this.board.looksEmpty || this.board.isClosed)
    if (this.senders.isEmpty) this.sending.disarm(() => false)
    if (this.receivers.isEmpty && this.senders.isEmpty) this.processor.unwatch(this)
  }
}

/** How long a send looks whether a receiver that waits on another thread takes it, before it waits itself. */
const momentMs = 0.02

/** A case of a select that has an offer out already has to win from the beginning. */
function contestLikeAbove(operation: Operation<unknown>): void {
  const contest = contestAbove(operation)
  if (contest !== undefined) operation.contend(contest)
}

function claimOf(operation: Operation<unknown>): Claim | undefined {
  const { contest } = operation
  return contest instanceof Claim ? contest : undefined
}

/** What is left in a channel that nobody holds may itself hold something. */
function emptyBuffer(processor: Processor, address: number): void {
  const buffer = new RingBuffer(processor, address, scratchOf(processor))
  while (buffer.length > 0 && buffer.shift() !== nothing);
}

let scratch: Scratch | undefined
let scratchFor: Processor | undefined

function scratchOf(processor: Processor): Scratch {
  if (scratch === undefined || scratchFor !== processor) scratch = new Scratch(processor)
  scratchFor = processor
  return scratch
}
