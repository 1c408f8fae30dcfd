import {
  COLON,
  CR,
  HTAB,
  hexValue,
  isDigit,
  isHost,
  isTarget,
  isText,
  isToken,
  isValue,
  LF,
  PERCENT,
  QUESTION,
  SLASH,
  skip,
  SP,
  STAR,
  textOf,
} from './bytes.js'
import {
  CLOSE,
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  forbiddenInTrailers,
  HOST,
  KEEP_ALIVE,
  kindOf,
  membersOf,
  OPTION_UPGRADE,
  optionsOf,
  OTHER,
  TRAILER,
  TRANSFER_ENCODING,
  UPGRADE,
} from './framing-fields.js'
import type { Limits } from './limits.js'

/** How a parse ended. */
export const INCOMPLETE = 0
export const COMPLETE = 1
export const REFUSED = 2
export type Parsed = typeof INCOMPLETE | typeof COMPLETE | typeof REFUSED

/** States of the machine: what the next byte belongs to. Those of the request line come first. */
const START = 0
const START_LF = 1
const METHOD = 2
const TARGET = 3
const ESCAPE = 4
const ESCAPE_2 = 5
const VERSION = 6
const LINE_LF = 7
const FIELD = 8
const NAME = 9
const BEFORE_VALUE = 10
const VALUE = 11
const FIELD_LF = 12
const END_LF = 13

/** How long a method may be: longer than any that exists. */
const mostMethodBytes = 24
const versionText = 'HTTP/1.'
/** No limit is larger: positions stay small integers. */
const mostBytesEver = 2 ** 30

const methods = new Map(
  ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'TRACE'].map((name) => [
    name,
    name,
  ]),
)

/**
 * The head of an HTTP/1.1 request, read from bytes where they lie, as strictly as RFC 9110 and 9112 allow: what two
 * recipients could read in two ways is refused. A pure machine over bytes, which stops at any byte and goes on from
 * there, so that the result does not depend on how the bytes were split.
 *
 * All positions are relative to `base`, the first byte of the message, so that a head in two parts can be joined
 * between two calls. Header fields are checked here and made into strings by whoever asks for them.
 *
 * A line may be as long as its limit says with its CRLF, and so may the head with the empty line at its end.
 *
 * The tempting wrong version looks for the empty line first: it waits for what could be refused, and reads all twice.
 */
export class RequestParser {
  /** After COMPLETE: where the head ends. */
  end = 0
  method = ''
  /** Where the target lies, relative to the base. Of an absolute URL, what is behind its host: it may be empty or a query. */
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
  private kind = OTHER
  private seen = 0
  private count = 0
  private mostBytes: number
  private readonly headBytes: number
  private readonly trailerBytes: number
  private readonly lineBytes: number
  private readonly mostFields: number

  constructor(limits: Limits) {
    this.headBytes = Math.min(limits.headBytes, mostBytesEver)
    this.mostBytes = this.headBytes
    this.trailerBytes = Math.min(limits.trailerBytes, mostBytesEver)
    this.lineBytes = Math.min(limits.lineBytes, mostBytesEver)
    this.mostFields = Math.min(limits.headers, mostBytesEver)
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
    this.expectsContinue = false
    this.kind = OTHER
    this.seen = 0
    this.count = 0
    this.mostBytes = this.headBytes
  }

  /** Reads a trailer section next instead of a head. */
  resetForTrailers(): void {
    this.reset()
    this.state = FIELD
    this.kind = TRAILER
    this.mostBytes = this.trailerBytes
  }

  /** Whether bytes of a message have been read. */
  get hasBegun(): boolean {
    return this.at > 0
  }

  /**
   * Reads `bytes` from where the last call stopped. `base` is where the message begins.
   * @returns COMPLETE with `end` set, INCOMPLETE, or REFUSED with `status` and `reason` set.
   */
  parse(bytes: Uint8Array, base: number): Parsed {
    if (this.state < FIELD) {
      const parsed = this.readLine(bytes, base)
      if (parsed !== COMPLETE) return parsed
    }
    return this.readFields(bytes, base)
  }

