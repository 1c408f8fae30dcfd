import { SluiceError } from '../runtime/errors.js'

/** What a limit says of itself to those it refuses. Source: draft-ietf-httpapi-ratelimit-headers. */
export interface Quota {
  /** Calls in a window. */
  readonly limit: number
  /** What is left of them now. */
  readonly remaining: number
  /** When there is more, in ms. */
  readonly resetMs: number
}

/**
 * A guard did not let a call in. The call was not made, so it may be made again: `retryAfterMs` says when.
 *
 * It has no stack: refusals come by the thousand, and taking one costs more than all the rest of a refusal.
 */
export class Refused extends SluiceError {
  readonly code = 'ERR_SLUICE_REFUSED'

  /**
   * @param kind of the guard: `token bucket`, `breaker`.
   * @param guard its name: what it protects.
   * @param why in a sentence's words: `the breaker is open`.
   * @param retryAfterMs when to come back; `undefined` where nobody knows.
   */
  constructor(
    readonly kind: string,
    readonly guard: string,
    why: string,
    readonly retryAfterMs: number | undefined,
    readonly quota?: Quota,
  ) {
    const then = retryAfterMs === undefined ? '' : `; come back in ${Math.ceil(retryAfterMs)} ms`
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(`${guard} refused the call: ${why}${then}`)
    Error.stackTraceLimit = stackTraceLimit
  }
}
