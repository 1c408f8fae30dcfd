import type { OutgoingHttpHeaders } from 'node:http2'
import type { DateHeader } from './date-header.js'
import type { BodySource, HttpResponse } from './response.js'
import { declaredLength } from './response-writer.js'

/** A response as a stream takes it. */
export interface Http2Reply {
  readonly headers: OutgoingHttpHeaders
  /** What follows the head; `undefined` where nothing does. */
  readonly body: Uint8Array | BodySource | undefined
  /** The length that the head has promised for a body that is still to be produced, in bytes. */
  readonly declared: number | undefined
}

/** Fields that are about the connection, which HTTP/2 has frames for. Source: RFC 9113, 8.2.2. */
const connectionFields = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'http2-settings',
])

/** What is sent for a response to a request with this method. The rules for lengths are those of HTTP/1.1. */
export function replyOf(response: HttpResponse, method: string, date: DateHeader): Http2Reply {
  const { status } = response
  const body = typeof response.body === 'string' ? Buffer.from(response.body, 'utf8') : response.body
  const headers: OutgoingHttpHeaders = Object.create(null)
  headers[':status'] = status
  for (const [name, value] of response.headers) add(headers, name.toLowerCase(), value)
  headers['date'] ??= date.value
  const isBodiless = status === 204 || status === 304
  const isFixed = body === undefined || body instanceof Uint8Array
  const declared = isFixed ? undefined : declaredLength(response.headers)
  const keepsLength =
    declared !== undefined ||
    status === 304 ||
    (isFixed && method === 'HEAD' && (body === undefined || headers['content-length'] !== undefined))
  if (status === 204 || !keepsLength) delete headers['content-length']
  if (isFixed && !keepsLength && status !== 204) headers['content-length'] = String(body?.length ?? 0)
  const isEmpty = isBodiless || method === 'HEAD' || (isFixed && !body?.length)
  return { headers, body: isEmpty ? undefined : (body as Uint8Array | BodySource), declared }
}

/** Several lines of one name are one list, except for cookies that are set. Source: RFC 9110, 5.3. */
function add(headers: OutgoingHttpHeaders, name: string, value: string): void {
  if (connectionFields.has(name)) return
  const earlier = headers[name]
  if (name === 'set-cookie')
    headers[name] = [...((earlier as string[] | undefined) ?? []), value] // put there as a list
  else headers[name] = earlier === undefined ? value : `${String(earlier)}, ${value}`
}
