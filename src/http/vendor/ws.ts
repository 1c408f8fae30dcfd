import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'

/** A WebSocket connection as the library gives it. */
export interface Peer {
  readonly protocol: string
  /** Bytes that wait to be sent. */
  readonly bufferedAmount: number
  readonly isPaused: boolean
  send(data: string | Uint8Array, options: { binary: boolean }, sent: () => void): void
  ping(): void
  close(code: number, reason: string): void
  terminate(): void
  pause(): void
  resume(): void
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): this
  on(event: 'close', listener: (code: number, reason: Buffer) => void): this
  on(event: 'error', listener: (error: Error) => void): this
  on(event: 'pong', listener: () => void): this
}

/** What the library looks at in a request. */
export interface Opening {
  readonly method: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly socket: Duplex
}

/** Answers the opening of a WebSocket, and takes the connection over. */
export interface Handshake {
  handleUpgrade(opening: Opening, socket: Duplex, head: Buffer, opened: (peer: Peer) => void): void
}

export interface HandshakeOptions {
  readonly maxPayload: number
  readonly perMessageDeflate: boolean | object
  /** The chosen one of the protocols that the client offers, or none. */
  readonly handleProtocols: (offered: Set<string>) => string | false
}

export function handshake(options: HandshakeOptions): Handshake {
  // The boundary to the library: its own types ask for a whole IncomingMessage, of which it reads what an Opening has.
  return new WebSocketServer({ ...options, noServer: true, clientTracking: false }) as unknown as Handshake
}
