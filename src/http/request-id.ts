import { randomUUID } from 'node:crypto'
import type { Middleware } from './handler.js'
import type { HttpRequest } from './request.js'

const ids = new WeakMap<HttpRequest, string>()

export interface RequestIdOptions {
  /** The field that has the id: `X-Request-Id` unless given. */
  readonly header?: string
  /** Whether an id that comes with the request is kept: false unless given, as anybody can send one. */
  readonly trusted?: boolean
}

/** A middleware that gives each request an id, which the response says as well: see `requestIdOf`. */
export function requestId({ header = 'X-Request-Id', trusted = false }: RequestIdOptions = {}): Middleware {
  return function* requestId(req, next) {
    const given = trusted ? req.header(header) : undefined
    const id = given !== undefined && /^[\w.:=+/-]{1,128}$/.test(given) ? given : randomUUID()
    ids.set(req, id)
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
