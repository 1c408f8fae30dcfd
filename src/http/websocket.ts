import { Canceled, ArgumentError } from '../runtime/errors.js'
import { TimerWheel } from '../net/timer-wheel.js'
import { invoke, spawn } from '../runtime/go.js'
import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'
import type { Handler } from './handler.js'
import { HttpError } from './http-error.js'
import { type OriginCheck, type Origins, originCheck } from './origins.js'
import type { HttpRequest } from './request.js'
import { type Detached, upgraded } from './upgrade.js'
import { handshake, type Opening } from './vendor/ws.js'
import { WebSocketClosed } from './websocket-closed.js'
import { type ConnectionSettings, WebSocketConnection } from './websocket-connection.js'

/** Speaks with one client: a generator function (a goroutine), an async function or a plain one. Its end closes the connection. */
export type WebSocketHandler<R extends HttpRequest = HttpRequest> = (
  socket: WebSocketConnection,
  req: R,
) => Routine<void> | PromiseLike<void> | void

export interface WebSocketOptions {
  /** A larger message closes the connection with 1009: 1 MiB. */
  readonly maxMessageBytes?: number
  /** Messages that wait for the handler; then the peer is not read: 16. */
  readonly inboxMessages?: number
  /** Bytes that wait for the peer; then senders park: 64 KiB. */
  readonly maxBufferedBytes?: number
  /** How often the peer is asked whether it is there: every 30 s, half of what most proxies cut idle connections off after. */
  readonly pingEveryMs?: number
  /** Pings without an answer after which the connection is ended: 2. */
  readonly maxMissed?: number
  /** How long the peer may take to answer a close: 10 s. */
  readonly closeTimeoutMs?: number
  /** Protocols that the handler speaks; of those that a client offers, the first of these is agreed on. */
  readonly protocols?: readonly string[]
  /**
   * Which pages may connect, by their origin, as in `cors()`. Unless given, those of the same host only: a browser sends
   * its cookies with a WebSocket that any page opens. Who sends no Origin is no browser, and is let in. `'*'` is for
   * what is public, or authenticated without cookies.
   */
  readonly origins?: Origins
  /** Whether messages are compressed if the client can: off, since it takes memory and time for each connection. */
  readonly compression?: boolean
}

const defaults = {
  maxMessageBytes: 1024 * 1024,
  inboxMessages: 16,
  maxBufferedBytes: 64 * 1024,
  pingEveryMs: 30_000,
  maxMissed: 2,
  closeTimeoutMs: 10_000,
}

/** No context is kept between messages, and small ones are sent as they are: 300 KB a connection less. */
const deflate = { threshold: 1024, serverNoContextTakeover: true, clientNoContextTakeover: true }

/**
 * A handler for WebSockets.
 *
 * ```ts
 * app.get('/echo', websocket(function* (socket) {
 *   for (let m; (m = yield* socket.recv()) !== undefined; ) yield* socket.send(m)
 * }))
 * ```
 *
 * A request that asks for no WebSocket gets 426, a malformed one 400, a page of another origin 403. When the handler
 * returns, the connection is closed with 1000; when it throws, with 1011, and the server's `onError` is told; when the server
 * shuts down, with 1001. Source: RFC 6455.
 *
 * @throws ArgumentError for an option that cannot be.
 */
export function websocket<R extends HttpRequest = HttpRequest>(
  handler: WebSocketHandler<R>,
  options: WebSocketOptions = {},
): Handler<R> {
  const settings = settingsOf(options)
  const { protocols = [], origins, compression = false } = options
  const isAllowed = origins === undefined ? isSameHost : originCheck(origins)
  const opener = handshake({
    maxPayload: settings.maxMessageBytes,
    perMessageDeflate: compression ? deflate : false,
    handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
  })
  let wheel: TimerWheel | undefined
  return (req) => {
    checkOpening(req)
    checkOrigin(req, isAllowed)
    const detached = req.upgrade()
    if (detached === undefined) throw upgradeRequired()
    opener.handleUpgrade(openingOf(req, detached), detached.socket, detached.head, (peer) => {
      wheel ??= wheelFor(settings)
      const socket = new WebSocketConnection(peer, detached.closing, wheel, settings)
      detached.socket.resume()
      spawn(scheduler(), websocket as GoFunction, () => converse(handler, socket, req, detached), [])
    })
    return upgraded()
  }
}

