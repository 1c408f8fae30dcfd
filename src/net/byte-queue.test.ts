import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../runtime/errors.js'
import { ByteQueue } from './byte-queue.js'

type Step = ['push', Uint8Array] | ['take', number] | ['drop', number] | ['find', Uint8Array, number]

// Few different bytes, so that sequences are found, and sizes on both sides of what is put together.
const bytes = (min: number, max: number) =>
  fc
    .tuple(fc.integer({ min, max }), fc.nat(1000))
    .map(([length, seed]) => Uint8Array.from({ length }, (_, i) => (i * 7 + seed) % 3))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('push' as const), bytes(0, 12)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('push' as const), bytes(1500, 5000)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('take' as const), fc.nat(3000)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('drop' as const), fc.nat(40)) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('find' as const), bytes(1, 6), fc.nat(20)) },
)

describe('ByteQueue', () => {
  it('does what one array of all bytes does, through any steps', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new ByteQueue()
        let all = Buffer.alloc(0)
        const taken: [Buffer, string][] = []
        for (const each of steps) {
          if (each[0] === 'push') {
            all = Buffer.concat([all, each[1]])
            queue.push(Buffer.from(each[1]))
          } else if (each[0] === 'find') {
            const from = Math.min(each[2], all.length)
            expect(queue.indexOf(Buffer.from(each[1]), from)).toBe(all.indexOf(each[1], from))
          } else {
            const count = Math.min(each[1], all.length)
            if (each[0] === 'drop') queue.drop(count)
            else {
              const piece = queue.take(count)
              expect(piece.equals(all.subarray(0, count))).toBe(true)
              taken.push([piece, piece.toString('hex')])
            }
            all = all.subarray(count)
          }
          expect(queue.length).toBe(all.length)
          for (const index of [0, all.length >> 1, all.length - 1])
            if (index >= 0 && index < all.length) expect(queue.at(index)).toBe(all[index])
        }
        // What was handed out was not written to since.
        for (const [piece, hex] of taken) expect(piece.toString('hex')).toBe(hex)
      }),
      { numRuns: 400 },
    )
  })

  it('hands out what lies in one chunk without copying', () => {
    const queue = new ByteQueue()
    const chunk = Buffer.from('one two')
    queue.push(chunk)
    queue.drop(4)
    expect(queue.take(3).buffer).toBe(chunk.buffer)
  })

  it('keeps bytes that come one by one in blocks, not in an object each', () => {
    const queue = new ByteQueue()
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 100_000; i++) queue.push(Buffer.from([i]))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000)
    expect(queue.length).toBe(100_000)
    expect(queue.at(99_999)).toBe(99_999 & 255)
  })

  it('refuses to give more than is there, and says how much that is', () => {
    const queue = new ByteQueue()
    queue.push(Buffer.from('abc'))
    expect(() => queue.take(4)).toThrow(ArgumentError)
    expect(() => queue.at(3)).toThrow('asked for 4 bytes, but 3 are there')
    expect(queue.take(3).toString()).toBe('abc')
  })
})
