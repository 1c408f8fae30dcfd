import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Target } from './target.js'

/** What is told of a socket from its beginning to its end. */
export interface SocketEvents {
  lookedUp(): void
  /** Connected, with TLS where the target wants it. */
  opened(): void
  /** The bytes stay as they are only during the call. */
  received(bytes: Buffer): void
  broke(error: NodeJS.ErrnoException): void
  closed(): void
}

/**
 * Connects to the target. What comes over TCP is read into `readBuffer`, which all sockets may share: a buffer made for
 * each read costs a tenth of the client's time under pipelining. TLS has no such way, so there each read has its own.
 */
export function dial({ host, port, tls }: Target, readBuffer: Buffer, events: SocketEvents): Socket {
  const socket = tls
    ? connectTls({ host, port, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) })
    : connectTcp({ host, port, onread: { buffer: readBuffer, callback } })
  function callback(length: number): boolean {
    events.received(readBuffer.subarray(0, length))
    return true
  }
  socket.setNoDelay(true)
  socket.on('lookup', () => events.lookedUp())
  socket.on(tls ? 'secureConnect' : 'connect', () => events.opened())
  if (tls) socket.on('data', (bytes: Buffer) => events.received(bytes))
  socket.on('error', (error) => events.broke(error))
  socket.on('close', () => events.closed())
  return socket
}
