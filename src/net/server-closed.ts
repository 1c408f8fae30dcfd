import { SluiceError } from '../runtime/errors.js'

/** The server shuts down: the cause of the end of its contexts and of what it cuts off. Source: Go's `http.ErrServerClosed`. */
export class ServerClosed extends SluiceError {
  readonly code = 'ERR_SLUICE_SERVER_CLOSED'

  constructor(address?: string) {
    super(address === undefined ? 'the server shuts down' : `the server at ${address} shuts down`)
  }
}
