import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { procs, sharedChan, stopProcs, WorkerDied } from 'sluice/parallel'
import {
  double,
  echo,
  exit,
  exitAtGate,
  exitLater,
  exitWithCalls,
  fanOut,
  forgetRejection,
  receiveAll,
  spinUntil,
  tally,
  tallyTwice,
  throwInTimer,
  where,
} from '../../test/parallel/call-tasks.js'
import { numbers } from '../../test/parallel/thread-tasks.js'
import { allocate } from './heap.js'
import { thisProcessor } from './current.js'

beforeEach(() => {
  procs(3)
})
afterEach(() => stopProcs())

function counters(count: number): number {
  const { memory, machine } = thisProcessor()
  const at = allocate(memory, machine, count * 4)
  memory.words.fill(0, at, at + count)
  return at
}
const read = (at: number) => Atomics.load(thisProcessor().memory.words, at)
const open = (gate: number) => Atomics.store(thisProcessor().memory.words, gate, 1)
const slotsInUse = () => thisProcessor().calls.outstanding

async function until(isSo: () => boolean): Promise<void> {
  const untilMs = performance.now() + 8000
  while (!isSo()) {
    if (performance.now() > untilMs) throw new Error('it did not come about')
    await delay(1)
  }
}

function failureOf(call: PromiseLike<unknown>): PromiseLike<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('a worker that dies', () => {
  it.each([
    ['by process.exit', () => exit.on(1)(3), 'exit', 'it exited with code 3'],
    [
      'of an error that nobody catches',
      () => throwInTimer.on(1)(),
      'throwInTimer',
      'TypeError: nobody catches this',
    ],
    [
      'of a rejection that nobody handles',
      () => forgetRejection.on(1)(),
      'forgetRejection',
      'SyntaxError: nobody handles this',
    ],
  ])('%s fails the task that it ran, and is replaced', async (_, call, name, reason) => {
    const error = await failureOf(call())
    expect(error).toBeInstanceOf(WorkerDied)
    expect(error).toMatchObject({ code: 'ERR_SLUICE_WORKER_DIED', task: name, reason })
    expect(await where.on(1)()).toBe(1)
    expect(slotsInUse()).toBe(0)
  })

  it('leaves what was queued for it to the one that replaces it', async () => {
    const dies = failureOf(exit.on(1)(1))
    const values = await Promise.all(Array.from({ length: 300 }, (_, i) => double.on(1)(i)))
    expect(values).toEqual(Array.from({ length: 300 }, (_, i) => i * 2))
    expect(await dies).toBeInstanceOf(WorkerDied)
  })

  it('fails all that it ran, also what was waiting', async () => {
    const at = counters(1)
    const waiting = Array.from({ length: 5 }, () => failureOf(exitLater.on(2)(at, 60_000)))
    await until(() => read(at) === 5)
    expect(await failureOf(exit.on(2)(1))).toBeInstanceOf(WorkerDied)
    for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(WorkerDied)
    expect(slotsInUse()).toBe(0)
  })

  it('has idempotent tasks run again', async () => {
    const at = counters(1)
    // With one processor a task may run on the main thread; here there are two workers, so it waits for one.
    const gate = counters(2)
    const busy = spinUntil
      .on(2)(gate + 1, gate)
      .then(() => undefined)
    await until(() => read(gate + 1) === 1)
    expect(await tallyTwice.on(1)(at, 3)).toBe('done')
    expect(read(at)).toBe(4)
    open(gate)
    await busy
  })

  it('with calls of its own under way leaves the machine whole', { timeout: 20_000 }, async () => {
    procs(2)
    await until(() => read(0) === 2)
    for (const calls of [1, 100, 300, 2000]) {
      expect(await failureOf(exitWithCalls.on(1)(calls))).toBeInstanceOf(WorkerDied)
      const values = await Promise.all(Array.from({ length: 500 }, (_, i) => double(i)))
      expect(values).toEqual(Array.from({ length: 500 }, (_, i) => i * 2))
      expect(await fanOut.on(1)(2500, -1)).toBe(2499 * 2500)
    }
    const { memory } = thisProcessor()
    const queue = thisProcessor().all.queues[1]
    await until(() => queue?.looksEmpty === true)
    expect(memory.words[0]).toBe(2)
  })

  it('before a value that only a message can carry reached it does not keep its caller waiting', async () => {
    const gate = counters(2)
    const dies = failureOf(exitAtGate.on(1)(gate + 1, gate))
    await until(() => read(gate + 1) === 1)
    const shared = new SharedArrayBuffer(8)
    const call = echo
      .on(1)(shared)
      .then(
        (value) => (value as SharedArrayBuffer).byteLength,
        (error: unknown) => error,
      )
    open(gate)
    await dies
    const outcome = await call
    expect(outcome === 8 || outcome instanceof WorkerDied).toBe(true)
  })

  it('while its processor is being taken away fails what it ran all the same', async () => {
    const at = counters(1)
    const dies = failureOf(exitLater.on(2)(at, 100))
    await until(() => read(at) === 1)
    procs(2)
    expect(await dies).toBeInstanceOf(WorkerDied)
  })

  it('as a receiver of a channel leaves the values to others', { timeout: 20_000 }, async () => {
    for (const capacity of [0, 1, 4]) {
      const channel = sharedChan<number>(capacity)
      const first = failureOf(receiveAll.on(1)(channel))
      const second = receiveAll.on(2)(channel)
      const both = second.then((sum) => sum)
      await channel.send(1)
      await delay(30) // both wait now
      expect(await failureOf(exit.on(1)(1))).toBeInstanceOf(WorkerDied)
      expect(await first).toBeInstanceOf(WorkerDied)
      await channel.send(100)
      await channel.send(1000)
      channel.close()
      expect([1100, 1101]).toContain(await both)
    }
  })

  it('again and again does not use up slots or names', { timeout: 30_000 }, async () => {
    for (let i = 0; i < 12; i++) {
      await Promise.all([failureOf(exit.on(1)(1)), failureOf(exit.on(2)(2))])
      expect(await Promise.all([double.on(1)(i), double.on(2)(i)])).toEqual([i * 2, i * 2])
    }
    expect(slotsInUse()).toBe(0)
  })
})

