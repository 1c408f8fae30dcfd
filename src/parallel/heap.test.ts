import { describe, expect, it } from 'vitest'
import { forSeeds } from 'sluice/testing'
import { control, numbers, onThreads } from '../../test/parallel/thread-tasks.js'
import { allocate, initHeap, release } from './heap.js'
import { createMemory, header, heapAt, heapBytes } from './layout.js'

function heap() {
  const memory = createMemory()
  initHeap(memory)
  return memory
}

/** The words of a block. */
const sizeOf = (bytes: number) => 2 ** Math.max(4, Math.ceil(Math.log2(bytes)) - 2)

describe('the heap', () => {
  it('gives blocks that lie in it, and apart from each other, like a naive twin that remembers all', async () => {
    await forSeeds(20, (seed) => {
      const memory = heap()
      const random = numbers(seed)
      const held = new Map<number, number>()
      for (let i = 0; i < 1500; i++) {
        if (random(3) > 0) {
          const bytes = 1 + random(2 ** random(14))
          const block = allocate(memory, 1, bytes)
          expect(block).toBeGreaterThanOrEqual(heapAt)
          expect(block + sizeOf(bytes)).toBeLessThanOrEqual(heapAt + heapBytes / 4)
          for (const [other, size] of held)
            if (block < other + sizeOf(size) && other < block + sizeOf(bytes))
              throw new Error('blocks overlap')
          held.set(block, bytes)
        } else {
          const [block, bytes] = [...held][random(held.size)] ?? [0, 0]
          if (block === 0) continue
          held.delete(block)
          release(memory, 1, block, bytes)
        }
      }
    })
  }, 20_000)

  it('uses again what was given back', () => {
    const memory = heap()
    const blocks = Array.from({ length: 100 }, () => allocate(memory, 1, 1000))
    for (const block of blocks) release(memory, 1, block, 1000)
    const end = memory.words[header.heapNext]
    const again = Array.from({ length: 100 }, () => allocate(memory, 1, 1024))
    expect(again.sort()).toEqual(blocks.sort())
    expect(memory.words[header.heapNext]).toBe(end)
  })

  it('has no blocks for more than it can hold, and says so by 0', () => {
    const memory = heap()
    expect(allocate(memory, 1, 2 ** 26 + 1)).toBe(0)
    expect(allocate(memory, 1, Number.POSITIVE_INFINITY)).toBe(0)
    expect(allocate(memory, 1, 2 ** 26)).toBe(heapAt)
    expect(allocate(memory, 1, 2 ** 26)).toBe(heapAt + 2 ** 24)
    expect(allocate(memory, 1, 1)).toBe(0)
    release(memory, 1, heapAt, 2 ** 26)
    expect(allocate(memory, 1, 2 ** 26)).toBe(heapAt)
  })

  it('is shared by threads: no block has two owners at once, and all come back', {
    timeout: 20_000,
  }, async () => {
    const memory = heap()
    const block = new SharedArrayBuffer(1024)
    const jobs = [1, 2, 3, 4].map((seed) => ['allocator', 100_000, seed] as const)
    await onThreads(memory, block, jobs)
    expect(new Int32Array(block)[control.faults]).toBe(0)
    expect(memory.words[header.heapLock]).toBe(0)
    // At most 40 blocks each are out at once, of 4 kB at most: what is ever used is bounded by that.
    expect((memory.words[header.heapNext] as number) - heapAt).toBeLessThanOrEqual(4 * 40 * 7 * 1024)
  })
})
