import type { Context } from '../context/context.js'
import { SluiceError } from '../runtime/errors.js'
import type { Operation } from '../runtime/operation.js'

/** A connection as its handler sees it: frames in both directions. */
export interface Conn<In, Out> extends AsyncIterable<In> {
  /** Its number: the first connection of a server is 1. */
  readonly id: number
  /** The address of the peer; '' for a Unix socket. Known also after the end. */
  readonly remoteAddress: string
  readonly remotePort: number | undefined
  /** Ends with the connection or when the server begins to shut down; its `cause` says why. */
  readonly ctx: Context
  /** Nothing can be sent any more. */
  readonly isClosed: boolean
  /**
   * Waits for a frame; `undefined` once the peer has sent all, when the server shuts down, and after `close`. Frames that
   * nobody takes hold the peer back. Throws `FrameError` for bytes that are no frame, `ConnectionTimeout` for a limit that
   * was exceeded and `ConnectionClosed` where the connection broke, after all frames that came before.
   */
  recv(): Operation<In | undefined>
  /**
   * Sends a frame, which is the connection's from now on; waits while the peer does not keep up. Throws `ConnectionClosed`,
   * and what the codec says of a frame that cannot be sent.
   */
  send(frame: Out): Operation<void>
  /** Sends a frame if that needs no wait; false while the peer does not keep up, and once the connection is closed. */
  trySend(frame: Out): boolean
  /**
   * From `ms` from now on whoever waits for a frame gets a `ConnectionTimeout`, until a new deadline is set; `Infinity` lifts
   * it. Where frames are handled by events it ends the connection. Up to a tenth of a second late. Source: Go's
   * `net.Conn.SetReadDeadline`.
   */
  setReadDeadline(ms: number): void
  /** The connection ends if what was sent has not gone out in `ms` from now; `Infinity` lifts that. As exact as the other. */
  setWriteDeadline(ms: number): void
  /** Sends what is on its way and no more, receives no more, and ends. */
  close(): void
}

/** A wait was given up because the connection had ended; `cause` is what broke it, if something did. */
export class ConnectionClosed extends SluiceError {
  readonly code = 'ERR_SLUICE_CONNECTION_CLOSED'

  constructor(connection: string, why: string, cause?: unknown) {
    super(`${connection} is closed: ${why}`, cause === undefined ? undefined : { cause })
  }
}

/** What may take too long. */
export type ConnectionLimit = 'idle' | 'read' | 'write' | 'heartbeat'

/** A connection exceeded a limit, the one that `limit` names. */
export class ConnectionTimeout extends SluiceError {
  readonly code = 'ERR_SLUICE_CONNECTION_TIMEOUT'

  constructor(
    connection: string,
    readonly limit: ConnectionLimit,
    problem: string,
  ) {
    super(`${connection} ${problem}`)
  }

  /** True, as for every error that stands for a time limit. Source: Go's `net.Error`. */
  timeout(): boolean {
    return true
  }
}
