import type { Context } from '../context/context.js'
import type { ConnectionLimits, ConnectionStats } from '../net/connection-manager.js'
import type { Endpoint } from '../net/listener.js'
import type { TlsStats } from '../net/tls.js'
import type { TlsOptions } from '../net/tls-options.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Limits, Timeouts } from './limits.js'
import type { HttpRequest } from './request.js'

export interface ServeOptions extends Endpoint {
  /** A certificate and its key: then it speaks HTTPS, and HTTP/2 with clients that can. Throws `TlsError`. */
  tls?: TlsOptions
  /** How much a request may hold. */
  limits?: Partial<Limits>
  /** How long each phase of a request may take. */
  timeouts?: Partial<Timeouts>
  /** How many connections there may be, and what becomes of those beyond. */
  connections?: Omit<ConnectionLimits, 'idleTimeoutMs'>
  /** Its end begins the shutdown. */
  ctx?: Context
  /** Whether SIGTERM and SIGINT begin the shutdown, and a second one ends the process: true by default. */
  signals?: boolean
  /** How long requests under way have to finish at a shutdown, in ms: 10 s by default, less than most supervisors wait. */
  graceMs?: number
  /** How long connections are still accepted after `/readyz` says no, in ms: for a load balancer to notice. 0 by default. */
  lameDuckMs?: number
  /** Receives what handlers throw that is no `HttpError`; written to standard error by default. */
  onError?: (error: unknown, req: HttpRequest | undefined) => void
}

/** What a server has done so far. */
export interface ServerStats {
  readonly requests: number
  /** Requests that were refused before a handler saw them: malformed, too large. */
  readonly refused: number
  /** Requests and connections that took too long. */
  readonly timedOut: number
  /** Handlers that threw something else than an `HttpError`. */
  readonly failed: number
  /** HTTP/2 connections that were ended because their client did something far too often: resets, pings, settings. */
  readonly floods: number
  /** Responses by the first digit of their status. */
  readonly responses: readonly number[]
  readonly connections: ConnectionStats
  /** What became of TLS handshakes; `undefined` without `tls`. */
  readonly tls: TlsStats | undefined
}

export const defaultGraceMs = 10_000
// biome-ignore format: a list
const options = [
  'port', 'host', 'path', 'fd', 'backlog', 'tls', 'limits', 'timeouts', 'connections', 'ctx', 'signals', 'graceMs', 'lameDuckMs', 'onError',
]

/** @throws ArgumentError for a name that is no option: a misspelt limit would be no limit. */
export function checkNames(given: ServeOptions): void {
  for (const name in given) {
    if (!options.includes(name))
      throw new ArgumentError(
        `serve() knows no option ${name}: there are ${options.join(', ')}, procs, module`,
      )
  }
}

/** @throws ArgumentError if `ms` is no time. */
export function checkedMs(name: string, ms: number): number {
  if (typeof ms === 'number' && ms >= 0) return ms
  throw new ArgumentError(`serve() needs a number of milliseconds from 0 for ${name}, not ${String(ms)}`)
}
