import type { SecureContextOptions } from 'node:tls'
import type { Policy } from '../../resilience/policy.js'
import { ArgumentError } from '../../runtime/errors.js'
import { type HeaderInit, ResponseHeaders } from '../response-headers.js'
import type { ClientResponse } from './client-response.js'
import type { ConnectorOptions, LineOptions } from './undici.js'

export interface HttpClientOptions {
  /** Where all requests go: `http://orders:8080`, perhaps with a path. Without it each request names a whole URL. */
  readonly base?: string | URL
  /** Guards that each request passes; see `policy`. */
  readonly policy?: Policy
  /** Which responses mean that a call failed, to the guards: a status from 500, and 429, unless given. */
  readonly isFailure?: (response: ClientResponse) => boolean
  /** Connections to one server at most, each for one request at a time: 64. */
  readonly maxSize?: number
  /** Requests to one server that may wait for a connection: 1024. Beyond it they are `Refused`. */
  readonly queue?: number
  /** Servers that it keeps connections to: 100. A new one takes the place of one that nobody uses; else it is `Refused`. */
  readonly maxOrigins?: number
  /** How long a connection stays that nobody uses, in ms: 4000, or less if the server says so. Servers of node:http close after 5 s. */
  readonly idleTimeoutMs?: number
  /** How long a connection may take to come to be, with TLS, in ms: 5000. Told up to a second late. */
  readonly connectionTimeoutMs?: number
  /** How long a connection takes requests, in ms, up to a tenth less: 300 000. So it is noticed that a name has a new address. */
  readonly maxLifetimeMs?: number
  /** How long a server may take to send the head of a response, in ms: 60 000. Told up to a second late; contexts are exact. */
  readonly responseTimeoutMs?: number
  /** How long a server may take from one piece of a body to the next, in ms: 60 000. Told up to a second late. */
  readonly bodyTimeoutMs?: number
  /** What `bytes()`, `text()` and `json()` read of a body at most: 16 MiB. */
  readonly maxBodyBytes?: number
  /** Of the time that is left to a context, what is kept back for the way of the answer, in ms: 5. */
  readonly marginMs?: number
  /** Whether servers are told of the deadline, request id, trace and attempts of a context: true. False for servers of others. */
  readonly propagate?: boolean
  /** Header fields of each request, where it does not say otherwise itself. */
  readonly headers?: HeaderInit
  /** For https: which certificates are trusted, and which one is shown. */
  readonly tls?: ClientTlsOptions
}

export interface ClientTlsOptions extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'passphrase'> {
  /** The name that the server's certificate has to have, where that is not the host of the URL. */
  readonly servername?: string
  /** False trusts anybody: for tests. */
  readonly rejectUnauthorized?: boolean
}

/** What is a number. `Infinity` is one for those that are no size. */
const numbers = {
  maxSize: 64,
  queue: 1024,
  maxOrigins: 100,
  idleTimeoutMs: 4000,
  connectionTimeoutMs: 5000,
  maxLifetimeMs: 300_000,
  responseTimeoutMs: 60_000,
  bodyTimeoutMs: 60_000,
  maxBodyBytes: 16 * 1024 * 1024,
  marginMs: 5,
}

const sizes: ReadonlySet<string> = new Set(['maxSize', 'queue', 'maxOrigins'])
const mayBeZero: ReadonlySet<string> = new Set(['queue', 'marginMs'])
const others: ReadonlySet<string> = new Set(['base', 'policy', 'isFailure', 'propagate', 'headers', 'tls'])

export type ClientLimits = Readonly<typeof numbers>

/** @throws ArgumentError for a name that is no option, or a value that is none for it. */
export function limitsOf(given: HttpClientOptions): ClientLimits {
  const limits = { ...numbers }
  for (const [name, value] of Object.entries(given)) {
    if (others.has(name)) continue
    if (!(name in numbers)) {
      const known = [...others, ...Object.keys(numbers)].join(', ')
      throw new ArgumentError(`httpClient() knows no option ${name}: there are ${known}`)
    }
    if (value === undefined) continue
    Object.assign(limits, { [name]: checked(name, value) })
  }
  new ResponseHeaders(given.headers) // throws for one that cannot be sent
  return limits
}

function checked(name: string, value: unknown): number {
  const isZero = value === 0 && mayBeZero.has(name)
  if (typeof value === 'number' && (value > 0 || isZero)) {
    if (!sizes.has(name) || Number.isInteger(value)) return value
  }
  const least = mayBeZero.has(name) ? 'from 0' : 'above 0'
  throw new ArgumentError(
    `httpClient() needs a ${sizes.has(name) ? 'whole ' : ''}number ${least} for ${name}, not ${String(value)}`,
  )
}

// Host timers take what is longer for 1 ms.
const longestMs = 2 ** 31 - 1

/** How undici is to open a connection. */
export function connectorOptionsOf(
  { connectionTimeoutMs }: ClientLimits,
  tls: ClientTlsOptions | undefined,
): ConnectorOptions {
  return { ...tls, timeout: timerMs(connectionTimeoutMs), allowH2: false }
}

/** How undici is to keep a connection. */
export function lineOptionsOf({
  idleTimeoutMs,
  responseTimeoutMs,
  bodyTimeoutMs,
}: ClientLimits): LineOptions {
  return {
    keepAliveTimeout: timerMs(idleTimeoutMs),
    keepAliveMaxTimeout: timerMs(idleTimeoutMs),
    headersTimeout: timerMs(responseTimeoutMs),
    bodyTimeout: timerMs(bodyTimeoutMs),
    pipelining: 1,
    allowH2: false,
  }
}

function timerMs(ms: number): number {
  return Math.min(longestMs, Math.ceil(ms))
}
