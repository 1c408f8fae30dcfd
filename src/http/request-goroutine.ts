import { Goroutine } from '../runtime/goroutine.js'
import { asyncContext } from '../runtime/locals.js'
import type { Routine } from '../runtime/operation.js'
import { HANDLED, type Scheduler } from '../runtime/scheduler.js'
import { asResponse } from './onward.js'
import type { HttpRequest } from './request.js'
import { HttpResponse } from './response.js'
import type { Route } from './route.js'

/** Who is told how a request was answered. */
export interface Exchange {
  /** A handler has ended. */
  settle(req: HttpRequest, failed: false, response: HttpResponse): void
  settle(req: HttpRequest, failed: true, error: unknown): void
}

/** Passes on what a handler came to, if it is a response. */
export function settleChecked(
  exchange: Exchange,
  req: HttpRequest,
  failed: boolean,
  value: unknown,
  route: Route,
): void {
  if (failed) exchange.settle(req, true, value)
  else if (value instanceof HttpResponse) exchange.settle(req, false, value)
  else exchange.settle(req, true, noResponse(value, route))
}

function noResponse(value: unknown, route: Route): unknown {
  try {
    return asResponse(value, route)
  } catch (error) {
    return error
  }
}

/** The goroutine of a request. Its end is the answer, so that nobody has to join it. */
export class RequestGoroutine extends Goroutine<unknown> {
  constructor(
    on: Scheduler,
    routine: Routine<unknown>,
    private readonly route: Route,
    private readonly exchange: Exchange,
    private readonly req: HttpRequest,
  ) {
    super(on, routine, route.fn)
    this.flags = HANDLED
    if (asyncContext.capture !== undefined) this.locals = asyncContext.capture()
  }

  override end(failed: boolean, value: unknown): void {
    super.end(failed, value)
    settleChecked(this.exchange, this.req, failed, value, this.route)
  }
}
