import { Socket } from 'node:net'

/** Who hears what a socket does. */
export interface Hearer {
  /** Bytes wait in the socket while this is true. */
  readonly isPaused: boolean
  received(bytes: Buffer): void
  ended(): void
  failed(error: Error): void
  closed(): void
}

const hearer = Symbol('hearer')

interface Heard extends Socket {
  [hearer]?: Hearer | undefined
}

const { push } = Socket.prototype

/**
 * Hears a socket. `node:net` gives each read to the `push` of its stream, a documented method; it is taken there, since
 * the stream's own way from `push` to 'data' costs a quarter of what a short request does. The listeners are shared by all
 * sockets, which find their hearer by a property: a closure an event and socket would cost an idle one a kilobyte.
 */
export function hear(socket: Socket, by: Hearer): void {
  const heard: Heard = socket
  heard[hearer] = by
  socket.push = onPush
  socket.on('end', onEnd)
  socket.on('error', onError)
  socket.on('close', onClose)
  if (socket.readableLength > 0 || socket.isPaused()) readOn(socket) // it waited for a place
}

/** Leaves the socket to somebody else, paused. */
export function leave(socket: Socket): void {
  const heard: Heard = socket
  heard[hearer] = undefined
  socket.pause()
  socket.push = push
  socket.push(nothing) // the stream believes that its last read is still under way
  socket.off('end', onEnd)
  socket.off('error', onError)
  socket.off('close', onClose)
}

const nothing = Buffer.alloc(0)

/** The hearer is not paused any more: it is given what has come meanwhile, and then what comes. */
export function readOn(socket: Socket): void {
  process.nextTick(giveWaiting, socket)
}

function giveWaiting(socket: Heard): void {
  while (socket[hearer]?.isPaused === false) {
    const bytes = socket.read() as Buffer | null
    if (bytes === null) {
      socket._read(0)
      return
    }
    socket[hearer].received(bytes)
  }
}

/** @returns whether to go on reading. */
function onPush(this: Heard, bytes: Buffer | null): boolean {
  const by = this[hearer]
  if (bytes === null || by === undefined || by.isPaused || this.readableLength > 0)
    return push.call(this, bytes)
  by.received(bytes)
  return !by.isPaused
}

function onEnd(this: Heard): void {
  this[hearer]?.ended()
}

function onError(this: Heard, error: Error): void {
  this[hearer]?.failed(error)
}

function onClose(this: Heard): void {
  this[hearer]?.closed()
}
