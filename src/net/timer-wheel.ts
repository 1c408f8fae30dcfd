import type { Scheduler } from '../runtime/scheduler.js'
import type { Deadline } from '../runtime/timers.js'
import { type Linked, WaitList } from '../runtime/wait-list.js'

/** What has a time limit. It is itself the node in the list of its slot, so that a limit costs no object. */
export interface Expiring extends Linked {
  /** @internal The tick it expires at; 0 without a limit. */
  dueTick: number
  /** @internal Place of the list it is in; -1 outside. */
  wheelSlot: number
  /** @internal Its time is over. Called once for each `set`. */
  expired(): void
}

const slots = 512

/**
 * Time limits of many things over one timer: a limit is set, moved and lifted in O(1), and fires up to one tick late,
 * never early. A limit that moves out, as one does with every request, stays where it is in the wheel and is looked at
 * again when its old slot comes round.
 *
 * Source: G. Varghese, A. Lauck, "Hashed and hierarchical timing wheels", 1987, scheme 6.
 */
export class TimerWheel implements Deadline {
  atMs = 0
  heapIndex = -1
  sequence = 0
  private readonly lists: WaitList<Expiring>[] = Array.from({ length: slots }, () => new WaitList())
  private readonly originMs: number
  private tick = 0
  private count = 0
  /** The entry that is looked at next while a slot is turned: what expires may take it, or any other, out of its list. */
  private upcoming: Expiring | undefined = undefined

  /** @param tickMs how coarse the limits are, in milliseconds. */
  constructor(
    readonly on: Scheduler,
    private readonly tickMs = 100,
  ) {
    this.originMs = on.clock.now()
  }

  /** How many have a limit. */
  get size(): number {
    return this.count
  }

  /** Limits `entry` to `ms` from now, whatever its limit was before; `Infinity` lifts it. */
  set(entry: Expiring, ms: number): void {
    if (ms === Infinity) {
      this.clear(entry)
      return
    }
    const sinceMs = this.on.clock.now() - this.originMs
    // While nobody had a limit the wheel stood still.
    if (this.count === 0) this.tick = Math.floor(sinceMs / this.tickMs)
    // This tick has had its turn already: the next one is the first that can be told.
    const due = Math.max(this.tick + 1, Math.ceil((sinceMs + ms) / this.tickMs))
    const isLater = entry.wheelSlot !== -1 && due >= entry.dueTick
    entry.dueTick = due
    if (isLater) return
    this.unlink(entry)
    this.link(entry)
    if (this.heapIndex < 0) this.arm()
  }

  /** Lifts the limit of `entry`. */
  clear(entry: Expiring): void {
    entry.dueTick = 0
    this.unlink(entry)
    if (this.count === 0) this.on.timers.remove(this)
  }

  /** @internal The next tick has come. */
  expire(nowMs: number): void {
    const now = Math.floor((nowMs - this.originMs) / this.tickMs)
    // After a long stall each slot is looked at once.
    const first = Math.max(this.tick + 1, now - slots + 1)
    this.tick = now
    for (let tick = first; tick <= now; tick++) this.turn(tick % slots)
    if (this.count > 0 && this.heapIndex < 0) this.arm()
  }

  private turn(slot: number): void {
    for (let entry = this.lists[slot]?.first; entry !== undefined; entry = this.upcoming) {
      this.upcoming = entry.after as Expiring | undefined // a slot links only what expires
      if (entry.dueTick <= this.tick) {
        this.unlink(entry)
        entry.dueTick = 0
        entry.expired()
      } else if (entry.dueTick % slots !== slot) {
        this.unlink(entry)
        this.link(entry)
      }
    }
    this.upcoming = undefined
  }

  private arm(): void {
    this.atMs = this.originMs + (this.tick + 1) * this.tickMs
    this.on.timers.add(this)
  }

  private link(entry: Expiring): void {
    const slot = entry.dueTick % slots
    entry.wheelSlot = slot
    this.lists[slot]?.push(entry)
    this.count++
  }

  private unlink(entry: Expiring): void {
    if (entry.wheelSlot === -1) return
    if (entry === this.upcoming) this.upcoming = entry.after as Expiring | undefined
    this.lists[entry.wheelSlot]?.remove(entry)
    entry.wheelSlot = -1
    this.count--
  }
}
