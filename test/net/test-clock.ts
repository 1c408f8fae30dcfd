import type { Clock } from '../../src/runtime/clock.js'

/** A clock that a test moves: alarms ring on time, or late where the event loop is held up. */
export class TestClock implements Clock {
  private nowMs = 0
  private alarm: { atMs: number; ring: () => void } | undefined = undefined

  now(): number {
    return this.nowMs
  }

  epochNow(): number {
    return this.nowMs
  }

  arm(atMs: number, ring: () => void): void {
    this.alarm = atMs === Infinity ? undefined : { atMs, ring }
  }

  /** Goes on by `ms`, and rings what is due on the way when it is due. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms
    for (let { alarm } = this; alarm !== undefined && alarm.atMs <= untilMs; alarm = this.alarm) {
      this.alarm = undefined
      this.nowMs = Math.max(this.nowMs, alarm.atMs)
      alarm.ring()
    }
    this.nowMs = untilMs
  }

  /** Goes on by `ms`, and rings what is due only then. */
  stall(ms: number): void {
    this.nowMs += ms
    this.pass(0)
  }
}
