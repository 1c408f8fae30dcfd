import { afterAll, describe, expect, it } from 'vitest'
import { ArgumentError, go, run } from 'sluice'
import { limitWorkers, procs, stopProcs, WorkerDied } from 'sluice/parallel'
import { add } from '../../test/parallel/tasks.js'
import { hoard } from '../../test/parallel/ctx-tasks.js'

afterAll(() => stopProcs())

describe('procs', () => {
  it('tells and sets how many processors there are', () => {
    const before = procs()
    expect(procs(3)).toBe(before)
    expect(procs()).toBe(3)
    procs(before)
  })

  it('refuses what is no number of processors', () => {
    for (const count of [0, -1, 1.5, 65, Number.NaN]) expect(() => procs(count)).toThrow(ArgumentError)
  })
})

describe('limitWorkers', () => {
  it('refuses what is no size', () => {
    expect(() => limitWorkers({ maxOldGenerationSizeMb: 0 })).toThrow('maxOldGenerationSizeMb')
  })

  it('has a worker that exceeds it die alone: its task fails, the others give their values', async () => {
    procs(2)
    limitWorkers({ maxOldGenerationSizeMb: 40 })
    await run(function* () {
      const adding = Array.from({ length: 2000 }, (_, i) => go(add, i, 1))
      const failed = yield* go(hoard.on(1)).outcome()
      expect(failed.error).toBeInstanceOf(WorkerDied)
      expect((failed.error as WorkerDied).reason).toContain('out of memory')
      for (const [i, g] of adding.entries()) expect(yield* g).toBe(i + 1)
      expect(yield* add.on(1)(2, 3)).toBe(5)
    })
    limitWorkers({})
  }, 60_000)
})
