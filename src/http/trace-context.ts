import { randomBytes } from 'node:crypto'
import { contextKey } from '../context/context.js'
import type { HttpRequest } from './request.js'

/** What a call belongs to, across services. Source: W3C Trace Context. */
export interface Trace {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** Two hexadecimal digits: `01` where whoever sent it may have recorded its part. */
  readonly flags: string
  /** What tracing systems say to each other, as it came. */
  readonly state: string | undefined
}

/** The trace that the work of a context belongs to: `requestId({ trusted: true })` takes it over, `httpClient` sends it on. */
export const traceKey = contextKey<Trace>('trace')

export const traceparentField = 'traceparent'
export const tracestateField = 'tracestate'

// Versions beyond 00 may have more behind the flags; ff is none. Nor are ids of zeros.
const traceparent =
  /^(?!ff)(?<version>[\da-f]{2})-(?!0{32})(?<traceId>[\da-f]{32})-(?!0{16})[\da-f]{16}-(?<flags>[\da-f]{2})(?<more>-.*)?$/
const mostStateLetters = 512

/** The trace that a request says it belongs to; `undefined` where it says none that can be understood. */
export function givenTrace(req: Pick<HttpRequest, 'header'>): Trace | undefined {
  const parts = traceparent.exec(req.header(traceparentField) ?? '')?.groups
  if (parts === undefined || (parts['version'] === '00' && parts['more'] !== undefined)) return undefined
  const { traceId = '', flags = '' } = parts
  const state = req.header(tracestateField)
  return { traceId, flags, state: (state?.length ?? 0) > mostStateLetters ? undefined : state }
}

/**
 * The begin of a trace. It says that it may have been recorded: a tracer further down that goes by its caller would leave out
 * all that it is not told to record.
 */
export function newTrace(): Trace {
  return { traceId: randomBytes(16).toString('hex'), flags: '01', state: undefined }
}

/** The field for one call of a trace, which has an id of its own in it. */
export function traceparentOf({ traceId, flags }: Trace): string {
  return `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`
}
