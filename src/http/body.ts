import { isUtf8 } from 'node:buffer'
import type { RecvChan } from '../runtime/chan.js'
import { MisuseError, SluiceError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'
import { HttpError } from './http-error.js'

/** The client has closed the connection, or it broke, before all was received or sent. */
export class ClientGone extends SluiceError {
  readonly code = 'ERR_SLUICE_CLIENT_GONE'

  constructor(what = 'the client has gone away', cause?: unknown) {
    super(what, cause === undefined ? undefined : { cause })
  }
}

/** Whoever receives a body from the network. */
export interface BodyOrigin {
  /** Somebody waits for more than has come. */
  wanted(): void
}

/**
 * The body of a request, as a channel of pieces in the order they came: `recv()`, `next()`, `for await`. It can be read
 * once, either so or as a whole with `req.bytes()` and the like. What nobody reads is not fetched beyond some 64 KiB.
 */
export class RequestBody implements RecvChan<Uint8Array> {
  /** Always 0: how much waits is a matter of bytes. */
  readonly capacity = 0
  /** @internal What came and has not been read. */
  chunks: Buffer[]
  /** @internal Bytes in `chunks`. */
  waitingBytes: number
  /** @internal All has come. */
  isWhole: boolean
  /** @internal Some of it has been read. */
  isBegun: boolean
  private receivedBytes: number
  private fault: Error | undefined
  private limitBytes: number
  private readers: WaitList<Receive> | undefined
  private all: ReadAll<unknown> | undefined
  /** Small pieces are copied together here; the last of `chunks` is the part behind those that were read, or none. */
  private gathered: Buffer | undefined
  private gatheredStart: number
  private gatheredEnd: number

  /** @internal @param declaredBytes what the head says; -1 where it does not. */
  constructor(
    private readonly origin: BodyOrigin | undefined,
    private readonly declaredBytes: number,
    limitBytes: number,
  ) {
    this.chunks = []
    this.waitingBytes = 0
    this.isWhole = origin === undefined
    this.isBegun = false
    this.receivedBytes = 0
    this.fault = undefined
    this.limitBytes = limitBytes
    this.readers = undefined
    this.all = undefined
    this.gathered = undefined
    this.gatheredStart = 0
    this.gatheredEnd = 0
  }

  /** Pieces that have come and wait to be read. */
  get length(): number {
    return this.chunks.length
  }

  /** How long the client says it is, in bytes; `undefined` where it does not. */
  get declaredLength(): number | undefined {
    return this.declaredBytes < 0 ? undefined : this.declaredBytes
  }

  /** Sets another limit than the server's for this body, in bytes: before it is read. */
  limit(bytes: number): void {
    this.limitBytes = bytes
    if (this.tooLarge(this.receivedBytes)) this.refuse(this.limitFault()) // also where all has come already
  }

  /** Waits for the next piece; `undefined` after the last. Throws `HttpError` 413 beyond the limit, `ClientGone`. */
  recv(): Operation<Uint8Array | undefined> {
    return new Receive(this, false) as Operation<Uint8Array | undefined>
  }

  /** Like `recv`, as an iterator's result. */
  next(): Operation<IteratorResult<Uint8Array, undefined>> {
    return new Receive(this, true) as Operation<IteratorResult<Uint8Array, undefined>>
  }

  tryRecv(): IteratorResult<Uint8Array, undefined> | undefined {
    const found = this.takePiece()
    // Or it would wait for whoever only tries.
    if (found === undefined && this.fault === undefined && !this.tooLarge(this.declaredBytes))
      this.origin?.wanted()
    return found
  }

  /** @internal What is there already. */
  takePiece(): IteratorResult<Uint8Array, undefined> | undefined {
    const value = this.chunks.shift()
    if (value !== undefined) {
      this.isBegun = true
      this.waitingBytes -= value.length
      return { done: false, value }
    }
    return this.isWhole ? { done: true, value: undefined } : undefined
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const { done, value } = await this.next()
      if (done === true) return
      yield value
    }
  }

  /** @internal The whole body, as `convert` makes it. */
  read<T>(convert: (bytes: Buffer) => T): Operation<T> {
    return new ReadAll(this, convert)
  }

  /** @internal More has come. */
  push(bytes: Buffer): void {
    this.receivedBytes += bytes.length
    if (this.fault !== undefined) return
    if (this.tooLarge(this.receivedBytes)) {
      this.fail(this.limitFault())
      return
    }
    this.waitingBytes += bytes.length
    if (bytes.length < smallBytes && this.chunks.length > 0) this.gather(bytes)
    else this.chunks.push(bytes)
    const reader = this.readers?.shift()
    if (reader !== undefined) reader.attempt()
  }

  /** Copies a small piece behind the one before it: as an object it costs more than a hundred bytes. */
  private gather(bytes: Buffer): void {
    const { chunks } = this
    const isOpen = this.gathered !== undefined && chunks.at(-1)?.buffer === this.gathered.buffer
    if (this.gathered === undefined || this.gatheredEnd + bytes.length > this.gathered.length) {
      this.gathered = Buffer.allocUnsafeSlow(gatheredBytes)
      this.gatheredStart = 0
      this.gatheredEnd = 0
    } else if (!isOpen) this.gatheredStart = this.gatheredEnd
    bytes.copy(this.gathered, this.gatheredEnd)
    const isNew = this.gatheredStart === this.gatheredEnd
    this.gatheredEnd += bytes.length
    const piece = this.gathered.subarray(this.gatheredStart, this.gatheredEnd)
    if (isNew) chunks.push(piece)
    else chunks[chunks.length - 1] = piece
  }

  /** @internal All has come. */
  end(): void {
    this.isWhole = true
    this.all?.attempt()
    this.tellReaders()
  }

  /** @internal The rest will not come. */
  fail(error: Error): void {
    if (!this.isWhole) this.refuse(error)
  }

  private refuse(error: Error): void {
    if (this.fault !== undefined) return
    this.fault = error
    this.chunks = []
    this.waitingBytes = 0
    this.all?.attempt()
    this.tellReaders()
  }

  /** @internal Why it cannot be read. */
  get error(): Error | undefined {
    return this.fault
  }

  /** @internal Asks for more, unless it is known that there is too much. False when it has failed. */
  want(): boolean {
    if (this.fault === undefined && this.tooLarge(this.declaredBytes)) this.fail(this.limitFault())
    if (this.fault !== undefined) return false
    this.origin?.wanted()
    return true
  }

  /** @internal Somebody waits for what comes. */
  get isAwaited(): boolean {
    return this.all !== undefined || this.readers?.isEmpty === false
  }

  /** @internal */
  enter(reader: Receive): void {
    this.readers ??= new WaitList()
    this.readers.push(reader)
  }

  /** @internal */
  leave(reader: Receive): void {
    this.readers?.remove(reader)
  }

  /** @internal Somebody else waits for all of it. */
  isTakenFrom(reader: ReadAll<unknown>): boolean {
    return this.all !== undefined && this.all !== reader
  }

  /** @internal The one who waits for all of it. */
  waitForAll(reader: ReadAll<unknown> | undefined): void {
    this.all = reader
  }

  /** @internal All that has come, in one piece. */
  take(): Buffer {
    const { chunks } = this
    this.isBegun = true
    this.chunks = []
    this.waitingBytes = 0
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  }

  private tooLarge(bytes: number): boolean {
    return bytes > this.limitBytes
  }

  private limitFault(): HttpError {
    return new HttpError(413, `the body has more than ${this.limitBytes} bytes`)
  }

  private tellReaders(): void {
    for (let reader = this.readers?.shift(); reader !== undefined; reader = this.readers?.shift())
      reader.attempt()
  }
}