  // The states follow one another down the function, longer than our functions are: a call a state, or one switch over
  // all states, costs half of the speed.
  private readLine(bytes: Uint8Array, base: number): Parsed {
    const last = Math.min(bytes.length, base + this.mostBytes)
    let i = base + this.at
    let stop = Math.min(last, base + this.lineStart + this.lineBytes)
    let state = this.state
    if (state <= START_LF) {
      if (i === stop) return this.pause(state, i, base, bytes.length)
      if (state === START && bytes[i] === CR && i === base) {
        state = START_LF
        if (++i === stop) return this.pause(state, i, base, bytes.length)
      }
      if (state === START_LF) {
        // An empty line before the request, as some clients send after a body. Source: RFC 9112, 2.2.
        if (bytes[i] !== LF) return this.refuse(400, 'CR without LF')
        state = START
        this.lineStart = ++i - base
        stop = Math.min(last, i + this.lineBytes)
        if (i === stop) return this.pause(state, i, base, bytes.length)
      }
      if (isToken[bytes[i] as number] === 0)
        return this.refuse(400, 'the request does not begin with a method')
      state = METHOD
    }
    if (state === METHOD && i + 3 < stop && i === base + this.lineStart && isGet(bytes, i)) {
      this.method = 'GET'
      i += 4
      this.targetStart = i - base
      state = TARGET
    }
    if (state === METHOD) {
      while (i < stop && isToken[bytes[i] as number] === 1) i++
      if (i - base - this.lineStart > mostMethodBytes) return this.refuse(501, 'the method is too long')
      if (i === stop) return this.pause(state, i, base, bytes.length)
      if (bytes[i] !== SP) return this.refuse(400, 'the method is not followed by one space')
      this.method = methodAt(bytes, base + this.lineStart, i)
      this.targetStart = ++i - base
      state = TARGET
    }
    if (state <= ESCAPE_2) {
      let hash = this.targetHash
      for (; i < stop; i++) {
        const c = bytes[i] as number
        if (state === TARGET) {
          if (isTarget[c] === 0) {
            if (c !== PERCENT) break
            state = ESCAPE
          }
        } else {
          if (hexValue[c] === 255)
            return this.refuse(400, 'a percent sign in the target is not followed by two hexadecimal digits')
          state = state === ESCAPE ? ESCAPE_2 : TARGET
        }
        hash = (Math.imul(hash, 31) + c) | 0
      }
      this.targetHash = hash
      if (i === stop) return this.pause(state, i, base, bytes.length)
      if (bytes[i] !== SP || i === base + this.targetStart)
        return this.refuse(400, 'the request target is empty, or holds what has to be percent-encoded')
      this.targetEnd = i - base
      if (bytes[base + this.targetStart] !== SLASH || this.method === 'CONNECT') {
        if (!this.takeTarget(bytes, base)) return REFUSED
      }
      i++
      state = VERSION
    }
    if (state === VERSION && i + 8 < stop && i - base === this.targetEnd + 1 && isUsualVersion(bytes, i)) {
      this.minorVersion = 1
      i += 9
      state = LINE_LF
    }
    if (state === VERSION) {
      while (i < stop && bytes[i] !== CR) {
        if (bytes[i] === LF || i - base - this.targetEnd > versionText.length + 1)
          return this.refuse(400, 'the request line does not end with a version and CRLF')
        i++
      }
      if (i === stop) return this.pause(state, i, base, bytes.length)
      if (!this.takeVersion(bytes, base, i)) return REFUSED
      i++
      state = LINE_LF
    }
    if (i === stop) return this.pause(state, i, base, bytes.length)
    if (bytes[i] !== LF) return this.refuse(400, 'CR without LF')
    this.at = i + 1 - base
    this.lineStart = this.at
    this.fieldsStart = this.at
    this.state = FIELD
    return COMPLETE
  }

  private readFields(bytes: Uint8Array, base: number): Parsed {
    const last = Math.min(bytes.length, base + this.mostBytes)
    let i = base + this.at
    let stop = Math.min(last, base + this.lineStart + this.lineBytes)
    let state = this.state
    for (;;) {
      if (state === FIELD) {
        if (i === stop) return this.pause(state, i, base, bytes.length)
        const c = bytes[i] as number
        if (isToken[c] === 1) {
          if (++this.count > this.mostFields)
            return this.refuse(431, `more than ${this.mostFields} header fields`)
          this.nameStart = i - base
          state = NAME
        } else {
          if (c !== CR) return this.refuse(400, lineFault(c))
          i++
          state = END_LF
        }
      }
      if (state === NAME) {
        i = skip(isToken, bytes, i, stop)
        if (i === stop) return this.pause(state, i, base, bytes.length)
        if (bytes[i] !== COLON) return this.refuse(400, nameFault(bytes[i] as number))
        this.nameEnd = i - base
        if (this.kind !== TRAILER) this.kind = kindOf(bytes, base + this.nameStart, i)
        i++
        state = BEFORE_VALUE
      }
      if (state === BEFORE_VALUE) {
        while (i < stop && (bytes[i] === SP || bytes[i] === HTAB)) i++
        if (i === stop) return this.pause(state, i, base, bytes.length)
        this.valueStart = i - base
        state = VALUE
      }
      if (state === VALUE) {
        i = skip(isValue, bytes, i, stop)
        if (i === stop) return this.pause(state, i, base, bytes.length)
        if (bytes[i] !== CR) return this.refuse(400, valueFault(bytes[i] as number))
        i++
        state = FIELD_LF
      }
      if (i === stop) return this.pause(state, i, base, bytes.length)
      if (bytes[i] !== LF) return this.refuse(400, 'CR without LF')
      i++
      if (state === END_LF) return this.complete(i, base)
      if (this.kind !== OTHER && !this.takeField(bytes, base, i - 2)) return REFUSED
      this.lineStart = i - base
      stop = Math.min(last, i + this.lineBytes)
      state = FIELD
    }
  }

