import { exportsOf } from '../net/across-threads.js'
import type { Berth } from '../net/crew.js'
import type { Endpoint } from '../net/listener.js'
import type { TlsOptions } from '../net/tls-options.js'
import { task } from '../parallel/task.js'
import { wait } from '../runtime/promise.js'
import type { ServeOptions, ServerStats } from './serve-options.js'
import { appOf, Server, type Served } from './server.js'

/** What a thread needs to know to serve an app: how to get it, since functions cannot be sent. */
export interface ThreadJob {
  /** The module that exports the app, and under which name. */
  readonly module: string
  readonly names: { readonly app?: string }
  readonly options: Omit<ServeOptions, Exclude<keyof Endpoint, 'backlog'>>
}

/** The servers of this thread. */
const running = new Map<number, Server>()
/** Certificates that came while a server of this thread was still being made. */
const newer = new Map<number, TlsOptions>()

/** Serves on the thread that runs it, until `stop` is closed and what was under way has ended. */
export const serveThread = task(import.meta.url, 'serveThread', function* (job: ThreadJob & Berth) {
  const { app } = yield* wait(exportsOf('serve', job.module, job.names))
  const server = new Server(appOf(app as Served), { ...job.options, fd: job.fd, signals: false })
  running.set(job.id, server)
  const tls = newer.get(job.id)
  if (tls !== undefined) renew(server, tls)
  try {
    yield* server.listening()
    job.ready.trySend(1)
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
