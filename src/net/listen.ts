import type { GoFunction } from '../runtime/origin.js'
import { callerOf, definedOnly, namesOf, threadsOf, unsendable } from './across-threads.js'
import { type ConnHandler, consumerOf } from './conn-handler.js'
import { type ListenPlan, type NetOptions, type NetServer, RunningServer } from './net-server.js'

/**
 * Starts a server for TCP or Unix sockets whose handler sees frames, and listens at once.
 *
 * A function runs as a goroutine for each connection, which ends with it. An object of functions is called for each event,
 * and needs no goroutine: the choice for very many connections that are mostly idle. A handler that throws ends its
 * connection and is reported to `onError`.
 *
 * ```ts
 * const server = listen(
 *   function* (conn) {
 *     for (let line; (line = yield* conn.recv()) !== undefined; ) yield* conn.send(line)
 *   },
 *   { port: 7000, codec: lines() },
 * )
 * yield* server
 * ```
 *
 * With `procs` several threads accept connections, which load the module that exports the handler.
 *
 * @throws ArgumentError if an option cannot be used. That it is impossible to listen there is told by `server.listening()`
 * and by the server itself; if nobody asks either, it ends the process as any goroutine that fails.
 */
export function listen<In = Buffer, Out = Uint8Array | string>(
  handler: ConnHandler<In, Out>,
  options: NetOptions<In, Out>,
): NetServer<In, Out> {
  const threads = threadsOf('listen', options.procs ?? 1)
  const consumer = consumerOf(handler)
  if (threads === 1) return new RunningServer(consumer, options, listen as GoFunction)
  const module = options.module ?? callerOf('listen', listen)
  return new RunningServer(consumer, options, listen as GoFunction, planOf(handler, options, threads, module))
}

/** What the other threads are to do. @throws ArgumentError for an option that cannot be sent to them. */
function planOf<In, Out>(
  handler: ConnHandler<In, Out>,
  given: NetOptions<In, Out>,
  threads: number,
  module: string,
): ListenPlan {
  const { port, host, path, fd, procs, module: _, codec, heartbeat, ...others } = given
  const { ctx, onError, onAlarm, createServer, ...sent } = others
  for (const [name, value] of Object.entries({ ctx, onError, onAlarm, createServer }))
    if (value !== undefined) throw unsendable('listen', name, instead[name as keyof typeof instead])
  const options = definedOnly(sent)
  return {
    count: threads - 1,
    tasks: () => import('./listen-thread.js'),
    job: async () => ({
      module,
      names: await namesOf('listen', module, { handler, codec, heartbeat }),
      options,
    }),
  }
}

/** What to do without the options that no thread can be given. */
const instead = {
  ctx: 'shut the server down when it ends: afterFunc(ctx, () => server.shutdown())',
  onError: 'catch errors in the handler',
  onAlarm: 'look at what threadStats() says',
  createServer: 'listen on one thread where it is needed',
}
