import { SluiceError } from '../../runtime/errors.js'

/** A call failed because a rule for faults says so, not because anything is broken. It was not made. */
export class FaultError extends SluiceError {
  /** What the rule says: `ERR_SLUICE_FAULT` unless it says anything. */
  readonly code: string

  /**
   * @param guard whose rule it was: the resource.
   * @param fault the rule's name.
   * @param status what it is as an HTTP response.
   */
  constructor(
    readonly guard: string,
    readonly fault: string,
    { code = 'ERR_SLUICE_FAULT', message = 'a fault on purpose' }: { code?: string; message?: string } = {},
    readonly status: number = 500,
  ) {
    super(message)
    this.code = code
  }
}

/** What a caller gets whose connection was reset: the code is that of Node's own error. The call may have been made. */
export class ConnectionReset extends FaultError {
  constructor(guard: string, fault: string) {
    super(guard, fault, { code: 'ECONNRESET', message: 'read ECONNRESET' })
  }
}
