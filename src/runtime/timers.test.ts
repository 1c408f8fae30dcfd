import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Clock } from './clock.js'
import { type Deadline, Timers } from './timers.js'

/** A clock that is set by hand and shows what is armed. */
class HandClock implements Clock {
  nowMs = 0
  armedMs = Infinity
  ring: () => void = () => {}

  now(): number {
    return this.nowMs
  }
  epochNow(): number {
    return this.nowMs
  }
  arm(atMs: number, ring: () => void): void {
    this.armedMs = atMs
    this.ring = ring
  }
}

class Alarm implements Deadline {
  heapIndex = -1
  sequence = 0

  constructor(
    readonly name: number,
    readonly atMs: number,
    private readonly onExpire: (alarm: Alarm) => void,
  ) {}

  expire(): void {
    this.onExpire(this)
  }
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('add'), fc.nat(50)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('remove'), fc.nat(30)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('pass'), fc.nat(20)) },
)

describe('Timers', () => {
  it('fire what a sorted list would, in its order, with an alarm that is never late', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const clock = new HandClock()
        const timers = new Timers(clock, () => {})
        const fired: number[] = []
        const list: Alarm[] = []
        for (const [i, [name, n]] of steps.entries()) {
          if (name === 'add') {
            const alarm = new Alarm(i, clock.nowMs + n, (each) => fired.push(each.name))
            timers.add(alarm)
            list.push(alarm)
          } else if (name === 'remove') {
            for (const alarm of list.splice(n, 1)) {
              expect(timers.remove(alarm)).toBe(true)
              expect(timers.remove(alarm)).toBe(false)
            }
          } else {
            clock.nowMs += n
            const due = list.filter((a) => a.atMs <= clock.nowMs).sort((a, b) => a.atMs - b.atMs)
            for (const alarm of due) list.splice(list.indexOf(alarm), 1)
            fired.length = 0
            timers.fire(clock.nowMs)
            expect(fired).toEqual(due.map((alarm) => alarm.name))
          }
          expect(timers.size).toBe(list.length)
          const earliestMs = Math.min(Infinity, ...list.map((a) => a.atMs))
          expect(clock.armedMs).toBeLessThanOrEqual(earliestMs)
          if (list.length === 0) expect(clock.armedMs).toBe(Infinity)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('an alarm that rings fires them and tells who asked to know', () => {
    const clock = new HandClock()
    const seen: string[] = []
    const timers = new Timers(clock, () => seen.push('onFired'))
    timers.add(new Alarm(0, 10, () => seen.push('expired')))
    clock.nowMs = clock.armedMs
    clock.ring()
    expect(seen).toEqual(['expired', 'onFired'])
  })

  it('one that is added while others fire, and is due, fires with them', () => {
    const clock = new HandClock()
    const timers = new Timers(clock, () => {})
    const fired: number[] = []
    timers.add(
      new Alarm(1, 10, () => {
        fired.push(1)
        timers.add(new Alarm(2, 10, () => fired.push(2)))
        timers.add(new Alarm(3, 11, () => fired.push(3)))
      }),
    )
    timers.fire(10)
    expect([fired, timers.size]).toEqual([[1, 2], 1])
    timers.fire(11)
    expect([fired, timers.size]).toEqual([[1, 2, 3], 0])
  })
})
