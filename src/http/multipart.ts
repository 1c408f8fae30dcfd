import type { RecvChan } from '../runtime/chan.js'
import { ArgumentError } from '../runtime/errors.js'
import { parseParameters } from './header-parameters.js'
import { HttpError } from './http-error.js'
import { MultipartReader } from './multipart-reader.js'

/** What `multipart` needs of a request. */
export interface MultipartRequest {
  header(name: string): string | undefined
  readonly body: RecvChan<Uint8Array>
}

/** How much a body may hold. What is beyond is refused with 413, never cut off. */
export interface MultipartLimits {
  /** 10 by default. */
  readonly maxFiles?: number
  /** Of each file; 10 MiB by default. The limit of the whole body is the server's: `req.body.limit(bytes)`. */
  readonly maxFileBytes?: number
  /** 1000 by default. */
  readonly maxFields?: number
  /** Of each value, which is held in memory; 1 MiB by default. */
  readonly maxFieldBytes?: number
  /** Fields and files together; 1000 by default. */
  readonly maxParts?: number
}

const defaultLimits: Required<MultipartLimits> = {
  maxFiles: 10,
  maxFileBytes: 10 * 1024 * 1024,
  maxFields: 1000,
  maxFieldBytes: 1024 * 1024,
  maxParts: 1000,
}

export interface FieldPart {
  readonly kind: 'field'
  readonly name: string
  readonly value: string
}

export interface FilePart {
  readonly kind: 'file'
  /** Of the field. */
  readonly name: string
  /**
   * A bare name that can do no harm: no path, no control characters, no dot at the front, at most 255 bytes; empty where the
   * client gave none that is left, as a browser does for an input without a file. See `safeFileName`.
   */
  readonly filename: string
  /** As the client says, which proves nothing. */
  readonly contentType: string
  /** The bytes, as they come. They can be read until the next part is asked for. */
  readonly body: RecvChan<Uint8Array>
}

export type Part = FieldPart | FilePart

/**
 * The parts of a `multipart/form-data` body, one after the other, read from the network as they are asked for: nothing is
 * held but the piece that came last, and whoever is slow slows the client down. Source: RFC 7578.
 *
 * ```ts
 * const parts = multipart(req, { maxFileBytes: 50_000_000 })
 * for (let part = yield* parts.recv(); part !== undefined; part = yield* parts.recv()) {
 *   if (part.kind === 'file') yield* save(part.filename, part.body)
 * }
 * ```
 *
 * Asking for the next part passes over what has not been read of a file: it is received, counted and dropped, and reading
 * it afterwards is an error. Who asks no more leaves the rest of the body to the server; no goroutine waits for it.
 *
 * Receiving throws `HttpError` 413 beyond a limit, 400 for a body that is malformed or ends early, 415 for a part in an
 * encoding that is not decoded, and whatever receiving from the body throws; from then on always.
 *
 * @throws HttpError 415 if the Content-Type is another one, 400 if it has no valid boundary.
 * @throws ArgumentError if a limit is not a number from 0.
 */
export function multipart(req: MultipartRequest, limits: MultipartLimits = {}): RecvChan<Part> {
  return new MultipartReader(req.body, boundaryOf(req.header('content-type')), checked(limits))
}

/** Source: RFC 2046, section 5.1.1. */
const allowedBoundary = /^[\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?]$/

function boundaryOf(contentType: string | undefined): string {
  if (contentType === undefined || !/^\s*multipart\/form-data\s*(?:;|$)/i.test(contentType)) {
    throw new HttpError(415, 'the body has to be multipart/form-data')
  }
  const boundary = parseParameters(contentType)?.parameters.get('boundary')
  if (boundary !== undefined && allowedBoundary.test(boundary)) return boundary
  throw new HttpError(
    400,
    'the Content-Type multipart/form-data needs a boundary of 1 to 70 allowed characters',
  )
}

function checked(limits: MultipartLimits): Required<MultipartLimits> {
  const all = { ...defaultLimits, ...limits }
  for (const [name, value] of Object.entries(all)) {
    if (!(value >= 0)) throw new ArgumentError(`multipart() needs a number from 0 for ${name}, not ${value}`)
  }
  return all
}
