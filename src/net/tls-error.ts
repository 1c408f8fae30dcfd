import { SluiceError } from '../runtime/errors.js'

/** What `tls` was told cannot be used: a key of another certificate, a file that is not there, no PEM. `cause` is the platform's error. */
export class TlsError extends SluiceError {
  readonly code = 'ERR_SLUICE_TLS'

  /** @param option which one it is: `tls.key`, `tls.sni['*.example.com'].cert`. */
  constructor(
    readonly option: string,
    problem: string,
    cause?: unknown,
  ) {
    super(`${option} ${problem}`, cause === undefined ? undefined : { cause })
  }
}
