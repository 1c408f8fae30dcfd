import type { Socket } from 'node:net'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import type { CancelContext } from '../context/context.js'
import { Connection, type Protocol } from '../net/connection.js'
import { ConnectionManager, type Member } from '../net/connection-manager.js'
import { type Address, Listener } from '../net/listener.js'
import { speaksHttp2, TlsAcceptor } from '../net/tls.js'
import { TlsError } from '../net/tls-error.js'
import type { Certificates } from '../net/tls-material.js'
import { prepareThread } from '../runtime/debug.js'
import { spawn } from '../runtime/go.js'
import type { Goroutine } from '../runtime/goroutine.js'
import { complain } from '../runtime/host.js'
import type { Operation, Parked, Routine } from '../runtime/operation.js'
import { scheduler, thread } from '../runtime/scheduler.js'
import { sleep } from '../runtime/sleep.js'
import { type FetchApp, fetchHandler } from './fetch.js'
import { Http1Connection } from './http1-connection.js'
import { Http2Connection } from './http2-connection.js'
import { goodbye } from './http2-session.js'
import { defaultLimits, defaultTimeouts, withDefaults } from './limits.js'
import type { HttpRequest } from './request.js'
import { routeOf } from './route.js'
import { type App, Service } from './service.js'
import { ServerClosed } from '../net/server-closed.js'
import {
  checkedMs,
  checkNames,
  defaultGraceMs,
  type ServeOptions,
  type ServerStats,
} from './serve-options.js'
import { ServerThreads, type ServePlan } from './server-threads.js'
import { Signals } from './signals.js'

/** What can be served: a router, or a fetch handler. */
export type Served = App | FetchApp

/** @internal */
export function appOf(app: Served): App {
  // Some apps with a `fetch` have a method `route` as well, which means something else: Hono's do.
  if (typeof app === 'object' && app !== null && !('fetch' in app)) return app
  const route = routeOf([], fetchHandler(app), 'the fetch handler')
  return { route: () => route }
}

/** A server that runs: what `serve` returns. `yield* server` or `await server` waits until it has shut down. */
export class Server implements PromiseLike<void> {
  private readonly service: Service
  private readonly manager: ConnectionManager<Member>
  private readonly listener: Listener
  private readonly tls: TlsAcceptor | undefined
  private readonly opening: Goroutine<Address>
  private readonly life: Goroutine<void>
  private readonly stopping: CancelContext
  private readonly working: CancelContext
  private readonly threads: ServerThreads | undefined
  /** Ends when nothing is waited for any more. */
  private readonly hurry: CancelContext
  private readonly lameDuckMs: number
  private graceMs: number

