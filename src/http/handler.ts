import type { Parked, Routine } from '../runtime/operation.js'
import type { HttpRequest } from './request.js'
import type { HttpResponse } from './response.js'

/** What a handler returns: a response, now or later. */
export type Reply = Routine<HttpResponse> | PromiseLike<HttpResponse> | HttpResponse | Onward

/** Answers requests: a generator function (a goroutine), an async function or a plain one. */
export type Handler<R extends HttpRequest<unknown> = HttpRequest> = (req: R) => Reply

/** Stands before handlers: answers itself, or passes on with `next()` and may change the response that comes back. */
export type Middleware<R extends HttpRequest<unknown> = HttpRequest> = (req: R, next: Next) => Reply

/** Passes the request on to what stands behind a middleware. */
export type Next = () => Onward

/**
 * The response of what stands behind a middleware: `yield* next()` in a generator function, `await next()` in an async
 * one, `return next()` in a plain one. The handler runs when it is waited for, once.
 */
export interface Onward extends PromiseLike<HttpResponse> {
  [Symbol.iterator](): Iterator<Parked, HttpResponse, unknown>
}
