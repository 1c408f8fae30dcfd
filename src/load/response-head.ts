import { SluiceError } from '../runtime/errors.js'

/** What came is not an HTTP/1.1 response. */
export class ResponseError extends SluiceError {
  readonly code = 'ERR_SLUICE_RESPONSE'
}

/** What the head of a response says about its body and its connection. */
export interface ResponseHead {
  readonly status: number
  /** Whether the server leaves the connection open for another request. */
  readonly keepAlive: boolean
  readonly chunked: boolean
  /** The Content-Length; `undefined` if there is none. */
  readonly length: number | undefined
}

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d{2})(?: [^\r\n]*)?(?=\r\n|$)/
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const digits = /^\d{1,15}$/
const strayControl = /\r(?!\n)|(?<!\r)\n|\0/

/**
 * Reads a head, without the empty line that ends it (RFC 9112, sections 4 and 5). Every field is checked; only the three
 * that frame the body are kept, because most of the time of a load test would go into a map of the others.
 *
 * @throws ResponseError if it is not a head of HTTP/1.0 or 1.1.
 */
export function parseHead(text: string): ResponseHead {
  const start = statusLine.exec(text)
  if (start === null) throw new ResponseError(`not an HTTP/1.1 response: ${quote(text)}`)
  if (strayControl.test(text)) throw new ResponseError('a control character in the head')
  const { connection, coding, length } = framing(text, start[0].length + 2)
  const says = (option: string) => connection === option || isAmong(option, connection)
  return {
    status: Number(start[2]),
    // Both framings at once may be an attempt at smuggling: the coding counts, and the connection ends (section 6.1).
    keepAlive: start[1] === '1' ? !says('close') && (coding === '' || length === '') : says('keep-alive'),
    chunked: isChunked(coding),
    length: contentLength(length),
  }
}

/** The values of the fields that frame a body, in lower case, several of one name joined by commas. */
function framing(text: string, from: number): { connection: string; coding: string; length: string } {
  const found = { connection: '', coding: '', length: '' }
  for (let at = from, end = 0; at < text.length; at = end + 2) {
    end = text.indexOf('\r\n', at)
    if (end < 0) end = text.length
    const colon = text.indexOf(':', at)
    const name = text.slice(at, colon < 0 || colon > end ? end : colon)
    if (colon < 0 || colon > end || !token.test(name))
      throw new ResponseError(`${quote(text.slice(at, end))} is not a header`)
    const key = keyOf(name)
    if (key === undefined) continue
    const value = text
      .slice(colon + 1, end)
      .trim()
      .toLowerCase()
    found[key] += found[key] === '' ? value : `,${value}`
  }
  return found
}

/** Looks at the length of a name first: nearly all others are told apart by it. */
function keyOf(name: string): 'connection' | 'length' | 'coding' | undefined {
  if (name.length === 10 && name.toLowerCase() === 'connection') return 'connection'
  if (name.length === 14 && name.toLowerCase() === 'content-length') return 'length'
  if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') return 'coding'
  return undefined
}

function isChunked(coding: string): boolean {
  if (coding === '') return false
  if (!/(?:^|[\s,])chunked$/.test(coding))
    throw new ResponseError(`a Transfer-Encoding of ${quote(coding)}, which does not end in chunked`)
  return true
}

function isAmong(option: string, list: string): boolean {
  return list.includes(',') && list.split(',').some((each) => each.trim() === option)
}

function contentLength(text: string): number | undefined {
  if (text === '') return undefined
  if (digits.test(text)) return Number(text)
  const [length = '', ...others] = text.split(',').map((each) => each.trim())
  if (!digits.test(length)) throw new ResponseError(`a Content-Length of ${quote(text)}`)
  if (others.some((other) => other !== length))
    throw new ResponseError(`different Content-Lengths, ${quote(text)}`)
  return Number(length)
}

/** The beginning of what came, readable on one line. */
export function quote(text: string): string {
  return JSON.stringify(text.slice(0, 24))
}