function* converse<R extends HttpRequest>(
  handler: WebSocketHandler<R>,
  socket: WebSocketConnection,
  req: R,
  detached: Detached,
): Routine<void> {
  try {
    yield* invoke(handler, [socket, req])
    socket.close()
  } catch (error) {
    if (!isEnd(error, socket)) detached.report(error)
    socket.close(1011, 'internal error')
  }
}

/** A handler that fails because its connection has ended has done nothing wrong. */
function isEnd(error: unknown, socket: WebSocketConnection): boolean {
  if (error instanceof WebSocketClosed) return true
  return socket.ctx.err !== undefined && error instanceof Canceled
}

const key = /^[+/0-9A-Za-z]{22}==$/
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** @throws HttpError if a request does not open a WebSocket. Source: RFC 6455, 4.2.1. */
function checkOpening(req: HttpRequest): void {
  if (req.method !== 'GET')
    throw new HttpError(405, 'a WebSocket is opened with GET', { headers: { Allow: 'GET' } })
  if (!listOf(req.header('upgrade')).some((name) => name.toLowerCase() === 'websocket'))
    throw upgradeRequired()
  const version = req.header('sec-websocket-version')
  if (version !== '13')
    throw new HttpError(version === undefined ? 400 : 426, `the version of WebSocket is 13, not ${version}`, {
      headers: { 'Sec-WebSocket-Version': '13', Upgrade: 'websocket' },
    })
  if (!key.test(req.header('sec-websocket-key') ?? ''))
    throw new HttpError(400, 'Sec-WebSocket-Key is 16 bytes in base64')
  const offered = listOf(req.header('sec-websocket-protocol'))
  if (!offered.every((name) => token.test(name)) || new Set(offered).size !== offered.length)
    throw new HttpError(400, 'Sec-WebSocket-Protocol is a list of different names')
}

function upgradeRequired(): HttpError {
  return new HttpError(426, 'this is a WebSocket', { headers: { Upgrade: 'websocket' } })
}

/** @throws HttpError 403 for a page that may not connect. */
function checkOrigin(req: HttpRequest, isAllowed: OriginCheck): void {
  const origin = req.header('origin')
  if (origin === undefined || isAllowed(origin, req)) return
  throw new HttpError(403, `pages of ${origin} may not connect`)
}

// The scheme is not compared: behind a proxy that ends TLS, the server does not know its own.
function isSameHost(origin: string, req: HttpRequest): boolean {
  try {
    const { host, protocol } = new URL(origin)
    return host !== '' && host === new URL(`${protocol}//${req.host}`).host
  } catch {
    return false // `null`, of a page that has no origin
  }
}

function openingOf(req: HttpRequest, { socket }: Detached): Opening {
  const names = [
    'sec-websocket-key',
    'sec-websocket-version',
    'sec-websocket-protocol',
    'sec-websocket-extensions',
  ]
  const headers: Record<string, string | undefined> = { upgrade: 'websocket' }
  for (const name of names) headers[name] = req.header(name)
  return { method: req.method, headers, socket }
}

function listOf(value: string | undefined): string[] {
  return value === undefined ? [] : value.split(',').map((item) => item.trim())
}

/** Fine enough for the shorter of the two limits. */
function wheelFor({ pingEveryMs, closeTimeoutMs }: ConnectionSettings): TimerWheel {
  return new TimerWheel(scheduler(), Math.min(100, Math.max(1, Math.min(pingEveryMs, closeTimeoutMs) / 8)))
}

type Settings = ConnectionSettings & { readonly maxMessageBytes: number }

function settingsOf(options: WebSocketOptions): Settings {
  const settings = { ...defaults }
  for (const name of Object.keys(defaults) as (keyof typeof defaults)[]) {
    const value = options[name]
    if (value === undefined) continue
    if (typeof value !== 'number' || !(value > 0))
      throw new ArgumentError(`websocket() needs a number above 0 for ${name}, not ${String(value)}`)
    settings[name] = value
  }
  return settings
}
