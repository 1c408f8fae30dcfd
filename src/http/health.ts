import type { HttpRequest } from './request.js'
import type { Middleware } from './handler.js'
import { text } from './response.js'

export interface HealthOptions {
  /** Whether the service can do its work, which has its own reasons: a database, a cache that is still cold. */
  readonly ready?: (req: HttpRequest) => boolean | PromiseLike<boolean>
}

/**
 * Answers `/healthz` (the process lives) and `/readyz` (send requests here): 200, and for the latter 503 from the moment
 * a shutdown begins, or while `ready` says no, throws or rejects. Put it before what asks for credentials.
 *
 * ```ts
 * app.use(health({ ready: () => database.isConnected }))
 * ```
 */
export function health({ ready = () => true }: HealthOptions = {}): Middleware {
  return (req, next) => {
    const { path } = req
    if ((path !== '/healthz' && path !== '/readyz') || (req.method !== 'GET' && req.method !== 'HEAD'))
      return next()
    return path === '/healthz' ? answer(true) : readiness(req, ready)
  }
}

async function readiness(req: HttpRequest, ready: NonNullable<HealthOptions['ready']>) {
  if (req.arrival.closing.err !== undefined) return answer(false)
  try {
    return answer(await ready(req))
  } catch {
    return answer(false) // what is broken is told by its own log, not to whoever asks
  }
}

function answer(isWell: boolean) {
  return text(isWell ? 'ok\n' : 'unavailable\n', {
    status: isWell ? 200 : 503,
    headers: { 'Cache-Control': 'no-store' },
  })
}
