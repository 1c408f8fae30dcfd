import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Canceled, chan, FatalError, go, now, run, select, sleep, yieldNow } from 'sluice'
import { background, type Context, withTimeout } from 'sluice/context'
import { VirtualClock } from 'sluice/testing'

describe('run', () => {
  it('gives the value of a generator function, an async function and a plain one', async () => {
    const viaGoroutine = function* () {
      yield* yieldNow()
      return 1
    }
    expect(await run(viaGoroutine)).toBe(1)
    expect(await run(async () => 2)).toBe(2)
    expect(await run(() => 3)).toBe(3)
  })

  it('rejects with what the function throws, and the process goes on', async () => {
    const boom = new Error('boom')
    const failing = run(function* () {
      yield* yieldNow()
      throw boom
    })
    await expect(failing).rejects.toBe(boom)
  })

  it('gives a context that never ends', async () => {
    expect(await run((ctx) => ctx === background())).toBe(true)
  })

  it('ends its context with the signal, and leaves no listener on it', async () => {
    const controller = new AbortController()
    const running = run(
      function* (ctx) {
        using limited = withTimeout(ctx, 3_600_000)
        yield* limited.done()
        return limited.cause
      },
      { signal: controller.signal },
    )
    await run(() => yieldNow())
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
    controller.abort('the test is over')
    expect(await running).toBe('the test is over')
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })

  it('has an ended context where the signal has been aborted', async () => {
    const receive = (ctx: Context) => chan().recv().within(ctx)
    await expect(run(receive, { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(Canceled)
  })

  it('leaves running what it started', async () => {
    const ch = chan<string>()
    await run(() => {
      go(() => ch.send('still here'))
    })
    expect(await ch.recv()).toBe('still here')
  })

  it('gives the same interleaving for the same seed', async () => {
    const order = (seed: number) =>
      run(
        function* () {
          const seen: number[] = []
          const all = Array.from({ length: 20 }, (_, i) => go(() => seen.push(i)))
          for (const g of all) yield* g
          return seen.join()
        },
        { seed },
      )
    expect(await order(1)).toBe(await order(1))
    expect(await order(1)).not.toBe(await order(2))
  })

  it('lives in the time of the clock that it is given', async () => {
    const clock = new VirtualClock()
    const running = run(
      function* () {
        const started = now()
        yield* sleep(3_600_000)
        return now() - started
      },
      { clock },
    )
    await run(() => yieldNow())
    expect(clock.advance()).toBe(true)
    expect(await running).toBe(3_600_000)
  })

  it('takes the choice of a select from the random source that it is given', async () => {
    const choose = (drawn: number) =>
      run(
        function* () {
          const [a, b] = [chan<number>(1), chan<number>(1)]
          return (yield* select({ a: a.send(1), b: b.send(1) })).key
        },
        { random: { below: () => drawn } },
      )
    expect([await choose(0), await choose(1)]).toEqual(['a', 'b'])
  })

  it('tells onCrash of a failure that nobody joined', async () => {
    const boom = new Error('boom')
    const crashed = await new Promise((resolve) => {
      void run(() => void go(() => Promise.reject(boom)), { onCrash: resolve })
    })
    expect(crashed).toBe(boom)
  })

  it('tells onCrash of misuse that ends a process', async () => {
    const crashes: unknown[] = []
    const running = run(() => go(undefined as unknown as () => void), {
      onCrash: (error) => crashes.push(error),
    })
    await expect(running).rejects.toBeInstanceOf(FatalError)
    expect(crashes).toEqual([expect.any(FatalError)])
  })
})
