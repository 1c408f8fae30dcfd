import { SluiceError } from '../../runtime/errors.js'

/** No connection to the server came to be: nothing was sent, so the request may be made again, whatever its method. */
export class ConnectError extends SluiceError {
  readonly code = 'ERR_SLUICE_CONNECT'

  /** @param what was asked: `GET http://orders:8080/orders/1`. */
  constructor(what: string, cause: Error) {
    super(`${what}: no connection came to be: ${reasonOf(cause)}`, { cause })
  }
}

/** The connection broke off after the request, or a part of it, was sent: whether it had an effect is not known. */
export class ConnectionLost extends SluiceError {
  readonly code = 'ERR_SLUICE_CONNECTION_LOST'

  constructor(what: string, cause: Error) {
    super(`${what}: the connection was lost before the whole response was here: ${reasonOf(cause)}`, {
      cause,
    })
  }
}

/** The server took longer than `responseTimeoutMs` to answer, or than `bodyTimeoutMs` between two pieces of a body. */
export class ResponseTimeout extends SluiceError {
  readonly code = 'ERR_SLUICE_RESPONSE_TIMEOUT'

  constructor(what: string, which: 'responseTimeoutMs' | 'bodyTimeoutMs', limitMs: number, cause: Error) {
    super(`${what}: nothing came for ${limitMs} ms (${which})`, { cause })
  }

  /** True, as for every error that stands for a time limit. Source: Go's `net.Error`. */
  timeout(): boolean {
    return true
  }
}

/** What came is no HTTP response, or not of the kind that was asked for: a body that is not JSON. */
export class BadResponse extends SluiceError {
  readonly code = 'ERR_SLUICE_BAD_RESPONSE'

  constructor(what: string, why: string, cause?: unknown) {
    super(`${what}: ${why}`, cause === undefined ? undefined : { cause })
  }
}

/** The body of a response is longer than it may be: see `maxBodyBytes`. The rest of it is not received. */
export class ResponseTooLarge extends SluiceError {
  readonly code = 'ERR_SLUICE_RESPONSE_TOO_LARGE'

  constructor(
    what: string,
    readonly limitBytes: number,
  ) {
    super(`${what}: the body has more than ${limitBytes} bytes: raise maxBodyBytes, or read it in pieces`)
  }
}

/** A body was thrown away before it was read: there is nothing left to wait for. */
export class BodyDumped extends SluiceError {
  readonly code = 'ERR_SLUICE_BODY_DUMPED'

  constructor() {
    super('the body of the response has been thrown away: read it before dump() or the end of its block')
  }
}

/** The client was closed: the request was not sent, or broken off. */
export class ClientClosed extends SluiceError {
  readonly code = 'ERR_SLUICE_CLIENT_CLOSED'

  constructor(what: string) {
    super(`${what}: the client has been closed`)
  }
}

/** The message, and the code where the message does not have it: of many addresses that failed there is only the code. */
function reasonOf(cause: Error): string {
  const { code } = cause as { code?: unknown }
  const { message } = cause
  if (typeof code !== 'string' || message.includes(code)) return message
  return message === '' ? code : `${message} (${code})`
}
