import { SluiceError } from '../runtime/errors.js'

/** Why a text was refused. All but `empty` and `syntax` are about texts that RFC 8259 calls JSON and RFC 7493 (I-JSON) does not. */
export type JsonReason =
  | 'empty'
  | 'syntax'
  | 'depth'
  | 'duplicate-key'
  | 'prototype-key'
  | 'number-range'
  | 'lone-surrogate'

/** A text is not the strict JSON that `parseJson` takes. The message tells where and why, and next to nothing of the text. */
export class JsonError extends SluiceError {
  readonly code = 'ERR_SLUICE_JSON'
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units, as editors count. */
  readonly column: number

  constructor(
    readonly reason: JsonReason,
    what: string,
    text: string,
    /** From 0, in UTF-16 code units. */
    readonly offset: number,
  ) {
    const { line, column } = positionOf(text, offset)
    super(`JSON at line ${line}, column ${column} (offset ${offset}): ${what}`)
    this.line = line
    this.column = column
  }
}

/**
 * Reads a text by the grammar, to say where it first breaks the rules of `parseJson`, and which one. It builds no value
 * and is several times slower than what it explains, but its time is linear in the text, whatever stands there.
 *
 * @throws JsonError if there is a fault; a text that passes is JSON in the sense of RFC 8259 and RFC 7493.
 */
export function checkJson(text: string, maxDepth: number): void {
  new Checker(text, maxDepth).document()
}

// Sticky, so that each one tells of the text at `lastIndex` only.
const whitespace = /[ \t\n\r]*/y
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const literal = /true|false|null/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a string must not hold.
const plainCharacters = /[^"\\\0-\x1f]*/y
const escapeSequence = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
// With the flag u a pair of surrogates is one character, so that only half a pair matches.
const loneSurrogate = /[\ud800-\udfff]/u

class Checker {
  private at = 0

  constructor(
    private readonly text: string,
    private readonly maxDepth: number,
  ) {}

  document(): void {
    this.skip(whitespace)
    if (this.at === this.text.length) this.fail('empty', 'there is no value: the text is empty')
    this.value(1, undefined)
    this.skip(whitespace)
    if (this.at < this.text.length) this.unexpected('after the value')
  }

  /** @param key what the value is called in the object around it. */
  private value(depth: number, key: string | undefined): void {
    this.skip(whitespace)
    const first = this.text[this.at]
    if (first === '"') this.string()
    else if (first === '{') this.object(this.deepen(depth), key)
    else if (first === '[') this.array(this.deepen(depth))
    else if (!this.skip(literal)) this.number()
  }

  private deepen(depth: number): number {
    if (depth > this.maxDepth) {
      this.fail('depth', `nested deeper than ${this.maxDepth} levels: send flatter data, or raise maxDepth`)
    }
    this.at++
    return depth + 1
  }

  private object(depth: number, name: string | undefined): void {
    const keys = new Set<string>()
    for (let more = !this.ends('}'); more; more = this.goesOn('}')) {
      this.skip(whitespace)
      const start = this.at
      if (this.text[start] !== '"') this.unexpected('where a key in double quotes should be')
      const key = this.string()
      if (keys.has(key)) this.fail('duplicate-key', `the key ${excerpt(key)} is there twice`, start)
      if (key === '__proto__' || (key === 'prototype' && name === 'constructor')) {
        this.fail('prototype-key', `the key ${key} is refused: code that merges it changes prototypes`, start)
      }
      keys.add(key)
      this.skip(whitespace)
      if (this.text[this.at] !== ':') this.unexpected('where a colon should be')
      this.at++
      this.value(depth, key)
    }
  }

  private array(depth: number): void {
    for (let more = !this.ends(']'); more; more = this.goesOn(']')) this.value(depth, undefined)
  }

  private ends(closing: string): boolean {
    this.skip(whitespace)
    if (this.text[this.at] !== closing) return false
    this.at++
    return true
  }

  private goesOn(closing: string): boolean {
    if (this.ends(closing)) return false
    if (this.text[this.at] !== ',') this.unexpected(`where a comma or ${closing} should be`)
    this.at++
    return true
  }

  private number(): void {
    const start = this.at
    if (!this.skip(number)) this.unexpected('where a value should be')
    const digits = this.text.slice(start, this.at)
    if (Number.isFinite(Number(digits))) return
    this.fail('number-range', `the number ${cut(digits)} is beyond the range of a double`, start)
  }

  /** Reads a string; gives what it stands for. */
  private string(): string {
    const start = this.at++
    let escaped = false
    this.skip(plainCharacters)
    for (; this.text[this.at] !== '"'; this.skip(plainCharacters)) {
      if (!this.skip(escapeSequence)) this.badCharacter()
      escaped = true
    }
    const raw = this.text.slice(start, ++this.at)
    const value = escaped ? (JSON.parse(raw) as string) : raw.slice(1, -1)
    if (loneSurrogate.test(value)) {
      this.fail('lone-surrogate', 'the string has half a surrogate pair, which is no character', start)
    }
    return value
  }

  private badCharacter(): never {
    const found = this.text[this.at]
    if (found === undefined) this.fail('syntax', 'the text ends inside a string')
    if (found === '\\')
      this.fail('syntax', 'this escape does not exist: it is one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX')
    this.fail('syntax', `the control character ${excerpt(found)} has to be escaped`)
  }

  private unexpected(where: string): never {
    const found = this.text[this.at]
    this.fail('syntax', `${found === undefined ? 'the text ends' : `${excerpt(found)} stands`} ${where}`)
  }

  private fail(reason: JsonReason, what: string, offset = this.at): never {
    throw new JsonError(reason, what, this.text, offset)
  }

  /** Goes past what matches here; false for nothing. */
  private skip(pattern: RegExp): boolean {
    const from = this.at
    pattern.lastIndex = from
    if (pattern.test(this.text)) this.at = pattern.lastIndex
    return this.at > from
  }
}

/** A little of what was sent, safe to print: enough to find it, too little to leak it into a log. */
function excerpt(piece: string): string {
  return JSON.stringify(cut(piece))
}

function cut(piece: string): string {
  return piece.length > 12 ? `${piece.slice(0, 12)}…` : piece
}

function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}
