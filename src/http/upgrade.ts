import type { Duplex } from 'node:stream'
import type { Context } from '../context/context.js'
import { HttpResponse } from './response.js'

/** A connection that speaks HTTP no more. Whoever takes it closes it. */
export interface Detached {
  /** Paused, and without listeners: whoever takes it resumes it. */
  readonly socket: Duplex
  /** What the client has sent behind its request. */
  readonly head: Buffer
  /** Ends when the server begins to shut down: from then on there is the grace period to say goodbye in. */
  readonly closing: Context
  /** Tells the server's `onError` of a failure that no response can tell of. */
  report(error: unknown): void
}

/** The answer to a request whose connection was taken with `req.upgrade()`: nothing is sent for it. */
export function upgraded(): HttpResponse {
  const response = new HttpResponse(204)
  response.status = 101 // which nobody else can answer
  return response
}
