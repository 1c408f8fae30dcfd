import type { Context } from '../context/context.js'
import { sharedChan } from '../parallel/make-chan.js'
import type { SharedChan } from '../parallel/shared-chan.js'
import type { Task } from '../parallel/task.js'
import { WorkerDied } from '../parallel/worker-died.js'
import type { RecvChan, SendChan } from '../runtime/chan.js'
import { go } from '../runtime/go.js'
import type { Goroutine } from '../runtime/goroutine.js'
import { complain } from '../runtime/host.js'
import type { Operation, Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { select } from '../runtime/select.js'
import { sleep } from '../runtime/sleep.js'
import type { Listener } from './listener.js'

/** What every thread of a crew gets, beside the job itself. */
export interface Berth {
  /** A descriptor of the socket that all threads accept on. */
  readonly fd: number
  /** Gives each thread the time for its shutdown, in ms, which then begins. */
  readonly stop: RecvChan<number>
  /** Takes something from each thread once it accepts. */
  readonly ready: SendChan<number>
  /** Which server it is, of several in one process. */
  readonly id: number
}

/** What runs on the threads of a crew. */
export interface CrewTasks<Job, Stats> {
  /** Serves on the thread that runs it, until it is told to stop and what was under way has ended. */
  readonly serveThread: Task<[job: Job & Berth], void>
  /** What the server of this thread has done; `undefined` when it has none. */
  readonly threadStats: Task<[id: number], Stats | undefined>
  /** Ends the server of this thread at once. */
  readonly closeThread: Task<[id: number], void>
}

/** The other threads that a server is to run on. */
export interface CrewPlan<Job, Stats> {
  readonly count: number
  /** Loads what runs on them, which one thread does not need. */
  readonly tasks: () => Promise<CrewTasks<Job, Stats>>
  /** What they are to do, asked for whenever one begins. Fails if that cannot be sent. */
  readonly job: () => Promise<Job>
}

/** How long a thread that has died is not replaced: one that dies at once would keep the others busy. */
const pauseMs = 500
let lastId = 0

/** The threads beside the main one that accept connections of a server. One that dies is replaced. */
export class Crew<Job, Stats> {
  /** The shutdown has begun. */
  isStopping = false
  private readonly id: number
  private stopping: SharedChan<number> | undefined = undefined
  private readonly keepers: Goroutine<void>[] = []

  constructor(
    private readonly plan: CrewPlan<Job, Stats>,
    private readonly listener: Listener,
  ) {
    this.id = ++lastId
  }

  /**
   * Starts all of them; ends once they accept, or with `until`: one that dies whenever it begins would be waited for for
   * ever. Throws what the job does, and what keeps one from accepting.
   */
  *start(until: Context): Routine<void> {
    const { count, job } = this.plan
    yield* wait(job()) // a job that cannot be sent is known before anything has begun
    const stop = sharedChan<number>(count)
    const ready = sharedChan<number>(count)
    this.stopping = stop
    const descriptors = yield* this.listener.duplicates(count)
    for (const [i, fd] of descriptors.entries())
      this.keepers.push(go(this.keep.bind(this), i + 1, { fd, stop, ready, id: this.id }))
    try {
      for (let begun = 0; begun < count && until.err === undefined; begun++)
        yield* this.oneBegins(ready, until)
    } catch (error) {
      const ends = this.keepers.map((keeper) => keeper.outcome()) // they may fail as well, for the same reason
      this.stop(0)
      for (const end of ends) yield* end
      this.keepers.length = 0
      throw error
    }
  }

  /** Begins the shutdown on all of them, which have so long for it. */
  stop(graceMs: number): void {
    if (this.isStopping) return
    this.isStopping = true
    for (let i = 0; i < this.plan.count; i++) this.stopping?.trySend(graceMs) // each takes one
    this.stopping?.close()
  }

  /** Ends the servers of all of them at once. */
  close(): void {
    const { tasks } = this.plan
    this.tell(function* (p, id) {
      const { closeThread } = yield* wait(tasks())
      yield* closeThread.on(p)(id)
    })
  }

  /** Has each of them told something, by its number and that of the server. Waits for nothing. */
  tell(message: (p: number, id: number) => Routine<void>): void {
    for (let p = 1; p <= this.keepers.length; p++) go(answerOf<void>, message(p, this.id))
  }

  /** Waits until all have shut down. */
  *ended(): Routine<void> {
    for (const keeper of this.keepers) yield* keeper
  }

  /** What each of them has done, but for those that have just died. */
  *stats(): Routine<Stats[]> {
    const { threadStats } = yield* wait(this.plan.tasks())
    const all: Stats[] = []
    for (let p = 1; p <= this.keepers.length; p++) {
      const stats = yield* answerOf(threadStats.on(p)(this.id))
      if (stats !== undefined) all.push(stats)
    }
    return all
  }

  /** Waits until one more accepts, or for the end. Throws if one ends instead, which it does only by an error. */
  private oneBegins(ready: RecvChan<number>, until: Context): Operation<unknown> {
    const keepers = Object.fromEntries(this.keepers.entries())
    return select({ ...keepers, ready: ready.recv(), over: until.done() })
  }

  private *keep(p: number, berth: Berth): Routine<void> {
    const { serveThread } = yield* wait(this.plan.tasks())
    for (let { fd } = berth; ; ) {
      const job = yield* wait(this.plan.job())
      try {
        yield* serveThread.on(p)({ ...job, ...berth, fd })
        return
      } catch (error) {
        if (!(error instanceof WorkerDied)) throw error
        const then = this.isStopping ? '' : ', another one takes its place'
        complain(`thread ${p} of the server has died (${error.message}): its connections are lost${then}`)
      }
      if (!this.isStopping) yield* sleep(pauseMs)
      if (this.isStopping) return
      ;[fd = -1] = yield* this.listener.duplicates(1)
    }
  }
}

/** What a thread answers; `undefined` if it has died, and its server with it. */
function* answerOf<T>(answer: Operation<T> | Routine<T>): Routine<T | undefined> {
  try {
    return yield* answer
  } catch (error) {
    if (!(error instanceof WorkerDied)) throw error
    return undefined
  }
}
