import { ArgumentError } from '../runtime/errors.js'
import type { Operation, Routine } from '../runtime/operation.js'
import type { RecvChan } from '../runtime/chan.js'
import { type HeaderInit, ResponseHeaders } from './response-headers.js'

/** Where a body that is produced while it is sent writes to. */
export interface BodyWriter {
  /** Sends a chunk; waits while the client does not keep up. Throws `ClientGone` when it has left. */
  send(chunk: string | Uint8Array): Operation<void>
}

/** A body that is produced while it is sent. */
export type BodySource =
  | AsyncIterable<string | Uint8Array>
  | RecvChan<string | Uint8Array>
  | ((out: BodyWriter) => Routine<void> | PromiseLike<void>)

export type ResponseBody = string | Uint8Array | BodySource | undefined

export interface ResponseOptions {
  /** 200 unless given. */
  readonly status?: number
  readonly headers?: HeaderInit
}

/** What a handler answers: a status, header fields and a body. Content-Length, Date and Connection are the server's. */
export class HttpResponse {
  status: number
  body: ResponseBody
  /** @internal The Content-Type, where it has not been made a header field yet. */
  contentType: string | undefined
  /** @internal The header fields, once somebody asked for them. */
  fields: ResponseHeaders | undefined

  /** @throws ArgumentError if the status is not a whole number from 200 to 599, or a header field is not allowed. */
  constructor(
    status: number,
    body?: ResponseBody,
    headers?: HeaderInit,
    /** @internal */ contentType?: string,
  ) {
    checkStatus(status)
    this.status = status
    this.body = body
    this.contentType = contentType
    this.fields = undefined
    if (headers !== undefined) {
      this.fields = new ResponseHeaders(headers)
      if (this.fields.has('content-type')) this.contentType = undefined
    }
  }

  get headers(): ResponseHeaders {
    this.fields ??= new ResponseHeaders()
    if (this.contentType !== undefined) {
      this.fields.set('Content-Type', this.contentType)
      this.contentType = undefined
    }
    return this.fields
  }
}

/** Answers with JSON. @throws TypeError for what JSON cannot express: a cycle, a bigint. */
export function json(value: unknown, { status = 200, headers }: ResponseOptions = {}): HttpResponse {
  const body = JSON.stringify(value)
  if (body === undefined)
    throw new ArgumentError(`json() needs a value that JSON can express, not ${String(value)}`)
  return new HttpResponse(status, body, headers, 'application/json')
}

/** Answers with plain text in UTF-8. */
export function text(value: string, { status = 200, headers }: ResponseOptions = {}): HttpResponse {
  return new HttpResponse(status, value, headers, 'text/plain; charset=utf-8')
}

/** Answers with bytes, `application/octet-stream` unless a header says another type. They must not change afterwards. */
export function bytes(value: Uint8Array, { status = 200, headers }: ResponseOptions = {}): HttpResponse {
  return new HttpResponse(status, value, headers, 'application/octet-stream')
}

/** Answers with a body that is produced while it is sent, as fast as the client reads. */
export function stream(source: BodySource, { status = 200, headers }: ResponseOptions = {}): HttpResponse {
  return new HttpResponse(status, source, headers, 'application/octet-stream')
}

/** Answers without a body. */
export function empty(status = 204, headers?: HeaderInit): HttpResponse {
  return new HttpResponse(status, undefined, headers)
}

const redirects: readonly number[] = [301, 302, 303, 307, 308]

/** Sends the client elsewhere. @throws ArgumentError if the status is none of 301, 302, 303, 307, 308. */
export function redirect(location: string, status = 302): HttpResponse {
  if (!redirects.includes(status))
    throw new ArgumentError(`redirect() needs a status of ${redirects.join(', ')}, not ${status}`)
  return new HttpResponse(status, undefined, { Location: encodeLocation(location) })
}

// Spaces and letters beyond ASCII are encoded; line breaks are left for the header's own check to refuse.
function encodeLocation(location: string): string {
  return location.replace(/[^\x21-\x7e\r\n\0]+/g, encodeURI)
}

/** @internal @throws ArgumentError for what is no status of a final response. */
export function checkStatus(status: number): void {
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw new ArgumentError(`a response's status is a whole number from 200 to 599, not ${status}`)
}
