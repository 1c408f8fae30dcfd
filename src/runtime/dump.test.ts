import { describe, expect, it } from 'vitest'
import { chan, dump, go, goroutines, numGoroutine, type Routine, run, select, sleep, yieldNow } from 'sluice'
import { background, withCancel } from 'sluice/context'
import { bubble } from 'sluice/testing'

/** The part of a dump that is about one goroutine. */
function entryOf(g: { readonly id: number }): string {
  return (
    dump()
      .split('\n\n')
      .find((entry) => entry.startsWith(`goroutine ${g.id} [`)) ?? ''
  )
}

const here = /\n\t.*dump\.test\.ts:\d+:\d+/

describe('dump', () => {
  it('shows the whole nested stack of a parked goroutine, innermost first, by file and line', () =>
    run(function* () {
      const ch = chan<number>()
      function* inner(): Routine<void> {
        yield* ch.recv()
      }
      function* middle(): Routine<void> {
        yield* inner()
      }
      const g = go(function* outer() {
        yield* middle()
      })
      yield* yieldNow()
      const entry = entryOf(g)
      const functions = entry.split('\n').filter((line) => line.endsWith('(...)'))
      expect(functions).toEqual(['inner(...)', 'middle(...)', 'outer(...)'])
      expect(entry.match(/dump\.test\.ts:\d+:\d+/g)?.length).toBe(4) // and that of its go
      expect(entry).toMatch(/^goroutine \d+ \[chan receive\]:\n/)
      ch.close()
    }))

  it('names who started it, and where', () =>
    run(function* starter() {
      const ch = chan<number>()
      const g = go(function* () {
        yield* ch.recv()
      })
      const root = goroutines().find((each) => each.state === 'running')
      yield* yieldNow()
      expect(entryOf(g)).toMatch(
        new RegExp(`\ncreated by starter in goroutine ${root?.id}\n\t.*dump\\.test\\.ts:`),
      )
      ch.close()
    }))

  it('shows one that has not started by its function, and one that runs by its state', () =>
    run(function* caller() {
      const g = go(function* newcomer() {
        yield* yieldNow()
      })
      expect(entryOf(g)).toMatch(/^goroutine \d+ \[runnable\]:\nnewcomer\(\.\.\.\)\n\t.*dump\.test\.ts:\d+/)
      const running = goroutines().find((each) => each.state === 'running') as { id: number }
      expect(entryOf(running)).toMatch(/^goroutine \d+ \[running\]:\n(.*\n)*caller\(\.\.\.\)\n/)
    }))

  it('has every goroutine that is alive, once', () =>
    run(function* () {
      const ch = chan<number>()
      const some = Array.from({ length: 50 }, () =>
        go(function* () {
          yield* ch.recv()
        }),
      )
      for (let turns = 0; turns < 3; turns++) {
        const ids = [...dump().matchAll(/^goroutine (\d+) \[/gm)].map(([, id]) => Number(id))
        expect(ids.length).toBe(numGoroutine())
        expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
        for (const g of some) expect(ids).toContain(g.id)
        yield* yieldNow()
      }
      ch.close()
    }))

  it('tells what each waits for', () =>
    run(function* () {
      const ch = chan<number>()
      const ctx = withCancel(background())
      const waiting: Record<string, () => Routine<unknown>> = {
        *'chan receive'() {
          yield* ch.recv()
        },
        *select() {
          yield* select({ a: ch.recv(), b: ch.next() })
        },
        *sleep() {
          yield* sleep(Infinity)
        },
        *'select (no cases)'() {
          yield* select({})
        },
        *'goroutine join'() {
          yield* go(() => sleep(Infinity)).within(ctx)
        },
      }
      const all = Object.entries(waiting).map(([reason, fn]) => ({ reason, g: go(fn) }))
      for (let i = 0; i < 3; i++) yield* yieldNow()
      for (const { reason, g } of all) expect(entryOf(g)).toMatch(`goroutine ${g.id} [${reason}]:\n`)
      for (const { g } of all) g.cancel()
      ctx.cancel()
    }))

  it('disturbs nobody: not those that wait, nor those that were woken, nor those that gave up their turn', async () => {
    const steps: number[] = []
    await bubble(
      function* () {
        const ch = chan<number>(3)
        let done = false
        go(function* producer() {
          for (let i = 0; i < 200; i++) yield* ch.send(i)
          ch.close()
        })
        const spy = go(function* () {
          while (!done) {
            expect(dump()).toContain('goroutine ')
            yield* yieldNow()
          }
        })
        for (let v = yield* ch.recv(); v !== undefined; v = yield* ch.recv()) {
          steps.push(v)
          if (v % 10 === 0) yield* yieldNow()
        }
        done = true
        yield* spy
      },
      { seed: 3 }, // gives up turns before operations
    )
    expect(steps).toEqual(Array.from({ length: 200 }, (_, i) => i))
  })

  it('from outside, shows one that gave up its turn, which goes on after it', async () => {
    let stop = false
    const ch = chan<number>(1)
    const hog = go(function* hog() {
      while (!stop) {
        yield* ch.send(1)
        yield* ch.recv()
      }
      return 'unharmed'
    })
    await new Promise<void>((resolve) => AbortSignal.timeout(5).addEventListener('abort', () => resolve()))
    expect(hog.state).toBe('runnable')
    expect(entryOf(hog)).toMatch(/^goroutine \d+ \[runnable\]:\nhog\(\.\.\.\)/)
    expect(entryOf(hog)).toMatch(here)
    stop = true
    expect(await hog).toBe('unharmed')
  })

  it('leaves out the frames of the library itself', () =>
    run(function* () {
      const ch = chan<number>()
      const g = go(function* () {
        yield* select({ r: ch.recv() })
      })
      yield* yieldNow()
      expect(entryOf(g)).not.toMatch(/runtime\/(select|operation|scheduler)\.ts/)
      ch.close()
    }))
})
