import { Policy } from '../resilience/policy.js'
import { Refused } from '../resilience/refused.js'
import type { Rules } from '../resilience/rules/rules.js'
import type { Priority } from '../resilience/guard.js'
import type { Running } from '../resilience/run.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Routine } from '../runtime/operation.js'
import type { Middleware } from './handler.js'
import { refusal } from './refusal.js'
import type { HttpRequest } from './request.js'
import { ResourceTable } from './resource-table.js'
import type { HttpResponse } from './response.js'

/** How a request looks to the guards. */
export interface GuardedOptions {
  /** Who asks, for guards that count each client or tenant apart: `(req) => req.remoteAddress`. */
  readonly key?: (req: HttpRequest) => string | undefined
  /** `normal` unless said. */
  readonly priority?: (req: HttpRequest) => Priority
  /** How much of a limit the request takes: 1 unless said. */
  readonly cost?: (req: HttpRequest) => number
  /** Which resource of the rules it is. One that the rules do not name passes. By default it is found by method and path. */
  readonly resource?: (req: HttpRequest) => string | undefined
}

/** Guards that say how much one may ask: who is refused has asked too much. */
const limits: ReadonlySet<string> = new Set([
  'token bucket',
  'leaky bucket',
  'sliding window',
  'cluster limit',
])

/**
 * A middleware that has requests pass a policy's guards before what stands behind it. A response with a status of 500 or
 * more counts as a failure there. Who is refused by a limit gets 429, by any other guard 503, with `Retry-After` and the
 * `RateLimit` fields where the guard knows them.
 *
 * Of rules, a request passes the guards of its resource: the name that fits its method and its path as a route does, as
 * `GET /orders/:id`, or `/orders/:id` for all methods. Where none does it passes freely. Rules may change at any time.
 *
 * ```ts
 * app.use('/orders', guarded(policy(tokenBucket({ rate: 100, burst: 20 }), bulkhead({ limit: 50 }))))
 * app.use(guarded(await rules('rules.yaml')))
 * ```
 * Source: RFC 6585, 4; draft-ietf-httpapi-ratelimit-headers.
 * @throws ArgumentError if it is given neither a policy nor rules.
 */
export function guarded(guards: Policy | Rules, options: GuardedOptions = {}): Middleware {
  const { key, priority, cost } = options
  if (typeof (guards as Partial<Rules> | undefined)?.stats !== 'function')
    throw new ArgumentError(
      `guarded() needs a policy or rules, as in guarded(policy(…)), not ${String(guards)}`,
    )
  const policyOf = guards instanceof Policy ? () => guards : byResource(guards, options.resource)
  // A plain function: guards count a request from its arrival, also while its goroutine waits for its turn, and who is
  // refused costs no goroutine.
  return function guarded(req, next) {
    const policy = policyOf(req)
    if (policy === undefined) return next()
    const who = key?.(req)
    let isLetIn = false
    function* call(): Routine<HttpResponse> {
      isLetIn = true
      return yield* next()
    }
    function* answer(run: Running<HttpResponse>): Routine<HttpResponse> {
      try {
        return yield* run
      } catch (error) {
        throw told(error, isLetIn)
      }
    }
    try {
      const run = policy.arrive(req.ctx, call, {
        ...(who !== undefined && { key: who }),
        ...(priority !== undefined && { priority: priority(req) }),
        ...(cost !== undefined && { cost: cost(req) }),
        isFailure: ({ status }) => status >= 500,
      })
      return answer(run)
    } catch (error) {
      throw told(error, false)
    }
  }
}

/** What the client is told. A refusal of what the handler calls is not one of this client. */
function told(error: unknown, isLetIn: boolean): unknown {
  if (!(error instanceof Refused) || isLetIn) return error
  return refusal(error, limits.has(error.kind) ? 429 : 503)
}

/** The policy of a request's resource. Only names that the rules have make one: what clients ask for does not fill memory. */
function byResource(
  rules: Rules,
  resource: GuardedOptions['resource'] = inTable(rules),
): (req: HttpRequest) => Policy | undefined {
  return (req) => {
    const name = resource(req)
    return name !== undefined && Object.hasOwn(rules.document, name) ? rules.policy(name) : undefined
  }
}

function inTable(rules: Rules): (req: HttpRequest) => string | undefined {
  let version = 0
  let table = new ResourceTable([])
  return ({ method, path }) => {
    if (version !== rules.version) {
      version = rules.version
      table = new ResourceTable(Object.keys(rules.document))
    }
    return table.find(method, path)
  }
}
