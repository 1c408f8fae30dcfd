/** The reactor: servers over TCP and Unix sockets whose handlers see frames. */
export { ByteQueue } from './byte-queue.js'
export { chunks } from './chunks.js'
export { type Codec, type Decoder, type Encoded, FrameError } from './codec.js'
export {
  type Conn,
  ConnectionClosed,
  type ConnectionLimit,
  ConnectionTimeout,
} from './conn.js'
export type { ConnHandler } from './conn-handler.js'
export type { Heartbeat } from './conn-times.js'
export type { ConnectionAlarm, ConnectionLimits, ConnectionStats } from './connection-manager.js'
export { type DelimitedOptions, delimited } from './delimited.js'
export type { ConnEvents } from './event-consumer.js'
export type { ConnFunction } from './function-consumer.js'
export { type LengthPrefixedOptions, lengthPrefixed } from './length-prefixed.js'
export { type LinesOptions, lines } from './lines.js'
export { listen } from './listen.js'
export { type Address, type Endpoint, ListenError, type ServerFactory } from './listener.js'
export type { NetOptions, NetServer } from './net-server.js'
export { ServerClosed } from './server-closed.js'
