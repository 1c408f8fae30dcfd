import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError } from 'sluice'
import { RingQueue } from 'sluice/sync'

describe('RingQueue', () => {
  it('gives values out in the order they came', () => {
    const queue = new RingQueue<string>(3)
    for (const value of ['a', 'b', 'c']) expect(queue.push(value)).toBe(true)
    expect([queue.shift(), queue.peek(), queue.shift(), queue.shift(), queue.shift()]).toEqual([
      'a',
      'b',
      'b',
      'c',
      undefined,
    ])
  })

  it('refuses what does not fit, and counts it', () => {
    const queue = new RingQueue<number>(2, { overflow: 'refuse' })
    expect([1, 2, 3].map((value) => queue.push(value))).toEqual([true, true, false])
    expect([...queue]).toEqual([1, 2])
    expect([queue.length, queue.capacity, queue.dropped]).toEqual([2, 2, 1])
  })

  it('gives up the oldest for what does not fit, and counts it', () => {
    const queue = new RingQueue<number>(2, { overflow: 'overwrite' })
    expect([1, 2, 3].map((value) => queue.push(value))).toEqual([true, true, true])
    expect([...queue]).toEqual([2, 3])
    expect([queue.length, queue.capacity, queue.dropped]).toEqual([2, 2, 1])
  })

  it('holds undefined as a value', () => {
    const queue = new RingQueue<undefined>(2)
    queue.push(undefined)
    expect(queue.length).toBe(1)
  })

  it('lets go of what was taken', () => {
    const queue = new RingQueue<object>(1)
    queue.push({})
    queue.clear()
    expect(Object.values(queue).flat()).not.toContainEqual({})
  })

  it('refuses a capacity that is not a positive whole number, and an overflow that is neither', () => {
    for (const capacity of [0, -1, 1.5, Number.NaN, Infinity])
      expect(() => new RingQueue(capacity)).toThrow(ArgumentError)
    expect(() => new RingQueue(1, { overflow: 'drop' as 'refuse' })).toThrow(ArgumentError)
  })

  it('behaves as an array with a limit does', () => {
    const command = fc.oneof(fc.nat(), fc.constantFrom('shift' as const, 'clear' as const))
    const overflow = fc.constantFrom('overwrite' as const, 'refuse' as const)
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        overflow,
        fc.array(command),
        (capacity, overflow, commands) => {
          const queue = new RingQueue<number>(capacity, { overflow })
          let twin: number[] = []
          let dropped = 0
          for (const each of commands) {
            if (each === 'shift') expect(queue.shift()).toBe(twin.shift())
            else if (each === 'clear') {
              twin = []
              queue.clear()
            } else {
              const isFull = twin.length === capacity
              if (isFull) dropped++
              expect(queue.push(each)).toBe(!isFull || overflow === 'overwrite')
              twin =
                overflow === 'overwrite'
                  ? [...twin, each].slice(-capacity)
                  : [...twin, each].slice(0, capacity)
            }
            expect([...queue]).toEqual(twin)
            expect([queue.length, queue.peek(), queue.dropped]).toEqual([twin.length, twin[0], dropped])
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
