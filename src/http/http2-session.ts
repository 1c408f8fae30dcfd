import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Account } from '../net/connection-manager.js'
import { MisuseError } from '../runtime/errors.js'
import { builtin } from '../runtime/host.js'
import type { Limits } from './limits.js'

/** Frames and streams that nghttp2 refuses before they are seen here; beyond it the session ends. */
const mostInvalid = 100
/** What a session may hold, in megabytes: `node:http2` counts. */
const mostMemory = 10
/** How much may come for all streams of a connection before it is taken, in bytes: several uploads at full speed. */
const windowBytes = 1024 * 1024

/** `node:http2` takes ten milliseconds to load: a server without TLS does without. */
export function sessionOver(socket: Socket, limits: Limits): Http2Session {
  const http2 = builtin<typeof import('node:http2')>('node:http2')
  if (http2 === undefined) throw new MisuseError('this platform has no node:http2')
  socket.pause() // one that has waited for its place flows already, and what it has sent must not be lost
  // A client that has sent all of its requests and half closes is none in HTTP/2: it has left.
  socket.allowHalfOpen = false
  const session = http2.performServerHandshake(socket, optionsFor(limits))
  session.setLocalWindowSize(windowBytes)
  return session
}

/**
 * What is said to clients, and what node:http2 holds them to. Of heads it takes twice of what is allowed, so that one that
 * is somewhat too large is answered with 431; what is beyond is reset.
 */
function optionsFor({ headBytes, headers, streams }: Limits) {
  const most = 2 ** 32 - 1
  return {
    maxHeaderListPairs: Math.min(most, headers * 2 + 4),
    maxSessionMemory: mostMemory,
    maxSessionInvalidFrames: mostInvalid,
    maxSessionRejectedStreams: mostInvalid,
    settings: {
      maxConcurrentStreams: Math.min(most, streams),
      maxHeaderListSize: Math.min(most, headBytes * 2),
    },
  }
}

/** Figures of a connection that the session reads and writes: in one list with the others. */
export class SessionAccount implements Account {
  place = -1
  seenActivity = 0
  seenAt = 0

  constructor(readonly socket: Socket) {}

  get isClosed(): boolean {
    return this.socket.destroyed
  }

  get receivedBytes(): number {
    return this.socket.bytesRead
  }

  get sentBytes(): number {
    return this.socket.bytesWritten ?? 0
  }

  get reads(): number {
    return this.socket.bytesRead
  }

  get writes(): number {
    return this.sentBytes
  }
}

/** What a client is told that finds no place: settings, and that none of its requests was looked at. */
export const goodbye = Buffer.from([
  ...[0, 0, 0, 4, 0, 0, 0, 0, 0], // SETTINGS, empty
  ...[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], // GOAWAY: last stream 0, NO_ERROR
])
