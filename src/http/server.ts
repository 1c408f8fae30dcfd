import type { Socket } from 'node:net'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import type { CancelContext, Context } from '../context/context.js'
import { Connection, type Protocol } from '../net/connection.js'
import {
  type ConnectionLimits,
  ConnectionManager,
  type ConnectionStats,
  type Member,
} from '../net/connection-manager.js'
import { type Address, type Endpoint, Listener } from '../net/listener.js'
import { prepareThread } from '../runtime/debug.js'
import { ArgumentError } from '../runtime/errors.js'
import { spawn } from '../runtime/go.js'
import type { Goroutine } from '../runtime/goroutine.js'
import { complain } from '../runtime/host.js'
import type { Operation, Parked, Routine } from '../runtime/operation.js'
import { scheduler, thread } from '../runtime/scheduler.js'
import { sleep } from '../runtime/sleep.js'
import { type FetchApp, fetchHandler } from './fetch.js'
import { Http1Connection } from './http1-connection.js'
import { defaultLimits, defaultTimeouts, type Limits, type Timeouts, withDefaults } from './limits.js'
import type { HttpRequest } from './request.js'
import { routeOf } from './route.js'
import { type App, Service } from './service.js'
import { ShutdownError } from './shutdown-error.js'
import { type Crew, ServerThreads } from './server-threads.js'
import { Signals } from './signals.js'

export interface ServeOptions extends Endpoint {
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
  /** Responses by the first digit of their status. */
  readonly responses: readonly number[]
  readonly connections: ConnectionStats
}

const defaultGraceMs = 10_000
// biome-ignore format: a list
const options = [
  'port', 'host', 'path', 'fd', 'backlog', 'limits', 'timeouts', 'connections', 'ctx', 'signals', 'graceMs', 'lameDuckMs', 'onError',
]

/** What can be served: a router, or a fetch handler. */
export type Served = App | FetchApp

/** @internal */
export function appOf(app: Served): App {
  if (typeof app === 'object' && app !== null && 'route' in app) return app
  const route = routeOf([], fetchHandler(app), 'the fetch handler')
  return { route: () => route }
}

/** A server that runs: what `serve` returns. `yield* server` or `await server` waits until it has shut down. */
export class Server implements PromiseLike<void> {
  private readonly service: Service
  private readonly manager: ConnectionManager<Member>
  private readonly listener: Listener
  private readonly opening: Goroutine<Address>
  private readonly life: Goroutine<void>
  private readonly stopping: CancelContext
  private readonly working: CancelContext
  private readonly threads: ServerThreads | undefined
  private graceMs: number

  /** @internal */
  constructor(
    app: App,
    private readonly given: ServeOptions,
    crew?: Crew,
  ) {
    for (const name in given)
      if (!options.includes(name))
        throw new ArgumentError(
          `serve() knows no option ${name}: there are ${options.join(', ')}, procs, module`,
        )
    if (!thread.prepared) prepareThread()
    const on = scheduler()
    this.graceMs = checkedMs('graceMs', given.graceMs ?? defaultGraceMs)
    this.stopping = withCancel(given.ctx ?? background())
    this.working = withCancel(background())
    this.service = new Service(
      on,
      app,
      this.working,
      withDefaults('limits', defaultLimits, given.limits),
      withDefaults('timeouts', defaultTimeouts, given.timeouts),
      given.onError ?? reportError,
    )
    this.manager = new ConnectionManager<Member>(
      { open: (socket) => this.open(socket), refuse },
      this.service.wheel,
      {
        ...given.connections,
        idleTimeoutMs: Infinity, // its phases have limits of their own
      },
    )
    const { port = 8080, host, path, fd, backlog } = given
    const place =
      fd !== undefined
        ? { fd }
        : path !== undefined
          ? { path }
          : { port, ...(host !== undefined && { host }) }
    this.listener = new Listener({ ...place, ...(backlog !== undefined && { backlog }) }, (socket) =>
      this.manager.admit(socket),
    )
    this.threads = crew === undefined ? undefined : new ServerThreads(crew, this.listener, given)
    this.opening = spawn(on, Server as never, (server: Server) => server.start(), [this])
    this.life = spawn(on, Server as never, (server: Server) => server.live(), [this])
  }

  /** Waits until it listens, and tells where. Throws `ListenError`. */
  listening(): Operation<Address> {
    return this.opening.join()
  }

  /**
   * Begins the shutdown: no connection is accepted any more, responses say `Connection: close`, and what is not
   * finished after `graceMs` is ended. Wait for the server itself to know when it is over.
   */
  shutdown(graceMs: number = this.graceMs): void {
    this.graceMs = checkedMs('graceMs', graceMs)
    this.stopping.cancel(new ShutdownError('shutdown() was called'))
  }

  /** Ends all at once. */
  close(): void {
    this.shutdown(0)
  }

  /** What it has done so far. */
  stats(): ServerStats {
    const { requests, refused, timedOut, failed, responses } = this.service.stats
    return {
      requests,
      refused,
      timedOut,
      failed,
      responses: [...responses],
      connections: this.manager.stats(),
    }
  }

  /** What it has done on each of its threads, this one first. */
  threadStats(): Goroutine<ServerStats[]> {
    return spawn(this.service.on, Server as never, (server: Server) => server.collect(), [this])
  }

  [Symbol.iterator](): Iterator<Parked, void, unknown> {
    return this.life[Symbol.iterator]()
  }

  // biome-ignore lint/suspicious/noThenProperty: `await server` waits for its end.
  then<A = void, B = never>(
    onValue?: ((value: undefined) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.life.then(() => undefined).then(onValue, onError)
  }

  private *start(): Routine<Address> {
    const address = yield* this.listener.open()
    if (this.threads !== undefined) yield* this.threads.start()
    return address
  }

  private *collect(): Routine<ServerStats[]> {
    return [this.stats(), ...(this.threads === undefined ? [] : yield* this.threads.stats())]
  }

  private *live(): Routine<void> {
    yield* this.opening.join()
    using signals = new Signals(this.given.signals ?? true, () => this.stopping.cancel())
    yield* this.stopping.done()
    signals.exitAtNext()
    this.service.isDraining = true
    yield* sleep(this.given.lameDuckMs ?? 0)
    this.listener.stop()
    this.threads?.stop()
    yield* this.manager.shutdown(this.graceMs)
    if (this.threads !== undefined) yield* this.threads.ended()
    this.working.cancel(new ShutdownError('the server has shut down'))
  }

  private open(socket: Socket): Member {
    const connection = new Connection(socket, this.service.on, awaitingProtocol)
    const http = new Http1Connection(connection, this.service, this.manager, false)
    connection.protocol = http
    return http
  }
}

const awaitingProtocol: Protocol = { received() {}, ended() {}, drained() {}, closed() {} }

/** Says why to a client that finds no place; a load balancer sends it elsewhere. */
function refuse(socket: Socket): void {
  socket.end(
    'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n',
  )
  socket.destroySoon()
}

function checkedMs(name: string, ms: number): number {
  if (typeof ms === 'number' && ms >= 0) return ms
  throw new ArgumentError(`serve() needs a number of milliseconds from 0 for ${name}, not ${String(ms)}`)
}

function reportError(error: unknown, req: HttpRequest | undefined): void {
  const where = req === undefined ? 'a connection' : `${req.method} ${req.path}`
  complain(`error in ${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
}
