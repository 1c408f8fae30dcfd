import { type GoTarget, invoke } from '../runtime/go.js'
import type { GoFunction } from '../runtime/origin.js'
import type { Conn, ConnectionTimeout } from './conn.js'
import type { Consumer, FramedConnection } from './framed-connection.js'

/** What handles one connection from its beginning to its end: a generator function, an async one or a plain one. */
export type ConnFunction<In, Out> = GoTarget<[conn: Conn<In, Out>], unknown>

/** Runs a function as a goroutine for each connection, which takes the frames itself. */
export class FunctionConsumer<In, Out> implements Consumer<In, Out> {
  constructor(private readonly handler: ConnFunction<In, Out>) {}

  opened(conn: FramedConnection<In, Out>): void {
    conn.run(invoke(this.handler, [conn]), this.handler as GoFunction)
  }

  /** The connection ends with its function. */
  flows(conn: FramedConnection<In, Out>): void {
    if (!conn.isBusy) conn.close()
  }

  late(conn: FramedConnection<In, Out>, timeout: ConnectionTimeout): void {
    conn.inbox.beLate(timeout)
  }

  drained(): void {}
  closed(): void {}
}
