import { Faults } from '../resilience/faults/faults.js'
import type { Policy } from '../resilience/policy.js'
import type { ConnectionReset } from '../resilience/faults/fault-error.js'
import { ClientGone } from './body.js'
import { harmBody, hasBody } from './faulty-body.js'
import type { Middleware } from './handler.js'
import { Http1Request } from './http1-request.js'
import { HttpError } from './http-error.js'
import { discardBody } from './produce-body.js'
import type { HttpRequest } from './request.js'
import { type BodySource, HttpResponse } from './response.js'

/**
 * A middleware that harms requests on purpose, by the rules of `faults`: they wait before they are handled, get the status of
 * an error, lose their connection before they are handled or in the middle of the answer's body, and that body is no faster
 * than a rule says. Middlewares before it see what it does as if the handler had done it.
 *
 * Of a policy of rules it takes the `faults` that are among its guards then, and passes requests by the others: give it a
 * resource of its own.
 *
 * A connection that breaks takes all its requests with it; over HTTP/2 it is only the request's own stream that does.
 *
 * ```ts
 * const harm = faults({ name: 'orders', enabled: process.env['DRILL'] === 'yes' })
 * app.use('/orders', faulty(harm))
 * ```
 */
export function faulty(faults: Faults | Policy): Middleware {
  return function* faulty(req, next) {
    const strike = faultsOf(faults)?.strike()
    if (strike === undefined) return yield* next()
    yield* strike.delay(req.ctx)
    const error = strike.failure()
    if (error !== undefined) throw new HttpError(error.status, error.message, { cause: error })
    const reset = strike.reset('request')
    if (reset !== undefined) return cutOff(req, reset)
    const response = yield* next()
    if (response.status === 101) return response // it is no connection of HTTP any more
    const lost = strike.reset('answer')
    if (hasBody(req, response)) harmBody(response, strike.pace(), lost && (() => leaveOff(req, lost)))
    else if (lost !== undefined) {
      discardBody(response.body)
      return cutOff(req, lost)
    }
    return response
  }
}

function faultsOf(given: Faults | Policy): Faults | undefined {
  if (given instanceof Faults) return given
  return given.guards.find((guard) => guard instanceof Faults)
}

/**
 * Ends the connection before anything of the answer is sent. Over HTTP/1.1 the client sees a reset, as from a process that
 * has died. @throws ClientGone, which nobody is told of.
 */
function cutOff(req: HttpRequest, cause: ConnectionReset): HttpResponse {
  const gone = new ClientGone(cause.message, cause)
  if (!(req instanceof Http1Request)) return new HttpResponse(500, brokenStream(gone))
  const { socket } = req.connection.connection
  // What TLS runs over cannot be reset from here.
  if (req.arrival.isSecure) socket.destroy()
  else socket.resetAndDestroy()
  throw gone
}

/** Of HTTP/2 only the stream is reset, behind a head. */
function brokenStream(gone: ClientGone): BodySource {
  return function* broken() {
    throw gone
  }
}

/** What ends a body that is on its way: what was sent of it has left by then, as far as the client takes it. */
function leaveOff(req: HttpRequest, cause: ConnectionReset): ClientGone {
  if (req instanceof Http1Request) req.connection.connection.flush()
  return new ClientGone(cause.message, cause)
}
