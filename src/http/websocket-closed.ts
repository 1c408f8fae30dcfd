import { ArgumentError, SluiceError } from '../runtime/errors.js'

/** How a WebSocket was closed. Source: RFC 6455, 7.4. */
export interface WebSocketClosing {
  /** 1000 for a normal end; 1005 if the peer gave none, 1006 if the connection broke without a goodbye. */
  readonly code: number
  readonly reason: string
}

/** The connection has been closed, so that nothing can be sent. */
export class WebSocketClosed extends SluiceError {
  readonly code = 'ERR_SLUICE_WEBSOCKET_CLOSED'

  /** @param closing how; `undefined` while the peer has not answered to the close. */
  constructor(readonly closing: WebSocketClosing | undefined) {
    super(`the WebSocket is closed${closing === undefined ? '' : `: ${closing.code} ${closing.reason}`}`)
  }
}

/** @throws ArgumentError for what nobody may close a connection with. */
export function checkClosing(code: number, reason: string): void {
  const isAllowed =
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
    (code >= 3000 && code <= 4999)
  if (!Number.isInteger(code) || !isAllowed)
    throw new ArgumentError(`a WebSocket is closed with 1000 to 1014 or 3000 to 4999, not ${code}`)
  if (Buffer.byteLength(reason) > 123)
    throw new ArgumentError(`the reason of a close has up to 123 bytes, not ${Buffer.byteLength(reason)}`)
}
