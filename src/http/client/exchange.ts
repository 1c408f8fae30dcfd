import { Dependent } from '../../context/cancel.js'
import type { Context } from '../../context/context.js'
import type { Ending } from '../../context/ending.js'
import type { Operation } from '../../runtime/operation.js'
import { type Scheduler, scheduler } from '../../runtime/scheduler.js'
import { type BodyOrigin, RequestBody } from '../body.js'
import { RequestHeaders } from '../request-headers.js'
import { BodyDumped, ResponseTooLarge } from './client-errors.js'
import { ClientResponse } from './client-response.js'
import type { Connection } from './connection.js'
import { type ExchangeWait, Head, Kept } from './exchange-waits.js'
import { isStream, type Message } from './message.js'
import { type BodySupply, ResponseBody } from './response-body.js'
import { type ResponseLimits, transportError } from './transport-error.js'
import type { Controller, DispatchHandler, Fields } from './undici.js'
import { Upload } from './upload.js'

/** A body that waits to be read holds up to so many bytes here; then the server has to wait. */
const mostWaitingBytes = 64 * 1024

/** One for all: it costs more than the rest of throwing a body away, and mostly nobody sees it. */
let dumped: BodyDumped | undefined

/** What an exchange is told of its client's settings. */
export interface ExchangeLimits extends ResponseLimits {
  readonly maxBodyBytes: number
}

/**
 * A request and its response over a connection, which is its own until the response has ended. It may be given up at any
 * moment; the connection is closed then, as there is no other way to tell an HTTP/1.1 server, and this is what tells it within
 * one round trip.
 *
 * While somebody waits for the head, whoever waits decides; then the context of the request does, for as long as the body lasts.
 */
export class Exchange extends Dependent implements DispatchHandler, BodyOrigin, BodySupply {
  readonly inbox: RequestBody
  private readonly on: Scheduler
  private controller: Controller | undefined
  private upload: Upload | undefined
  private fields: Fields
  /** 0 until the head is here. */
  private status: number
  private receivedBytes: number
  private limitBytes: number
  private failure: Error | undefined
  private waiter: ExchangeWait | undefined
  /** The response, or the request, has ended: the connection is not its own any more. */
  private isOver: boolean

  constructor(
    private readonly connection: Connection,
    private readonly message: Message,
    private readonly limits: ExchangeLimits,
  ) {
    super()
    this.inbox = new RequestBody(this, -1, Infinity)
    this.on = scheduler()
    this.controller = undefined
    this.upload = undefined
    this.fields = {}
    this.status = 0
    this.receivedBytes = 0
    this.limitBytes = Infinity
    this.failure = undefined
    this.waiter = undefined
    this.isOver = false
    this.on.externals++ // a virtual clock stands still while a server may do something
  }

  /** Sends the request. @param headers names and values by turns. */
  send(headers: string[]): void {
    const { method, target, body } = this.message
    if (isStream(body)) this.upload = new Upload(body)
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const sent = this.upload ?? (bytes as Uint8Array | undefined) ?? null
    this.connection.dispatch({ method, path: target, headers, body: sent }, this)
  }

  /** Waits for the head of the response. */
  head(): Operation<void> {
    return new Head(this)
  }

  /** Waits until all of the body is here, or as much as is kept of it. */
  kept(): Operation<void> {
    return new Kept(this)
  }

  /** Lets go of the connection: of a body that is not here by now nothing can be read. */
  cutOff(): void {
    this.limitBytes = mostWaitingBytes
    this.giveUp(this.tooLarge)
  }

  /** The response, once its head is here. */
  response(): ClientResponse {
    const { what } = this.message
    const headers = new RequestHeaders(listOf(this.fields))
    return new ClientResponse(what, this.status, headers, new ResponseBody(this), this.limits.maxBodyBytes)
  }

  /** From now on it lasts no longer than `ctx`. */
  boundTo(ctx: Context): void {
    if (!this.isOver) this.follow(ctx)
  }

  get hasHead(): boolean {
    return this.status !== 0
  }

  get error(): Error | undefined {
    return this.failure
  }

  /** There is nothing more to wait for before the body is read: it is here, or will not come, or has to be read to go on. */
  get isKept(): boolean {
    return this.isOver || this.inbox.waitingBytes > mostWaitingBytes
  }

  /** @internal Who waits for it to go on. */
  waitFor(waiter: ExchangeWait | undefined): void {
    this.waiter = waiter
  }

  /** Ends it, with its connection, whatever has been sent or received. */
  giveUp(reason: Error): void {
    if (this.isOver) return
    this.close()
    this.failure = reason
    this.controller?.abort(reason)
    this.connection.destroy()
    this.inbox.fail(reason)
    this.waiter?.attempt()
  }

  override end(ending: Ending): void {
    this.giveUp(ending.err)
  }

  dump(): void {
    dumped ??= new BodyDumped()
    this.giveUp(dumped)
  }

  keepUpTo(limitBytes: number): void {
    this.limitBytes = limitBytes
    if (Math.max(this.receivedBytes, this.declaredLength ?? 0) > limitBytes) this.giveUp(this.tooLarge)
  }

  get tooLarge(): ResponseTooLarge {
    return new ResponseTooLarge(this.message.what, this.limitBytes)
  }

  get declaredLength(): number | undefined {
    const length = this.fields['content-length']
    return length === undefined ? undefined : Number(length)
  }

  /** Somebody waits for more of the body than has come. */
  wanted(): void {
    this.controller?.resume()
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller
    if (this.failure !== undefined) controller.abort(this.failure) // it was given up meanwhile
  }

  onResponseStart(_: Controller, status: number, fields: Fields): void {
    if (status < 200 || this.isOver) return
    this.status = status
    this.fields = fields
    this.on.inEvent(() => this.waiter?.attempt())
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.isOver) return
    const { inbox } = this
    this.receivedBytes += chunk.length
    this.on.inEvent(() => {
      if (this.receivedBytes > this.limitBytes) this.giveUp(this.tooLarge)
      else inbox.push(chunk)
      if (inbox.waitingBytes <= mostWaitingBytes || inbox.isAwaited) return
      controller.pause()
      this.waiter?.attempt()
    })
  }

  onResponseEnd(): void {
    if (this.isOver) return
    this.close()
    this.on.inEvent(() => {
      this.inbox.end()
      this.waiter?.attempt()
      this.connection.release()
    })
  }

  onResponseError(_: Controller | undefined, error: Error): void {
    if (this.isOver) return
    const { upload, message, limits, controller } = this
    // What the source of the body threw is its own affair.
    const reason = upload?.fault ?? transportError(message.what, error, controller !== undefined, limits)
    this.on.inEvent(() => this.giveUp(reason))
  }

  private close(): void {
    this.isOver = true
    this.leave()
    this.on.externals--
    this.upload?.destroy()
  }
}

function listOf(fields: Fields): string[] {
  const list: string[] = []
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    for (const each of typeof value === 'string' ? [value] : (value ?? [])) list.push(name, each)
  }
  return list
}
