import {
  COLON,
  CR,
  HTAB,
  hexValue,
  isDigit,
  isHost,
  isTarget,
  isToken,
  isValue,
  LF,
  PERCENT,
  SLASH,
  SP,
} from './bytes.js'
import type { Limits } from './limits.js'

/** How a parse ended. */
export const INCOMPLETE = 0
export const COMPLETE = 1
export const REFUSED = 2
export type Parsed = typeof INCOMPLETE | typeof COMPLETE | typeof REFUSED

/** States of the machine: what the next byte belongs to. */
const START = 0
const START_LF = 1
const METHOD = 2
const TARGET = 3
const VERSION = 4
const LINE_LF = 5
const FIELD = 6
const NAME = 7
const BEFORE_VALUE = 8
const VALUE = 9
const FIELD_LF = 10
const END_LF = 11
const ESCAPE = 12
const ESCAPE_2 = 13

/** Header fields that say how the message is to be read. */
const OTHER = 0
const HOST = 1
const CONNECTION = 2
const CONTENT_LENGTH = 3
const TRANSFER_ENCODING = 4
const EXPECT = 5
const UPGRADE = 6

/** How long a method or a version may be: longer than any that exists. */
const mostMethodBytes = 24
const versionText = 'HTTP/1.'
/** Content lengths of more digits are no lengths. */
const mostLengthDigits = 15

const methods = new Map(
  ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'TRACE'].map((name) => [
    name,
    name,
  ]),
)

/** Fields that a trailer section must not have: they would change how the message is read. Source: RFC 9110, 6.5.1. */
const forbiddenInTrailers =
  /^(content-length|transfer-encoding|host|connection|trailer|te|upgrade|expect|content-encoding|content-type|content-range|authorization|cookie|set-cookie|cache-control)$/i

/**
 * The head of an HTTP/1.1 request, read from bytes where they lie, as strictly as RFC 9110 and 9112 allow: what two
 * recipients could read in two ways is refused. A pure machine over bytes, which stops at any byte and goes on from
 * there, so that the result does not depend on how the bytes were split.
 *
 * All positions are relative to `base`, the first byte of the message, so that a head in two parts can be joined
 * between two calls. Header fields are checked here and made into strings by whoever asks for them (header-lines.ts).
 *
 * The tempting wrong version looks for the empty line first: it waits for what could be refused, and reads all twice.
 */
export class RequestParser {
  /** After COMPLETE: where the head ends. */
  end = 0
  method = ''
  /** Where the target lies, relative to the base. */
  targetStart = 0
  targetEnd = 0
  /** A hash of the target's bytes, for whoever keeps targets. */
  targetHash = 0
  minorVersion = 1
  /** Where the header lines lie. */
  fieldsStart = 0
  fieldsEnd = 0
  hostStart = 0
  hostEnd = 0
  /** -1 where none was given. */
  contentLength = -1
  isChunked = false
  /** The connection stays open after the response, if the server agrees. */
  keepAlive = true
  expectsContinue = false
  wantsUpgrade = false
  /** After REFUSED. */
  status = 400
  reason = ''

  private state = START
  private at = 0
  private lineStart = 0
  private nameStart = 0
  private nameEnd = 0
  private valueStart = 0
  private valueEnd = 0
  private kind = OTHER
  private count = 0
  private hosts = 0
  private skipped = false
  private saysUpgrade = false
  private hasUpgrade = false
  private hasTransferEncoding = false
  private inTrailers = false
  private mostBytes: number

  constructor(private readonly limits: Limits) {
    this.mostBytes = limits.headBytes
  }

  /** Forgets what was read, for the next message. */
  reset(): void {
    this.state = START
    this.at = 0
    this.lineStart = 0
    this.targetHash = 0
    this.hostStart = 0
    this.hostEnd = 0
    this.contentLength = -1
    this.isChunked = false
    this.keepAlive = true
    this.expectsContinue = false
    this.wantsUpgrade = false
    this.count = 0
    this.hosts = 0
    this.skipped = false
    this.saysUpgrade = false
    this.hasUpgrade = false
    this.hasTransferEncoding = false
    this.inTrailers = false
    this.mostBytes = this.limits.headBytes
  }

  /** Reads a trailer section next instead of a head. */
  resetForTrailers(): void {
    this.reset()
    this.inTrailers = true
    this.state = FIELD
    this.mostBytes = this.limits.trailerBytes
  }

  /** Whether bytes of a message have been read. */
  get hasBegun(): boolean {
    return this.at > 0
  }

