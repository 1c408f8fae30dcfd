import { launch } from '../runtime/go.js'
import type { Goroutine } from '../runtime/goroutine.js'
import { Operation, type Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { HANDLED, type Scheduler } from '../runtime/scheduler.js'
import { MisuseError, SluiceError } from '../runtime/errors.js'
import { WaitList } from '../runtime/wait-list.js'
import { produceBody } from './produce-body.js'
import type { BodySource, BodyWriter } from './response.js'

/** A body was produced that is not as long as the response's Content-Length says. */
export class BodyLengthError extends SluiceError {
  readonly code = 'ERR_SLUICE_BODY_LENGTH'
}

/** What a body is written to: a connection of HTTP/1.1, a stream of HTTP/2. */
export interface BodySink {
  readonly on: Scheduler
  /** The client does not keep up: whoever made the sender calls `drained` once there is room again. */
  readonly isFull: boolean
  write(text: string): void
  writeBytes(bytes: Uint8Array): void
}

/** Produces the body of a response and sends it, no faster than the client reads. */
export class BodySender implements BodyWriter {
  private readonly waiting = new WaitList<Send>()
  private left: number
  private gone: Error | undefined = undefined
  private producer: Goroutine<void> | undefined = undefined

  /** @param declared the length that the head has promised, in bytes. */
  constructor(
    private readonly out: BodySink,
    private readonly source: BodySource,
    private readonly isChunked: boolean,
    private readonly declared: number | undefined,
  ) {
    this.left = declared ?? Infinity
  }

  /** Begins; `ended` is called once, with what went wrong: then the body is not whole. */
  start(ended: (error: Error | undefined) => void): void {
    const { source } = this
    const producer = launch(this.out.on, this.produce(ended), nameOf(source), this.start as GoFunction)
    producer.flags |= HANDLED
    this.producer = producer
  }

  send(chunk: string | Uint8Array): Operation<void> {
    return new Send(this, typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk)
  }

  /** There is room again. */
  drained(): void {
    while (this.canSend) {
      const next = this.waiting.shift()
      if (next === undefined) return
      next.attempt()
    }
  }

  /** The client has left: whoever sends is told, and the producer ends. */
  abort(error: Error): void {
    this.gone = error
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) next.attempt()
    this.producer?.cancel(error)
  }

  /** @internal */
  get error(): Error | undefined {
    return this.gone
  }

  /** @internal */
  get canSend(): boolean {
    return !this.out.isFull
  }

  /** @internal */
  enter(send: Send): void {
    this.waiting.push(send)
  }

  /** @internal */
  leave(send: Send): void {
    this.waiting.remove(send)
  }

  /** @internal */
  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return // an empty chunk would be the end
    this.left -= bytes.length
    if (this.left < 0) throw this.lengthError('longer')
    if (this.isChunked) this.out.write(`${bytes.length.toString(16)}\r\n`)
    this.out.writeBytes(bytes)
    if (this.isChunked) this.out.write('\r\n')
  }

  private *produce(ended: (error: Error | undefined) => void): Routine<void> {
    let error: Error | undefined
    try {
      yield* produceBody(this.source, this)
      if (this.left > 0 && this.declared !== undefined) throw this.lengthError('shorter')
      if (this.isChunked) this.out.write('0\r\n\r\n')
    } catch (thrown) {
      error = thrown instanceof Error ? thrown : new Error(String(thrown))
    }
    ended(this.gone ?? error)
    this.gone ??= new MisuseError('the body is over: nothing can be sent behind it')
  }

  private lengthError(how: string): BodyLengthError {
    return new BodyLengthError(
      `the body is ${how} than its Content-Length, ${this.declared} bytes: leave that header out`,
    )
  }
}

class Send extends Operation<void> {
  constructor(
    private readonly sender: BodySender,
    private readonly bytes: Uint8Array,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'response body'
  }

  override attempt(): boolean {
    const { sender } = this
    if (sender.error !== undefined) return this.fail(sender.error)
    if (!sender.canSend) return false
    try {
      sender.write(this.bytes)
    } catch (error) {
      return this.fail(error)
    }
    return this.complete()
  }

  override park(): void {
    this.sender.enter(this)
  }

  override unpark(): void {
    this.sender.leave(this)
  }
}

function nameOf(source: BodySource): GoFunction {
  return typeof source === 'function' ? (source as GoFunction) : (BodySender.prototype.start as GoFunction)
}
