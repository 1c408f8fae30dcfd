import type { Chan } from '../runtime/chan.js'
import { RuntimeError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'
import { Claim } from './offer-board.js'
import { ended, nothing } from './ring-chan.js'
import { object, SharedObject } from './shared-object.js'
import { contestAbove } from './shared-waiting.js'
import { Waiters } from './waiters.js'

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
    contendLikeAbove(receive)
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

/** A send, from when it is asked for until it is over. */
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

/** A case of a select that has an offer out already has to win from the beginning. */
export function contendLikeAbove(operation: Operation<unknown>): void {
  const contest = contestAbove(operation)
  if (contest !== undefined) operation.contend(contest)
}

export function claimOf(operation: Operation<unknown>): Claim | undefined {
  const { contest } = operation
  return contest instanceof Claim ? contest : undefined
}
