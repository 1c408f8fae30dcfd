import type { Endpoint } from '../net/listener.js'
import type { TlsOptions } from '../net/tls-options.js'
import { loadModule } from '../parallel/module-loader.js'
import { task } from '../parallel/task.js'
import type { RecvChan } from '../runtime/chan.js'
import { ArgumentError } from '../runtime/errors.js'
import { wait } from '../runtime/promise.js'
import type { ServeOptions, ServerStats } from './serve-options.js'
import { appOf, Server, type Served } from './server.js'

/** What a thread needs to know to serve an app: how to get it, since functions cannot be sent. */
export interface ThreadJob {
  /** The module that exports the app, and under which name. */
  readonly module: string
  readonly name: string
  readonly options: Omit<ServeOptions, keyof Endpoint>
  /** A descriptor of the socket that all threads accept on. */
  readonly fd: number
  /** Gives each thread the time for its shutdown, in ms, which then begins. */
  readonly stop: RecvChan<number>
  /** Which server it is, of several in one process. */
  readonly id: number
}

/** The servers of this thread. */
const running = new Map<number, Server>()
/** Certificates that came while a server of this thread was still being made. */
const newer = new Map<number, TlsOptions>()

/** Serves on the thread that runs it, until `stop` is closed and what was under way has ended. */
export const serveThread = task(import.meta.url, 'serveThread', function* (job: ThreadJob) {
  const app = appOf(yield* wait(exportOf(job.module, job.name)))
  const server = new Server(app, { ...job.options, fd: job.fd, signals: false })
  running.set(job.id, server)
  const tls = newer.get(job.id)
  if (tls !== undefined) renew(server, tls)
  try {
    yield* server.listening()
    server.shutdown(yield* job.stop.recv())
    yield* server
  } finally {
    running.delete(job.id)
    newer.delete(job.id)
    server.close()
  }
})

/** What a server of this thread has done; `undefined` when it has none. */
export const threadStats = task(import.meta.url, 'threadStats', (id: number): ServerStats | undefined =>
  running.get(id)?.stats(),
)

/** Ends the server of this thread at once. */
export const closeThread = task(import.meta.url, 'closeThread', (id: number): void =>
  running.get(id)?.close(),
)

/** Gives the server of this thread other certificates. */
export const setThreadTls = task(import.meta.url, 'setThreadTls', (id: number, tls: TlsOptions): void => {
  const server = running.get(id)
  if (server === undefined) newer.set(id, tls)
  else renew(server, tls)
})

function renew(server: Server, { cert, key, passphrase, ca, sni }: TlsOptions): void {
  const all = { cert, key, passphrase, ca, sni }
  server.setCertificates(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)))
}

/** Under which name a module exports the app. @throws ArgumentError if it does not. */
export async function nameOf(app: Served, module: string): Promise<string> {
  const exports = (await loadModule(module)) as Record<string, unknown>
  const name = Object.keys(exports).find((each) => exports[each] === app)
  if (name !== undefined) return name
  throw new ArgumentError(
    `serve() on several threads: ${module} does not export the app, so no thread could load it; write \`export const app = …\` there, or say with \`module\` (an import.meta.url) which one exports it`,
  )
}

async function exportOf(module: string, name: string): Promise<Served> {
  const exports = (await loadModule(module)) as Record<string, Served | undefined>
  const app = exports[name]
  if (app === undefined)
    throw new ArgumentError(`serve() on several threads: ${module} has no export ${name} there`)
  return app
}
