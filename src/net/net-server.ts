import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import type { CancelContext, Context } from '../context/context.js'
import { spawn } from '../runtime/go.js'
import type { Goroutine } from '../runtime/goroutine.js'
import { complain } from '../runtime/host.js'
import { Operation, type Parked, type Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { HANDLED, type Scheduler, scheduler } from '../runtime/scheduler.js'
import { WaitList } from '../runtime/wait-list.js'
import type { Socket } from 'node:net'
import { chunks } from './chunks.js'
import type { Codec } from './codec.js'
import type { Conn } from './conn.js'
import { ServerClosed } from './server-closed.js'
import type { Heartbeat } from './conn-times.js'
import { type ConnectionLimits, ConnectionManager, type ConnectionStats } from './connection-manager.js'
import { Crew, type CrewPlan } from './crew.js'
import { type Consumer, FramedConnection, type Home } from './framed-connection.js'
import { checkCount, checkTime } from './limits.js'
import { type Address, addressText, type Endpoint, Listener, type ServerFactory } from './listener.js'
import type { ListenJob } from './listen-thread.js'
import { TimerWheel } from './timer-wheel.js'

/** What a server is made with. Every limit is finite by default; `Infinity` lifts it. */
export interface NetOptions<In, Out> extends Endpoint, ConnectionLimits {
  /** How frames are made of bytes: `chunks()` by default, which takes bytes as they come. */
  codec?: Codec<In, Out>
  /** Frames that wait for a handler that is slow, before its peer is held back: 16 by default. */
  inboxFrames?: number
  /** How long a peer may take nothing of what was sent to it, 4 KiB at least: 30 s by default. */
  writeTimeoutMs?: number
  /** Asks silent peers whether they live; nobody is asked by default. Answers count as traffic for `idleTimeoutMs`. */
  heartbeat?: Heartbeat<In, Out>
  /** How long handlers have to end at the shutdown: 10 s by default. */
  graceMs?: number
  /** The server shuts down when it ends; the contexts of connections derive from it. */
  ctx?: Context
  /** Gets what handlers throw, and with `undefined` what goes wrong with accepting. Writes it to standard error by default. */
  onError?: (error: unknown, conn: Conn<In, Out> | undefined) => void
  /** Makes the server to accept with: `(onSocket) => tls.createServer({ key, cert, allowHalfOpen: true }, onSocket)`. */
  createServer?: ServerFactory
  /**
   * On how many threads connections are accepted and handlers run: 1 by default; `'all'` for as many as `procs()` says.
   * With more than one, each thread loads the module that exports the handler, the codec and the heartbeat; limits are for
   * each of them.
   */
  procs?: number | 'all'
  /** The module that exports them, as its `import.meta.url`: the one that calls `listen` by default. */
  module?: string
}

/** @internal What a server does on other threads. */
export type ListenPlan = CrewPlan<ListenJob, ConnectionStats>

/**
 * A server that listens: what `listen` returns. `yield* server`, or `await server`, waits until it has shut down, and
 * throws `ListenError` if it could not listen.
 */
export interface NetServer<In, Out> extends PromiseLike<void> {
  /** Waits until it listens, on all of its threads; gives where. Throws `ListenError`. */
  listening(): Operation<Address>
  /** Where it listens, once it does. */
  readonly address: Address | undefined
  /** The descriptor that listens, once it does: another thread or process can accept by it as well. */
  readonly fd: number | undefined
  /** The connections that are open on this thread. */
  readonly connections: Iterable<Conn<In, Out>>
  /** Figures of this thread; looks at every open connection. */
  stats(): ConnectionStats
  /** The figures of each of its threads, this one first. */
  threadStats(): Goroutine<ConnectionStats[]>
  /**
   * Accepts no more connections; handlers get no more frames than have come, and see their contexts end. What has not ended
   * after `graceMs` is cut off, and its handlers are canceled. Only the first call counts; `close` hastens it.
   */
  shutdown(graceMs?: number): void
  /** Ends all connections at once, and cancels their handlers. */
  close(): void
  /** Waits until it has shut down: the same as `yield* server`, for a select. */
  done(): Operation<void>
  [Symbol.iterator](): Iterator<Parked, void, unknown>
}

const defaults = {
  inboxFrames: 16,
  /** What a slow mobile network needs to come back. */
  writeTimeoutMs: 30_000,
  idleTimeoutMs: 600_000,
  /** Well below the 30 s that container schedulers give before they kill. */
  graceMs: 10_000,
}

/** @internal */
export class RunningServer<In, Out> implements NetServer<In, Out>, Home<In, Out> {
  readonly on: Scheduler
  readonly wheel: TimerWheel
  readonly manager: ConnectionManager<FramedConnection<In, Out>>
  readonly codec: Codec<In, Out>
  readonly ctx: CancelContext
  readonly inboxFrames: number
  readonly writeTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly heartbeat: Heartbeat<In, Out> | undefined
  private readonly listener: Listener
  private readonly crew: Crew<ListenJob, ConnectionStats> | undefined
  private readonly waiting = new WaitList<Listening>()
  private readonly goroutine: Goroutine<void>
  private failure: unknown = undefined
  private isListening = false
  private lastId = 0
  private graceMs: number

  /**
   * @param above the function that the user called.
   * @param plan for other threads, if it is to run on several.
   */
  constructor(
    readonly consumer: Consumer<In, Out>,
    private readonly options: NetOptions<In, Out>,
    readonly above: GoFunction,
    plan?: ListenPlan,
  ) {
    this.on = scheduler()
    this.wheel = new TimerWheel(this.on)
    this.inboxFrames = options.inboxFrames ?? defaults.inboxFrames
    this.writeTimeoutMs = options.writeTimeoutMs ?? defaults.writeTimeoutMs
    this.idleTimeoutMs = options.idleTimeoutMs ?? defaults.idleTimeoutMs
    this.graceMs = options.graceMs ?? defaults.graceMs
    this.heartbeat = options.heartbeat
    checkCount('listen', 'inboxFrames', this.inboxFrames)
    checkTime('listen', 'writeTimeoutMs', this.writeTimeoutMs)
    if (options.heartbeat !== undefined) checkHeartbeat(options.heartbeat)
    // Without a codec frames are bytes, which is what the types of `listen` say then.
    this.codec = options.codec ?? (chunks() as Codec<unknown, never> as Codec<In, Out>)
    this.manager = new ConnectionManager(
      { open: (socket: Socket) => new FramedConnection(this, socket) },
      this.wheel,
      options,
    )
    this.listener = new Listener(options, (socket) => this.manager.admit(socket), {
      ...(options.createServer !== undefined && { create: options.createServer }),
      onError: (error) => this.report(error, undefined),
    })
    this.crew = plan === undefined ? undefined : new Crew(plan, this.listener)
    this.ctx = withCancel(options.ctx ?? background())
    this.goroutine = spawn(this.on, above, () => this.serve(), [])
  }

  listening(): Operation<Address> {
    return new Listening(this)
  }

  get address(): Address | undefined {
    return this.listener.address
  }

  get fd(): number | undefined {
    return this.listener.fd
  }

  get connections(): Iterable<Conn<In, Out>> {
    return this.manager
  }

  stats(): ConnectionStats {
    return this.manager.stats()
  }

  threadStats(): Goroutine<ConnectionStats[]> {
    return spawn(this.on, this.above, () => this.collect(), [])
  }

  shutdown(graceMs: number = this.graceMs): void {
    if (this.ctx.err !== undefined) return
    this.graceMs = graceMs
    this.ctx.cancel(new ServerClosed(this.place))
  }

  close(): void {
    this.shutdown(0)
    this.manager.cutAll()
    this.crew?.close()
  }

  done(): Operation<void> {
    return this.goroutine.join()
  }

  [Symbol.iterator](): Iterator<Parked, void, unknown> {
    return this.goroutine[Symbol.iterator]()
  }

  // biome-ignore lint/suspicious/noThenProperty: `await server` waits for its end.
  then<A = void, B = never>(
    // biome-ignore lint/suspicious/noConfusingVoidType: as PromiseLike<void> has it.
    onValue?: ((value: void) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.goroutine.then(onValue, onError)
  }

  /** Where it listens, as text. */
  get place(): string {
    const { port = 0, host = '*', path, fd } = this.options
    if (this.address !== undefined) return addressText(this.address)
    if (fd !== undefined) return `descriptor ${fd}`
    return addressText(path === undefined ? { host, port } : { path })
  }

  nextId(): number {
    return ++this.lastId
  }

  report(error: unknown, conn: Conn<In, Out> | undefined): void {
    const { onError = complainOf } = this.options
    spawn(this.on, this.above, onError, [error, conn])
  }

  /** @internal Ends a wait for the beginning, if it can. */
  settle(listening: Listening): boolean {
    const failure = this.failure ?? this.ctx.cause
    if (failure !== undefined) {
      this.goroutine.flags |= HANDLED
      return listening.fail(failure)
    }
    return this.isListening && this.address !== undefined && listening.complete(this.address)
  }

  /** @internal */
  enter(listening: Listening): void {
    this.waiting.push(listening)
  }

  /** @internal */
  exit(listening: Listening): void {
    this.waiting.remove(listening)
  }

  private *collect(): Routine<ConnectionStats[]> {
    return [this.stats(), ...(this.crew === undefined ? [] : yield* this.crew.stats())]
  }

  private *serve(): Routine<void> {
    this.on.externals++ // a virtual clock stands still while peers may do something
    try {
      yield* this.open()
      yield* this.ctx.done()
      this.listener.stop()
      this.crew?.stop(this.graceMs)
      yield* this.manager.shutdown(this.graceMs)
      if (this.crew !== undefined) yield* this.crew.ended()
    } finally {
      this.on.externals--
    }
  }

  private *startCrew(crew: Crew<ListenJob, ConnectionStats>): Routine<void> {
    try {
      yield* crew.start(this.ctx)
    } catch (error) {
      // This thread has accepted meanwhile.
      this.listener.stop()
      this.manager.cutAll()
      throw error
    }
  }

  private *open(): Routine<void> {
    try {
      yield* this.listener.open().within(this.ctx)
      if (this.crew !== undefined) yield* this.startCrew(this.crew)
      this.isListening = true
    } catch (error) {
      // A shutdown that comes first is no failure of the server, but whoever waits for its beginning waits in vain.
      const isFailure = this.ctx.err === undefined
      if (!isFailure) return
      this.failure = error
      throw error
    } finally {
      for (let each = this.waiting.shift(); each !== undefined; each = this.waiting.shift()) this.settle(each)
    }
  }
}

/** Waits until a server listens. */
class Listening extends Operation<Address> {
  // Whatever the frames of the server are.
  constructor(private readonly server: Pick<RunningServer<unknown, unknown>, 'settle' | 'enter' | 'exit'>) {
    super()
  }

  override get waitReason(): string {
    return 'listen'
  }

  override attempt(): boolean {
    return this.server.settle(this)
  }

  override park(): void {
    this.server.enter(this)
  }

  override unpark(): void {
    this.server.exit(this)
  }
}

function checkHeartbeat<In, Out>({ everyMs, maxMissed }: Heartbeat<In, Out>): void {
  checkTime('listen', 'heartbeat.everyMs', everyMs)
  checkCount('listen', 'heartbeat.maxMissed', maxMissed ?? 1)
}

function complainOf(error: unknown, conn: object | undefined): void {
  const what = conn === undefined ? 'accepting a connection failed' : `the handler of ${conn} failed`
  complain(`sluice/net: ${what}: ${error instanceof Error ? error.stack : String(error)}`)
}
