import type { Scheduler } from '../runtime/scheduler.js'
import type { Deadline } from '../runtime/timers.js'
import type { Member } from './connection-manager.js'

/** Passes over all connections within one idle timeout: how exact it is, to an eighth of it. */
const passes = 8
/** A pass is made in so many steps, so that no turn looks at all connections. */
const steps = 64
/** Steps do not follow each other faster than this. */
const leastStepMs = 10

/**
 * Finds connections over which nothing goes, without a timer for each and without work for each read: a pass over the list
 * compares how often bytes came and went with what it was at the pass before.
 */
export class IdleSweep<M extends Member> implements Deadline {
  atMs = 0
  heapIndex = -1
  sequence = 0
  idleClosed = 0
  private readonly stepMs: number
  private readonly stepsAPass: number
  private readonly originMs: number
  /** What times are counted in: fine enough for the timeout, and coarse enough that it does not go round before. */
  private readonly unitMs: number
  private readonly idleUnits: number
  /** The next one to look at is before this place. Backwards, since a place that becomes free is taken by the last one. */
  private cursor = 0

  constructor(
    private readonly on: Scheduler,
    private readonly members: readonly M[],
    private readonly idleTimeoutMs: number,
  ) {
    const passMs = idleTimeoutMs / passes
    this.stepMs = Math.max(leastStepMs, passMs / steps)
    this.stepsAPass = Math.max(1, Math.round(passMs / this.stepMs))
    this.originMs = on.clock.now()
    this.unitMs = Math.max(1, idleTimeoutMs / 1024)
    this.idleUnits = Math.ceil(idleTimeoutMs / this.unitMs)
  }

  /** A member is new. */
  entered({ connection }: M): void {
    if (this.idleTimeoutMs === Infinity) return
    connection.seenAt = this.now()
    if (this.heapIndex < 0) this.arm()
  }

  /** No member is left. */
  stop(): void {
    this.on.timers.remove(this)
  }

  /** @internal The next step. */
  expire(): void {
    const { members } = this
    if (members.length === 0) return
    if (this.cursor <= 0) this.cursor = members.length
    const now = this.now()
    const end = Math.max(0, this.cursor - Math.ceil(members.length / this.stepsAPass))
    while (this.cursor > end) {
      this.cursor--
      const member = members[this.cursor]
      if (member !== undefined) this.look(member, now)
    }
    this.arm()
  }

  private look(member: M, now: number): void {
    const { connection } = member
    const activity = connection.reads + connection.writes
    if (activity !== connection.seenActivity) {
      connection.seenActivity = activity
      connection.seenAt = now
    } else if (((now - connection.seenAt) | 0) > this.idleUnits && !connection.isClosed) {
      this.idleClosed++
      connection.seenAt = now
      member.idled()
    }
  }

  // A whole number of 32 bits, which goes round: any other would cost each connection an object more.
  private now(): number {
    return ((this.on.clock.now() - this.originMs) / this.unitMs) | 0
  }

  private arm(): void {
    this.atMs = this.on.clock.now() + this.stepMs
    this.on.timers.add(this)
  }
}