  /** No byte from here on is read: the end of the bytes, of what the head may hold, or of what the line may hold. */
  private pause(state: number, i: number, base: number, length: number): Parsed {
    this.state = state
    this.at = i - base
    return i < length ? this.refuseLength() : INCOMPLETE
  }

  /** More has come than the head, or this line of it, may hold. */
  private refuseLength(): Parsed {
    const reason =
      this.at >= this.mostBytes
        ? `more than ${this.mostBytes} bytes of ${this.kind === TRAILER ? 'trailers' : 'headers'}`
        : `${this.state < FIELD ? 'the request line' : 'a header line'} has more than ${this.lineBytes} bytes`
    return this.refuse(this.state < FIELD ? 414 : 431, reason)
  }

  /** Asterisk form of OPTIONS, or absolute form, which is reduced to its path; origin form is known. Source: RFC 9112, 3.2. */
  private takeTarget(bytes: Uint8Array, base: number): boolean {
    const start = base + this.targetStart
    const end = base + this.targetEnd
    if (this.method === 'CONNECT') return this.refuseAnd(501, 'CONNECT is for proxies')
    if (bytes[start] === STAR && end - start === 1) {
      return this.method === 'OPTIONS' || this.refuseAnd(400, 'the target * is for OPTIONS')
    }
    const scheme = schemeBytes(bytes, start, end)
    if (scheme === 0) return this.refuseAnd(400, 'the request target is neither a path nor a URL')
    const host = start + scheme
    let i = host
    while (i < end && bytes[i] !== SLASH && bytes[i] !== QUESTION) i++
    if (i === host || !isHost(bytes, host, i))
      return this.refuseAnd(400, 'the request target has no valid host')
    // The host of the URL counts, not the field. Source: RFC 9112, 3.2.2.
    this.hostStart = host - base
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
    return true
  }

  /** Takes note of a field that says how the message is to be read. Its value lies before `end`, with white space behind it. */
  private takeField(bytes: Uint8Array, base: number, end: number): boolean {
    const start = base + this.valueStart
    while (end > start && (bytes[end - 1] === SP || bytes[end - 1] === HTAB)) end--
    const { kind } = this
    const isAgain = (this.seen & kind) !== 0
    this.seen |= kind
    switch (kind) {
      case HOST:
        return isAgain ? this.refuseAnd(400, 'more than one Host') : this.takeHost(bytes, base, start, end)
      case CONNECTION:
        this.seen |= optionsOf(bytes, start, end)
        return true
      case CONTENT_LENGTH:
        return isAgain
          ? this.refuseAnd(400, 'more than one Content-Length')
          : this.takeLength(bytes, start, end)
      case TRANSFER_ENCODING:
        return isAgain
          ? this.refuseAnd(400, 'more than one Transfer-Encoding')
          : this.takeCoding(bytes, start, end)
      case EXPECT:
        this.expectsContinue = isText(bytes, start, end, '100-continue')
        return (
          this.expectsContinue || this.refuseAnd(417, '100-continue is the only expectation that is met here')
        )
      case TRAILER:
        return this.takeTrailer(bytes, base)
      default:
        return true
    }
  }

  private takeHost(bytes: Uint8Array, base: number, start: number, end: number): boolean {
    if (!isHost(bytes, start, end)) return this.refuseAnd(400, 'the Host is not a host with a port')
    if (this.hostEnd > this.hostStart) return true // the target's own
    this.hostStart = start - base
    this.hostEnd = end - base
    return true
  }

