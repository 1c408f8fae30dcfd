import { describe, expect, it } from 'vitest'
import { chan, go, run, schedStats, sleep, wait, yieldNow } from 'sluice'
import { bubble, forSeeds } from 'sluice/testing'
import { later } from './host.js'

/** Keeps the thread busy for longer than a slice lasts. */
function burnSlice(): void {
  const until = performance.now() + 3
  while (performance.now() < until);
}

describe('under a seed', () => {
  /** Who ran when, after steps that are the last ones of their turns. */
  const trace = (seed: number, burns: boolean) =>
    bubble(
      function* () {
        for (let i = 0; i < 3; i++) {
          if (burns) burnSlice()
          yield* sleep(1)
        }
        const steps: string[] = []
        const step = function* (name: string) {
          for (let i = 0; i < 4; i++) {
            steps.push(name)
            yield* yieldNow()
          }
        }
        const all = ['a', 'b', 'c'].map((name) => go(step, name))
        for (const g of all) yield* g
        return steps.join(' ')
      },
      { seed },
    )

  it('how long a step takes does not change who runs next', () =>
    forSeeds(10, async (seed) => {
      const quick = await trace(seed, false)
      for (let i = 0; i < 3; i++) expect(await trace(seed, true)).toBe(quick)
    }))
})

describe('the scheduler', () => {
  it('lets a host timer ring while goroutines that are always ready go on', async () => {
    let rounds = 0
    let stop = false
    const ch = chan<number>()
    const pair = [
      go(function* () {
        while (!stop) yield* ch.send(rounds++)
        ch.close()
      }),
      go(function* () {
        while ((yield* ch.recv()) !== undefined);
      }),
    ]
    for (let rings = 0; rings < 3; rings++) {
      const before = rounds
      await new Promise<void>((resolve) => AbortSignal.timeout(2).addEventListener('abort', () => resolve()))
      expect(rounds).toBeGreaterThan(before)
    }
    stop = true
    for (const g of pair) await g
  })

  it('lets its own timers ring among goroutines that are always ready', () =>
    run(function* () {
      let stop = false
      const hogs = [1, 2].map(() =>
        go(function* () {
          while (!stop) yield* yieldNow()
        }),
      )
      for (let i = 0; i < 5; i++) yield* sleep(1)
      stop = true
      for (const g of hogs) yield* g
    }))

  it('does not let promises that settle at once hold up a timer of the host', async () => {
    let rounds = 0
    let stop = false
    const hog = go(async () => {
      while (!stop) {
        rounds++
        await go(function* () {
          yield* wait(Promise.resolve())
        })
      }
    })
    await new Promise<void>((resolve) => AbortSignal.timeout(3).addEventListener('abort', () => resolve()))
    expect(rounds).toBeGreaterThan(0)
    stop = true
    await hog
  })

  it('counts what it does', () =>
    run(
      function* () {
        const before = schedStats()
        const ch = chan<number>()
        const g = go(function* () {
          yield* ch.recv()
        })
        const sleeper = go(() => sleep(10_000))
        expect(schedStats()).toMatchObject({
          goroutines: before.goroutines + 2,
          started: before.started + 2,
          runnable: before.runnable + 2,
        })
        for (let i = 0; i < 3; i++) yield* yieldNow()
        expect(schedStats()).toMatchObject({ runnable: 0, timers: before.timers + 1 })
        sleeper.cancel()
        ch.close()
        yield* g
        expect((yield* sleeper.outcome()).error).toBeDefined()
        expect(schedStats()).toMatchObject({ goroutines: before.goroutines, timers: before.timers })
      },
      { onCrash: (error) => expect.unreachable(String(error)) },
    ))
})

describe('the event loop', () => {
  it('has its turn while one goroutine works for longer than a slice between its operations', async () => {
    let turns = 0
    let isCounting = true
    const count = () => {
      turns++
      if (isCounting) later(count)
    }
    count()
    const failures: unknown[] = []
    await run(
      function* () {
        for (let i = 0; i < 10; i++) {
          burnSlice()
          yield* yieldNow()
        }
      },
      { onCrash: (error) => failures.push(error) }, // a scheduler of its own, which has not grown used to short steps
    )
    expect(failures).toEqual([])
    isCounting = false
    expect(turns).toBeGreaterThan(2)
  })
})
