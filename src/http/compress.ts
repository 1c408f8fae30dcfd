import { ArgumentError } from '../runtime/errors.js'
import type { Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { type Coding, CompressingWriter, type CompressionLevels, compressed } from './compressor.js'
import type { Middleware } from './handler.js'
import { produceBody } from './produce-body.js'
import type { HttpRequest } from './request.js'
import type { BodySource, BodyWriter, HttpResponse } from './response.js'
import { vary } from './vary.js'
import { preferredEncoding } from './vendor/negotiator.js'

export interface CompressOptions {
  /** Bodies that are known to be shorter are sent as they are: 1024 bytes unless given. */
  readonly thresholdBytes?: number
  /** What is offered, the best first: `br`, `gzip` and `deflate` unless given. */
  readonly codings?: readonly Coding[]
  /** From 0 to 11: 4 unless given, as small as gzip at 6 and no slower. Node's own default, 11, takes seventy times as long. */
  readonly brotliQuality?: number
  /** From 0 to 9, for gzip and deflate: 6 unless given. */
  readonly gzipLevel?: number
  /** Says no to what must not be compressed, as it mixes a secret with what others can choose. */
  readonly filter?: (req: HttpRequest, response: HttpResponse) => boolean
}

const codings: readonly Coding[] = ['br', 'gzip', 'deflate']

/**
 * A middleware that compresses responses, by the client's Accept-Encoding with its weights: texts, JSON, SVG and other types
 * that become smaller, of 1 KiB and more. Bodies that are there are compressed on a thread of the host's pool, those that are
 * produced while they are sent chunk by chunk, each flushed: server-sent events arrive at once.
 *
 * Left alone are answers to HEAD, ranges, 204 and 304, what is encoded already, carries a digest or says
 * `Cache-Control: no-transform`. A strong ETag becomes weak, for the bytes are others; `Vary` is told.
 *
 * Where a page holds a secret (a CSRF token) as well as text that an attacker chooses, the length of its compressed form over
 * TLS tells the secret letter by letter (BREACH, 2013). Leave such pages out by `filter`, or mask the secret anew each time.
 *
 * @throws ArgumentError for options that cannot be.
 */
export function compress(options: CompressOptions = {}): Middleware {
  const { thresholdBytes = 1024, brotliQuality = 4, gzipLevel = 6, filter } = options
  const offered = [...new Set(options.codings ?? codings)]
  check('thresholdBytes', thresholdBytes, Infinity)
  check('brotliQuality', brotliQuality, 11)
  check('gzipLevel', gzipLevel, 9)
  const unknown = offered.find((each) => !codings.includes(each))
  if (offered.length === 0 || unknown !== undefined)
    throw new ArgumentError(
      `compress() offers codings of ${codings.join(', ')}, not ${JSON.stringify(unknown)}`,
    )
  const available = [...offered, 'identity']
  return function* compress(req, next) {
    const response = yield* next()
    if (response.status === 304) alignTag(req, response)
    if (!mayCompress(response) || lengthOf(response) < thresholdBytes) return response
    if (filter !== undefined && !filter(req, response)) return response
    vary(response.headers, 'Accept-Encoding')
    const accepted = req.header('accept-encoding')
    if (accepted === undefined || req.method === 'HEAD') return response
    const coding = offered.find((each) => each === preferredEncoding(accepted, available))
    if (coding !== undefined) yield* encode(response, coding, { brotliQuality, gzipLevel })
    return response
  }
}

function check(name: string, value: number, most: number): void {
  if (value >= 0 && value <= most && (Number.isInteger(value) || value === Infinity)) return
  throw new ArgumentError(
    `compress() needs a whole number from 0${most === Infinity ? '' : ` to ${most}`} for ${name}, not ${value}`,
  )
}

/** Types whose bytes become fewer: those that are text, and a few that are not packed yet. */
const compressible =
  /^(?:text\/|(?:application|image|model)\/[^;]+\+(?:json|xml|text)\s*(?:;|$)|application\/(?:json|javascript|x-javascript|ecmascript|xml|wasm|x-ndjson|ndjson|jsonl|yaml|toml|sql|graphql|rtf|x-sh|x-www-form-urlencoded)\s*(?:;|$)|font\/(?:ttf|otf|collection)|image\/(?:bmp|vnd\.microsoft\.icon|x-icon))/i

function mayCompress(response: HttpResponse): boolean {
  const { status, body, headers } = response
  if (status === 204 || status === 206 || status === 304) return false
  if (body === undefined && !headers.has('content-length')) return false
  for (const name of ['content-encoding', 'content-range', 'content-digest', 'repr-digest'])
    if (headers.has(name)) return false
  if (/\bno-transform\b/i.test(headers.get('cache-control') ?? '')) return false
  return compressible.test(headers.get('content-type') ?? '')
}

/** Length of the body in bytes; Infinity if nobody knows. */
function lengthOf({ body, headers }: HttpResponse): number {
  if (typeof body === 'string') return Buffer.byteLength(body)
  if (body instanceof Uint8Array) return body.length
  return Number(headers.get('content-length') ?? Infinity)
}

function* encode(response: HttpResponse, coding: Coding, levels: CompressionLevels): Routine<void> {
  const { body, headers } = response
  if (body === undefined) return
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const plain = Buffer.from(body as Uint8Array) // a string is encoded, bytes are copied: they may be the program's own
    const packed = yield* wait(compressed(plain, coding, levels))
    if (packed.length >= plain.length) return
    response.body = packed
  } else response.body = encoding(body, coding, levels)
  headers.set('Content-Encoding', coding)
  headers.delete('Content-Length')
  headers.delete('Accept-Ranges') // ranges are of the plain bytes
  const etag = headers.get('etag')
  if (etag?.startsWith('"')) headers.set('ETag', `W/${etag}`)
}

function encoding(source: BodySource, coding: Coding, levels: CompressionLevels): BodySource {
  return function* compressing(out: BodyWriter): Routine<void> {
    const writer = new CompressingWriter(out, coding, levels)
    try {
      yield* produceBody(source, writer)
      yield* writer.end()
    } finally {
      writer.close()
    }
  }
}

/**
 * A client that has the compressed form has it under the weak ETag. A 304 with the strong one would not renew that.
 * Source: RFC 9111, 4.3.4.
 */
function alignTag(req: HttpRequest, { headers }: HttpResponse): void {
  const etag = headers.get('etag')
  if (etag === undefined || !etag.startsWith('"')) return
  if (req.header('if-none-match')?.includes(`W/${etag}`)) headers.set('ETag', `W/${etag}`)
}
