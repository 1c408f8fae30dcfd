import type { HttpError } from './http-error.js'

/** The body of an error response and its type. Source: RFC 9457. */
export interface Problem {
  readonly body: string
  readonly contentType: 'application/problem+json'
}

const contentType = 'application/problem+json'

/**
 * What a client is told of an error: type, title, status, detail and the extra members. It never fails, for it is what
 * answers when something else has: an extra member that JSON cannot express (a bigint, a cycle) leaves all of them out.
 */
export function problemOf(error: HttpError): Problem {
  const { type, title, status, detail, extra } = error
  const standard = { type, title, status, detail }
  if (extra === undefined) return { body: JSON.stringify(standard), contentType }
  return { body: withExtra(standard, extra) ?? JSON.stringify(standard), contentType }
}

/** What a client is told of any other error: nothing but that it happened. */
export function unknownProblem(): Problem {
  return unknown
}

const unknown: Problem = {
  body: JSON.stringify({ type: 'about:blank', title: 'Internal Server Error', status: 500 }),
  contentType,
}

type Members = Readonly<Record<string, unknown>>

// The standard members come first and last: in their usual place, with their own values.
function withExtra(standard: Members, extra: Members): string | undefined {
  try {
    return JSON.stringify({ ...standard, ...extra, ...standard })
  } catch {
    return undefined
  }
}
