import { setImmediate as eventLoopTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  chan,
  go,
  type Leak,
  numGoroutine,
  onLeak,
  type RecvChan,
  type Routine,
  run,
  select,
  sleep,
  yieldNow,
} from 'sluice'
import { describeLeak } from './leaks.js'

function* receive(from: RecvChan<number>): Routine<void> {
  yield* from.recv()
}

/** Lets the garbage collector find what is lost, and tell. */
async function collect(): Promise<void> {
  for (let i = 0; i < 10; i++) {
    await eventLoopTurn()
    globalThis.gc?.()
  }
  await eventLoopTurn()
}

/** Starts goroutines whose channel nobody else has. */
const loseSome = (count: number) =>
  run(function* () {
    for (let i = 0; i < count; i++) go(receive, chan<number>())
    for (let i = 0; i < 3; i++) yield* yieldNow()
  })

describe('onLeak', () => {
  it('finds each goroutine that nothing can wake, and names its reason, function and line', async () => {
    const leaks: Leak[] = []
    const stop = onLeak((leak) => leaks.push(leak))
    await loseSome(100)
    await collect()
    stop()
    expect(leaks.length).toBe(100)
    expect(new Set(leaks.map(({ id }) => id)).size).toBe(100)
    expect(leaks[0]).toMatchObject({ waitReason: 'chan receive', name: 'receive' })
    expect(leaks[0]?.createdAt).toMatch(/leaks\.test\.ts:\d+:\d+\)$/)
  })

  it('takes no goroutine for leaked that something can still wake', async () => {
    const leaks: Leak[] = []
    const stop = onLeak((leak) => leaks.push(leak))
    const held = chan<number>()
    for (let i = 0; i < 50; i++) go(receive, held)
    const sleeper = go(function* () {
      yield* sleep(100_000)
    })
    const selecting = go(function* () {
      return yield* select({ lost: chan<number>().recv(), held: held.recv() })
    })
    await collect()
    stop()
    expect(leaks).toEqual([])
    held.close()
    sleeper.cancel()
    expect((await selecting).key).toBe('held')
  })

  it('gives what it waited for last, not first', async () => {
    const leaks: Leak[] = []
    const stop = onLeak((leak) => leaks.push(leak))
    await run(function* () {
      go(function* twoWaits() {
        yield* sleep(0.1)
        yield* yieldNow()
        yield* select({ a: chan().recv(), b: chan().recv() })
      })
      yield* sleep(5)
    })
    await collect()
    stop()
    expect(leaks.map(({ name, waitReason }) => [name, waitReason])).toEqual([['twoWaits', 'select']])
  })

  it('counts a leaked goroutine no longer', async () => {
    const stop = onLeak(() => {})
    const before = numGoroutine()
    await loseSome(10)
    expect(numGoroutine()).toBe(before + 10)
    await collect()
    stop()
    expect(numGoroutine()).toBe(before)
  })

  it('tells nobody who has stopped listening', async () => {
    const leaks: Leak[] = []
    onLeak((leak) => leaks.push(leak))()
    await loseSome(5)
    await collect()
    expect(leaks).toEqual([])
  })

  it('says nothing of goroutines that end', async () => {
    const leaks: Leak[] = []
    const stop = onLeak((leak) => leaks.push(leak))
    await run(function* () {
      const all = Array.from({ length: 100 }, () => go(() => sleep(0.1)))
      for (const g of all) yield* g
    })
    await collect()
    stop()
    expect(leaks).toEqual([])
  })
})

describe('describeLeak', () => {
  it('is in Go’s layout', () => {
    const leak = { id: 7, waitReason: 'chan receive', name: 'worker', createdAt: 'start (/app/main.ts:3:5)' }
    expect(describeLeak(leak)).toBe(
      'goroutine 7 [chan receive (leaked)]: worker, created by start (/app/main.ts:3:5)',
    )
    expect(describeLeak({ ...leak, createdAt: undefined })).toMatch(/created by \?$/)
  })
})
