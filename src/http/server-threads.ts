import { definedOnly, namesOf } from '../net/across-threads.js'
import { Crew } from '../net/crew.js'
import type { Listener } from '../net/listener.js'
import type { TlsOptions } from '../net/tls-options.js'
import { wait } from '../runtime/promise.js'
import type { ServeOptions, ServerStats } from './serve-options.js'
import type * as ThreadTasks from './serve-thread.js'
import type { Served } from './server.js'

/** On which other threads a server is to run, and what they serve. */
export interface ServePlan {
  readonly app: Served
  readonly count: number
  /** The module that exports the app. */
  readonly module: string
  /** Loads what runs on them. */
  readonly tasks: () => Promise<typeof ThreadTasks>
}

/** The threads beside the main one that accept connections of a server, and the certificates that they show. */
export class ServerThreads {
  readonly crew: Crew<ThreadTasks.ThreadJob, ServerStats>

  constructor(
    private readonly plan: ServePlan,
    listener: Listener,
    private readonly options: ServeOptions,
    private tls: TlsOptions | undefined,
  ) {
    this.crew = new Crew({ count: plan.count, tasks: plan.tasks, job: () => this.job() }, listener)
  }

  /** Gives all of them other certificates; a thread that takes the place of one that has died begins with them. */
  setTls(tls: TlsOptions): void {
    this.tls = tls
    if (this.crew.isStopping) return
    const { tasks } = this.plan
    this.crew.tell(function* (p, id) {
      const { setThreadTls } = yield* wait(tasks())
      yield* setThreadTls.on(p)(id, tls)
    })
  }

  private async job(): Promise<ThreadTasks.ThreadJob> {
    const { app, module } = this.plan
    const names = await namesOf('serve', module, { app })
    const { backlog, limits, timeouts, connections, graceMs, lameDuckMs } = this.options
    const { tls } = this // looked at last: what comes from now on is told to the thread
    return {
      module,
      names,
      options: definedOnly({ backlog, limits, timeouts, connections, graceMs, lameDuckMs, tls }),
    }
  }
}
