import { callerOf, threadsOf, unsendable } from '../net/across-threads.js'
import type { ServeOptions } from './serve-options.js'
import { appOf, Server, type Served } from './server.js'

/** How `serve` is told what to do. */
export interface ServeAllOptions extends ServeOptions {
  /**
   * On how many threads connections are accepted and handlers run: 1 by default; `'all'` for as many as `procs()` says.
   * With more than one, each thread loads the module that exports the app.
   */
  procs?: number | 'all'
  /** The module that exports the app, as its `import.meta.url`: the one that calls `serve` by default. */
  module?: string
}

/**
 * Serves HTTP: an app of `router()`, or a fetch handler (a function from Request to Response, or an object that has one
 * as `fetch`). It listens at once; the handle is waited for like a goroutine, until the server has shut down.
 *
 * ```ts
 * yield* serve(app, { port: 8080 })
 * ```
 *
 * @throws ArgumentError for an option that is none, or a value that cannot be. The wait throws `ListenError`.
 */
export function serve(app: Served, { procs: count = 1, module, ...options }: ServeAllOptions = {}): Server {
  const threads = threadsOf('serve', count)
  if (threads === 1) return new Server(appOf(app), options)
  if (options.onError !== undefined)
    throw unsendable('serve', 'onError', 'let a middleware of the app see errors')
  if (options.connections?.onAlarm !== undefined)
    throw unsendable('serve', 'connections.onAlarm', 'look at what threadStats() says')
  return new Server(appOf(app), options, {
    app,
    count: threads - 1,
    module: module ?? callerOf('serve', serve),
    tasks: () => import('./serve-thread.js'),
  })
}
