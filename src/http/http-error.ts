import { STATUS_CODES } from 'node:http'
import { ArgumentError, SluiceError } from '../runtime/errors.js'
import type { HeaderInit } from './response-headers.js'

export interface HttpErrorOptions {
  /** A short name for this kind of problem, the same each time; the status' own phrase unless given. */
  readonly title?: string
  /** A URI that names this kind of problem, at best one that explains it; `about:blank` unless given. */
  readonly type?: string
  /** Header fields of the response: `Retry-After`, `WWW-Authenticate`, `Allow`. */
  readonly headers?: HeaderInit
  /** More members of the problem; they cannot replace `type`, `title`, `status` and `detail`. */
  readonly extra?: Readonly<Record<string, unknown>>
  /** What lies behind it, for the log; never sent. */
  readonly cause?: unknown
}

/**
 * Answers a request with an error: a handler or a guard throws it, the client gets an RFC 9457 problem
 * (`application/problem+json`) with the status, the title, the detail and the extra members, and nothing else.
 *
 * ```ts
 * throw new HttpError(409, 'The order has been shipped.', { extra: { order: id } })
 * ```
 */
export class HttpError extends SluiceError {
  readonly code = 'ERR_SLUICE_HTTP'
  readonly title: string
  readonly type: string
  readonly headers: HeaderInit | undefined
  readonly extra: Readonly<Record<string, unknown>> | undefined

  /**
   * @param detail what went wrong this time, for the client to read.
   * @throws ArgumentError if the status is not a whole number from 400 to 599.
   */
  constructor(
    readonly status: number,
    readonly detail?: string,
    { title, type, headers, extra, cause }: HttpErrorOptions = {},
  ) {
    if (!Number.isInteger(status) || status < 400 || status > 599) throw badStatus(status)
    const phrase = title ?? phraseOf(status)
    const name = `${status} ${phrase}`
    super(detail === undefined ? name : `${name}: ${detail}`, cause === undefined ? undefined : { cause })
    this.title = phrase
    this.type = type ?? 'about:blank'
    this.headers = headers
    this.extra = extra
  }
}

/** A status that has no phrase of its own means what the first of its class does. Source: RFC 9110, section 15. */
function phraseOf(status: number): string {
  return STATUS_CODES[status] ?? (status < 500 ? 'Bad Request' : 'Internal Server Error')
}

function badStatus(status: number): ArgumentError {
  return new ArgumentError(
    `an HttpError's status is a whole number from 400 to 599, not ${status}: return a response for what is no error`,
  )
}
