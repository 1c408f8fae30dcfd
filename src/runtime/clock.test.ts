import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { run, sleep } from 'sluice'
import { HostClock, VirtualClock } from './clock.js'

describe('HostClock', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const armed = (clock: HostClock, atMs: number) => {
    const rings: number[] = []
    clock.arm(atMs, () => rings.push(clock.now()))
    return rings
  }

  it('TM5: reaches a moment past 2^31 ms in steps, and rings once, then', () => {
    const delays = vi.spyOn(globalThis, 'setTimeout')
    const clock = new HostClock()
    const atMs = clock.now() + 2 ** 32
    const rings = armed(clock, atMs)
    vi.advanceTimersByTime(2 ** 31 - 1)
    expect(rings).toEqual([])
    vi.advanceTimersByTime(2 ** 31)
    expect(rings).toEqual([])
    vi.advanceTimersByTime(2)
    expect(rings.length).toBe(1)
    expect(rings[0]).toBeGreaterThanOrEqual(atMs)
    expect(Math.max(...delays.mock.calls.map(([, ms]) => ms ?? 0))).toBe(2 ** 31 - 1)
  })

  it('TM1: does not ring early where the host’s timer does', () => {
    const clock = new HostClock()
    const atMs = clock.now() + 10.4
    const rings = armed(clock, atMs)
    vi.advanceTimersByTime(10)
    expect(rings).toEqual([])
    vi.advanceTimersByTime(1)
    expect(rings.length).toBe(1)
  })

  it('has one alarm: arming again takes the place of the one before, Infinity of any', () => {
    const clock = new HostClock()
    const first = armed(clock, clock.now() + 5)
    const second = armed(clock, clock.now() + 10)
    vi.advanceTimersByTime(20)
    expect([first.length, second.length]).toEqual([0, 1])
    const third = armed(clock, clock.now() + 5)
    armed(clock, Infinity)
    vi.advanceTimersByTime(20)
    expect([third.length, vi.getTimerCount()]).toEqual([0, 0])
  })

  it('TM5: a sleep past 2^31 ms is not taken for one of 1 ms', async () => {
    let woken = false
    const sleeping = run(
      function* () {
        yield* sleep(2 ** 31 + 5)
        woken = true
      },
      { clock: new HostClock() },
    )
    await Promise.resolve()
    await vi.advanceTimersByTimeAsync(2 ** 31)
    expect(woken).toBe(false)
    await vi.advanceTimersByTimeAsync(6)
    await sleeping
    expect(woken).toBe(true)
  })
})

describe('VirtualClock', () => {
  it('moves to its alarm only when told, and not at all without one', () => {
    const clock = new VirtualClock()
    let rings = 0
    expect(clock.advance()).toBe(false)
    clock.arm(50, () => rings++)
    expect([clock.now(), rings]).toEqual([0, 0])
    expect(clock.advance()).toBe(true)
    expect([clock.now(), rings, clock.advance()]).toEqual([50, 1, false])
    expect(clock.epochNow()).toBe(Date.UTC(2000, 0, 1) + 50)
  })

  it('never runs backwards, and forgets an alarm that is disarmed', () => {
    const clock = new VirtualClock()
    clock.arm(50, () => {})
    clock.advance()
    clock.arm(10, () => {})
    clock.advance()
    expect(clock.now()).toBe(50)
    clock.arm(60, () => {})
    clock.arm(Infinity, () => {})
    expect(clock.advance()).toBe(false)
  })
})
