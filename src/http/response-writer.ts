import { STATUS_CODES } from 'node:http'
import type { Connection } from '../net/connection.js'
import type { DateHeader } from './date-header.js'
import { BodySender } from './body-sender.js'
import { type BodySource, checkStatus, type HttpResponse, type ResponseBody } from './response.js'
import { discardBody } from './produce-body.js'
import { flat } from './bytes.js'
import type { ResponseHeaders } from './response-headers.js'

/** What a response depends on, of the request it answers. */
export interface Asked {
  readonly method: string
  readonly minorVersion: number
  /** Whether the connection stays open behind the response. */
  keepAlive: boolean
}

/** Lines for the lengths that most bodies have. */
const lengthLines = Array.from({ length: 1024 }, (_, length) => flat(lengthLine(length)))
/** Fields that the server writes itself. */
const own: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade'])
const ownWithLength: ReadonlySet<string> = new Set([...own, 'content-length'])
/** A 426 has to say which protocol it means. Source: RFC 9110, 15.5.22. */
const ownOf426: ReadonlySet<string> = new Set([...ownWithLength].filter((name) => name !== 'upgrade'))

/** A body up to so many bytes is written at once. */
export const mostAtOnceBytes = 256 * 1024
const pieceBytes = 64 * 1024

/**
 * Writes a response in HTTP/1.1: all of it, or its head, when the body is one that is still to be produced, whose sender
 * is returned. `req.keepAlive` says whether the connection stays open, and is set to what the response makes of it.
 */
export function writeResponse(
  out: Connection,
  req: Asked,
  response: HttpResponse,
  date: DateHeader,
): BodySender | undefined {
  const { body, contentType } = response
  const isPlain =
    response.status === 200 &&
    response.fields === undefined &&
    contentType !== undefined &&
    typeof body === 'string' &&
    body.length <= mostAtOnceBytes &&
    req.keepAlive &&
    req.minorVersion === 1 &&
    req.method !== 'HEAD'
  if (!isPlain) return writeAny(out, req, response, date)
  const { length } = body
  if (isAscii(body)) {
    // One after the other: a text of flat pieces is put together faster than one of texts of pieces.
    out.write(date.opening(contentType))
    out.write(lengthLines[length] ?? lengthLine(length))
    out.write(body)
    return undefined
  }
  const encoded = Buffer.from(body, 'utf8')
  out.write(date.opening(contentType) + lengthLine(encoded.length))
  out.writeBytes(encoded)
  return undefined
}

/** A text as long as its bytes are, or bytes. */
function sized(body: ResponseBody): ResponseBody {
  if (typeof body !== 'string' || (body.length <= mostAtOnceBytes && isAscii(body))) return body
  return Buffer.from(body, 'utf8')
}

function writeAny(
  out: Connection,
  req: Asked,
  response: HttpResponse,
  date: DateHeader,
): BodySender | undefined {
  const { status, headers } = response
  checkStatus(status) // it may have been set since
  const body = sized(response.body)
  if (hasOption(headers, 'close')) req.keepAlive = false
  const isBodiless = status === 204 || status === 304
  const isFixed = body === undefined || typeof body === 'string' || body instanceof Uint8Array
  const declared = declaredLength(headers)
  const isChunked = !isFixed && !isBodiless && declared === undefined && req.minorVersion === 1
  // Without a length and chunks, the end of the connection is the end of the body.
  if (!isFixed && declared === undefined && !isChunked && !isBodiless) req.keepAlive = false

  const keepsLength = declared !== undefined && (!isFixed || status === 304 || req.method === 'HEAD')
  const isOfUnknownLength = isBodiless || (req.method === 'HEAD' && body === undefined)
  let lines = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${headers.has('date') ? '' : date.line}`
  if (isChunked) lines += 'Transfer-Encoding: chunked\r\n'
  else if (!keepsLength && isFixed && !isOfUnknownLength) lines += `Content-Length: ${body?.length ?? 0}\r\n`
  if (!req.keepAlive) lines += 'Connection: close\r\n'
  else if (req.minorVersion === 0) lines += 'Connection: keep-alive\r\n'
  // The response is left as it is: a handler may answer with it again.
  const left = status === 426 ? ownOf426 : keepsLength && status !== 204 ? own : ownWithLength
  out.write(`${lines}${headers.linesWithout(left)}\r\n`)

  if (isBodiless || req.method === 'HEAD' || body === undefined) {
    if (!isFixed) discardBody(body as BodySource)
    return undefined
  }
  if (!isFixed) return new BodySender(out, body as BodySource, isChunked, declared)
  if (typeof body === 'string')
    out.write(body) // in one piece with the head
  else if (body.length > mostAtOnceBytes) return new BodySender(out, inPieces(body), false, body.length)
  else out.writeBytes(body)
  return undefined
}

/**
 * Leaves piece by piece, and the time limit for writing is for each: a client that is slow and goes on reading gets all of
 * a large body, one that hardly reads is cut off.
 */
export function inPieces(body: Uint8Array): BodySource {
  return function* pieces(out) {
    for (let at = 0; at < body.length; at += pieceBytes) yield* out.send(body.subarray(at, at + pieceBytes))
  }
}

function hasOption(headers: ResponseHeaders, option: string): boolean {
  const options = headers.get('connection') ?? ''
  return options
    .toLowerCase()
    .split(',')
    .some((each) => each.trim() === option)
}

/** The length that the handler promises for a body that is produced while it is sent. */
export function declaredLength(headers: ResponseHeaders): number | undefined {
  const value = headers.get('content-length')
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

function lengthLine(length: number): string {
  return `Content-Length: ${length}\r\n\r\n`
}

/** Short texts are looked at here: a call into the host costs as much as 64 letters. */
function isAscii(text: string): boolean {
  const { length } = text
  if (length > 64) return Buffer.byteLength(text) === length
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}
