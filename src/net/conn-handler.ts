import { ArgumentError } from '../runtime/errors.js'
import { type ConnEvents, EventConsumer } from './event-consumer.js'
import type { Consumer } from './framed-connection.js'
import { type ConnFunction, FunctionConsumer } from './function-consumer.js'

/** What handles connections: a function that runs for each of them, or an object of functions for their events. */
export type ConnHandler<In, Out> = ConnFunction<In, Out> | ConnEvents<In, Out>

/** What has `handler` take the frames. @throws ArgumentError if it is neither of both. */
export function consumerOf<In, Out>(handler: ConnHandler<In, Out>): Consumer<In, Out> {
  if (typeof handler === 'function') return new FunctionConsumer(handler)
  if (typeof handler?.frame === 'function') return new EventConsumer(handler)
  throw new ArgumentError(
    `listen() needs a function for connections, or an object with a function frame(conn, frame), not ${String(handler)}`,
  )
}
