import { HttpError } from './http-error.js'

export interface FormLimits {
  /** 1000 by default. */
  readonly maxFields?: number
  /** Of one `name=value` as sent; 1 MiB by default. */
  readonly maxFieldBytes?: number
}

const defaultMaxFields = 1000
const defaultMaxFieldBytes = 1024 * 1024

/** The fields of a form in the order they were sent; a name may be there several times. */
export class FormFields implements Iterable<readonly [name: string, value: string]> {
  private readonly values = new Map<string, string[]>()

  /** @internal */
  constructor(private readonly fields: readonly (readonly [name: string, value: string])[]) {
    for (const [name, value] of fields) {
      const same = this.values.get(name)
      if (same === undefined) this.values.set(name, [value])
      else same.push(value)
    }
  }

  /** How many fields there are. */
  get size(): number {
    return this.fields.length
  }

  /** The first value of this name; `undefined` where there is none. */
  get(name: string): string | undefined {
    return this.values.get(name)?.[0]
  }

  getAll(name: string): string[] {
    return [...(this.values.get(name) ?? [])]
  }

  has(name: string): boolean {
    return this.values.has(name)
  }

  [Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    return this.fields[Symbol.iterator]()
  }
}

/**
 * Decodes a body of the type `application/x-www-form-urlencoded` as `URLSearchParams` does, but guesses nothing: where
 * that keeps a broken percent-encoding as it is and replaces what is not UTF-8, this refuses.
 * Source: https://url.spec.whatwg.org/#urlencoded-parsing
 *
 * @throws HttpError 400 for a malformed body, 413 for one that exceeds a limit.
 */
export function parseForm(
  bytes: Uint8Array,
  { maxFields = defaultMaxFields, maxFieldBytes = defaultMaxFieldBytes }: FormLimits = {},
): FormFields {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fields: [string, string][] = []
  for (let start = 0, end = 0; start < body.length; start = end + 1) {
    end = indexIn(body, ampersand, start, body.length)
    if (end === start) continue // && is one &
    if (fields.length === maxFields) throw tooLarge(`more than ${maxFields} fields`)
    if (end - start > maxFieldBytes) throw tooLarge(`a field of more than ${maxFieldBytes} bytes`)
    const middle = indexIn(body, equals, start, end)
    fields.push([decode(body, start, middle), middle === end ? '' : decode(body, middle + 1, end)])
  }
  return new FormFields(fields)
}

const ampersand = 0x26
const equals = 0x3d
const plus = 0x2b
const percent = 0x25
const space = 0x20

/** Where `byte` stands first, or `end`: it does not look beyond, which would take quadratic time where there is none. */
function indexIn(body: Buffer, byte: number, start: number, end: number): number {
  const at = body.subarray(start, end).indexOf(byte)
  return at < 0 ? end : start + at
}

// As URLSearchParams, it keeps a byte order mark.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(body: Buffer, start: number, end: number): string {
  const decoded = Buffer.allocUnsafe(end - start)
  let length = 0
  for (let i = start; i < end; i++) {
    const byte = body[i] as number
    if (byte === plus) decoded[length++] = space
    else if (byte !== percent) decoded[length++] = byte
    else {
      decoded[length++] = encodedByte(body, i, end)
      i += 2
    }
  }
  try {
    return utf8.decode(decoded.subarray(0, length))
  } catch {
    throw new HttpError(400, `the form has a field at byte ${start} that is not UTF-8`)
  }
}

function encodedByte(body: Buffer, at: number, end: number): number {
  const high = at + 2 < end ? digit(body[at + 1]) : -1
  const low = at + 2 < end ? digit(body[at + 2]) : -1
  if (high >= 0 && low >= 0) return high * 16 + low
  throw new HttpError(400, `the form has a % at byte ${at} that is not followed by two hexadecimal digits`)
}

function digit(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function tooLarge(what: string): HttpError {
  return new HttpError(413, `the form has ${what}`)
}