/** Pieces of a body that are smaller are copied together, into buffers of so many bytes. */
const smallBytes = 512
const gatheredBytes = 4096

const readTwice = 'the body has been read already: keep what the first reading gave'

class Receive extends Operation<unknown> {
  constructor(
    private readonly body: RequestBody,
    private readonly asResult: boolean,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'request body'
  }

  override attempt(): boolean {
    const { body } = this
    if (body.error !== undefined) return this.fail(body.error)
    const found = body.takePiece()
    return found !== undefined && this.complete(this.asResult ? found : found.value)
  }

  override park(): void {
    this.body.enter(this)
    if (!this.body.want()) return // it has failed, and told
  }

  override unpark(): void {
    this.body.leave(this)
  }
}

class ReadAll<T> extends Operation<T> {
  constructor(
    private readonly body: RequestBody,
    private readonly convert: (bytes: Buffer) => T,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'request body'
  }

  override attempt(): boolean {
    const { body } = this
    if (body.error !== undefined) return this.fail(body.error)
    if (body.isBegun || body.isTakenFrom(this as ReadAll<unknown>))
      return this.fail(new MisuseError(readTwice))
    if (!body.isWhole) return false
    body.waitForAll(undefined)
    try {
      return this.complete(this.convert(body.take()))
    } catch (error) {
      return this.fail(error)
    }
  }

  override park(): void {
    this.body.waitForAll(this)
    this.body.want()
  }

  override unpark(): void {
    this.body.waitForAll(undefined)
  }
}

/** Bytes as text. @throws HttpError 400 if they are not UTF-8. */
export function decodeUtf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new HttpError(400, 'the body is not valid UTF-8')
  return bytes.toString('utf8')
}

/** A body of which nothing comes. */
export function emptyBody(): RequestBody {
  return new RequestBody(undefined, 0, Infinity)
}
