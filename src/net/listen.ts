import { ArgumentError } from '../runtime/errors.js'
import type { GoFunction } from '../runtime/origin.js'
import { type ConnEvents, EventConsumer } from './event-consumer.js'
import { type ConnFunction, FunctionConsumer } from './function-consumer.js'
import { type NetOptions, type NetServer, RunningServer } from './net-server.js'

/** What handles connections: a function that runs for each of them, or an object of functions for their events. */
export type ConnHandler<In, Out> = ConnFunction<In, Out> | ConnEvents<In, Out>

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
 * @throws ArgumentError if an option cannot be used. That it is impossible to listen there is told by `server.listening()`
 * and by the server itself; if nobody asks either, it ends the process as any goroutine that fails.
 */
export function listen<In = Buffer, Out = Uint8Array | string>(
  handler: ConnHandler<In, Out>,
  options: NetOptions<In, Out>,
): NetServer<In, Out> {
  return new RunningServer(consumerOf(handler), options, listen as GoFunction)
}

function consumerOf<In, Out>(
  handler: ConnHandler<In, Out>,
): FunctionConsumer<In, Out> | EventConsumer<In, Out> {
  if (typeof handler === 'function') return new FunctionConsumer(handler)
  if (typeof handler?.frame === 'function') return new EventConsumer(handler)
  throw new ArgumentError(
    `listen() needs a function for connections, or an object with a function frame(conn, frame), not ${String(handler)}`,
  )
}
