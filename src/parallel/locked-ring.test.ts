import { describe, expect, it } from 'vitest'
import { control, onThreads } from '../../test/parallel/thread-tasks.js'
import { createMemory, globalAt, lockedRing } from './layout.js'
import { LockedRing } from './locked-ring.js'

describe('a ring under a lock', () => {
  it('gives in the order in which was put', () => {
    const ring = new LockedRing(createMemory(), 1, globalAt, 8)
    for (let round = 0; round < 20; round++) {
      expect(ring.push([1, 2, 3])).toBe(true)
      expect(ring.push([4])).toBe(true)
      expect(ring.length).toBe(4)
      expect([ring.take(), ring.take(), ring.take(), ring.take(), ring.take()]).toEqual([1, 2, 3, 4, 0])
      expect(ring.looksEmpty).toBe(true)
    }
  })

  it('takes all of a batch, or nothing', () => {
    const ring = new LockedRing(createMemory(), 1, globalAt, 8)
    expect(ring.push([1, 2, 3, 4, 5])).toBe(true)
    expect(ring.push([6, 7, 8, 9])).toBe(false)
    expect(ring.length).toBe(5)
    expect(ring.push([6, 7, 8])).toBe(true)
    expect(ring.push([9])).toBe(false)
  })

  it('goes on beyond the end of its 32-bit positions', () => {
    const memory = createMemory()
    memory.words[globalAt + lockedRing.head] = 2 ** 31 - 3
    memory.words[globalAt + lockedRing.tail] = 2 ** 31 - 3
    const ring = new LockedRing(memory, 1, globalAt, 8)
    expect(ring.push([1, 2, 3, 4, 5, 6, 7, 8])).toBe(true)
    expect(ring.push([9])).toBe(false)
    expect(Array.from({ length: 9 }, () => ring.take())).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 0])
  })

  it('gives each exactly once among threads', { timeout: 20_000 }, async () => {
    const each = 50_000
    const block = new SharedArrayBuffer((control.counts + 4 * each + 1) * 4)
    const memory = createMemory()
    await onThreads(
      memory,
      block,
      [0, 1, 2, 3].map((i) => ['ringer', 1 + i * each, each, 16] as const),
    )
    const counts = new Int32Array(block).subarray(control.counts + 1)
    expect([...counts.entries()].filter(([, count]) => count !== 1).slice(0, 5)).toEqual([])
    expect(memory.words[globalAt]).toBe(0)
  })
})
