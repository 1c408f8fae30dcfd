import { SluiceError } from '../runtime/errors.js'

/** The cause with which contexts end when a server shuts down. */
export class ShutdownError extends SluiceError {
  readonly code = 'ERR_SLUICE_SHUTDOWN'
}
