import { SluiceError } from '../runtime/errors.js'
import type { GoFunction } from '../runtime/origin.js'

/** A route that cannot be: its path is malformed, it is there already, its handler is no function. */
export class RouteError extends SluiceError {
  readonly code = 'ERR_SLUICE_ROUTE'
}

/** The line that called `above`: `file:///app/main.ts:12:5`. */
export function placeOf(above: GoFunction): string {
  const at: { stack?: string } = {}
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 1
  Error.captureStackTrace(at, above)
  Error.stackTraceLimit = limit
  const line = at.stack?.split('\n')[1]?.trim() ?? ''
  return /\(?([^()\s]+:\d+:\d+)\)?$/.exec(line)?.[1] ?? 'an unknown place'
}
