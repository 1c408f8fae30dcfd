import type { Refused } from '../resilience/refused.js'
import { HttpError } from './http-error.js'

/**
 * What a client is told of a refusal: when to come back, and not which guard it was, which is the server's own business.
 * Source: RFC 9110, 10.2.3; draft-ietf-httpapi-ratelimit-headers.
 */
export function refusal(error: Refused, status: 429 | 503): HttpError {
  const { retryAfterMs, quota } = error
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0 // as that of `Refused`
  const told = new HttpError(status, 'Too much is asked at the moment.', {
    headers: {
      ...(retryAfterMs !== undefined && { 'Retry-After': String(seconds(retryAfterMs)) }),
      ...(quota !== undefined && {
        'RateLimit-Policy': `"default";q=${Math.floor(quota.limit)}`,
        RateLimit: `"default";r=${Math.max(0, Math.floor(quota.remaining))};t=${seconds(quota.resetMs)}`,
      }),
    },
    cause: error,
  })
  Error.stackTraceLimit = stackTraceLimit
  return told
}

/** Rounded up: who comes back a moment too early is refused again. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1000)
}
