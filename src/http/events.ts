import type { RecvChan } from '../runtime/chan.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import type { Operation, Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { scheduler } from '../runtime/scheduler.js'
import { scope } from '../runtime/scope.js'
import { select } from '../runtime/select.js'
import { after } from '../runtime/sleep.js'
import { checkRetry, eventText, keepAliveText, type ServerEvent } from './event-text.js'
import { forEachOf, forEachReceived } from './produce-body.js'
import type { HttpRequest } from './request.js'
import { type BodyWriter, HttpResponse } from './response.js'
import type { HeaderInit } from './response-headers.js'

/** Where events go. A string is the data of one. */
export interface EventSender {
  /** Sends an event; waits while the client does not keep up. Throws `ClientGone` or `Canceled` when the stream is over. */
  send(event: ServerEvent | string): Operation<void>
  /** The id of the last event that the client had before it came again; `undefined` if it comes for the first time. */
  readonly lastEventId: string | undefined
}

/** What events come from: a channel, an async iterable, or a function that sends them or makes such an iterable. */
export type EventSource =
  | AsyncIterable<ServerEvent | string>
  | RecvChan<ServerEvent | string>
  | ((out: EventSender) => Routine<void> | PromiseLike<void> | AsyncIterable<ServerEvent | string>)

export interface EventsOptions {
  /** After so many ms without an event a comment is sent, lest a proxy takes the connection for dead: 15,000 unless given. */
  readonly keepAliveMs?: number
  /** How long the client waits before it comes again, in ms; its own choice unless given. */
  readonly retryMs?: number
  readonly headers?: HeaderInit
}

/**
 * Answers with server-sent events, for a browser's `EventSource`:
 *
 * ```ts
 * app.get('/prices', (req) =>
 *   events(req, function* (out) {
 *     for (let id = Number(out.lastEventId ?? 0) + 1; ; id++)
 *       yield* out.send({ id: `${id}`, event: 'price', data: yield* prices.after(id) })
 *   }),
 * )
 * ```
 *
 * The stream ends with its source; it is canceled, and an iterable told to return, when the client leaves, the request's
 * context ends, or the server begins to shut down: then the client comes again, to another server.
 * It comes again after any end: answer with `empty(204)` when there is to be no more.
 *
 * @throws ArgumentError for options that cannot be.
 */
export function events(req: HttpRequest, source: EventSource, options: EventsOptions = {}): HttpResponse {
  const { keepAliveMs = 15_000, retryMs, headers } = options
  if (!(keepAliveMs > 0)) throw new ArgumentError(`events() needs a keepAliveMs above 0, not ${keepAliveMs}`)
  if (retryMs !== undefined) checkRetry(retryMs)
  function* produce(out: BodyWriter): Routine<void> {
    const stream = new EventStream(out, req)
    if (retryMs !== undefined) yield* stream.send({ retry: retryMs })
    yield* stream.run(source, keepAliveMs)
  }
  return new HttpResponse(200, produce, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-cache',
    'X-Accel-Buffering': 'no', // nginx would hold the events back
    ...headers,
  })
}

/** Browsers send the id as UTF-8, and header fields are read as bytes. */
function lastEventId(req: HttpRequest): string | undefined {
  const id = req.header('last-event-id')
  return id === undefined ? undefined : Buffer.from(id, 'latin1').toString('utf8')
}

class EventStream implements EventSender {
  readonly lastEventId: string | undefined
  private sentMs: number
  private isOver: boolean

  constructor(
    private readonly out: BodyWriter,
    private readonly req: HttpRequest,
  ) {
    this.lastEventId = lastEventId(req)
    this.sentMs = scheduler().clock.now()
    this.isOver = false
  }

  send(event: ServerEvent | string): Operation<void> {
    // An async function cannot be stopped: it learns here that nobody listens any more.
    if (this.isOver) throw new Canceled(new Error('the stream of events is over'))
    this.sentMs = scheduler().clock.now()
    return this.out.send(eventText(typeof event === 'string' ? { data: event } : event))
  }

  /** Sends what the source has until it ends, the request or the server ends, or the client is gone. */
  *run(source: EventSource, keepAliveMs: number): Routine<void> {
    const stream = this
    let isEnding = false
    try {
      yield* scope(function* (s) {
        const watching = s.go(function* watch() {
          yield* stream.watch(keepAliveMs)
          isEnding = true
          s.cancel(new Error('the stream of events ends'))
        })
        yield* stream.produce(source)
        watching.cancel()
      })
    } catch (error) {
      // That the request or the server ends is the stream's own end, which is to look whole.
      if (!isEnding || !(error instanceof Canceled)) throw error
    } finally {
      this.isOver = true
    }
  }

  private *produce(source: EventSource): Routine<void> {
    const made = typeof source === 'function' ? source(this) : source
    const send = (event: ServerEvent | string) => this.send(event)
    if (isChannel(made)) yield* forEachReceived(made, send)
    else if (Symbol.asyncIterator in made) yield* forEachOf(made, send)
    else if (Symbol.iterator in made) yield* made
    else yield* wait(made)
  }

  /** Keeps the connection alive until the request or the server ends. */
  private *watch(keepAliveMs: number): Routine<void> {
    const { ctx, arrival } = this.req
    const { closing } = arrival
    while (ctx.err === undefined && closing.err === undefined) {
      const leftMs = this.sentMs + keepAliveMs - scheduler().clock.now()
      if (leftMs > 0) yield* select({ ended: ctx.done(), closing: closing.done(), time: after(leftMs) })
      else {
        this.sentMs = scheduler().clock.now()
        yield* this.out.send(keepAliveText)
      }
    }
  }
}

function isChannel(source: object): source is RecvChan<ServerEvent | string> {
  return 'recv' in source && 'next' in source && 'tryRecv' in source
}