  /**
   * Reads `bytes` from where the last call stopped. `base` is where the message begins.
   * @returns COMPLETE with `end` set, INCOMPLETE, or REFUSED with `status` and `reason` set.
   */
  // One loop over all states, longer than our functions are: a call a state costs a third of the speed.
  parse(bytes: Uint8Array, base: number): Parsed {
    const length = bytes.length
    let i = base + this.at
    let stop = this.stopOf(base, length)
    let state = this.state
    while (i < stop) {
      const c = bytes[i] as number
      switch (state) {
        case START:
          if (c === CR && !this.skipped) state = START_LF
          else if (isToken[c] === 1) {
            this.lineStart = i - base
            stop = this.stopOf(base, length)
            state = METHOD
            continue
          } else return this.refuse(400, 'the request does not begin with a method')
          break
        case START_LF:
          // An empty line before the request, as some clients send after a body. Source: RFC 9112, 2.2.
          if (c !== LF) return this.refuse(400, 'CR without LF')
          this.skipped = true
          state = START
          break
        case METHOD: {
          let j = i
          while (j < stop && isToken[bytes[j] as number] === 1) j++
          i = j
          if (i - base - this.lineStart > mostMethodBytes) return this.refuse(501, 'the method is too long')
          if (i === stop) continue
          if (bytes[i] !== SP) return this.refuse(400, 'the method is not followed by one space')
          this.method = methodAt(bytes, base + this.lineStart, i)
          this.targetStart = i + 1 - base
          state = TARGET
          break
        }
        case TARGET: {
          let j = i
          let hash = this.targetHash
          for (; j < stop; j++) {
            const d = bytes[j] as number
            if (isTarget[d] === 0) break
            hash = (Math.imul(hash, 31) + d) | 0
          }
          this.targetHash = hash
          i = j
          if (i === stop) continue
          if (bytes[i] === PERCENT) {
            state = ESCAPE
            break
          }
          if (bytes[i] !== SP || i === base + this.targetStart)
            return this.refuse(400, 'the request target is empty, or holds what has to be percent-encoded')
          this.targetEnd = i - base
          if (!this.hasTargetForm(bytes, base)) return REFUSED
          state = VERSION
          break
        }
        case ESCAPE:
        case ESCAPE_2:
          if (hexValue[c] === 255)
            return this.refuse(400, 'a percent sign in the target is not followed by two hexadecimal digits')
          this.targetHash = (Math.imul(this.targetHash, 31) + c) | 0
          state = state === ESCAPE ? ESCAPE_2 : TARGET
          break
        case VERSION:
          if (c === CR) {
            if (!this.takeVersion(bytes, base, i)) return REFUSED
            state = LINE_LF
          } else if (c === LF || i - base - this.targetEnd > versionText.length + 1)
            return this.refuse(400, 'the request line does not end with a version and CRLF')
          break
        case LINE_LF:
          if (c !== LF) return this.refuse(400, 'CR without LF')
          this.fieldsStart = i + 1 - base
          state = FIELD
          break
        case FIELD:
          this.lineStart = i - base
          stop = this.stopOf(base, length)
          if (isToken[c] === 1) {
            if (++this.count > this.limits.headers)
              return this.refuse(431, `more than ${this.limits.headers} header fields`)
            this.nameStart = i - base
            state = NAME
          } else if (c === CR) state = END_LF
          else if (c === SP || c === HTAB)
            return this.refuse(400, 'a header line is folded, or begins with white space')
          else return this.refuse(400, c === LF ? 'LF without CR' : 'a header name holds what is not allowed')
          break
        case NAME: {
          let j = i
          while (j < stop && isToken[bytes[j] as number] === 1) j++
          i = j
          if (i === stop) continue
          if (bytes[i] !== COLON) return this.refuse(400, nameFault(bytes[i] as number))
          this.nameEnd = i - base
          this.kind = this.inTrailers ? OTHER : kindOf(bytes, base + this.nameStart, i)
          state = BEFORE_VALUE
          break
        }
        case BEFORE_VALUE:
          if (c === SP || c === HTAB) break
          this.valueStart = i - base
          state = VALUE
          continue
        case VALUE: {
          let j = i
          while (j < stop && isValue[bytes[j] as number] === 1) j++
          i = j
          if (i === stop) continue
          if (bytes[i] !== CR)
            return this.refuse(400, bytes[i] === LF ? 'LF without CR' : 'a header value holds a control byte')
          let last = i
          const first = base + this.valueStart
          while (last > first && (bytes[last - 1] === SP || bytes[last - 1] === HTAB)) last--
          this.valueEnd = last - base
          state = FIELD_LF
          break
        }
        case FIELD_LF:
          if (c !== LF) return this.refuse(400, 'CR without LF')
          if (this.kind !== OTHER && !this.takeField(bytes, base)) return REFUSED
          if (this.inTrailers && !this.isAllowedTrailer(bytes, base)) return REFUSED
          state = FIELD
          break
        case END_LF:
          if (c !== LF) return this.refuse(400, 'CR without LF')
          this.fieldsEnd = i - 1 - base
          this.end = i + 1
          this.at = 0
          this.state = START
          return this.inTrailers || this.isWhole() ? COMPLETE : REFUSED
      }
      i++
    }
    this.state = state
    this.at = i - base
    return i < length ? this.refuseLength() : INCOMPLETE
  }

