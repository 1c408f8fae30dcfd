import { Readable } from 'node:stream'
import { Canceled, MisuseError } from '../../runtime/errors.js'
import { launch } from '../../runtime/go.js'
import type { Goroutine, Outcome } from '../../runtime/goroutine.js'
import { Operation } from '../../runtime/operation.js'
import type { GoFunction } from '../../runtime/origin.js'
import { type Scheduler, scheduler } from '../../runtime/scheduler.js'
import { produceBody } from '../produce-body.js'
import type { BodySource, BodyWriter } from '../response.js'

/**
 * A body that is produced while it is sent, as the stream that undici wants. Nothing is produced before the request is on a
 * connection: until then the source is untouched, and can be sent by another attempt.
 */
export class Upload extends Readable implements BodyWriter {
  /** What the source failed with. */
  fault: Error | undefined = undefined
  private readonly home: Scheduler = scheduler()
  private producer: Goroutine<void> | undefined = undefined
  private sending: Send | undefined = undefined

  /** @throws MisuseError for a source that was used up by an earlier attempt. */
  constructor(private readonly source: BodySource) {
    super()
    if (usedUp.has(source)) throw usedTwice()
    // What goes wrong is told to the request. Once that is over nobody listens, which must not end the process.
    this.on('error', () => undefined)
  }

  send(chunk: string | Uint8Array): Operation<void> {
    return new Send(this, chunk)
  }

  /** @internal True if more may be sent at once. */
  give(chunk: string | Uint8Array): boolean {
    return this.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
  }

  /** @internal Who waits until there is room. */
  waitFor(send: Send | undefined): void {
    this.sending = send
  }

  override _read(): void {
    if (this.producer === undefined) this.start()
    const { sending } = this
    this.sending = undefined
    if (sending !== undefined) this.home.inEvent(() => sending.complete())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.home.inEvent(() => this.producer?.cancel(error ?? undefined))
    done(error)
  }

  private start(): void {
    if (typeof this.source !== 'function') usedUp.add(this.source)
    const producer = launch(this.home, produceBody(this.source, this), Upload as unknown as GoFunction, send)
    this.producer = producer
    const outcome = producer.outcome().claim()
    outcome.attempt()
    outcome.parkFor({ wake: () => this.produced(outcome.value as Outcome<void>) })
  }

  private produced({ error }: Outcome<void>): void {
    if (error === undefined) this.push(null)
    else if (!this.destroyed) {
      this.fault = error instanceof Error ? error : new Error(String(error), { cause: error })
      this.destroy(this.fault)
    }
  }
}

/** Sources that can be read once, and have been begun. */
const usedUp = new WeakSet<BodySource>()

function usedTwice(): MisuseError {
  return new MisuseError(
    'the body of a request that is sent again has been used up: give a function that produces it, or bytes',
  )
}

/** What a dump says that started the producer. */
const send = Upload.prototype._read as GoFunction

class Send extends Operation<void> {
  /** It has been given to the stream; what is waited for is room for the next one. */
  private isGiven = false

  constructor(
    private readonly upload: Upload,
    private readonly chunk: string | Uint8Array,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'request body'
  }

  override attempt(): boolean {
    if (this.upload.destroyed) return this.fail(new Canceled(this.upload.errored ?? undefined))
    if (!this.isGiven && this.upload.give(this.chunk)) return this.complete()
    this.isGiven = true
    return false
  }

  override park(): void {
    this.upload.waitFor(this)
  }

  override unpark(): void {
    this.upload.waitFor(undefined)
  }
}
