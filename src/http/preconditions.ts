import { parseHttpDate } from './http-date.js'
import type { HttpRequest } from './request.js'

/** What tells one state of a resource from another. */
export interface Validators {
  /** With its quotes, and `W/` before them if it is weak. */
  readonly etag: string | undefined
  /** In ms since the Unix epoch, of whole seconds. */
  readonly lastModifiedMs: number | undefined
  /** Whether the date alone tells two states apart: not while a second change may come within its second. */
  readonly isDateExact: boolean
}

/** What the conditions of a request make of its answer. */
export type Verdict = 'proceed' | 'not modified' | 'failed'

/**
 * Looks at the conditions of a GET or HEAD in the order of RFC 9110, 13.2.2; those that cannot be read do not count.
 * `If-Range` is asked for apart: it decides about the range alone.
 */
export function verdict({ headers }: HttpRequest, current: Validators): Verdict {
  const ifMatch = headers.get('if-match')
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, current.etag, isSameStrongly)) return 'failed'
  } else if (isNewerThan(headers.get('if-unmodified-since'), current)) return 'failed'
  const ifNoneMatch = headers.get('if-none-match')
  if (ifNoneMatch !== undefined)
    return matches(ifNoneMatch, current.etag, isSameWeakly) ? 'not modified' : 'proceed'
  return isOldEnoughFor(headers.get('if-modified-since'), current) ? 'not modified' : 'proceed'
}

/**
 * Whether a range still fits to the part that the client has: without `If-Range`, or with one that names this very state.
 * Source: RFC 9110, 13.1.5.
 */
export function rangeApplies({ headers }: HttpRequest, current: Validators): boolean {
  const ifRange = headers.get('if-range')
  if (ifRange === undefined) return true
  if (ifRange.endsWith('"')) return current.etag !== undefined && isSameStrongly(ifRange, current.etag)
  const { isDateExact, lastModifiedMs } = current
  return isDateExact && lastModifiedMs !== undefined && parseHttpDate(ifRange) === lastModifiedMs
}

/** Whether one of the tags in a field is the current one; `*` is any. */
function matches(
  field: string,
  etag: string | undefined,
  isSame: (one: string, other: string) => boolean,
): boolean {
  if (field.trim() === '*') return true
  // Commas may stand within the quotes, so that splitting at them is wrong. Source: RFC 9110, 8.8.3.
  const tags = field.match(/(?:W\/)?"[^"]*"/g) ?? []
  return etag !== undefined && tags.some((tag) => isSame(tag, etag))
}

function isSameStrongly(one: string, other: string): boolean {
  return one === other && !one.startsWith('W/')
}

function isSameWeakly(one: string, other: string): boolean {
  return one.replace(/^W\//, '') === other.replace(/^W\//, '')
}

function isNewerThan(field: string | undefined, { lastModifiedMs }: Validators): boolean {
  const date = field === undefined ? undefined : parseHttpDate(field)
  return date !== undefined && lastModifiedMs !== undefined && lastModifiedMs > date
}

function isOldEnoughFor(field: string | undefined, { lastModifiedMs }: Validators): boolean {
  const date = field === undefined ? undefined : parseHttpDate(field)
  return date !== undefined && lastModifiedMs !== undefined && lastModifiedMs <= date
}