describe('processors that are taken away', () => {
  it('end what they run, and what was meant for them is not forgotten', { timeout: 20_000 }, async () => {
    const gate = counters(2)
    const busy = spinUntil
      .on(2)(gate + 1, gate)
      .then(() => 'ended')
    await until(() => read(gate + 1) === 1)
    const queued = Promise.allSettled(Array.from({ length: 50 }, (_, i) => double.on(2)(i)))
    procs(2)
    open(gate)
    expect(await busy).toBe('ended')
    expect((await queued).length).toBe(50)
    procs(3)
    expect(await where.on(2)()).toBe(2)
  })

  it('come and go while tasks run', { timeout: 30_000 }, async () => {
    const total = 20_000
    const at = counters(total)
    const all = Promise.all(Array.from({ length: total }, (_, i) => tally(at, i, 0)))
    for (const count of [2, 1, 3, 1, 4, 2, 3]) {
      procs(count)
      await delay(20)
    }
    const values = await all
    expect(values.every((value, i) => value === i * 3)).toBe(true)
    for (let i = 0; i < total; i++)
      if (read(at + i) !== 1) throw new Error(`${i} was run ${read(at + i)} times`)
  })
})

describe('a hundred thousand tasks while workers die', () => {
  it('give their values, but for those that died', { timeout: 60_000 }, async () => {
    const seed = 20261121
    const random = numbers(seed)
    const total = 100_000
    const deaths = new Set(Array.from({ length: 12 }, () => random(total)))
    const at = counters(total)
    let failed = 0
    const wrong: string[] = []
    const call = async (i: number) => {
      const dies = deaths.has(i)
      const calls = dies ? tally.on(1 + (i % 2))(at, i, 6) : tally(at, i, 0)
      const outcome = await calls.then(
        (value) => value,
        (error: unknown) => error,
      )
      const runs = read(at + i)
      if (outcome instanceof WorkerDied) {
        failed++
        // A task is over at once, so that a worker runs one at a time: only those that end it fail, and each has begun.
        if (!dies || runs !== 1) wrong.push(`${i} failed after ${runs} runs`)
      } else if (dies || outcome !== i * 3 || runs !== 1) wrong.push(`${i}: ${String(outcome)}, ${runs} runs`)
    }
    for (let i = 0; i < total; ) {
      const batch: Promise<void>[] = []
      for (const until = Math.min(total, i + 4000); i < until; i++) batch.push(call(i))
      await Promise.all(batch)
    }
    expect(wrong.slice(0, 5)).toEqual([])
    expect(failed).toBe(deaths.size)
    expect(slotsInUse()).toBe(0)
  })
})
