import type { RecvChan } from '../runtime/chan.js'
import { MisuseError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { HttpError } from './http-error.js'
import { MultipartParser } from './multipart-parser.js'

type Found<T> = IteratorResult<T, undefined>

/** What the parts and the bodies of files of one request share: where they come from, and what went wrong. */
export class Feed {
  readonly parser: MultipartParser
  /** Who waits for more to come. */
  reader: Operation<unknown> | undefined = undefined
  private fault: { readonly error: unknown } | undefined = undefined

  constructor(
    readonly source: RecvChan<Uint8Array>,
    boundary: string,
  ) {
    this.parser = new MultipartParser(boundary)
  }

  /** Runs `search`; what it throws is thrown from now on. */
  guard<T>(search: () => T): T {
    if (this.fault !== undefined) throw this.fault.error
    try {
      return search()
    } catch (error) {
      this.fault = { error }
      throw error
    }
  }

  /** Hands the parser what `receive` has brought. */
  accept(receive: Operation<Found<Uint8Array>>): void {
    this.guard(() => {
      if (receive.failed) throw receive.value
      const { done, value } = receive.value as Found<Uint8Array>
      if (done === true) throw new HttpError(400, 'the multipart body ends before its last boundary')
      this.parser.feed(value)
    })
  }
}

/** A channel whose values are found in what the feed brings. */
export abstract class Pulled<T> implements RecvChan<T> {
  /** Always 0: a value is made when it is asked for. */
  readonly length = 0
  readonly capacity = 0

  constructor(
    /** @internal */
    readonly feed: Feed,
  ) {}

  /** @internal The next value, or the end; `undefined` if more has to come first. The same one until it is taken. */
  abstract find(): Found<T> | undefined
  /** @internal Goes past what was found. */
  abstract take(): void

  recv(): Operation<T | undefined> {
    return new Pull<T>(this, false) as Operation<T | undefined>
  }

  next(): Operation<Found<T>> {
    return new Pull<T>(this, true) as Operation<Found<T>>
  }

  tryRecv(): Found<T> | undefined {
    const pull = new Pull<T>(this, true)
    if (!pull.claim().attempt()) return undefined
    if (pull.failed) throw pull.value
    return pull.value as Found<T>
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (let r = await this.next(); r.done !== true; r = await this.next()) yield r.value
  }
}

/**
 * Waits for a value by receiving pieces until there is one. It does the work itself, so that no goroutine is left over
 * where a reader loses interest, and nothing is received that nobody waits for.
 */
class Pull<T> extends Operation<unknown> {
  private receive: Operation<Found<Uint8Array>> | undefined = undefined

  constructor(
    private readonly from: Pulled<T>,
    private readonly asResult: boolean,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'multipart body'
  }

  override attempt(): boolean {
    if (this.from.feed.reader !== undefined) return this.fail(twoReaders())
    return this.advance()
  }

  override park(): void {
    const { feed } = this.from
    feed.reader = this
    // Not `this`: where a select may be committed by another thread, a piece that comes does not commit it yet.
    this.receive?.parkFor({ wake: () => this.resume() })
  }

  override unpark(): void {
    this.from.feed.reader = undefined
    this.receive?.abandon()
  }

  private resume(): void {
    const { feed } = this.from
    feed.reader = undefined
    if (!this.advance()) this.park()
  }

  /** Goes on until there is a value or something to wait for; false for that. */
  private advance(): boolean {
    const { from } = this
    const { feed } = from
    try {
      for (;;) {
        if (this.receive?.hasEnded === true) feed.accept(this.receive)
        const found = from.find()
        if (found !== undefined) return this.deliver(found)
        this.receive = feed.source.next().claim()
        if (!this.receive.attempt()) return false
      }
    } catch (error) {
      return this.fail(error)
    }
  }

  private deliver(found: Found<T>): true {
    if (!this.isWon) return true // another case of a select was chosen: it stays for whoever asks next
    this.from.take()
    return this.complete(this.asResult ? found : found.value)
  }
}

function twoReaders(): MisuseError {
  return new MisuseError(
    'a multipart body is read by one at a time: somebody waits for a part or a file of it already',
  )
}
