import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TestClock } from '../../test/net/test-clock.js'
import { type Clock, VirtualClock } from '../runtime/clock.js'
import { Scheduler } from '../runtime/scheduler.js'
import type { Linked } from '../runtime/wait-list.js'
import { type Expiring, TimerWheel } from './timer-wheel.js'

const tickMs = 100

class Limit implements Expiring {
  dueTick = 0
  wheelSlot = -1
  before: Linked | undefined = undefined
  after: Linked | undefined = undefined
  firedAtMs: number[] = []
  onExpired: () => void = () => {}

  constructor(
    readonly index: number,
    private readonly clock: Clock,
  ) {}

  expired(): void {
    this.firedAtMs.push(this.clock.now())
    this.onExpired()
  }
}

type Step =
  | ['set', number, number]
  | ['clear', number]
  | ['pass', number]
  | ['stall', number]
  | ['reset', number, number, number]

const limits = 6
const which = fc.nat(limits - 1)
// Short ones, ones beyond a turn of the wheel (51,200 ms), and those that hit the same slot again.
const ms = fc.oneof(fc.nat(500), fc.nat(120_000), fc.constantFrom(0, 100, 51_100, 51_200, 51_300, 102_400))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('set' as const), which, ms) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('clear' as const), which) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('pass' as const), ms) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('stall' as const), ms) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('reset' as const), which, which, ms) },
)

describe('TimerWheel', () => {
  it('fires what is due once, never early and a tick late at most, like a list that is looked through at every tick', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const clock = new TestClock()
        const wheel = new TimerWheel(new Scheduler({ clock }), tickMs)
        const entries = Array.from({ length: limits }, (_, i) => new Limit(i, clock))
        const dueMs = new Map<Limit, number>() // the naive twin
        const set = (entry: Limit, inMs: number) => {
          wheel.set(entry, inMs)
          dueMs.set(entry, clock.now() + inMs)
        }
        let stalledSince = 0
        const verifyFiring = (entry: Limit) => {
          const due = dueMs.get(entry) ?? Number.NaN
          expect(clock.now(), 'never early').toBeGreaterThanOrEqual(due)
          expect(Math.min(clock.now(), stalledSince), 'a tick late').toBeLessThanOrEqual(due + tickMs)
          dueMs.delete(entry)
        }
        for (const entry of entries) entry.onExpired = () => verifyFiring(entry)
        for (const each of steps) {
          const entry = entries[each[1]] as Limit
          stalledSince = Infinity
          if (each[0] === 'set') set(entry, each[2])
          else if (each[0] === 'clear') {
            wheel.clear(entry)
            dueMs.delete(entry)
          } else if (each[0] === 'pass') clock.pass(each[1])
          else if (each[0] === 'stall') {
            stalledSince = clock.now()
            clock.stall(each[1])
          } else {
            const other = entries[each[2]] as Limit
            entry.onExpired = () => {
              verifyFiring(entry)
              entry.onExpired = () => verifyFiring(entry)
              wheel.clear(other)
              dueMs.delete(other)
              set(other, each[3])
              set(entry, each[3])
            }
          }
          expect(wheel.size).toBe(dueMs.size)
          for (const due of dueMs.values()) expect(due + tickMs, 'fires').toBeGreaterThan(clock.now())
        }
        stalledSince = Infinity
        clock.pass(600_000)
        expect(dueMs.size).toBe(0)
        expect(wheel.size).toBe(0)
      }),
      { numRuns: 1000 },
    )
  })

  it('has no timer while nothing has a limit', () => {
    const clock = new VirtualClock()
    const on = new Scheduler({ clock })
    const wheel = new TimerWheel(on)
    const entry = new Limit(0, clock)
    wheel.set(entry, 1000)
    expect(on.stats().timers).toBe(1)
    wheel.clear(entry)
    expect(on.stats().timers).toBe(0)
    wheel.set(entry, 1000)
    wheel.set(entry, Infinity)
    expect(on.stats().timers).toBe(0)
    expect(clock.advance()).toBe(false)
  })

  it('leaves a limit that moves out where it is until its old time comes', () => {
    const clock = new VirtualClock()
    const wheel = new TimerWheel(new Scheduler({ clock }))
    const entry = new Limit(0, clock)
    wheel.set(entry, 1000)
    const slot = entry.wheelSlot
    wheel.set(entry, 5000)
    expect(entry.wheelSlot).toBe(slot)
    while (clock.now() < 1000) clock.advance()
    expect(entry.wheelSlot).not.toBe(slot)
    while (clock.advance());
    expect(entry.firedAtMs).toEqual([5000])
  })

  it('tells the others of a slot although one of them takes its neighbours out and in again', () => {
    const clock = new VirtualClock()
    const wheel = new TimerWheel(new Scheduler({ clock }))
    const [a, b, c] = [0, 1, 2].map((i) => new Limit(i, clock)) as [Limit, Limit, Limit]
    for (const each of [a, b, c]) wheel.set(each, 200)
    a.onExpired = () => {
      wheel.clear(b)
      wheel.set(b, 51_200) // the same slot, a turn later
    }
    while (clock.now() < 200) clock.advance()
    expect(c.firedAtMs).toEqual([200])
    while (clock.advance());
    expect(b.firedAtMs).toEqual([51_400])
  })
})
