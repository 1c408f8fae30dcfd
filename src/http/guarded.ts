import type { Policy } from '../resilience/policy.js'
import { Refused } from '../resilience/refused.js'
import type { Priority } from '../resilience/guard.js'
import type { Middleware } from './handler.js'
import { refusal } from './refusal.js'
import type { HttpRequest } from './request.js'
import type { HttpResponse } from './response.js'

/** How a request looks to the guards. */
export interface GuardedOptions {
  /** Who asks, for guards that count each client or tenant apart: `(req) => req.remoteAddress`. */
  readonly key?: (req: HttpRequest) => string | undefined
  /** `normal` unless said. */
  readonly priority?: (req: HttpRequest) => Priority
  /** How much of a limit the request takes: 1 unless said. */
  readonly cost?: (req: HttpRequest) => number
}

/** Guards that say how much one may ask: who is refused has asked too much. */
const limits: ReadonlySet<string> = new Set(['token bucket', 'leaky bucket', 'sliding window'])

/**
 * A middleware that has requests pass a policy's guards before what stands behind it. A response with a status of 500 or
 * more counts as a failure there. Who is refused by a limit gets 429, by any other guard 503, with `Retry-After` and the
 * `RateLimit` fields where the guard knows them.
 *
 * ```ts
 * app.use('/orders', guarded(policy(tokenBucket({ rate: 100, burst: 20 }), bulkhead({ limit: 50 }))))
 * ```
 * Source: RFC 6585, 4; draft-ietf-httpapi-ratelimit-headers.
 */
export function guarded(policy: Policy, { key, priority, cost }: GuardedOptions = {}): Middleware {
  return function* guarded(req, next) {
    const who = key?.(req)
    let isLetIn = false
    try {
      return yield* policy.run<HttpResponse>(
        req.ctx,
        function* () {
          isLetIn = true
          return yield* next()
        },
        {
          ...(who !== undefined && { key: who }),
          ...(priority !== undefined && { priority: priority(req) }),
          ...(cost !== undefined && { cost: cost(req) }),
          isFailure: ({ status }) => status >= 500,
        },
      )
    } catch (error) {
      // A refusal of what the handler calls is not one of this client.
      if (error instanceof Refused && !isLetIn) throw refusal(error, limits.has(error.kind) ? 429 : 503)
      throw error
    }
  }
}
