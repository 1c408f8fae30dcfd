import { isIPv6 } from 'node:net'

/** The bytes that HTTP's grammar speaks of. */
export const CR = 13
export const LF = 10
export const SP = 32
export const HTAB = 9
export const DEL = 127
export const STAR = 42
export const COLON = 58
export const PERCENT = 37
export const SLASH = 47
export const QUESTION = 63
export const SEMICOLON = 59
export const EQUALS = 61
export const QUOTE = 34
export const BACKSLASH = 92
const OPENING = 91
const CLOSING = 93

/** A table of 256: 1 for the bytes of `characters` and of the ranges. */
function table(characters: string, ...ranges: readonly (readonly [number, number])[]): Uint8Array {
  const allowed = new Uint8Array(256)
  for (const character of characters) allowed[character.charCodeAt(0)] = 1
  for (const [first, last] of ranges) allowed.fill(1, first, last + 1)
  return allowed
}

const digits = [48, 57] as const
const upper = [65, 90] as const
const lower = [97, 122] as const

/** Source: RFC 9110, 5.6.2, `tchar`. */
export const isToken = table("!#$%&'*+-.^_`|~", digits, upper, lower)

/** What a field value holds between its ends: visible characters, white space, bytes beyond ASCII. Source: RFC 9110, 5.5. */
export const isValue = table('\t', [0x20, 0x7e], [0x80, 0xff])

/**
 * What a request target may hold: visible ASCII without what no URL holds unencoded and what recipients read
 * differently: `"`, `<`, `>`, `\`, and `#`, which begins what is not sent. `%` is looked at by the parser. `{`, `}`,
 * `|`, `^` and `` ` `` browsers send.
 */
export const isTarget = table('!$', [0x26, 0x3b], [0x3d, 0x3d], [0x3f, 0x5b], [0x5d, 0x7e])

/** What the name of a host holds, except for percent-encoded bytes. Source: RFC 3986, 3.2.2, `unreserved` and `sub-delims`. */
const isName = table("-._~!$&'()*+,;=", digits, upper, lower)

export const isDigit = table('', digits)

/** The value of a hexadecimal digit; 255 for other bytes. */
export const hexValue = new Uint8Array(256).fill(255)
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16)
  hexValue[digit.charCodeAt(0)] = value
  hexValue[digit.toUpperCase().charCodeAt(0)] = value
}

const mostPort = 65_535

/**
 * Whether the bytes are `uri-host [ ":" port ]`, or nothing at all. A port without a host before it is none, as `http`
 * URLs have no empty host. Source: RFC 9110, 4.2 and 7.2; RFC 3986, 3.2.2 and 3.2.3.
 */
export function isHost(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start
  if (i < end && bytes[i] === OPENING) {
    while (i < end && bytes[i] !== CLOSING) i++
    if (i === end || !isAddress(bytes, start + 1, i)) return false
    i++
  } else {
    i = skip(isName, bytes, i, end)
    while (isEscape(bytes, i, end)) i = skip(isName, bytes, i + 3, end)
  }
  return i === end || (i > start && bytes[i] === COLON && isPort(bytes, i + 1, end))
}

/** Whether `%` and two hexadecimal digits begin at `i`. */
function isEscape(bytes: Uint8Array, i: number, end: number): boolean {
  return (
    bytes[i] === PERCENT &&
    i + 2 < end &&
    hexValue[bytes[i + 1] as number] !== 255 &&
    hexValue[bytes[i + 2] as number] !== 255
  )
}

/** An IPv6 address; its zones mean something to one machine only. */
function isAddress(bytes: Uint8Array, start: number, end: number): boolean {
  const text = textOf(bytes, start, end)
  return isIPv6(text) && !text.includes('%')
}

function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  let port = 0
  for (let i = start; i < end; i++) {
    if (isDigit[bytes[i] as number] === 0) return false
    port = port * 10 + ((bytes[i] as number) - 48)
    if (port > mostPort) return false
  }
  return true
}

/** Whether the bytes are `text`, which is in lower case, in any case. */
export function isText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false
  for (let k = 0; k < text.length; k++) {
    const c = bytes[start + k] as number
    const lowered = c >= 65 && c <= 90 ? c | 32 : c
    if (lowered !== text.charCodeAt(k)) return false
  }
  return true
}

/** The bytes as characters: for short ones. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i] as number)
  return text
}

/** The first place from `i` to `end` that is not allowed by the table, or `end`. Four bytes a turn take a quarter less time than one. */
export function skip(allowed: Uint8Array, bytes: Uint8Array, i: number, end: number): number {
  for (const last = end - 3; i < last; i += 4) {
    if (allowed[bytes[i] as number] === 0) return i
    if (allowed[bytes[i + 1] as number] === 0) return i + 1
    if (allowed[bytes[i + 2] as number] === 0) return i + 2
    if (allowed[bytes[i + 3] as number] === 0) return i + 3
  }
  while (i < end && allowed[bytes[i] as number] === 1) i++
  return i
}

/** The same text in one piece: V8 keeps one that was put together as its pieces, and walks them with each use. */
export function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
