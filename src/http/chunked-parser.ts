import { BACKSLASH, CR, EQUALS, hexValue, isToken, isValue, LF, QUOTE, SEMICOLON } from './bytes.js'
import type { Limits } from './limits.js'
import { COMPLETE, INCOMPLETE, type Parsed, REFUSED, RequestParser } from './request-parser.js'

const SIZE = 0
const BEFORE_NAME = 1
const NAME = 2
const BEFORE_VALUE = 3
const VALUE = 4
const QUOTED = 5
const QUOTED_PAIR = 6
const BEHIND_QUOTED = 7
const SIZE_LF = 8
const DATA = 9
const DATA_CR = 10
const DATA_LF = 11
const TRAILERS = 12

/** 2^48 bytes: no body is so long, and no number of this size is inexact. */
const mostSizeDigits = 12

/**
 * A chunked body, read from bytes where they lie: `next` is called until it has used them up, and each call gives what
 * lies between two framing lines. A pure machine like `RequestParser`. Source: RFC 9112, 7.1.
 *
 * Sizes are hexadecimal digits and nothing else: no sign, no `0x`, no white space. Extensions are checked, counted and
 * thrown away, trailers are checked and thrown away. The "bad" white space that RFC 9112, 7.1.1 lets stand around `;`
 * and `=` is refused: nobody sends it, and recipients have disagreed about what it belongs to.
 */
export class ChunkedParser {
  /** Where the last call stopped in its bytes. */
  at = 0
  /** The data that the last call found: `bytes.subarray(dataStart, dataEnd)`. */
  dataStart = 0
  dataEnd = 0
  status = 400
  reason = ''

  private state = SIZE
  private size = 0
  private digits = 0
  private extensionBytes = 0
  private readonly trailers: RequestParser
  /** The beginning of a trailer section that came in parts. */
  private held: Uint8Array | undefined = undefined

  constructor(private readonly limits: Limits) {
    this.trailers = new RequestParser(limits)
  }

  /**
   * Reads on from `from`, to the end of the bytes or of one piece of data.
   * @returns COMPLETE at the end of the body, with `at` behind it; INCOMPLETE otherwise, REFUSED with `status` and `reason`.
   */
  next(bytes: Uint8Array, from: number): Parsed {
    let i = from
    this.dataStart = i
    this.dataEnd = i
    const { length } = bytes
    while (i < length) {
      if (this.state === TRAILERS) return this.readTrailers(bytes, i)
      if (this.state === DATA) {
        this.dataStart = i
        i = Math.min(length, i + this.size)
        this.dataEnd = i
        this.size -= i - this.dataStart
        if (this.size === 0) this.state = DATA_CR
        this.at = i
        return INCOMPLETE
      }
      if (!this.step(bytes[i] as number)) return REFUSED
      i++
    }
    this.at = i
    return INCOMPLETE
  }

  /** One byte of the framing. */
  private step(c: number): boolean {
    switch (this.state) {
      case SIZE:
        return this.takeSize(c)
      case SIZE_LF:
        if (c !== LF) return this.refuse('CR without LF in a chunk size')
        this.digits = 0
        this.state = this.size === 0 ? TRAILERS : DATA
        if (this.state === TRAILERS) this.trailers.resetForTrailers()
        return true
      case DATA_CR:
        this.state = DATA_LF
        return c === CR || this.refuse('a chunk is longer than its size says')
      case DATA_LF:
        this.state = SIZE
        return c === LF || this.refuse('a chunk does not end with CRLF')
      default:
        return this.countExtension(c) && (this.takeExtension(c) || this.endExtension(c))
    }
  }

  private takeSize(c: number): boolean {
    const value = hexValue[c] as number
    if (value !== 255) {
      if (++this.digits > mostSizeDigits) return this.refuse('a chunk size is too large')
      this.size = this.size * 16 + value
      return true
    }
    if (this.digits === 0) return this.refuse('a chunk has no size')
    if (c !== CR && c !== SEMICOLON) return this.refuse('a chunk size is not a hexadecimal number')
    this.state = c === CR ? SIZE_LF : BEFORE_NAME
    return this.countExtension(c)
  }

  /** Whether the byte goes on with what an extension has begun: `;name`, `;name=value` or `;name="value"`. */
  private takeExtension(c: number): boolean {
    switch (this.state) {
      case BEFORE_NAME:
      case NAME:
        if (c === EQUALS && this.state === NAME) this.state = BEFORE_VALUE
        else if (isToken[c] === 1) this.state = NAME
        else return false
        return true
      case BEFORE_VALUE:
      case VALUE:
        if (c === QUOTE && this.state === BEFORE_VALUE) this.state = QUOTED
        else if (isToken[c] === 1) this.state = VALUE
        else return false
        return true
      case QUOTED:
        if (c === QUOTE) this.state = BEHIND_QUOTED
        else if (c === BACKSLASH) this.state = QUOTED_PAIR
        return isValue[c] === 1
      case QUOTED_PAIR:
        this.state = QUOTED
        return isValue[c] === 1
      default:
        return false
    }
  }

  /** What follows an extension that is whole: another one, or the end of the line. */
  private endExtension(c: number): boolean {
    const isWhole = this.state === NAME || this.state === VALUE || this.state === BEHIND_QUOTED
    if (!isWhole || (c !== CR && c !== SEMICOLON))
      return this.refuse('a chunk extension holds what is not allowed')
    this.state = c === CR ? SIZE_LF : BEFORE_NAME
    return true
  }

  private countExtension(c: number): boolean {
    if (c !== CR && ++this.extensionBytes > this.limits.extensionBytes)
      return this.refuse(`more than ${this.limits.extensionBytes} bytes of chunk extensions`)
    return true
  }

  private readTrailers(bytes: Uint8Array, from: number): Parsed {
    const before = this.held?.length ?? 0
    const whole = this.held === undefined ? bytes : joined(this.held, bytes.subarray(from))
    const base = this.held === undefined ? from : 0
    const parsed = this.trailers.parse(whole, base)
    if (parsed === COMPLETE) {
      this.at = this.held === undefined ? this.trailers.end : from + this.trailers.end - before
      this.held = undefined
      this.extensionBytes = 0
      this.state = SIZE
    } else if (parsed === INCOMPLETE) {
      // A copy: whoever owns the bytes may read the next ones into them.
      this.held = this.held === undefined ? new Uint8Array(bytes.subarray(from)) : whole
      this.at = bytes.length
    } else {
      this.status = this.trailers.status
      this.reason = this.trailers.reason
    }
    return parsed
  }

  private refuse(reason: string): false {
    this.status = 400
    this.reason = reason
    return false
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
