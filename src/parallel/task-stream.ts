import type { RecvChan } from '../runtime/chan.js'
import { ArgumentError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { Ring } from '../runtime/ring.js'
import { WaitList } from '../runtime/wait-list.js'

export interface MapOptions {
  /** Calls that are under way, or finished and not yet taken, at a time; 64 by default. */
  readonly window?: number
}

const defaultWindow = 64

/** Makes the call for an item. */
type CallFor<T> = (item: unknown) => Operation<T>

/**
 * The results of calls in the order of their items, so many calls at a time: whoever takes results too slowly holds back the
 * calls. Nothing is called before the first result is asked for. The first error, of a call or of the items, comes out in its
 * place; then the stream has ended, and the calls behind it are canceled.
 */
export class TaskStream<T> implements RecvChan<T>, Disposable {
  /** Calls at a time. */
  readonly capacity: number
  private readonly entries = new Ring<Entry<T>>()
  private readonly takers = new WaitList<Take<T>>()
  private readonly items: Items
  private exhausted = false

  /** @internal */
  constructor(
    private readonly callFor: CallFor<T>,
    items: Iterable<unknown> | AsyncIterable<unknown>,
    { window = defaultWindow }: MapOptions = {},
  ) {
    if (!Number.isInteger(window) || window < 1)
      throw new ArgumentError(`map(): the window is a whole number from 1, not ${String(window)}`)
    this.capacity = window
    this.items = itemsOf(items)
  }

  /** Calls that are under way, or finished and not yet taken. */
  get length(): number {
    return this.entries.length
  }

  recv(): Operation<T | undefined> {
    return new Take<T>(this, false) as Operation<T | undefined>
  }

  next(): Operation<IteratorResult<T, undefined>> {
    return new Take<T>(this, true) as Operation<IteratorResult<T, undefined>>
  }

  tryRecv(): IteratorResult<T, undefined> | undefined {
    const take = new Take<T>(this, true)
    if (!take.claim().attempt()) return undefined
    if (take.failed) throw take.value
    return take.value as IteratorResult<T, undefined>
  }

  /** Ends the stream: calls that are under way are canceled. */
  cancel(): void {
    this.exhausted = true
    this.items.stop()
    for (let entry = this.entries.shift(); entry !== undefined; entry = this.entries.shift()) entry.abandon()
    this.serve()
  }

  [Symbol.dispose](): void {
    this.cancel()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    try {
      for (;;) {
        const { done, value } = await this.next()
        if (done === true) return
        yield value as T
      }
    } finally {
      this.cancel()
    }
  }

  /** @internal The next result, if it is there: the take has ended then. */
  serveOne(take: Take<T>): boolean {
    this.fill()
    const entry = this.entries.length === 0 ? undefined : this.entries.at(0)
    if (entry === undefined) return this.exhausted && take.deliverEnd()
    if (!entry.hasEnded) return false
    this.entries.shift()
    const { failed, value } = entry
    if (failed) this.cancel()
    else this.fill()
    return failed ? take.fail(value) : take.deliver(value as T)
  }

  /** @internal */
  enter(take: Take<T>): void {
    this.takers.push(take)
  }

  /** @internal */
  leave(take: Take<T>): void {
    this.takers.remove(take)
  }

  /** @internal No taker waits ahead. */
  get isFree(): boolean {
    return this.takers.isEmpty
  }

  /** Makes calls until the window is full. */
  private fill(): void {
    while (!this.exhausted && this.entries.length < this.capacity) {
      const next = this.items.next(() => this.serve())
      if (next === undefined) return // it tells when the item is there
      if ('error' in next) this.entries.push(new Entry<T>(undefined, next.error, () => this.serve()))
      else if (next.done !== true)
        this.entries.push(new Entry<T>(this.callFor(next.value), undefined, () => this.serve()))
      if ('error' in next || next.done === true) this.exhausted = true
    }
  }

  private serve(): void {
    for (let first = this.takers.first; first !== undefined; first = this.takers.first) {
      if (!first.isWon) this.takers.remove(first)
      else if (this.serveOne(first)) this.takers.remove(first)
      else return
    }
    if (!this.exhausted) this.fill()
  }
}

/** A call of a stream, and how it ended. */
class Entry<T> {
  hasEnded = false
  failed = false
  value: unknown = undefined

  constructor(
    private readonly call: Operation<T> | undefined,
    error: unknown,
    ended: () => void,
  ) {
    if (call === undefined) {
      this.hasEnded = this.failed = true
      this.value = error
      return
    }
    const settle = () => {
      this.hasEnded = true
      this.failed = call.failed
      this.value = call.value
    }
    if (call.claim().attempt()) settle()
    else {
      call.parkFor({
        wake: () => {
          settle()
          ended()
        },
      })
    }
  }

  abandon(): void {
    this.call?.abandon()
  }
}

class Take<T> extends Operation<unknown> {
  constructor(
    private readonly stream: TaskStream<T>,
    private readonly asResult: boolean,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'task results'
  }

  deliver(value: T): true {
    return this.complete(this.asResult ? { done: false, value } : value)
  }

  deliverEnd(): true {
    return this.complete(this.asResult ? { done: true, value: undefined } : undefined)
  }

  override attempt(): boolean {
    return this.stream.isFree && this.stream.serveOne(this)
  }

  override park(): void {
    this.stream.enter(this)
  }

  override unpark(): void {
    this.stream.leave(this)
  }
}

type Item = IteratorResult<unknown, unknown> | { readonly error: unknown }

/** Where the items come from. */
interface Items {
  /** The next item; `undefined` when it is not there yet, and then `arrived` is called. */
  next(arrived: () => void): Item | undefined
  /** No more are needed. */
  stop(): void
}

function itemsOf(items: Iterable<unknown> | AsyncIterable<unknown>): Items {
  if (items !== null && items !== undefined) {
    if (typeof (items as Iterable<unknown>)[Symbol.iterator] === 'function')
      return new SyncItems((items as Iterable<unknown>)[Symbol.iterator]())
    if (typeof (items as AsyncIterable<unknown>)[Symbol.asyncIterator] === 'function')
      return new AsyncItems((items as AsyncIterable<unknown>)[Symbol.asyncIterator]())
  }
  throw new ArgumentError(`map() needs something to iterate over, not ${String(items)}`)
}

class SyncItems implements Items {
  constructor(private readonly iterator: Iterator<unknown>) {}

  next(): Item {
    try {
      return this.iterator.next()
    } catch (error) {
      return { error }
    }
  }

  stop(): void {
    this.iterator.return?.()
  }
}

class AsyncItems implements Items {
  private arrived: Item | undefined = undefined
  private isAsked = false

  constructor(private readonly iterator: AsyncIterator<unknown>) {}

  next(arrived: () => void): Item | undefined {
    const item = this.arrived
    this.arrived = undefined
    if (item !== undefined || this.isAsked) return item
    this.isAsked = true
    const take = (next: Item) => {
      this.isAsked = false
      this.arrived = next
      arrived()
    }
    this.iterator.next().then(take, (error) => take({ error }))
    return undefined
  }

  stop(): void {
    void this.iterator.return?.()?.then(undefined, () => undefined)
  }
}
