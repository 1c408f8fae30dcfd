import { SluiceError } from '../runtime/errors.js'

/** A call took longer than its guard allows. It was told to stop; whether it had an effect is not known. */
export class TimedOut extends SluiceError {
  readonly code = 'ERR_SLUICE_TIMED_OUT'

  /**
   * @param guard its name: what it protects.
   * @param limitMs what it allows.
   */
  constructor(
    readonly guard: string,
    readonly limitMs: number,
  ) {
    super(`${guard} timed out: the call took longer than ${limitMs} ms`)
  }

  /** True, as for every error that stands for a time limit. Source: Go's `net.Error`. */
  timeout(): boolean {
    return true
  }
}
