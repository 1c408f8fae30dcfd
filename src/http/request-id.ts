import { randomUUID } from 'node:crypto'
import { contextKey } from '../context/context.js'
import { withValue } from '../context/value.js'
import type { Middleware } from './handler.js'
import type { HttpRequest } from './request.js'
import { givenTrace, traceKey } from './trace-context.js'

const ids = new WeakMap<HttpRequest, string>()

/** The id of the request that the work of a context is done for: `requestId` puts it there, `httpClient` sends it on. */
export const requestIdKey = contextKey<string>('request id')

/** The field that has it. */
export const requestIdField = 'X-Request-Id'

/** What may be an id: it is written into logs, and into the headers of other requests. */
const validId = /^[\w.-]{1,128}$/

export interface RequestIdOptions {
  /** The field that has the id: `X-Request-Id` unless given. */
  readonly header?: string
  /**
   * Whether an id that comes with the request is kept, and the trace that it belongs to (`traceparent`): false unless given, as
   * anybody can send one. True for a service that only others of the same house call.
   */
  readonly trusted?: boolean
}

/**
 * A middleware that gives each request an id, which the response says as well: see `requestIdOf`. It is in `req.ctx` too, so
 * that what the handler calls gets the same id.
 */
export function requestId({ header = requestIdField, trusted = false }: RequestIdOptions = {}): Middleware {
  return function* requestId(req, next) {
    const given = trusted ? req.header(header) : undefined
    const id = given !== undefined && validId.test(given) ? given : randomUUID()
    const trace = trusted ? givenTrace(req) : undefined
    ids.set(req, id)
    req.derive((ctx) => {
      const named = withValue(ctx, requestIdKey, id)
      return trace === undefined ? named : withValue(named, traceKey, trace)
    })
    req.addErrorHeaders({ [header]: id })
    const response = yield* next()
    response.headers.set(header, id)
    return response
  }
}

/** The id that `requestId` has given; `undefined` where that has not come by. */
export function requestIdOf(req: HttpRequest): string | undefined {
  return ids.get(req)
}
