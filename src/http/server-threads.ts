import type { Listener } from '../net/listener.js'
import type { TlsOptions } from '../net/tls-options.js'
import { sharedChan } from '../parallel/make-chan.js'
import type { SharedChan } from '../parallel/shared-chan.js'
import { WorkerDied } from '../parallel/worker-died.js'
import { go } from '../runtime/go.js'
import type { Goroutine } from '../runtime/goroutine.js'
import { complain } from '../runtime/host.js'
import type { Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { sleep } from '../runtime/sleep.js'
import type { ServeOptions, ServerStats } from './serve-options.js'
import type { Served } from './server.js'
import type * as ThreadTasks from './serve-thread.js'

/** The other threads that a server is to run on. */
export interface Crew {
  readonly app: Served
  readonly count: number
  /** The module that exports the app. */
  readonly module: string
  /** Loads what runs on them: with it comes all of sluice/parallel, which one thread does not need. */
  readonly tasks: () => Promise<typeof ThreadTasks>
}

/** How long a thread that has died is not replaced: one that dies at once would keep the others busy. */
const pauseMs = 500
let lastId = 0

/** The threads beside the main one that accept connections of a server. One that dies is replaced. */
export class ServerThreads {
  private readonly id = ++lastId
  private stopping: SharedChan<number> | undefined = undefined
  private readonly keepers: Goroutine<void>[] = []
  private isOver = false

  constructor(
    private readonly crew: Crew,
    private readonly listener: Listener,
    private readonly options: ServeOptions,
    private tls: TlsOptions | undefined,
  ) {}

  /** Starts to accept on all of them. Throws `ArgumentError` if the module does not export the app. */
  *start(): Routine<void> {
    const { app, count, module } = this.crew
    const { nameOf } = yield* wait(this.crew.tasks())
    const name = yield* wait(nameOf(app, module))
    const stop = sharedChan<number>(count)
    this.stopping = stop
    const { limits, timeouts, connections, graceMs, lameDuckMs } = this.options
    const options = definedOnly({ limits, timeouts, connections, graceMs, lameDuckMs })
    const descriptors = yield* this.listener.duplicates(count)
    for (const [i, fd] of descriptors.entries())
      this.keepers.push(go(this.keep.bind(this), i + 1, { module, name, options, fd, stop, id: this.id }))
  }

  /** Gives all of them other certificates; a thread that takes the place of one that has died begins with them. */
  setTls(tls: TlsOptions | undefined): void {
    this.tls = tls
    if (tls !== undefined && !this.isOver)
      for (let p = 1; p <= this.keepers.length; p++) go(this.pass.bind(this), p, tls)
  }

  /** Begins the shutdown on all of them, which have so long for it. */
  stop(graceMs: number): void {
    if (this.isOver) return
    this.isOver = true
    for (let i = 0; i < this.crew.count; i++) this.stopping?.trySend(graceMs) // each takes one
    this.stopping?.close()
  }

  /** Ends the servers of all of them at once. */
  close(): void {
    for (let p = 1; p <= this.keepers.length; p++) go(this.cut.bind(this), p)
  }

  /** Waits until all have shut down. */
  *ended(): Routine<void> {
    for (const keeper of this.keepers) yield* keeper
  }

  /** What each of them has done. */
  *stats(): Routine<ServerStats[]> {
    const { threadStats } = yield* wait(this.crew.tasks())
    const all: ServerStats[] = []
    for (let p = 1; p <= this.keepers.length; p++) {
      const stats = yield* threadStats.on(p)(this.id)
      if (stats !== undefined) all.push(stats)
    }
    return all
  }

  private *pass(p: number, tls: TlsOptions): Routine<void> {
    const { setThreadTls } = yield* wait(this.crew.tasks())
    try {
      yield* setThreadTls.on(p)(this.id, tls)
    } catch (error) {
      if (!(error instanceof WorkerDied)) throw error // the next one begins with them
    }
  }

  private *cut(p: number): Routine<void> {
    const { closeThread } = yield* wait(this.crew.tasks())
    try {
      yield* closeThread.on(p)(this.id)
    } catch (error) {
      if (!(error instanceof WorkerDied)) throw error // with its server
    }
  }

  private *keep(p: number, job: ThreadTasks.ThreadJob): Routine<void> {
    const { serveThread } = yield* wait(this.crew.tasks())
    for (let { fd } = job; ; ) {
      try {
        const { tls } = this
        yield* serveThread.on(p)({
          ...job,
          fd,
          options: { ...job.options, ...(tls !== undefined && { tls }) },
        })
        return
      } catch (error) {
        if (!(error instanceof WorkerDied)) throw error
        const then = this.isOver ? '' : ', another one takes its place'
        complain(`thread ${p} of the server has died (${error.message}): its connections are lost${then}`)
      }
      if (!this.isOver) yield* sleep(pauseMs)
      if (this.isOver) return
      ;[fd = -1] = yield* this.listener.duplicates(1)
    }
  }
}

function definedOnly<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  // What was left out is left out for the thread as well: `undefined` would be an answer.
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never
}
