import { METHODS } from 'node:http'
import type { Context } from '../context/context.js'
import { TimerWheel } from '../net/timer-wheel.js'
import { Refused } from '../resilience/refused.js'
import { Canceled } from '../runtime/errors.js'
import { isThenable } from '../runtime/go.js'
import { complain } from '../runtime/host.js'
import { apart, asyncContext } from '../runtime/locals.js'
import type { Routine } from '../runtime/operation.js'
import type { Scheduler } from '../runtime/scheduler.js'
import { Pool } from '../sync/pool.js'
import { ClientGone } from './body.js'
import { DateHeader } from './date-header.js'
import { isTimeout, timeIsUp } from './deadline-problem.js'
import { isRoutine, type Settled, settle } from './onward.js'
import type { Route } from './route.js'
import { HttpError } from './http-error.js'
import type { Limits, Timeouts } from './limits.js'
import { problemOf, unknownProblem } from './problem.js'
import type { HttpRequest } from './request.js'
import { type Exchange, RequestGoroutine, settleChecked } from './request-goroutine.js'
import { refusal } from './refusal.js'
import { RequestParser } from './request-parser.js'
import { HttpResponse } from './response.js'
import { type HeaderInit, ResponseHeaders } from './response-headers.js'
import { TargetCache } from './target-cache.js'

/** What answers requests: a router. */
export interface App {
  /** Who answers this request; sets its parameters. Throws `HttpError`. */
  route(req: HttpRequest): Route
}

/** How often the time limits of a connection are looked at: at the longest, and in parts of the shortest limit. */
const check = { mostMs: 1000, leastMs: 50, partsOfLimit: 4 }

/** What all connections of a server share. */
export class Service {
  readonly wheel: TimerWheel
  readonly date: DateHeader
  readonly targets = new TargetCache()
  readonly parsers: Pool<RequestParser>
  readonly stats = new ServiceStats()
  readonly checkMs: number
  /** A shutdown has begun: every response says that it is the last of its connection. */
  isDraining = false
  /** Nobody is let in any more, and idle connections are closed. */
  isClosing = false
  /** The coarse clock: the time of the event that is being handled, in ms. */
  nowMs = 0

  constructor(
    readonly on: Scheduler,
    readonly app: App,
    /** The context of all requests. */
    readonly ctx: Context,
    /** Ends when a shutdown begins. */
    readonly closing: Context,
    readonly limits: Limits,
    readonly timeouts: Timeouts,
    private readonly onError: (error: unknown, req: HttpRequest | undefined) => void,
  ) {
    const { headMs, bodyMs, idleMs, handlerMs, writeMs } = timeouts
    const shortest = Math.min(headMs, bodyMs, idleMs, handlerMs, writeMs)
    this.checkMs = Math.max(check.leastMs, Math.min(check.mostMs, shortest / check.partsOfLimit))
    this.wheel = new TimerWheel(on, this.checkMs / 2)
    this.date = new DateHeader(this.wheel, () => on.clock.epochNow())
    this.parsers = new Pool({ name: 'http parsers', create: () => new RequestParser(limits) })
    this.tick()
  }

  /** Reads the clock. */
  tick(): number {
    this.nowMs = this.on.clock.now()
    return this.nowMs
  }

  /** Has a request handled; `exchange` is told of the answer, now or later. */
  dispatch(req: HttpRequest, exchange: Exchange): void {
    this.stats.requests++
    // The stores that a handler enters are its own: the next request of the connection must not see them.
    if (asyncContext.capture !== undefined) apart(() => this.handle(req, exchange))
    else {
      this.handle(req, exchange)
      asyncContext.leaveFirst?.()
    }
  }

  private handle(req: HttpRequest, exchange: Exchange): void {
    try {
      const route = this.app.route(req)
      const reply = route.handler(req)
      if (route.isGenerator) this.start(reply as Routine<HttpResponse>, route, req, exchange)
      else if (reply instanceof HttpResponse) exchange.settle(req, false, reply)
      else this.follow(settle(reply, route), route, req, exchange)
    } catch (error) {
      exchange.settle(req, true, error)
    }
  }

