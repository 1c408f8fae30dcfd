import type { Socket } from 'node:net'
import type { Linked } from '../runtime/wait-list.js'
import type { Expiring, TimerWheel } from './timer-wheel.js'

/**
 * Sockets that were accepted and wait for a place, in order of arrival: bounded in number and in time. They are paused, so
 * that what a peer sends meanwhile fills one read at most.
 */
export class WaitingRoom {
  private readonly waiting = new Set<Waiting>()

  /** @param refuse gets those whose time is over. */
  constructor(
    private readonly wheel: TimerWheel,
    private readonly limits: { readonly most: number; readonly timeoutMs: number },
    private readonly refuse: (socket: Socket) => void,
  ) {}

  get size(): number {
    return this.waiting.size
  }

  /** Lets a socket wait; false when the room is full. */
  enter(socket: Socket): boolean {
    if (this.waiting.size >= this.limits.most) return false
    const one = new Waiting(socket, (late) => {
      this.leave(late)
      this.refuse(socket)
    })
    this.waiting.add(one)
    this.wheel.set(one, this.limits.timeoutMs)
    socket.pause()
    socket.on('error', ignore)
    one.onClose = () => this.leave(one)
    socket.on('close', one.onClose)
    return true
  }

  /** The one that has waited longest. */
  next(): Socket | undefined {
    for (const one of this.waiting) {
      this.leave(one)
      return one.socket
    }
    return undefined
  }

  private leave(one: Waiting): void {
    this.waiting.delete(one)
    this.wheel.clear(one)
    one.socket.off('error', ignore)
    if (one.onClose !== undefined) one.socket.off('close', one.onClose)
  }
}

class Waiting implements Expiring {
  dueTick = 0
  wheelSlot = -1
  before: Linked | undefined = undefined
  after: Linked | undefined = undefined
  onClose: (() => void) | undefined = undefined

  constructor(
    readonly socket: Socket,
    private readonly late: (one: Waiting) => void,
  ) {}

  expired(): void {
    this.late(this)
  }
}

/** A peer that goes away before it had a place: nobody has begun anything for it. */
export function ignore(): void {}
