import { HttpError } from './http-error.js'

/** A longer parameter is refused, in characters when decoded; a wildcard is as long as the path may be. */
const maxParamLength = 1024

/**
 * The parameters of a path for the handler: decoded, in an object of their own that inherits nothing. An encoded slash
 * is allowed in a parameter. What only an attack sends is not: a NUL, and `.` or `..` between slashes, which every
 * client resolves before it sends a path.
 * @throws HttpError 400 for these and for a malformed percent-encoding, 414 for a parameter that is too long.
 */
export function decodeParams(
  raw: Readonly<Record<string, string>>,
  names: readonly string[],
): Record<string, string> {
  const params = new Params()
  for (const name of names) params[name] = decodeParam(raw[name] as string, name) // the tree found them all
  return params
}

// An object without a prototype is a hash table to V8, slower to make and to read than one whose prototype is empty.
const Params = (() => {
  class Params {
    [name: string]: string
  }
  Object.setPrototypeOf(Params.prototype, null)
  Reflect.deleteProperty(Params.prototype, 'constructor')
  Object.freeze(Params.prototype)
  return Params
})()

function decodeParam(raw: string, name: string): string {
  const value = isClean(raw) ? raw : examined(raw, name)
  if (value.length > maxParamLength && name !== '*')
    throw new HttpError(414, `The ${nounOf(name)} of the path has more than ${maxParamLength} characters.`)
  return value
}

// Most are a few letters and digits, for which this loop costs less than one search.
function isClean(raw: string): boolean {
  let before = slash
  for (let i = 0; i < raw.length; i++) {
    const code = raw.charCodeAt(i)
    if (code === percent || (code === dot && (before === slash || before === backslash))) return false
    before = code
  }
  return true
}

const percent = 0x25
const dot = 0x2e
const slash = 0x2f
const backslash = 0x5c

function examined(raw: string, name: string): string {
  const value = raw.includes('%') ? decode(raw, name) : raw
  if (dotSegment.test(value))
    throw new HttpError(
      400,
      `The ${nounOf(name)} of the path has a segment . or .., which a client has to resolve.`,
    )
  return value
}

// A backslash separates segments on Windows.
const dotSegment = /(?:^|[\\/])\.\.?(?:[\\/]|$)/

function decode(raw: string, name: string): string {
  let value: string
  try {
    value = decodeURIComponent(raw)
  } catch {
    throw new HttpError(400, `The ${nounOf(name)} of the path is not percent-encoded UTF-8.`)
  }
  if (value.includes('\0')) throw new HttpError(400, `The ${nounOf(name)} of the path has a NUL character.`)
  return value
}

function nounOf(name: string): string {
  return name === '*' ? 'rest' : `parameter ${name}`
}
