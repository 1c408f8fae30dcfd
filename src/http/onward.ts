import { MisuseError } from '../runtime/errors.js'
import { isThenable, launch } from '../runtime/go.js'
import { Goroutine } from '../runtime/goroutine.js'
import { Operation, type Parked, type Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { scheduler } from '../runtime/scheduler.js'
import type { Next, Onward } from './handler.js'
import type { HttpRequest } from './request.js'
import { HttpResponse } from './response.js'
import type { Route } from './route.js'

/** The `next` of a middleware: passes `req` on to `behind`, once. */
export function nextOf(behind: Route, req: HttpRequest): Next {
  let isCalled = false
  return () => {
    if (isCalled) throw calledTwice(behind)
    isCalled = true
    return new Passing(behind, req)
  }
}

/** What a reply has come to: a response, or what will give one. Whoever waits for it checks what it gives: `asResponse`. */
export type Settled = HttpResponse | Routine<HttpResponse> | PromiseLike<HttpResponse>

/**
 * Tells what a handler has returned. A plain one may return what `next()` gave, a routine or an operation.
 * @throws MisuseError naming the route for what is no reply.
 */
export function settle(reply: unknown, route: Route): Settled {
  if (reply instanceof HttpResponse) return reply
  if (reply instanceof Passing) return reply.start()
  if (isRoutine(reply)) return reply
  if (reply instanceof Operation || reply instanceof Goroutine) return waitFor(reply)
  if (isThenable<unknown>(reply)) return reply as PromiseLike<HttpResponse> // checked when it is there
  throw noResponse(reply, route)
}

/** What a handler's routine or promise gave. @throws MisuseError naming the route if that is no response. */
export function asResponse(value: unknown, route: Route): HttpResponse {
  if (value instanceof HttpResponse) return value
  throw noResponse(value, route)
}

/** A routine is an object of a generator function; what else has a `next` may be a channel, or anything. */
export function isRoutine(reply: unknown): reply is Routine<HttpResponse> {
  return Object.prototype.toString.call(reply) === '[object Generator]'
}

function* waitFor(operation: Operation<HttpResponse> | Goroutine<HttpResponse>): Routine<HttpResponse> {
  return yield* operation
}

/**
 * What `next()` returns: what stands behind a middleware, which runs when it is waited for, once. It is also the iterator
 * that `yield*` runs where the rest has to wait.
 */
class Passing implements Onward, Iterator<Parked, HttpResponse, unknown> {
  private isStarted: boolean
  private rest: Iterator<Parked, HttpResponse, unknown> | undefined

  constructor(
    private readonly route: Route,
    private readonly req: HttpRequest,
  ) {
    this.isStarted = false
    this.rest = undefined
  }

  [Symbol.iterator](): Iterator<Parked, HttpResponse, unknown> {
    const settled = this.start()
    if (settled instanceof HttpResponse) return answered(settled)
    this.rest = isRoutine(settled) ? settled : wait(settled)[Symbol.iterator]()
    return this
  }

  // biome-ignore lint/suspicious/noThenProperty: `await next()` in an async middleware.
  then<A = HttpResponse, B = never>(
    onValue?: ((value: HttpResponse) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.run().then(onValue, onError)
  }

  /** Runs the rest, as far as it goes without waiting. */
  start(): Settled {
    if (this.isStarted) throw waitedTwice(this.route)
    this.isStarted = true
    const reply = this.route.handler(this.req)
    return this.route.isGenerator ? (reply as Routine<HttpResponse>) : settle(reply, this.route)
  }

  // Not the generator itself: it may give something else than a response, which is to be told here.
  next(signal?: unknown): IteratorResult<Parked, HttpResponse> {
    const result = (this.rest as Iterator<Parked, HttpResponse, unknown>).next(signal)
    if (result.done === true) asResponse(result.value, this.route)
    return result
  }

  return(value?: HttpResponse): IteratorResult<Parked, HttpResponse> {
    return this.rest?.return?.(value) ?? { done: true, value: value as HttpResponse }
  }

  private async run(): Promise<HttpResponse> {
    const { route } = this
    const settled = this.start()
    const response = isRoutine(settled) ? launch(scheduler(), settled, route.fn, this.then) : settled
    return asResponse(await response, route)
  }
}

function answered(response: HttpResponse): Iterator<Parked, HttpResponse, unknown> {
  const result = { done: true, value: response } as const
  return { next: () => result }
}

function noResponse(value: unknown, { label }: Route): MisuseError {
  return new MisuseError(`${label} returned ${describe(value)}: return json(…), text(…) or what next() gave`)
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  return `an object of ${value.constructor?.name ?? 'no class'}`
}

function calledTwice(behind: Route): MisuseError {
  return new MisuseError(
    `next() was called twice before ${behind.label}: keep what it returned the first time`,
  )
}

function waitedTwice(route: Route): MisuseError {
  return new MisuseError(
    `what next() returned was waited for twice before ${route.label}: it runs once; keep the response`,
  )
}
