import { ArgumentError } from '../runtime/errors.js'
import { checkJson } from './json-fault.js'

export { JsonError, type JsonReason } from './json-fault.js'

export interface JsonLimits {
  /** Objects and arrays within one another, from 1 to 1000; 64 by default. */
  readonly maxDepth?: number
}

const defaultMaxDepth = 64
/** `checkJson` and `keysMissing` call themselves once a level. */
const greatestMaxDepth = 1000

/**
 * Parses JSON by the letter of RFC 8259, and refuses what RFC 7493 (I-JSON) warns of because two programs read it
 * differently: a key that is there twice, half a surrogate pair, a number that a double cannot hold. `__proto__` as a
 * key is refused, and so is `prototype` inside `constructor`: here they are plain data and change nothing, but they are how a
 * careless merge further on changes every object of the process. A `constructor` that is something else passes.
 *
 * The value is made by `JSON.parse`. Before it one pass over the text looks for whatever could be wrong, and counts the keys;
 * after it the keys of the value are counted, for the last of two equal ones wins silently. Only a text that raises
 * suspicion is read by the grammar. (A parser of our own is as fast where it is hot, but a string that it cuts from the
 * text keeps the whole text in memory for as long as it lives.)
 *
 * @throws JsonError with the position and the reason.
 * @throws ArgumentError if a limit is not a whole number in its range.
 */
export function parseJson(text: string, { maxDepth = defaultMaxDepth }: JsonLimits = {}): unknown {
  if (!Number.isInteger(maxDepth) || maxDepth < 1 || maxDepth > greatestMaxDepth) throw badDepth(maxDepth)
  const keys = mayHaveHalfPair(text) ? suspicious : countKeys(text, maxDepth)
  if (keys === suspicious) return parseSlowly(text, maxDepth)
  const value = parseNatively(text, maxDepth)
  if (keys > 0 && keysMissing(value as object, keys) !== 0) return parseSlowly(text, maxDepth)
  return value
}

/** What `countKeys` says of a text that has to be read by the grammar. */
const suspicious = -1

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const backslash = 0x5c
// With this bit set, [ is {, ] is } and E is e.
const lowerCase = 0x20
const opening = 0x7b
const closing = 0x7d
const exponent = 0x65

/** A number of so many characters and with an exponent of two digits is less than 1e308. */
const longNumber = 200

/**
 * The number of keys in a text, if it is JSON: the colons outside of strings. `suspicious` where it is nested too deeply, may
 * hold a number beyond the range, or cannot be JSON. It has to be right about JSON only.
 */
function countKeys(text: string, maxDepth: number): number {
  const { length } = text
  let depth = 0
  let keys = 0
  let mark = 0 // the last place that was not inside a number
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i)
    if (c === quote) {
      i = endOfString(text, i)
      if (i < 0) return suspicious
      mark = i
    } else if (c === colon) {
      keys++
      mark = i
    } else if (c === comma || (c | lowerCase) === closing) {
      if (i - mark > longNumber) return suspicious
      if (c !== comma) depth--
      mark = i
    } else if ((c | lowerCase) === opening) {
      if (++depth > maxDepth) return suspicious
      mark = i
    } else if ((c | lowerCase) === exponent && isGreat(text, i)) return suspicious
  }
  return length - mark > longNumber ? suspicious : keys
}

/** Where the string ends that starts at `start`; -1 for nowhere. The search is native: the string may be all there is. */
function endOfString(text: string, start: number): number {
  let end = start
  do end = text.indexOf('"', end + 1)
  while (end >= 0 && text.charCodeAt(end - 1) === backslash && isEscaped(text, end))
  return end
}

function isEscaped(text: string, at: number): boolean {
  let start = at
  while (text.charCodeAt(start - 1) === backslash) start--
  return (at - start) % 2 === 1
}

/** Whether an `e` begins an exponent of three digits that is not negative. (`true` and `false` have an `e` too.) */
function isGreat(text: string, at: number): boolean {
  if (!isDigit(text, at - 1)) return false
  const first = text[at + 1] === '+' ? at + 2 : at + 1
  return isDigit(text, first) && isDigit(text, first + 1) && isDigit(text, first + 2)
}

function isDigit(text: string, at: number): boolean {
  const c = text.charCodeAt(at)
  return c >= 0x30 && c <= 0x39
}

/** An escaped half of a surrogate pair whose other half is not beside it, or what looks like one after a backslash. */
const halfPair = /\\\\u[dD]|\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]/

// In Node since 20, in TypeScript's library since ES2024.
type Text = string & { isWellFormed(): boolean }

function mayHaveHalfPair(text: string): boolean {
  return !(text as Text).isWellFormed() || (text.includes('\\u') && halfPair.test(text))
}

/** More than any text has colons. */
const suspiciousKey = -(2 ** 30)

/**
 * How many of `expected` keys are not in `value`; it stops when it has found them all, which for a flat object is at once.
 * Less than 0 if a key is suspicious.
 */
function keysMissing(value: object, expected: number): number {
  if (Array.isArray(value)) return keysMissingIn(value, expected)
  const keys = Object.keys(value)
  for (const key of keys) if (key === '__proto__' || key === 'prototype') return suspiciousKey
  const missing = expected - keys.length
  return missing <= 0 ? missing : keysMissingIn(Object.values(value), missing)
}

function keysMissingIn(values: readonly unknown[], expected: number): number {
  let missing = expected
  for (let i = 0; i < values.length && missing > 0; i++) {
    const value = values[i]
    if (typeof value === 'object' && value !== null) missing = keysMissing(value, missing)
  }
  return missing
}

function parseNatively(text: string, maxDepth: number): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    checkJson(text, maxDepth)
    throw cause // the grammar and the engine disagree: never seen, and no reason to accept the text
  }
}

function parseSlowly(text: string, maxDepth: number): unknown {
  checkJson(text, maxDepth)
  return JSON.parse(text)
}

function badDepth(maxDepth: number): ArgumentError {
  return new ArgumentError(`parseJson() needs a maxDepth from 1 to ${greatestMaxDepth}, not ${maxDepth}`)
}