  private takeLength(bytes: Uint8Array, start: number, end: number): boolean {
    if (start === end) return this.refuseAnd(400, 'the Content-Length is not a number of bytes')
    let value = 0
    for (let i = start; i < end; i++) {
      const digit = bytes[i] as number
      if (isDigit[digit] === 0) return this.refuseAnd(400, 'the Content-Length is not a number of bytes')
      value = value * 10 + (digit - 48)
    }
    // Beyond it a sum is inexact.
    if (value > Number.MAX_SAFE_INTEGER)
      return this.refuseAnd(413, 'no body is as long as the Content-Length')
    this.contentLength = value
    return true
  }

  private takeCoding(bytes: Uint8Array, start: number, end: number): boolean {
    this.isChunked = isText(bytes, start, end, 'chunked')
    if (this.isChunked) return true
    const codings = membersOf(bytes, start, end)
    // A list that ends with chunked, once, is valid, and the coding before it is not known here. Source: RFC 9112, 6.1 and 6.3.
    return codings.length > 1 && codings.indexOf('chunked') === codings.length - 1 && !codings.includes('')
      ? this.refuseAnd(501, 'chunked is the only transfer coding that is spoken here')
      : this.refuseAnd(400, 'chunked is not the last transfer coding, or not the only time')
  }

  private takeTrailer(bytes: Uint8Array, base: number): boolean {
    const name = textOf(bytes, base + this.nameStart, base + this.nameEnd)
    return (
      !forbiddenInTrailers.test(name) || this.refuseAnd(400, `${name} is not allowed in a trailer section`)
    )
  }

  private complete(end: number, base: number): Parsed {
    this.fieldsEnd = end - 2 - base
    this.end = end
    this.at = 0
    return this.kind === TRAILER || this.isWhole() ? COMPLETE : REFUSED
  }

  /** What can be said only when all fields are known. */
  private isWhole(): boolean {
    const { seen, minorVersion } = this
    if ((seen & TRANSFER_ENCODING) !== 0 && this.contentLength !== -1)
      return this.refuseAnd(400, 'both Content-Length and Transfer-Encoding')
    if (minorVersion === 0) {
      if ((seen & TRANSFER_ENCODING) !== 0) return this.refuseAnd(400, 'HTTP/1.0 has no Transfer-Encoding')
      this.expectsContinue = false // Source: RFC 9110, 10.1.1.
      // `close` counts, whatever stands beside it. Source: RFC 9112, 9.3.
      this.keepAlive = (seen & (CLOSE | KEEP_ALIVE)) === KEEP_ALIVE
      this.wantsUpgrade = false // Source: RFC 9110, 7.8.
      return true
    }
    if ((seen & HOST) === 0) return this.refuseAnd(400, 'no Host')
    this.keepAlive = (seen & CLOSE) === 0
    this.wantsUpgrade = (seen & (UPGRADE | OPTION_UPGRADE)) === (UPGRADE | OPTION_UPGRADE)
    return true
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
  const name = textOf(bytes, start, end)
  return methods.get(name) ?? name
}

/** Whether `HTTP/1.1` and CR stand there, as nearly always. */
function isUsualVersion(bytes: Uint8Array, i: number): boolean {
  return (
    bytes[i] === 72 &&
    bytes[i + 1] === 84 &&
    bytes[i + 2] === 84 &&
    bytes[i + 3] === 80 &&
    bytes[i + 4] === SLASH &&
    bytes[i + 5] === 49 &&
    bytes[i + 6] === 46 &&
    bytes[i + 7] === 49 &&
    bytes[i + 8] === CR
  )
}

/** Whether `GET` and a space stand there, as mostly. */
function isGet(bytes: Uint8Array, i: number): boolean {
  return bytes[i] === 71 && bytes[i + 1] === 69 && bytes[i + 2] === 84 && bytes[i + 3] === SP
}

function lineFault(c: number): string {
  if (c === SP || c === HTAB) return 'a header line is folded, or begins with white space'
  return c === LF ? 'LF without CR' : 'a header name holds what is not allowed'
}

function nameFault(c: number): string {
  return c === SP || c === HTAB
    ? 'white space between a header name and its colon'
    : 'a header name holds what is not allowed, or has no colon'
}

function valueFault(c: number): string {
  return c === LF ? 'LF without CR' : 'a header value holds a control byte'
}

/** How long `http://` or `https://` at the start of a target is; 0 for another one. */
function schemeBytes(bytes: Uint8Array, start: number, end: number): number {
  if (isText(bytes, start, Math.min(end, start + 7), 'http://')) return 7
  return isText(bytes, start, Math.min(end, start + 8), 'https://') ? 8 : 0
}
