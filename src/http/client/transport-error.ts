import { ArgumentError } from '../../runtime/errors.js'
import { BadResponse, ConnectError, ConnectionLost, ResponseTimeout } from './client-errors.js'

/** How long a server may take; see `HttpClientOptions`. */
export interface ResponseLimits {
  readonly responseTimeoutMs: number
  readonly bodyTimeoutMs: number
}

/**
 * What a failure of the transport means. Before the request was on its connection nothing of it was sent; from then on
 * nobody can tell how much the server has seen.
 */
export function transportError(what: string, error: Error, isSent: boolean, limits: ResponseLimits): Error {
  const code = (error as { code?: unknown }).code
  if (code === 'UND_ERR_INVALID_ARG') return new ArgumentError(`${what}: ${error.message}`, { cause: error })
  if (!isSent) return new ConnectError(what, error)
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return new ResponseTimeout(what, 'responseTimeoutMs', limits.responseTimeoutMs, error)
    case 'UND_ERR_BODY_TIMEOUT':
      return new ResponseTimeout(what, 'bodyTimeoutMs', limits.bodyTimeoutMs, error)
    case 'UND_ERR_HEADERS_OVERFLOW':
      return new BadResponse(what, 'the head of the response is too large', error)
    default:
      return error.name === 'HTTPParserError' && !endsTooEarly.test(error.message)
        ? new BadResponse(what, `what came is no HTTP response: ${error.message}`, error)
        : new ConnectionLost(what, error)
  }
}

/** The parser's word for a connection that ended in the middle. */
const endsTooEarly = /EOF/