  /** No byte from here on is read: the end of the bytes, of what the head may hold, or of what the line may hold. */
  private stopOf(base: number, length: number): number {
    return base + Math.min(length - base, this.mostBytes, this.lineStart + this.limits.lineBytes)
  }

  private refuseLength(): Parsed {
    if (this.inTrailers) return this.refuse(431, `more than ${this.mostBytes} bytes of trailers`)
    if (this.state <= LINE_LF || this.state >= ESCAPE)
      return this.refuse(414, `the request line has more than ${this.limits.lineBytes} bytes`)
    return this.refuse(
      431,
      this.at >= this.mostBytes
        ? `more than ${this.mostBytes} bytes of headers`
        : `a header line has more than ${this.limits.lineBytes} bytes`,
    )
  }

  /** Origin form, asterisk form of OPTIONS, or absolute form, which is reduced to its path. Source: RFC 9112, 3.2. */
  private hasTargetForm(bytes: Uint8Array, base: number): boolean {
    const start = base + this.targetStart
    const end = base + this.targetEnd
    const first = bytes[start]
    if (this.method === 'CONNECT') return this.refuseAnd(501, 'CONNECT is for proxies')
    if (first === SLASH) return true
    if (first === 42 && end - start === 1) {
      return this.method === 'OPTIONS' || this.refuseAnd(400, 'the target * is for OPTIONS')
    }
    const scheme = schemeBytes(bytes, start, end)
    if (scheme === 0) return this.refuseAnd(400, 'the request target is neither a path nor a URL')
    let i = start + scheme
    while (i < end && isHost[bytes[i] as number] === 1) i++
    const path = bytes[i]
    if (i === start + scheme || (i < end && path !== SLASH && path !== 63))
      return this.refuseAnd(400, 'the request target has no valid host')
    // The host of the URL counts, not the field. Source: RFC 9112, 3.2.2.
    this.hostStart = start + scheme - base
    this.hostEnd = i - base
    this.targetStart = i - base
    this.targetHash = 0 // of another text than the path
    return true
  }

  private takeVersion(bytes: Uint8Array, base: number, end: number): boolean {
    const start = base + this.targetEnd + 1
    if (end - start !== versionText.length + 1)
      return this.refuseAnd(400, 'the request line has no valid version')
    const minor = (bytes[end - 1] as number) - 48
    for (let k = 0; k < versionText.length; k++) {
      if (bytes[start + k] === versionText.charCodeAt(k)) continue
      const isOther = k === 5 && isDigit[bytes[start + k] as number] === 1 && bytes[start + 6] === 46
      return isOther && isDigit[minor + 48] === 1
        ? this.refuseAnd(505, 'HTTP/1.1 and HTTP/1.0 are spoken here')
        : this.refuseAnd(400, 'the request line has no valid version')
    }
    if (minor < 0 || minor > 9) return this.refuseAnd(400, 'the request line has no valid version')
    if (minor > 1) return this.refuseAnd(505, 'HTTP/1.1 and HTTP/1.0 are spoken here')
    this.minorVersion = minor
    this.keepAlive = minor === 1
    return true
  }

  /** Takes note of a field that says how the message is to be read. */
  private takeField(bytes: Uint8Array, base: number): boolean {
    const start = base + this.valueStart
    const end = base + this.valueEnd
    switch (this.kind) {
      case HOST:
        return this.takeHost(bytes, base, start, end)
      case CONNECTION:
        return this.takeConnection(bytes, start, end)
      case CONTENT_LENGTH:
        return this.takeLength(bytes, start, end)
      case TRANSFER_ENCODING:
        return this.takeCoding(bytes, start, end)
      case EXPECT:
        if (!isText(bytes, start, end, '100-continue'))
          return this.refuseAnd(417, '100-continue is the only expectation that is met here')
        this.expectsContinue = true
        return true
      default:
        this.hasUpgrade = true
        return true
    }
  }

  private takeHost(bytes: Uint8Array, base: number, start: number, end: number): boolean {
    if (++this.hosts > 1) return this.refuseAnd(400, 'more than one Host')
    for (let i = start; i < end; i++)
      if (isHost[bytes[i] as number] === 0) return this.refuseAnd(400, 'the Host holds what is not allowed')
    if (this.hostEnd > this.hostStart) return true // the target's own
    this.hostStart = start - base
    this.hostEnd = end - base
    return true
  }

