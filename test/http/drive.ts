/**
 * Reads requests as a connection does: what is left of a chunk is joined with the next one, and nothing is read behind a
 * refusal or a request that closes the connection.
 */
import { ChunkedParser } from '../../src/http/chunked-parser.js'
import { defaultLimits, type Limits } from '../../src/http/limits.js'
import { COMPLETE, INCOMPLETE, REFUSED, RequestParser } from '../../src/http/request-parser.js'

/** A request whose head has come; texts are bytes as characters. */
export interface Seen {
  method: string
  /** In origin form. */
  target: string
  host: string
  minorVersion: number
  /** The header lines, each with its CRLF. */
  fields: string
  body: string
  isWhole: boolean
  keepAlive: boolean
  expectsContinue: boolean
  wantsUpgrade: boolean
}

/** `between` requests, in an `incomplete` one, behind one that is `closed`, or the status of the refusal. */
export type End = 'between' | 'incomplete' | 'closed' | number

export interface Outcome {
  requests: Seen[]
  end: End
  /** Bytes of all messages that are whole. */
  consumed: number
}

export interface Drive extends Outcome {
  /** Why it was refused; not a part of what has to be the same. */
  reason: string
}

/** What the parsers make of bytes that come in these chunks. */
export function drive(chunks: readonly Uint8Array[], limits: Limits = defaultLimits): Drive {
  const driver = new Driver(limits)
  for (const chunk of chunks) if (!driver.receive(chunk)) break
  return driver.outcome()
}

class Driver {
  private readonly parser: RequestParser
  private readonly requests: Seen[] = []
  private pending: Uint8Array | undefined = undefined
  private receiving: Seen | undefined = undefined
  private remaining = 0
  private chunked: ChunkedParser | undefined = undefined
  /** Bytes before those at hand. */
  private before = 0
  private consumed = 0
  private status = 0
  private reason = ''

  constructor(private readonly limits: Limits) {
    this.parser = new RequestParser(limits)
  }

  outcome(): Drive {
    const { requests, consumed, reason } = this
    return { requests, end: this.end(), consumed, reason }
  }

  /** False once nothing more is read. */
  receive(chunk: Uint8Array): boolean {
    const bytes = this.pending === undefined ? chunk : Buffer.concat([this.pending, chunk])
    this.pending = undefined
    let at = 0
    while (at < bytes.length && this.isOpen()) {
      if (this.receiving !== undefined) {
        at = this.receiveBody(this.receiving, bytes, at)
        continue
      }
      const parsed = this.parser.parse(bytes, at)
      if (parsed === REFUSED) this.refuse(this.parser)
      if (parsed === INCOMPLETE) this.pending = bytes.subarray(at)
      if (parsed !== COMPLETE) break
      this.begin(bytes, at)
      at = this.parser.end
      this.parser.reset()
      if (this.remaining === 0 && this.chunked === undefined) this.finish(at)
    }
    this.before += bytes.length - (this.pending?.length ?? 0)
    return this.isOpen()
  }

  private isOpen(): boolean {
    return this.status === 0 && (this.receiving !== undefined || this.requests.at(-1)?.keepAlive !== false)
  }

  private begin(bytes: Uint8Array, base: number): void {
    const { parser } = this
    const seen = seenBy(parser, bytes, base)
    this.requests.push(seen)
    this.receiving = seen
    this.remaining = Math.max(0, parser.contentLength)
    this.chunked = parser.isChunked ? new ChunkedParser(this.limits) : undefined
  }

  private receiveBody(seen: Seen, bytes: Uint8Array, from: number): number {
    const { chunked } = this
    if (chunked === undefined) {
      const end = Math.min(bytes.length, from + this.remaining)
      seen.body += textOf(bytes, from, end)
      this.remaining -= end - from
      if (this.remaining === 0) this.finish(end)
      return end
    }
    const parsed = chunked.next(bytes, from)
    seen.body += textOf(bytes, chunked.dataStart, chunked.dataEnd)
    if (parsed === REFUSED) this.refuse(chunked)
    if (parsed === COMPLETE) this.finish(chunked.at)
    return chunked.at
  }

  private finish(at: number): void {
    if (this.receiving !== undefined) this.receiving.isWhole = true
    this.receiving = undefined
    this.chunked = undefined
    this.consumed = this.before + at
  }

  private refuse({ status, reason }: { status: number; reason: string }): void {
    this.status = status
    this.reason = reason
  }

  private end(): End {
    if (this.status !== 0) return this.status
    if (this.receiving !== undefined || this.pending !== undefined) return 'incomplete'
    return this.isOpen() ? 'between' : 'closed'
  }
}

function seenBy(parser: RequestParser, bytes: Uint8Array, base: number): Seen {
  const target = textOf(bytes, base + parser.targetStart, base + parser.targetEnd)
  return {
    method: parser.method,
    // A URL may end with its host.
    target: target === '' || target.startsWith('?') ? `/${target}` : target,
    host: textOf(bytes, base + parser.hostStart, base + parser.hostEnd),
    minorVersion: parser.minorVersion,
    fields: textOf(bytes, base + parser.fieldsStart, base + parser.fieldsEnd),
    body: '',
    isWhole: false,
    keepAlive: parser.keepAlive,
    expectsContinue: parser.expectsContinue,
    wantsUpgrade: parser.wantsUpgrade,
  }
}

/** Characters of the same codes. */
function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}

/** Bytes of the same codes. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** The bytes cut at these places. */
export function cut(bytes: Uint8Array, ...places: readonly number[]): Uint8Array[] {
  const ends = [...places, bytes.length]
  return ends.map((end, k) => bytes.subarray(k === 0 ? 0 : ends[k - 1], end))
}

/** Bytes one by one. */
export function single(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, k) => bytes.subarray(k, k + 1))
}
