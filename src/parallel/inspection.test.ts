import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dump, go, run, schedStats, sleep } from 'sluice'
import { onStall, procs, type Stall, stopProcs } from 'sluice/parallel'
import { burn, slow } from '../../test/parallel/tasks.js'

beforeAll(() => {
  procs(2)
})
afterAll(() => stopProcs())

describe('schedStats', () => {
  it('covers all processors', () =>
    run(function* () {
      yield* slow.on(1)(1)
      const { gomaxprocs, processors } = schedStats()
      expect(gomaxprocs).toBe(2)
      expect(processors.map(({ id }) => id)).toEqual([0, 1])
      expect(processors[1]?.taken).toBeGreaterThan(0)
      expect(processors[1]?.worker).toBeGreaterThan(1)
    }))
})

describe('dump', () => {
  it('covers the goroutines of all threads', () =>
    run(function* () {
      const g = go(slow.on(1), 1000)
      let text = ''
      // The thread may have to start first.
      while (!text.includes('[sleep]') && g.state !== 'dead') {
        yield* sleep(10)
        text = dump()
      }
      yield* g
      expect(text).toContain('[task]')
      expect(text).toMatch(/processor 1:\n\ngoroutine \d+ \[sleep\]:[\s\S]*tasks\.ts/)
    }))

  it('says what a thread does that cannot answer', () =>
    run(function* () {
      const g = go(burn.on(1), 600)
      yield* sleep(100)
      expect(dump()).toContain('processor 1:\n\nit is busy and did not answer (task burn)')
      yield* g
    }))
})

describe('onStall', () => {
  it('tells of a task that keeps its thread, with its name and its stack, once it is over', () =>
    run(function* () {
      const stalls: Stall[] = []
      const stop = onStall((stall) => stalls.push(stall))
      const before = schedStats().stalls
      // On a busy machine the monitor's thread may get no time to take a stack.
      const isTold = () => stalls.some(({ task, stack }) => task === 'burn' && stack !== undefined)
      for (let round = 0; round < 10 && !isTold(); round++) {
        yield* burn.on(1)(300)
        for (let i = 0; i < 20 && !isTold(); i++) yield* sleep(10)
      }
      stop()
      const stall = stalls.find(({ task, stack }) => task === 'burn' && stack !== undefined)
      expect(stall).toMatchObject({ processor: 1, goroutine: undefined, ongoing: false })
      expect(stall?.durationMs).toBeGreaterThan(100)
      expect(stall?.stack).toContain('tasks.ts')
      expect(schedStats().stalls).toBeGreaterThan(before)
    }))
})
