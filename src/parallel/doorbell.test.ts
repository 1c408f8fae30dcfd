import { describe, expect, it } from 'vitest'
import { control, onThreads } from '../../test/parallel/thread-tasks.js'
import { awake, Doorbell, parked, polling, quiet } from './doorbell.js'
import { createMemory, proc, procAt } from './layout.js'

const sleeps = 100_000

/** Brings work `count` times, each after the last was done, and rings each time. */
function bring(memory: ReturnType<typeof createMemory>, words: Int32Array, count: number): void {
  const bell = new Doorbell(memory, 1)
  for (let i = 1; i <= count; i++) {
    Atomics.store(words, control.cell, i)
    bell.ring()
    // Some sleepers are caught as they lie down, some when they sleep already.
    for (let spin = 0; spin < i % 300 && Atomics.load(words, control.cell + 1) !== i; spin++);
    if (Atomics.load(words, control.cell + 1) === i) continue
    if (Atomics.wait(words, control.cell + 1, i - 1, 5000) === 'timed-out')
      throw new Error(`wake ${i} was lost`)
  }
}

describe('a doorbell', () => {
  it('ends a sleep once, by whoever is first', () => {
    const memory = createMemory()
    const bell = new Doorbell(memory, 1)
    expect(bell.lieDown(parked, () => false)).toBe(false)
    expect([bell.sleeps, bell.isFree, bell.ringForWork(), bell.ringForWork()]).toEqual([
      true,
      true,
      true,
      false,
    ])
    expect(memory.words[procAt(1) + proc.state]).toBe(polling)
    expect([bell.sleeps, bell.isPolling]).toEqual([false, true])
    bell.isPolling = false
    expect([bell.isFree, memory.words[procAt(1) + proc.state]]).toEqual([false, awake])
  })

  it('does not let lie down who finds work then', () => {
    const bell = new Doorbell(createMemory(), 1)
    expect(bell.lieDown(quiet, () => true)).toBe(true)
    expect(bell.sleeps).toBe(false)
  })

  it('that polls or is awake is not changed by a ring', () => {
    const memory = createMemory()
    const bell = new Doorbell(memory, 1)
    bell.isPolling = true
    bell.ring()
    expect(bell.isPolling).toBe(true)
    bell.lieDown(parked, () => false)
    bell.isPolling = true // said by one that sleeps: no effect
    expect(bell.sleeps).toBe(true)
  })

  it('loses no wake of a thread that sleeps hard', { timeout: 30_000 }, async () => {
    const memory = createMemory()
    const [long] = await onThreads(memory, new SharedArrayBuffer(1024), [['sleeper', sleeps]], (words) =>
      bring(memory, words, sleeps),
    )
    expect(long).toBe(0)
  })

  it('loses no wake of a thread whose event loop goes on', { timeout: 30_000 }, async () => {
    const memory = createMemory()
    const few = sleeps / 5
    await onThreads(memory, new SharedArrayBuffer(1024), [['listener', few]], (words) =>
      bring(memory, words, few),
    )
  })
})
