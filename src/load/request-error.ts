import { SluiceError } from '../runtime/errors.js'

/** A request got no response: `kind` is the short text that a report counts it by. */
export class RequestError extends SluiceError {
  readonly code = 'ERR_SLUICE_REQUEST'

  constructor(
    readonly kind: string,
    cause?: unknown,
    /** It went wrong before the connection was open. */
    readonly whileConnecting = false,
  ) {
    super(kind, { cause })
  }
}

const kinds: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'connect timeout',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host not found',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  EMFILE: 'too many open files: raise ulimit -n or lower -c',
  EADDRNOTAVAIL: 'no free local port: lower -c or keep connections alive',
  EPROTO: 'TLS handshake failed: is it an https server?',
}

/** What went wrong on a socket, in the words of a report. */
export function requestError(error: NodeJS.ErrnoException): RequestError {
  // A name with several addresses fails with an error for each.
  const { code = '', message } =
    error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error
  const kind = kinds[code] ?? (code.startsWith('ERR_SSL') ? kinds['EPROTO'] : undefined)
  return new RequestError(
    kind ?? (code === '' || message.startsWith(code) ? message : `${code}: ${message}`),
    error,
  )
}