  private start(routine: Routine<HttpResponse>, route: Route, req: HttpRequest, exchange: Exchange): void {
    this.on.start(new RequestGoroutine(this.on, routine, route, exchange, req))
  }

  /** A plain function has returned something that is not the response yet. */
  private follow(reply: Settled, route: Route, req: HttpRequest, exchange: Exchange): void {
    if (reply instanceof HttpResponse) exchange.settle(req, false, reply)
    else if (isRoutine(reply)) this.start(reply, route, req, exchange)
    else {
      reply.then(
        (value) => this.settleInTurn(exchange, req, false, value, route),
        (error: unknown) => this.settleInTurn(exchange, req, true, error, route),
      )
    }
  }

  private settleInTurn(
    exchange: Exchange,
    req: HttpRequest,
    failed: boolean,
    value: unknown,
    route: Route,
  ): void {
    const isTurn = this.on.beginEvent()
    try {
      settleChecked(exchange, req, failed, value, route)
    } finally {
      if (isTurn) this.on.endEvent()
    }
  }

  /**
   * What a client is told of an error. Whatever is neither an `HttpError` nor a guard's refusal nor a time limit is reported
   * here, and a secret there. It never fails: a header that an error cannot have makes a 500 of it.
   */
  responseTo(error: unknown, req?: HttpRequest): HttpResponse {
    const told = problemOfCall(error)
    if (!(told instanceof HttpError) && !isEnd(told, req)) this.report(told, req)
    try {
      return problemResponse(told, req?.errorHeaders)
    } catch (broken) {
      this.report(broken, req)
      return problemResponse(undefined, undefined)
    }
  }

  /** Tells `onError`. It never fails: what `onError` throws would end the turn of all goroutines. */
  report(error: unknown, req?: HttpRequest): void {
    this.stats.failed++
    try {
      const told: unknown = this.onError(error, req)
      if (isThenable(told)) told.then(undefined, onErrorFailed) // an async function is one that returns nothing
    } catch (failure) {
      onErrorFailed(failure)
    }
  }

  deadlineOf(req: HttpRequest): Date | undefined {
    const { clock } = this.on
    const { handlerMs } = this.timeouts
    if (handlerMs === Infinity) return undefined
    return new Date(clock.epochNow() - clock.now() + req.startedMs + handlerMs)
  }
}

/** What a server has done so far. */
export class ServiceStats {
  requests = 0
  /** Requests that were refused before they reached a handler: malformed, too large. */
  refused = 0
  /** Requests and clients that took too long. */
  timedOut = 0
  /** Handlers that failed with something else than an `HttpError`. */
  failed = 0
  /** Connections that were ended because their client did something far too often: an HTTP/2 attack. */
  floods = 0
  /** Responses by the first digit of their status: `responses[2]` counts 200 to 299. */
  readonly responses: number[] = [0, 0, 0, 0, 0, 0]

  count(status: number): void {
    const kind = Math.floor(status / 100)
    this.responses[kind] = (this.responses[kind] ?? 0) + 1
  }
}

/** Methods that exist, whether or not somebody answers them here. */
export const knownMethods: ReadonlySet<string> = new Set(METHODS)

function problemResponse(error: unknown, headers: HeaderInit | undefined): HttpResponse {
  const isMeant = error instanceof HttpError
  const { body, contentType } = isMeant ? problemOf(error) : unknownProblem()
  const response = new HttpResponse(isMeant ? error.status : 500, body, headers)
  response.headers.set('Content-Type', contentType)
  if (!isMeant || error.headers === undefined) return response
  for (const [name, value] of new ResponseHeaders(error.headers)) response.headers.set(name, value)
  return response
}

function onErrorFailed(failure: unknown): void {
  complain(
    `onError failed: ${failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)}`,
  )
}

/** What something that the handler has called failed with, as the client is told of it. */
function problemOfCall(error: unknown): unknown {
  if (error instanceof Refused) return refusal(error, 503)
  return isTimeout(error) ? timeIsUp('Something that the request needs took too long.', error) : error
}

/** Whether a handler only passes on that its request has come to an end: nothing is broken. */
function isEnd(error: unknown, req: HttpRequest | undefined): boolean {
  if (error instanceof ClientGone) return true
  return req?.ending !== undefined && error instanceof Canceled
}
