import { type Chan, chan } from '../../runtime/chan.js'
import { spawn } from '../../runtime/go.js'
import type { GoFunction } from '../../runtime/origin.js'
import type { Scheduler } from '../../runtime/scheduler.js'
import type { Deadline } from '../../runtime/timers.js'
import type { FaultRule } from './fault-rule.js'
import { burnTime, HeldMemory } from './pressure.js'
import type { SkewedClock } from './skewed-clock.js'

/** Where a fault lives. */
export interface FaultHouse {
  /** Whose time it is that counts: rules may be switched from outside of the goroutines that they harm. */
  readonly on: Scheduler
  readonly wallClock: SkewedClock | undefined
  /** Called in a goroutine of its own when the time of a fault is over; it has to call `end`. */
  timeIsOver(fault: ActiveFault): void
}

/** A rule that was switched on: what it does to the thread, and when it is over. It is itself the timer of its end. */
export class ActiveFault implements Deadline {
  /** @internal */ readonly atMs: number
  /** @internal */ heapIndex: number
  /** @internal */ sequence: number
  /** Closed at the end: what waits for the fault goes on then. */
  readonly off: Chan<never>
  private readonly memory: HeldMemory | undefined
  private hasEnded: boolean

  /** Begins at once. */
  constructor(
    private readonly house: FaultHouse,
    readonly rule: FaultRule,
    readonly name: string,
  ) {
    const { on, wallClock } = house
    const { forMs, skewMs = 0, memoryMiB = 0, cpuLoad = 0 } = rule
    this.atMs = on.clock.now() + forMs
    this.heapIndex = -1
    this.sequence = 0
    this.off = chan()
    this.hasEnded = false
    on.timers.add(this)
    if (wallClock !== undefined) wallClock.skewMs += skewMs
    if (cpuLoad > 0) spawn(on, ActiveFault as unknown as GoFunction, burnTime, [cpuLoad, this.off])
    this.memory = memoryMiB > 0 ? new HeldMemory() : undefined
    const { memory, off } = this
    if (memory !== undefined)
      spawn(on, ActiveFault as unknown as GoFunction, () => memory.take(memoryMiB, off), [])
  }

  /** Calls see the end at its very moment, however late the timer is. */
  get isOn(): boolean {
    return !this.hasEnded && this.house.on.clock.now() < this.atMs
  }

  get heldMiB(): number {
    return this.memory?.heldMiB ?? 0
  }

  /** Lets go of all that it has; false if it has done so already. */
  end(): boolean {
    if (this.hasEnded) return false
    this.hasEnded = true
    const { on, wallClock } = this.house
    on.timers.remove(this)
    this.off.close()
    this.memory?.letGo()
    if (wallClock !== undefined) wallClock.skewMs -= this.rule.skewMs ?? 0
    return true
  }

  // Who is told of the end may do anything, which no timer may.
  /** @internal */
  expire(): void {
    const { on } = this.house
    spawn(on, ActiveFault as unknown as GoFunction, () => this.house.timeIsOver(this), [])
  }
}
