import type { Duplex } from 'node:stream'

/** A connection that speaks HTTP no more. */
export interface Detached {
  /** Paused: whoever takes it resumes it. */
  readonly socket: Duplex
  /** What the client has sent behind its request. */
  readonly head: Buffer
}
