import { afterEach, describe, expect, it, vi } from 'vitest'
import { chan, go, run, yieldNow } from 'sluice'
import { forSeeds, SeedError } from 'sluice/testing'

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('forSeeds', () => {
  it('runs the body under as many seeds, one after the other', async () => {
    const seeds: number[] = []
    let active = 0
    await forSeeds(5, async (seed) => {
      expect(++active).toBe(1)
      seeds.push(seed)
      await Promise.resolve()
      active--
    })
    expect(seeds).toEqual([1, 2, 3, 4, 5])
  })

  it('says which seed fails, how to repeat it, and why', async () => {
    const boom = new Error('boom')
    const failing = forSeeds(10, (seed) => {
      if (seed === 7) throw boom
    })
    const error = (await failing.catch((caught: unknown) => caught)) as SeedError
    expect(error).toBeInstanceOf(SeedError)
    expect([error.code, error.seed, error.cause]).toEqual(['ERR_SLUICE_SEED', 7, boom])
    expect(error.message).toBe('failed with seed 7 (SLUICE_SEED=7 repeats it alone): Error: boom')
  })

  it('SLUICE_SEED runs that seed alone', async () => {
    vi.stubEnv('SLUICE_SEED', '123')
    const seeds: number[] = []
    await forSeeds(5, (seed) => seeds.push(seed))
    expect(seeds).toEqual([123])
  })

  it('finds the interleaving that breaks a program', async () => {
    // Right only if the first to start is the first to send.
    const body = function* () {
      const ch = chan<string>(2)
      for (const name of ['a', 'b']) {
        go(function* () {
          yield* yieldNow()
          yield* ch.send(name)
        })
      }
      expect(yield* ch.recv()).toBe('a')
    }
    await expect(forSeeds(100, (seed) => run(body, { seed }))).rejects.toThrow(SeedError)
  })
})
