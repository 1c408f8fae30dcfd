import { HttpError } from './http-error.js'
import type { HeaderInit } from './response-headers.js'

/**
 * The error with more header fields for the response it becomes; its own win. What is no `HttpError` stays as it is: the
 * server answers it with a response of its own.
 */
export function withHeaders(error: unknown, more: HeaderInit): unknown {
  if (!(error instanceof HttpError)) return error
  const { status, detail, title, type, extra } = error
  const headers = { ...more }
  for (const name in error.headers) {
    // The same name in other letters would stand twice.
    for (const other in headers) if (other.toLowerCase() === name.toLowerCase()) delete headers[other]
    Object.assign(headers, { [name]: error.headers[name] })
  }
  return new HttpError(status, detail, {
    title,
    type,
    headers,
    cause: error,
    ...(extra !== undefined && { extra }),
  })
}
