import { invoke, isThenable } from '../runtime/go.js'
import type { GoFunction } from '../runtime/origin.js'
import type { Conn, ConnectionTimeout } from './conn.js'
import type { Consumer, FramedConnection } from './framed-connection.js'

/**
 * What handles the events of connections. What returns a promise, or is a generator function, is waited for before the next
 * event of that connection: order is kept, and a slow handler holds its peer back.
 */
export interface ConnEvents<In, Out> {
  /** A connection was opened. */
  open?(conn: Conn<In, Out>): unknown
  /** A frame has come. */
  frame(conn: Conn<In, Out>, frame: In): unknown
  /** The peer has caught up: `trySend` succeeds again. Not waited for. */
  drain?(conn: Conn<In, Out>): void
  /** The connection has ended, because of `error` if not in peace. The last event, and exactly one for each connection. */
  close?(conn: Conn<In, Out>, error: unknown): unknown
}

/** Calls event handlers: without a goroutine for those that need none, so that an idle connection costs none. */
export class EventConsumer<In, Out> implements Consumer<In, Out> {
  constructor(private readonly events: ConnEvents<In, Out>) {}

  opened(conn: FramedConnection<In, Out>): void {
    const { events } = this
    if (events.open !== undefined) this.call(conn, events.open, () => events.open?.(conn))
  }

  flows(conn: FramedConnection<In, Out>): void {
    const { inbox } = conn
    while (!conn.isBusy && inbox.hasNext()) this.handle(conn, inbox.next() as In) // there is one
    if (conn.isBusy || !inbox.isDone) return
    conn.failure ??= inbox.error
    conn.close()
  }

  drained(conn: FramedConnection<In, Out>): void {
    try {
      this.events.drain?.(conn)
    } catch (error) {
      conn.failed(error)
    }
  }

  late(conn: FramedConnection<In, Out>, timeout: ConnectionTimeout): void {
    conn.abort(timeout)
  }

  closed(conn: FramedConnection<In, Out>): void {
    const { events } = this
    if (events.close !== undefined) this.call(conn, events.close, () => events.close?.(conn, conn.failure))
  }

  private handle(conn: FramedConnection<In, Out>, frame: In): void {
    const { events } = this
    this.call(conn, events.frame, () => events.frame(conn, frame))
  }

  /** @param fn whose name dumps show, if what it does takes longer than a call. */
  private call(conn: FramedConnection<In, Out>, fn: unknown, event: () => unknown): void {
    try {
      const result = event()
      if (!isLasting(result)) return
      // The goroutine that waits for it begins behind this event, and Node calls a rejection unhandled before that.
      if (result instanceof Promise) result.catch(() => undefined)
      conn.run(
        invoke(() => result, []),
        fn as GoFunction,
      )
    } catch (error) {
      conn.failed(error)
    }
  }
}

/** What a goroutine has to go on with: a generator, an operation or a promise. */
function isLasting(result: unknown): boolean {
  if (typeof result !== 'object' || result === null) return false
  return isThenable(result) || Object.prototype.toString.call(result) === '[object Generator]'
}
