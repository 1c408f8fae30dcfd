import { ArgumentError } from '../../runtime/errors.js'
import type { BodySource } from '../response.js'
import { type HeaderInit, ResponseHeaders } from '../response-headers.js'
import { type QueryInit, type RequestTarget, targetOf } from './request-target.js'

/** What is asked of a server. */
export interface RequestInit {
  /** `GET` unless given. */
  readonly method?: string
  /** Below the client's base, beginning with a slash; a whole URL where the client has no base. */
  readonly path: string
  /** Appended to the path. */
  readonly query?: QueryInit
  readonly headers?: HeaderInit
  /** A body as JSON. */
  readonly json?: unknown
  /** Any other body. A function that produces it is called for each attempt; other streams can be sent once only. */
  readonly body?: string | Uint8Array | BodySource
}

/** A request, checked and ready to be sent; as often as it takes. */
export interface Message extends RequestTarget {
  readonly method: string
  /** Names and values by turns. */
  readonly fields: readonly string[]
  readonly body: string | Uint8Array | BodySource | undefined
  /** How errors and refusals name it. A query may hold secrets, and is left out. */
  readonly what: string
  /** Whether it has the same effect when it is sent twice, by its method. Source: RFC 9110, 9.2.2. */
  readonly isIdempotent: boolean
  /** Whether its body is still there then. */
  readonly isReplayable: boolean
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
/** What belongs to the connection, or says how long the body is. */
const ownFields: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'expect',
  'te',
  'trailer',
])

/** @throws ArgumentError if it cannot be sent as it is. */
export function messageOf(
  base: RequestTarget | undefined,
  always: HeaderInit | undefined,
  init: RequestInit,
): Message {
  const { method = 'GET', path, query } = init
  if (!token.test(method) || method === 'CONNECT')
    throw new ArgumentError(`httpClient() cannot send the method ${JSON.stringify(method)}`)
  const { origin, target } = targetOf(base, path, query)
  const { body, contentType } = bodyOf(init)
  const headers = new ResponseHeaders(always)
  for (const [name, value] of Object.entries(init.headers ?? {})) {
    headers.delete(name)
    for (const each of typeof value === 'string' ? [value] : value) headers.append(name, each)
  }
  if (contentType !== undefined && !headers.has('content-type')) headers.set('Content-Type', contentType)
  return {
    method,
    origin,
    target,
    fields: [...headers].flatMap(([name, value]) => [checkedName(name), value]),
    body,
    what: `${method} ${origin}${target.split('?', 1)[0]}`,
    isIdempotent: idempotentMethods.has(method),
    isReplayable: !isStream(body) || typeof body === 'function',
  }
}

/** Whether it is produced while it is sent. */
export function isStream(body: Message['body']): body is BodySource {
  return body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array)
}

function bodyOf({ json, body }: RequestInit): { body: Message['body']; contentType?: string } {
  if (json === undefined) {
    if (typeof body === 'string') return { body, contentType: 'text/plain; charset=utf-8' }
    return body === undefined ? { body } : { body, contentType: 'application/octet-stream' }
  }
  if (body !== undefined) throw new ArgumentError('a request has one body: give json or body, not both')
  const text: string | undefined = JSON.stringify(json)
  if (text === undefined)
    throw new ArgumentError(`JSON cannot express the body of a request: ${String(json)}`)
  return { body: text, contentType: 'application/json' }
}

function checkedName(name: string): string {
  if (ownFields.has(name.toLowerCase()))
    throw new ArgumentError(
      `the header ${name} is the client's own: it says what the connection and the body are`,
    )
  return name
}