  /** @internal */
  constructor(
    app: App,
    private readonly given: ServeOptions,
    plan?: ServePlan,
  ) {
    checkNames(given)
    if (!thread.prepared) prepareThread()
    const on = scheduler()
    this.graceMs = checkedMs('graceMs', given.graceMs ?? defaultGraceMs)
    this.lameDuckMs = checkedMs('lameDuckMs', given.lameDuckMs ?? 0)
    this.hurry = withCancel(background())
    this.stopping = withCancel(given.ctx ?? background())
    this.working = withCancel(background())
    this.service = new Service(
      on,
      app,
      this.working,
      this.stopping,
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
    this.tls = this.acceptorOf(given)
    this.listener = new Listener(
      { ...place, ...(backlog !== undefined && { backlog }) },
      (socket) => this.manager.admit(socket),
      this.tls === undefined ? {} : { create: this.tls.create },
    )
    this.threads =
      plan === undefined ? undefined : new ServerThreads(plan, this.listener, given, this.tls?.plain())
    this.opening = spawn(on, Server as never, (server: Server) => server.start(), [this])
    this.life = spawn(on, Server as never, (server: Server) => server.live(), [this])
  }

  /** Waits until it listens, on all of its threads, and tells where. Throws `ListenError`. */
  listening(): Operation<Address> {
    return this.opening.join()
  }

  /**
   * Begins the shutdown: no connection is accepted any more, responses say `Connection: close`, and what is not
   * finished after `graceMs` is ended. Wait for the server itself to know when it is over.
   */
  shutdown(graceMs: number = this.graceMs): void {
    this.graceMs = checkedMs('graceMs', graceMs)
    this.stopping.cancel(new ServerClosed())
  }

  /** Ends all at once, also where a shutdown has begun that takes its time. */
  close(): void {
    this.shutdown(0)
    this.hurry.cancel()
    if (!this.service.isClosing) return // what begins then takes no time
    this.manager.cutAll()
    this.threads?.crew.close()
  }

  /**
   * Shows other certificates from the next handshake on, on all of its threads; connections that are open keep theirs.
   * `ca` and `sni` stay as they are where nothing is said of them.
   * @throws TlsError if they cannot be used, and the old ones stay; or if the server speaks no TLS.
   */
  setCertificates(certificates: Certificates): void {
    if (this.tls === undefined)
      throw new TlsError(
        'tls',
        'was not given to serve(), so there are no certificates to replace: give it there',
      )
    this.tls.rotate(certificates)
  }

  /** What it has done so far. */
  stats(): ServerStats {
    const { requests, refused, timedOut, failed, floods, responses } = this.service.stats
    return {
      requests,
      refused,
      timedOut,
      failed,
      floods,
      responses: [...responses],
      connections: this.manager.stats(),
      tls: this.tls?.stats(),
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
    if (this.threads !== undefined) yield* this.threads.crew.start(this.stopping)
    return address
  }

  private *collect(): Routine<ServerStats[]> {
    return [this.stats(), ...(this.threads === undefined ? [] : yield* this.threads.crew.stats())]
  }

  private *live(): Routine<void> {
    try {
      yield* this.opening.join()
      using signals = new Signals(this.given.signals ?? true, () => this.stopping.cancel())
      yield* this.stopping.done()
      signals.exitAtNext()
      this.service.isDraining = true
      this.threads?.crew.stop(this.graceMs) // they are lame ducks themselves, at the same time
      yield* this.beLameDuck()
      this.stopAccepting()
      yield* this.manager.shutdown(this.graceMs)
      if (this.threads !== undefined) yield* this.threads.crew.ended()
    } finally {
      this.stopAccepting() // one that has not begun on all threads listens on this one
      this.manager.cutAll()
      this.stopping.cancel()
      this.working.cancel(new ServerClosed())
    }
  }

  private *beLameDuck(): Routine<void> {
    try {
      yield* sleep(this.lameDuckMs).within(this.hurry)
    } catch (error) {
      if (this.hurry.err === undefined) throw error
    }
  }

  private stopAccepting(): void {
    if (this.service.isClosing) return
    this.service.isClosing = true
    this.listener.stop()
    this.tls?.stop()
  }

  private acceptorOf({ tls, onError = reportError }: ServeOptions): TlsAcceptor | undefined {
    if (tls === undefined) return undefined
    const tell = (error: unknown) => onError(error, undefined)
    return new TlsAcceptor(tls, this.service.wheel, tell, () => {
      if (this.tls !== undefined) this.threads?.setTls(this.tls.plain())
    })
  }

  private open(socket: Socket): Member {
    if (speaksHttp2(socket)) return new Http2Connection(socket, this.service, this.manager)
    const connection = new Connection(socket, this.service.on, awaitingProtocol)
    const http = new Http1Connection(connection, this.service, this.manager, this.tls !== undefined)
    connection.protocol = http
    return http
  }
}

const awaitingProtocol: Protocol = { received() {}, ended() {}, drained() {}, closed() {} }

/** Says why to a client that finds no place; a load balancer sends it elsewhere. */
function refuse(socket: Socket): void {
  socket.end(
    speaksHttp2(socket)
      ? goodbye
      : 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n',
  )
  socket.destroySoon()
}

function reportError(error: unknown, req: HttpRequest | undefined): void {
  const where = req === undefined ? 'a connection' : `${req.method} ${req.path}`
  complain(`error in ${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
}