  private takeConnection(bytes: Uint8Array, start: number, end: number): boolean {
    if (isText(bytes, start, end, 'keep-alive')) {
      this.keepAlive = true
      return true
    }
    for (const option of textOf(bytes, start, end).toLowerCase().split(',')) {
      const name = option.trim()
      if (name === 'close') this.keepAlive = false
      else if (name === 'keep-alive' && this.minorVersion === 0) this.keepAlive = true
      else if (name === 'upgrade') this.saysUpgrade = true
    }
    return true
  }

  private takeLength(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.contentLength !== -1) return this.refuseAnd(400, 'more than one Content-Length')
    if (start === end || end - start > mostLengthDigits)
      return this.refuseAnd(400, 'the Content-Length is not a number of bytes')
    let value = 0
    for (let i = start; i < end; i++) {
      const digit = bytes[i] as number
      if (isDigit[digit] === 0) return this.refuseAnd(400, 'the Content-Length is not a number of bytes')
      value = value * 10 + (digit - 48)
    }
    this.contentLength = value
    return true
  }

  private takeCoding(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.hasTransferEncoding) return this.refuseAnd(400, 'more than one Transfer-Encoding')
    this.hasTransferEncoding = true
    this.isChunked = isText(bytes, start, end, 'chunked')
    if (this.isChunked) return true
    const codings = textOf(bytes, start, end).toLowerCase().split(',')
    return codings.at(-1)?.trim() === 'chunked'
      ? this.refuseAnd(501, 'chunked is the only transfer coding that is spoken here')
      : this.refuseAnd(400, 'the last transfer coding is not chunked')
  }

  /** What can be said only when all fields are known. */
  private isWhole(): boolean {
    if (this.hasTransferEncoding && this.contentLength !== -1)
      return this.refuseAnd(400, 'both Content-Length and Transfer-Encoding')
    if (this.minorVersion === 0 && this.hasTransferEncoding)
      return this.refuseAnd(400, 'HTTP/1.0 has no Transfer-Encoding')
    if (this.hosts === 0 && this.minorVersion === 1) return this.refuseAnd(400, 'no Host')
    this.wantsUpgrade = this.saysUpgrade && this.hasUpgrade && this.minorVersion === 1
    if (this.minorVersion === 0) this.expectsContinue = false // Source: RFC 9110, 10.1.1.
    return true
  }

  private isAllowedTrailer(bytes: Uint8Array, base: number): boolean {
    const name = textOf(bytes, base + this.nameStart, base + this.nameEnd)
    return (
      !forbiddenInTrailers.test(name) || this.refuseAnd(400, `${name} is not allowed in a trailer section`)
    )
  }

  private refuse(status: number, reason: string): typeof REFUSED {
    this.status = status
    this.reason = reason
    return REFUSED
  }

  private refuseAnd(status: number, reason: string): false {
    this.refuse(status, reason)
    return false
  }
}

function methodAt(bytes: Uint8Array, start: number, end: number): string {
  if (end - start === 3 && bytes[start] === 71 && bytes[start + 1] === 69 && bytes[start + 2] === 84)
    return 'GET'
  const name = textOf(bytes, start, end)
  return methods.get(name) ?? name
}

function nameFault(c: number): string {
  return c === SP || c === HTAB
    ? 'white space between a header name and its colon'
    : 'a header name holds what is not allowed, or has no colon'
}

function kindOf(bytes: Uint8Array, start: number, end: number): number {
  switch (end - start) {
    case 4:
      return isText(bytes, start, end, 'host') ? HOST : OTHER
    case 6:
      return isText(bytes, start, end, 'expect') ? EXPECT : OTHER
    case 7:
      return isText(bytes, start, end, 'upgrade') ? UPGRADE : OTHER
    case 10:
      return isText(bytes, start, end, 'connection') ? CONNECTION : OTHER
    case 14:
      return isText(bytes, start, end, 'content-length') ? CONTENT_LENGTH : OTHER
    case 17:
      return isText(bytes, start, end, 'transfer-encoding') ? TRANSFER_ENCODING : OTHER
    default:
      return OTHER
  }
}

/** How long `http://` or `https://` at the start of a target is; 0 for another one. */
function schemeBytes(bytes: Uint8Array, start: number, end: number): number {
  if (isText(bytes, start, Math.min(end, start + 7), 'http://')) return 7
  return isText(bytes, start, Math.min(end, start + 8), 'https://') ? 8 : 0
}

/** Whether the bytes are `text`, which is in lower case, in any case. */
function isText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false
  for (let k = 0; k < text.length; k++) {
    const c = bytes[start + k] as number
    const lower = c >= 65 && c <= 90 ? c | 32 : c
    if (lower !== text.charCodeAt(k)) return false
  }
  return true
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end))
}
