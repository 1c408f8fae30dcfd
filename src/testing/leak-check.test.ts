import { describe, expect, it } from 'vitest'
import { chan, go, type RecvChan, type Routine, run, wait, yieldNow } from 'sluice'
import { LeakError, leakCheck } from 'sluice/testing'

function* receive(from: RecvChan<number>): Routine<void> {
  yield* from.recv()
}

/** The error of a check, which must have found something. */
async function leaksOf(check: { done(): Promise<void> }): Promise<string> {
  const error = await check.done().then(
    () => undefined,
    (caught: unknown) => caught,
  )
  expect(error).toBeInstanceOf(LeakError)
  expect((error as LeakError).code).toBe('ERR_SLUICE_LEAK')
  return (error as LeakError).message
}

describe('leakCheck', () => {
  it('finds nothing where all goroutines end', async () => {
    const leaks = leakCheck()
    await run(function* () {
      const ch = chan<number>()
      const g = go(receive, ch)
      yield* ch.send(1)
      yield* g
    })
    await leaks.done()
  })

  it('gives those that can run the time to end', async () => {
    const leaks = leakCheck()
    let steps = 0
    go(function* () {
      for (; steps < 1000; steps++) yield* yieldNow()
    })
    await leaks.done()
    expect(steps).toBe(1000)
  })

  it('gives those that promises wake the time to end', async () => {
    const leaks = leakCheck()
    go(function* () {
      for (let i = 0; i < 5; i++) yield* wait(Promise.resolve())
    })
    await leaks.done()
  })

  it('names each one that is left, what it waits for and where it was started', async () => {
    const ch = chan<number>()
    const leaks = leakCheck()
    const g = go(receive, ch)
    go(receive, ch)
    const message = await leaksOf(leaks)
    expect(message).toContain('2 goroutines were left behind')
    expect(message).toMatch(new RegExp(`goroutine ${g.id} \\[chan receive\\]:\nreceive\\(\\.\\.\\.\\)`))
    expect(message).toMatch(/created by .*\n\t.*leak-check\.test\.ts:\d+:\d+/)
    ch.close()
  })

  it('names those that the garbage collector found parked for ever', async () => {
    const leaks = leakCheck()
    await run(function* () {
      go(receive, chan<number>()) // nobody else has the channel
      yield* yieldNow()
    })
    const message = await leaksOf(leaks)
    expect(message).toContain('1 goroutines were left behind')
    expect(message).toMatch(/goroutine \d+ \[chan receive( \(leaked\))?\]/)
  })

  it('names those of a run that has a scheduler of its own', async () => {
    const ch = chan<number>()
    const leaks = leakCheck()
    await run(
      function* () {
        go(receive, ch)
        yield* yieldNow()
      },
      { seed: 1 },
    )
    expect(await leaksOf(leaks)).toMatch(/goroutine \d+ \[chan receive\]:\nreceive/)
    ch.close()
  })

  it('names one that runs for ever, in place of waiting for it for ever', async () => {
    const leaks = leakCheck()
    const spinner = go(function* spin() {
      for (;;) yield* yieldNow()
    })
    expect(await leaksOf(leaks)).toMatch(/goroutine \d+ \[runnable\]:\nspin/)
    spinner.cancel()
  })

  it('leaves out those that were there before', async () => {
    const ch = chan<number>()
    go(receive, ch)
    await leakCheck().done()
    ch.close()
  })

  it('checks at the end of a block', async () => {
    const ch = chan<number>()
    const block = async () => {
      await using _leaks = leakCheck()
      go(receive, ch)
    }
    await expect(block()).rejects.toThrow('left behind')
    ch.close()
  })
})
