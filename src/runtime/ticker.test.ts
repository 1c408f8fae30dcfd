import { describe, expect, it } from 'vitest'
import { now, run, ticker } from 'sluice'
import type { Clock } from './clock.js'

/** A clock whose alarms ring late, as a busy host's do. */
class LateClock implements Clock {
  private nowMs = 0
  private alarm: { atMs: number; ring: () => void } | undefined

  constructor(private readonly lateMs: number) {}

  now(): number {
    return this.nowMs
  }
  epochNow(): number {
    return this.nowMs
  }
  arm(atMs: number, ring: () => void): void {
    this.alarm = atMs === Infinity ? undefined : { atMs, ring }
  }

  /** Rings the next alarm, late. */
  ringNext(): void {
    const { alarm } = this
    this.alarm = undefined
    if (alarm === undefined) return
    this.nowMs = alarm.atMs + this.lateMs
    alarm.ring()
  }
}

/** The times at which a ticker of 10 ms ticks on a clock that is late. */
async function ticks(lateMs: number, count: number): Promise<number[]> {
  const clock = new LateClock(lateMs)
  const seen: number[] = []
  const done = run(
    function* () {
      using t = ticker(10)
      while (seen.length < count) {
        yield* t.c.recv()
        seen.push(now())
      }
    },
    { clock },
  )
  while (seen.length < count) {
    for (let i = 0; i < 5; i++) await Promise.resolve()
    clock.ringNext()
  }
  await done
  return seen
}

describe('ticker', () => {
  it('TM8: ticks that come late do not move those after them', async () => {
    expect(await ticks(3, 5)).toEqual([13, 23, 33, 43, 53])
  })

  it('TM8: ticks that are missed altogether are left out, and the rhythm is kept', async () => {
    expect(await ticks(25, 3)).toEqual([35, 65, 95])
  })
})
