import { describe, expect, it } from 'vitest'
import { background } from '../../context/background.js'
import { withDeadline, withTimeout } from '../../context/deadline.js'
import { run } from '../../main.js'
import { VirtualClock } from '../../runtime/clock.js'
import { scheduler } from '../../runtime/scheduler.js'
import { now, sleep } from '../../runtime/sleep.js'
import { skewed } from './skewed-clock.js'

const hourMs = 3_600_000

describe('skewed', () => {
  it('moves the date, and no other time', () => {
    const clock = new VirtualClock()
    const wrong = skewed(clock, hourMs)
    const rings: number[] = []
    expect(wrong.epochNow()).toBe(clock.epochNow() + hourMs)
    expect(wrong.now()).toBe(0)
    wrong.arm(100, () => rings.push(clock.now()))
    clock.advance()
    expect(rings).toEqual([100])
    wrong.skewMs = -hourMs
    expect(wrong.epochNow()).toBe(clock.epochNow() - hourMs)
    expect(wrong.now()).toBe(100)
  })

  it('is seen by what reads the time through the scheduler, and not by Date', () => {
    const clock = skewed()
    return run(
      function* () {
        expect(scheduler().clock).toBe(clock)
        clock.skewMs = hourMs
        expect(Math.abs(now() - Date.now() - hourMs)).toBeLessThan(1000)
        const beganMs = clock.now()
        yield* sleep(5)
        expect(clock.now() - beganMs).toBeLessThan(hourMs / 2)
      },
      { clock },
    )
  })

  it('has dates of others come too early or too late, and leaves spans of time as they are', () => {
    const clock = skewed()
    return run(
      function* () {
        using early = withDeadline(background(), new Date(clock.epochNow() + 60_000))
        using own = withTimeout(background(), 60_000)
        clock.skewMs = hourMs
        using late = withDeadline(background(), new Date(clock.epochNow() - hourMs + 60_000))
        yield* sleep(1)
        expect(early.err).toBeUndefined() // its timer runs already
        expect(own.err).toBeUndefined()
        expect(late.err?.message).toMatch(/deadline exceeded/)
        using span = withTimeout(background(), 60_000)
        expect(span.err).toBeUndefined()
      },
      { clock },
    )
  })
})
