import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'

/** What the values of options mean. Each throws `InvalidArgumentError`, whose message ends the line about the option. */

const multiples: Record<string, number> = { '': 1, k: 1_000, m: 1_000_000 }
const milliseconds: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** A whole number from 1, also as `10k` or `1m`. */
export function count(text: string): number {
  const match = /^(\d+)([km]?)$/i.exec(text)
  const value = Number(match?.[1]) * (multiples[match?.[2]?.toLowerCase() ?? ''] ?? 1)
  if (match === null || value < 1 || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('give a whole number from 1, such as 100 or 10k.')
  }
  return value
}

/** So many requests in flight on a connection are allowed; those beyond only wait in the server's buffers. */
const deepestPipeline = 256

/** A whole number from 1 to 256. */
export function depth(text: string): number {
  const value = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (value < 1 || value > deepestPipeline)
    throw new InvalidArgumentError(`give a whole number from 1 to ${deepestPipeline}.`)
  return value
}

/** A time above zero in milliseconds: `500ms`, `30s`, `3m`, `1h`; a bare number is in seconds. */
export function time(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/i.exec(text)
  const ms = Number(match?.[1]) * (milliseconds[match?.[2]?.toLowerCase() ?? 's'] ?? 1)
  if (match === null || !(ms > 0))
    throw new InvalidArgumentError('give a time above zero, such as 500ms, 30s or 3m.')
  return ms
}

/** `Name: value`, added to those that were given before. */
export function header(text: string, earlier: [string, string][] = []): [string, string][] {
  const colon = text.indexOf(':')
  if (colon < 1) throw new InvalidArgumentError("write it as 'Name: value'.")
  return [...earlier, [text.slice(0, colon).trim(), text.slice(colon + 1).trim()]]
}

/** The bytes of a body: the text itself, or with `@` before it the file of that name. */
export function body(text: string): Buffer {
  if (!text.startsWith('@')) return Buffer.from(text)
  try {
    return readFileSync(text.slice(1))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const what = code === 'ENOENT' ? 'there is no such file' : message
    throw new InvalidArgumentError(`${what}; give a file that can be read as @path, or the body itself.`)
  }
}
