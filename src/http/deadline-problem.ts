import { SluiceError } from '../runtime/errors.js'
import { HttpError } from './http-error.js'

/** What a client is told when there is no time left. Source: RFC 9110, 15.6.5; gRPC maps DEADLINE_EXCEEDED to it. */
export function timeIsUp(detail: string, cause?: unknown): HttpError {
  return new HttpError(504, detail, cause === undefined ? {} : { cause })
}

/** Whether an error stands for a time limit: of a context, a guard, a client. Source: Go's `net.Error`. */
export function isTimeout(error: unknown): boolean {
  return (
    error instanceof SluiceError &&
    'timeout' in error &&
    typeof error.timeout === 'function' &&
    error.timeout() === true
  )
}
