import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ring } from './ring.js'

type Step = ['push', number] | ['shift'] | ['take', number]

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constant('push' as const), fc.integer()) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('shift' as const)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('take' as const), fc.nat(40)) },
)

/** The same on an array. The taken value's place goes to the oldest one. */
function stepOnArray(values: number[], [name, n]: Step): number | undefined {
  if (name === 'push') {
    values.push(n)
    return undefined
  }
  if (name === 'shift') return values.shift()
  const taken = values[n]
  if (taken === undefined) return undefined
  values[n] = values[0] as number
  values.shift()
  return taken
}

function stepOnRing(ring: Ring<number>, [name, n]: Step): number | undefined {
  if (name === 'push') {
    ring.push(n)
    return undefined
  }
  return name === 'shift' ? ring.shift() : ring.take(n)
}

describe('Ring', () => {
  it('does what an array does, through any steps, growing or going around', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 8), fc.array(step, { maxLength: 200 }), (size, steps) => {
        const ring = new Ring<number>(size)
        const values: number[] = []
        for (const each of steps) {
          expect(stepOnRing(ring, each)).toBe(stepOnArray(values, each))
          expect(ring.length).toBe(values.length)
        }
        expect(values.map((_, i) => ring.at(i))).toEqual(values)
        expect(ring.at(values.length)).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })

  it('keeps nothing alive that has left it', async () => {
    const ring = new Ring<object>(4)
    const references = [0, 1, 2].map(() => {
      const value = {}
      ring.push(value)
      return new WeakRef(value)
    })
    ring.shift()
    ring.take(1)
    await Promise.resolve() // a WeakRef holds its target to the end of the job
    await new Promise<void>((resolve) => AbortSignal.timeout(1).addEventListener('abort', () => resolve()))
    globalThis.gc?.()
    expect(references.map((r) => r.deref() !== undefined)).toEqual([false, true, false])
  })
})
