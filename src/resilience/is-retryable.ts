import { ArgumentError, Canceled, FatalError, MisuseError, RuntimeError } from '../runtime/errors.js'
import { Refused } from './refused.js'

/** Whether a call that failed may go better the next time: not where it was given up, or the program is wrong. */
export function isRetryable(error: unknown): boolean {
  return !(
    error instanceof Canceled ||
    error instanceof ArgumentError ||
    error instanceof MisuseError ||
    error instanceof RuntimeError ||
    error instanceof FatalError
  )
}

/** What Node, undici and `httpClient` say when no connection came to be. */
const unsentCodes: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_SLUICE_CONNECT',
])

/** Whether it is proven that nothing was sent: a guard refused the call, or there was no connection to send it over. */
export function isUnsent(error: unknown): boolean {
  if (error instanceof Refused) return true
  // `fetch` throws a TypeError with the reason as its cause.
  return error instanceof Error && (unsentCodes.has(codeOf(error)) || unsentCodes.has(codeOf(error.cause)))
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code
}

/**
 * When to come back by the word of what failed, in ms: its `retryAfterMs`. `undefined` if it says nothing, `Infinity` if it
 * says never: as in gRFC A6, a negative time and one that is no number mean that too.
 */
export function pushbackMs(failure: unknown): number | undefined {
  if (typeof failure !== 'object' || failure === null) return undefined
  const ms = (failure as { retryAfterMs?: unknown }).retryAfterMs
  if (ms === undefined || ms === null) return undefined
  return typeof ms === 'number' && ms >= 0 ? ms : Infinity
}
