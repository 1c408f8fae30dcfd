import { describe, expect, it } from 'vitest'
import { onThreads } from '../../test/parallel/thread-tasks.js'
import { initHeap } from './heap.js'
import { createMemory, header } from './layout.js'
import { Names } from './names.js'

function memoryWithNames() {
  const memory = createMemory()
  initHeap(memory)
  Names.init(memory, 1)
  return memory
}

describe('names', () => {
  it('have numbers from 0 on, which stay', () => {
    const names = new Names(memoryWithNames(), 1)
    expect(['a', 'b', 'a', '', 'ü\0x'].map((text) => names.numberOf(text))).toEqual([0, 1, 0, 2, 3])
    expect([0, 1, 2, 3, 4].map((number) => names.textOf(number))).toEqual(['a', 'b', '', 'ü\0x', undefined])
  })

  it('are known to another handle that was made before them', () => {
    const memory = memoryWithNames()
    const [one, other] = [new Names(memory, 1), new Names(memory, 2)]
    expect(one.numberOf('x')).toBe(0)
    expect(other.numberOf('y')).toBe(1)
    expect(one.numberOf('y')).toBe(1)
    expect(other.textOf(0)).toBe('x')
  })

  it('have the same number on all threads, which ask in different orders', { timeout: 20_000 }, async () => {
    const memory = memoryWithNames()
    const results = (await onThreads(
      memory,
      new SharedArrayBuffer(1024),
      [1, 2, 3, 4].map((seed) => ['namer', 500, seed] as const),
    )) as [string, number, boolean][][]
    const numbers = new Map(results[0]?.map(([name, number]) => [name, number]))
    expect(numbers.size).toBe(500)
    expect(new Set(numbers.values()).size).toBe(500)
    expect(memory.words[header.namesCount]).toBe(500)
    for (const [name, number, isRead] of results.flat())
      expect([number, isRead]).toEqual([numbers.get(name), true])
  })

  it('are refused beyond their most, and those that were there stay', { timeout: 20_000 }, () => {
    const names = new Names(memoryWithNames(), 1)
    for (let i = 0; i < 2 ** 14; i++) names.numberOf(`n${i}`)
    expect(() => names.numberOf('one more')).toThrow('there are more than 16384 tasks')
    expect(names.numberOf('n16383')).toBe(16383)
  })

  it('are refused when no shared memory is left, which stays as it was', () => {
    const memory = memoryWithNames()
    const names = new Names(memory, 1)
    memory.words[header.procs] = 5
    memory.words[header.heapNext] = 2 ** 30
    expect(() => names.numberOf('a name')).toThrow(/shared memory/)
    expect(memory.words[header.procs]).toBe(5)
  })
})
