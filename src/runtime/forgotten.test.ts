import { setImmediate as eventLoopTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Chan, chan, run, select } from 'sluice'
import { suspected, watchForgotten } from './forgotten.js'

/** What was written to standard error. */
const written: string[] = []

beforeEach(() => {
  written.length = 0
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text))
    return true
  })
  watchForgotten(Infinity)
})

afterEach(() => {
  vi.restoreAllMocks()
})

async function collect(): Promise<void> {
  for (let i = 0; i < 10; i++) {
    await eventLoopTurn()
    globalThis.gc?.()
  }
  await eventLoopTurn()
}

const warnings = () => written.filter((text) => text.startsWith('warning: '))

describe('watchForgotten', () => {
  it('warns of an operation that was made and never started, with its line', async () => {
    const forget = (ch: Chan<number>) => void ch.send(1)
    forget(chan<number>())
    await collect()
    expect(warnings().length).toBe(1)
    expect(warnings()[0]).toMatch(
      /^warning: an operation \(chan send\) was made and never started: is `yield\*` missing at forget \(.*forgotten\.test\.ts:\d+:\d+\)\?\n$/,
    )
  })

  it('lists those under suspicion, for the report of a deadlock', async () => {
    const ch = chan<number>()
    const held = ch.recv()
    expect(suspected().filter((line) => line.includes('chan receive'))).toHaveLength(1)
    ch.close()
    await held
    expect(suspected().filter((line) => line.includes('chan receive'))).toEqual([])
  })

  it('does not warn of one that is kept for later, and used', async () => {
    await (async () => {
      const ch = chan<number>(1)
      const later = ch.send(1)
      await eventLoopTurn()
      await later
    })()
    await collect()
    expect(warnings()).toEqual([])
  })

  it('does not warn of the case of a select that chose another one', async () => {
    const select20 = async () => {
      // Of two cases that are drawn at random, one that is drawn second is never attempted.
      for (let i = 0; i < 20; i++) {
        const kept = chan<number>().recv()
        await eventLoopTurn()
        const busy = chan<number>(1)
        busy.trySend(1)
        await select({ kept, busy: busy.recv() })
      }
    }
    await select20()
    await collect()
    expect(warnings()).toEqual([])
  })

  it('does not warn where everything is started', async () => {
    await run(function* () {
      const ch = chan<number>(1)
      yield* ch.send(1)
      yield* ch.recv()
    })
    await collect()
    expect(warnings()).toEqual([])
  })
})
