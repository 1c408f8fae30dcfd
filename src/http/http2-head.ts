import { hexValue, isHost, isTarget, isToken, PERCENT, skip } from './bytes.js'
import { HttpError } from './http-error.js'
import type { Limits } from './limits.js'

/** What the head of a request says. */
export interface Http2Head {
  readonly method: string
  readonly target: string
  readonly host: string
  /** Names in lower case and values by turns, `host` first. */
  readonly fields: string[]
  /** What `content-length` says; -1 where it does not. */
  readonly contentLength: number
  /** The client waits for 100 before it sends the body. */
  readonly expectsContinue: boolean
}

/** What a field costs beside its letters in HTTP/1.1: a limit means the same in both. */
const fieldOverheadBytes = ': \r\n'.length

/**
 * Reads the head of a request from what came as names and values by turns, pseudo-headers among them. What nghttp2 has
 * looked at already is not looked at again: the order of pseudo-headers, their number, the letters of fields, fields that
 * belong to HTTP/1.1, the sum of the body's lengths. The rules beyond are those of the parser of HTTP/1.1, so that a
 * handler sees no request here that it would not see there.
 *
 * Source: RFC 9113, 8.2 and 8.3.1; RFC 9110, 7.2.
 *
 * @throws HttpError for a request that is not to be answered by a handler.
 */
export function readHead(raw: readonly string[], limits: Limits): Http2Head {
  const head = {
    method: '',
    target: '',
    host: '',
    fields: [] as string[],
    contentLength: -1,
    expectsContinue: false,
  }
  let scheme: string | undefined
  let authority: string | undefined
  let host: string | undefined
  let sizeBytes = 0
  let count = 0
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    const bytes = name.length + value.length + fieldOverheadBytes
    sizeBytes += bytes
    if (bytes > limits.lineBytes) throw tooLong(name, limits)
    if (name === ':method') head.method = value
    else if (name === ':path') head.target = value
    else if (name === ':scheme') scheme = value
    else if (name === ':authority') authority = value
    else {
      if (++count > limits.headers) throw new HttpError(431, `more than ${limits.headers} header fields`)
      if (name === 'host') {
        if (host !== undefined) throw new HttpError(400, 'more than one Host')
        host = value
        continue // in front of the others, further down
      }
      if (name === 'content-length') head.contentLength = Number(value)
      else if (name === 'expect') head.expectsContinue = expectation(value)
      head.fields.push(name, value)
    }
  }
  if (sizeBytes > limits.headBytes) throw new HttpError(431, `more than ${limits.headBytes} bytes of headers`)
  checkTarget(head.method, head.target, scheme)
  head.host = hostOf(authority, host)
  head.fields.unshift('host', head.host)
  return head
}

function tooLong(name: string, { lineBytes }: Limits): HttpError {
  return name === ':path'
    ? new HttpError(414, `the request target has more than ${lineBytes} bytes`)
    : new HttpError(431, `a header line has more than ${lineBytes} bytes`)
}

function expectation(value: string): boolean {
  if (value.toLowerCase() === '100-continue') return true
  throw new HttpError(417, '100-continue is the only expectation that is met here')
}

function checkTarget(method: string, target: string, scheme: string | undefined): void {
  const name = Buffer.from(method, 'latin1')
  if (method === '' || skip(isToken, name, 0, name.length) < name.length)
    throw new HttpError(400, 'the method is no word')
  if (method === 'CONNECT') throw new HttpError(501, 'CONNECT is for proxies')
  if (scheme !== 'https') throw new HttpError(400, 'the scheme is not https, which this connection is')
  if (target === '*') {
    if (method === 'OPTIONS') return
    throw new HttpError(400, 'the target * is for OPTIONS')
  }
  if (!target.startsWith('/')) throw new HttpError(400, 'the request target is not a path')
  checkLetters(Buffer.from(target, 'latin1'))
}

function checkLetters(target: Uint8Array): void {
  const { length } = target
  for (let i = skip(isTarget, target, 0, length); i < length; i = skip(isTarget, target, i + 3, length)) {
    if (target[i] !== PERCENT)
      throw new HttpError(400, 'the request target holds what has to be percent-encoded')
    if (
      i + 2 >= length ||
      hexValue[target[i + 1] as number] === 255 ||
      hexValue[target[i + 2] as number] === 255
    )
      throw new HttpError(400, 'a percent sign in the target is not followed by two hexadecimal digits')
  }
}

/** Two names for one thing invite one to check the first and the other to use the second. */
function hostOf(authority: string | undefined, host: string | undefined): string {
  const name = authority ?? host ?? ''
  if (host !== undefined && host !== name) throw new HttpError(400, 'Host is another one than :authority')
  if (name === '') throw new HttpError(400, 'no Host')
  const bytes = Buffer.from(name, 'latin1')
  if (!isHost(bytes, 0, bytes.length)) throw new HttpError(400, 'the Host is not a host with a port')
  return name
}
