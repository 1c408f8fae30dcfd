import type { Clock } from './clock.js'
import type { Random } from './random.js'

/** Something with a deadline. It carries its own place in the heap, so that it leaves in O(log n). */
export interface Deadline {
  /** @internal When, in milliseconds of the scheduler's clock. */
  atMs: number
  /** @internal Place in the heap; -1 outside. */
  heapIndex: number
  /** @internal Decides among equal deadlines. */
  sequence: number
  /** @internal */
  expire(nowMs: number): void
}

/**
 * One heap of deadlines over one alarm of the clock. Equal deadlines fire in order of arrival, or in one drawn at random,
 * so that a test does not come to rely on it (as Go's synctest does). A heap of four
 * children a node, as Go's (runtime/time.go): half the depth, and siblings lie side by side.
 */
export class Timers {
  private readonly heap: Deadline[] = []
  private sequence = 0
  private armedMs = Infinity
  private firing = false

  /**
   * @param onFired called after deadlines have expired on the clock's own call.
   * @param order draws the order of equal deadlines.
   */
  constructor(
    private readonly clock: Clock,
    private readonly onFired: () => void,
    private readonly order?: Random,
  ) {}

  get size(): number {
    return this.heap.length
  }

  /** Adds a deadline that is not in the heap. */
  add(deadline: Deadline): void {
    deadline.sequence = this.order === undefined ? this.sequence++ : this.order.below(0x7fff_ffff)
    deadline.heapIndex = this.heap.length
    this.heap.push(deadline)
    this.up(deadline, deadline.heapIndex)
    if (deadline.heapIndex === 0) this.rearm()
  }

  /** Takes a deadline out again; false when it is not there (any more). */
  remove(deadline: Deadline): boolean {
    const index = deadline.heapIndex
    if (index < 0) return false
    deadline.heapIndex = -1
    const last = this.heap.pop()
    if (last !== undefined && last !== deadline) {
      this.up(last, index)
      if (last.heapIndex === index) this.down(last, index)
    }
    if (index === 0) this.rearm()
    return true
  }

  /** Expires every deadline that is due. */
  fire(nowMs: number): void {
    if (this.firing) return
    this.firing = true
    for (let next = this.heap[0]; next !== undefined && next.atMs <= nowMs; next = this.heap[0]) {
      this.remove(next)
      next.expire(nowMs)
    }
    this.firing = false
    this.rearm()
  }

  private rearm(): void {
    if (this.firing) return
    const atMs = this.heap[0]?.atMs ?? Infinity
    // An alarm that is armed too early costs less than arming it anew; one that nobody needs would keep the process.
    if (atMs >= this.armedMs && atMs !== Infinity) return
    if (atMs === this.armedMs) return
    this.armedMs = atMs
    this.clock.arm(atMs, this.ring)
  }

  private readonly ring = (): void => {
    this.armedMs = Infinity
    this.fire(this.clock.now())
    this.onFired()
  }

  private up(deadline: Deadline, from: number): void {
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 2
      const above = this.heap[parent] as Deadline
      if (!isBefore(deadline, above)) break
      this.place(above, index)
      index = parent
    }
    this.place(deadline, index)
  }

  private down(deadline: Deadline, from: number): void {
    let index = from
    for (;;) {
      const first = index * 4 + 1
      let least: Deadline | undefined
      for (let child = first; child < first + 4; child++) {
        const candidate = this.heap[child]
        if (candidate === undefined) break
        if (least === undefined || isBefore(candidate, least)) least = candidate
      }
      if (least === undefined || !isBefore(least, deadline)) break
      const hole = least.heapIndex
      this.place(least, index)
      index = hole
    }
    this.place(deadline, index)
  }

  private place(deadline: Deadline, index: number): void {
    this.heap[index] = deadline
    deadline.heapIndex = index
  }
}

function isBefore(a: Deadline, b: Deadline): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
}
