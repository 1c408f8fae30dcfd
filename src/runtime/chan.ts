import { RuntimeError } from './errors.js'
import { Operation } from './operation.js'
import { Ring } from './ring.js'
import { WaitList } from './wait-list.js'

/** The sending end of a channel. */
export interface SendChan<in T> {
  /** Waits until a receiver takes the value or the buffer has room. Throws `RuntimeError` if the channel is closed. */
  send(value: T): Operation<void>
  /** Sends if that needs no wait; false otherwise. Throws `RuntimeError` if the channel is closed. */
  trySend(value: T): boolean
  /** Says that no more values will come: receivers get what is buffered, then the end. Parked senders fail. */
  close(): void
  /** Values in the buffer. */
  readonly length: number
  /** Room of the buffer; 0 for a channel that hands over directly. */
  readonly capacity: number
}

/** The receiving end of a channel. */
export interface RecvChan<out T> extends AsyncIterable<T> {
  /** Waits for a value; `undefined` once the channel is closed and drained. */
  recv(): Operation<T | undefined>
  /** Waits for a value; tells a sent `undefined` from the end by `done`. Go's `v, ok := <-ch`. */
  next(): Operation<IteratorResult<T, undefined>>
  /** Receives if that needs no wait; `undefined` when nothing is there, `{ done: true }` when closed and drained. */
  tryRecv(): IteratorResult<T, undefined> | undefined
  /** Values in the buffer. */
  readonly length: number
  /** Room of the buffer; 0 for a channel that hands over directly. */
  readonly capacity: number
}

/** Both ends of a channel. Hand out `SendChan` and `RecvChan` where only one end is meant. */
export interface Chan<T> extends SendChan<T>, RecvChan<T> {}

/**
 * Makes a channel. With capacity 0 a send waits for its receiver; otherwise up to `capacity` values wait in a buffer.
 * Values arrive in the order they were sent, waiters are served in the order they came.
 *
 * @throws RuntimeError if the capacity is not a whole number from 0 to 2^32-1.
 */
export function chan<T>(capacity = 0): Chan<T> {
  if (!Number.isInteger(capacity) || capacity < 0 || capacity > 0xffff_ffff) {
    throw new RuntimeError(
      `makechan: size out of range: a capacity is a whole number from 0, not ${capacity}`,
    )
  }
  return new Channel<T>(capacity)
}

/**
 * Invariants, as in Go's runtime/chan.go:
 * - receivers wait only while the buffer is empty, senders only while it is full;
 * - so at least one of the two lists is empty, always;
 * - a value goes straight to a waiting receiver; a receiver that makes room takes the head of the buffer and puts the
 *   first waiting sender's value at its tail, so order is kept. (The tempting wrong version hands it the sender's value.)
 * A select parks one node in many lists; it is unlinked from all of them before it runs, so no node here is stale.
 */
class Channel<T> implements Chan<T> {
  readonly receivers = new WaitList<Receive<T>>()
  readonly senders = new WaitList<Send<T>>()
  readonly buffer: Ring<T> | undefined
  closed = false

  constructor(readonly capacity: number) {
    this.buffer = capacity === 0 ? undefined : new Ring<T>()
  }

  get length(): number {
    return this.buffer === undefined ? 0 : this.buffer.length
  }

  send(value: T): Operation<void> {
    return new Send(this, value)
  }

  recv(): Operation<T | undefined> {
    return new Receive<T>(this, false) as Operation<T | undefined>
  }

  next(): Operation<IteratorResult<T, undefined>> {
    return new Receive<T>(this, true) as Operation<IteratorResult<T, undefined>>
  }

  trySend(value: T): boolean {
    if (this.closed) throw sendOnClosed()
    const receiver = this.receivers.shift()
    if (receiver !== undefined) receiver.deliver(value)
    else if (this.buffer !== undefined && this.buffer.length < this.capacity) this.buffer.push(value)
    else return false
    return true
  }

  tryRecv(): IteratorResult<T, undefined> | undefined {
    const receive = new Receive<T>(this, true)
    return receive.claim().attempt() ? (receive.value as IteratorResult<T, undefined>) : undefined
  }

  close(): void {
    if (this.closed) throw new RuntimeError('close of closed channel')
    this.closed = true
    for (let r = this.receivers.shift(); r !== undefined; r = this.receivers.shift()) r.deliverEnd()
    for (let s = this.senders.shift(); s !== undefined; s = this.senders.shift()) s.refuse()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (;;) {
      const { done, value } = await this.next()
      if (done === true) return
      yield value as T
    }
  }
}

class Send<T> extends Operation<void> {
  constructor(
    private readonly channel: Channel<T>,
    readonly payload: T,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'chan send'
  }

  /** A receiver has taken the payload. */
  taken(): void {
    this.complete()
  }

  refuse(): true {
    return this.fail(sendOnClosed())
  }

  override attempt(): boolean {
    const { channel } = this
    if (channel.closed) return this.refuse()
    const receiver = channel.receivers.shift()
    if (receiver !== undefined) {
      receiver.deliver(this.payload)
      return this.complete()
    }
    const { buffer } = channel
    if (buffer === undefined || buffer.length >= channel.capacity) return false
    buffer.push(this.payload)
    return this.complete()
  }

  override park(): void {
    this.channel.senders.push(this)
  }

  override unpark(): void {
    this.channel.senders.remove(this)
  }
}

/** Both forms of a receive in one class, so that the lists of a channel hold one shape of object. */
class Receive<T> extends Operation<unknown> {
  constructor(
    private readonly channel: Channel<T>,
    private readonly asResult: boolean,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'chan receive'
  }

  deliver(value: T): true {
    return this.complete(this.asResult ? { done: false, value } : value)
  }

  deliverEnd(): true {
    return this.complete(this.asResult ? { done: true, value: undefined } : undefined)
  }

  override attempt(): boolean {
    const { buffer, senders, closed } = this.channel
    const sender = senders.shift()
    if (buffer !== undefined && buffer.length > 0) {
      const value = buffer.shift() as T
      if (sender !== undefined) buffer.push(sender.payload)
      sender?.taken()
      return this.deliver(value)
    }
    if (sender !== undefined) {
      sender.taken()
      return this.deliver(sender.payload)
    }
    return closed && this.deliverEnd()
  }

  override park(): void {
    this.channel.receivers.push(this)
  }

  override unpark(): void {
    this.channel.receivers.remove(this)
  }
}

function sendOnClosed(): RuntimeError {
  return new RuntimeError('send on closed channel')
}

/** A channel that is never ready: sends and receives wait for ever. Source: Go's nil channel. */
export const nilChan: Chan<never> = {
  length: 0,
  capacity: 0,
  send: () => new Never('chan send (nil chan)'),
  recv: () => new Never('chan receive (nil chan)'),
  next: () => new Never('chan receive (nil chan)'),
  trySend: () => false,
  tryRecv: () => undefined,
  close: () => {
    throw new RuntimeError('close of nil channel')
  },
  [Symbol.asyncIterator]: async function* () {
    yield await new Never('chan receive (nil chan)')
  },
}

/** Waits for ever. */
export class Never extends Operation<never> {
  constructor(override readonly waitReason: string) {
    super()
  }

  override attempt(): boolean {
    return false
  }

  override park(): void {}
  override unpark(): void {}
}
