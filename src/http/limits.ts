import { ArgumentError } from '../runtime/errors.js'

/** How much a request may hold. What is beyond is refused, never cut off. */
export interface Limits {
  /** Bytes of the request line and all header lines, with their CRLF: 16 KiB, as node:http. Beyond it: 431. */
  readonly headBytes: number
  /** Bytes of one line of the head, with its CRLF: 8 KiB. Beyond it: 414 for the request line, 431 for a header line. */
  readonly lineBytes: number
  /** Header fields: 100. Beyond it: 431. */
  readonly headers: number
  /** Bytes of a body: 1 MiB, as nginx and Fastify. Beyond it: 413. */
  readonly bodyBytes: number
  /** Bytes of chunk extensions in one body, which mean nothing to anybody: 4 KiB. Beyond it: 400. */
  readonly extensionBytes: number
  /** Bytes of the trailer section of a chunked body: 4 KiB. Beyond it: 431. */
  readonly trailerBytes: number
  /** Requests of one connection that are answered at the same time: 64. Beyond it the socket is not read. */
  readonly inFlight: number
  /** Streams of one HTTP/2 connection at the same time: 128. Beyond it they are refused, to be sent again. */
  readonly streams: number
  /** Requests of one connection: without limit. After the last one it is closed. */
  readonly requests: number
}

export const defaultLimits: Limits = {
  headBytes: 16 * 1024,
  lineBytes: 8 * 1024,
  headers: 100,
  bodyBytes: 1024 * 1024,
  extensionBytes: 4 * 1024,
  trailerBytes: 4 * 1024,
  inFlight: 64,
  streams: 128,
  requests: Infinity,
}

/** Time limits, each for a whole phase: one for each read would never end a client that sends a byte at a time. */
export interface Timeouts {
  /** From the first byte of a head, or from the start of the connection, to its last: 10 s. Beyond it: 408. */
  readonly headMs: number
  /** From the end of the head to the end of the body: 60 s. Beyond it: 408. */
  readonly bodyMs: number
  /** Between requests of a connection: 72 s, more than the 60 s of most load balancers. */
  readonly idleMs: number
  /** How long a handler may take to answer: 60 s. Beyond it: 503, and the request's context ends. */
  readonly handlerMs: number
  /** For what was written to leave, once the client does not keep up: 30 s. Beyond it the connection ends. */
  readonly writeMs: number
}

export const defaultTimeouts: Timeouts = {
  headMs: 10_000,
  bodyMs: 60_000,
  idleMs: 72_000,
  handlerMs: 60_000,
  writeMs: 30_000,
}

/** The defaults with what the user says instead. @throws ArgumentError for a name that is none or a value that is no limit. */
export function withDefaults<T extends object>(what: string, defaults: T, given: Partial<T> | undefined): T {
  const merged = { ...defaults }
  for (const [name, value] of Object.entries(given ?? {})) {
    if (!(name in defaults))
      throw new ArgumentError(
        `serve() knows no ${what}.${name}: there are ${Object.keys(defaults).join(', ')}`,
      )
    if (value === undefined) continue
    if (typeof value !== 'number' || !(value > 0))
      throw new ArgumentError(`serve() needs a number above 0 for ${what}.${name}, not ${String(value)}`)
    Object.assign(merged, { [name]: value })
  }
  return merged
}
