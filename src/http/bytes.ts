/** The bytes that HTTP's grammar speaks of. */
export const CR = 13
export const LF = 10
export const SP = 32
export const HTAB = 9
export const COLON = 58
export const PERCENT = 37
export const SLASH = 47
export const QUESTION = 63
export const COMMA = 44
export const SEMICOLON = 59

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
 * differently: `"`, `<`, `>`, `\`, and `#`, which begins what is not sent. `%` is looked at by the parser. `{`, `}`, `|`, `^` and `` ` `` browsers send.
 */
export const isTarget = table('!$', [0x26, 0x3b], [0x3d, 0x3d], [0x3f, 0x5b], [0x5d, 0x7e])

/** A host with its port. Source: RFC 3986, 3.2.2 and 3.2.3; `[`, `]` and `:` for IPv6. */
export const isHost = table("-._~!$&'()*+,;=%[]:", digits, upper, lower)

export const isDigit = table('', digits)

/** The value of a hexadecimal digit; 255 for other bytes. */
export const hexValue = new Uint8Array(256).fill(255)
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16)
  hexValue[digit.charCodeAt(0)] = value
  hexValue[digit.toUpperCase().charCodeAt(0)] = value
}
