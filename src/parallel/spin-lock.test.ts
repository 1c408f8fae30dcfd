import { describe, expect, it } from 'vitest'
import { control, onThreads } from '../../test/parallel/thread-tasks.js'
import { createMemory } from './layout.js'
import { lock, unlock, unlockDead } from './spin-lock.js'

describe('the lock of a few words', () => {
  it('is held by one thread at a time', { timeout: 20_000 }, async () => {
    const block = new SharedArrayBuffer(1024)
    const rounds = 300_000
    await onThreads(
      createMemory(),
      block,
      [1, 2, 3, 4].map(() => ['adder', rounds] as const),
    )
    const words = new Int32Array(block)
    expect(words[control.count]).toBe(4 * rounds)
    expect(words[control.cell]).toBe(0)
  })

  it('names the thread that holds it', () => {
    const words = new Int32Array(new SharedArrayBuffer(8))
    lock(words, 1, 77)
    expect(words[1]).toBe(77)
    unlock(words, 1)
    expect(words[1]).toBe(0)
  })

  it('is freed of a thread that died, and of no other', { timeout: 20_000 }, async () => {
    const block = new SharedArrayBuffer(1024)
    await onThreads(createMemory(), block, [['dier']])
    const words = new Int32Array(block)
    expect(words[control.cell]).toBe(1)
    expect(unlockDead(words, control.cell, 2)).toBe(false)
    expect(unlockDead(words, control.cell, 1)).toBe(true)
    expect(words[control.cell]).toBe(0)
    expect(unlockDead(words, control.cell, 1)).toBe(false)
  })
})
