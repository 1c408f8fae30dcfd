import { afterAll, describe, expect, it } from 'vitest'
import { procs, stopProcs } from 'sluice/parallel'
import { note, order } from '../../test/parallel/ctx-tasks.js'

afterAll(() => stopProcs())

describe('a processor', () => {
  it('RT19: takes from the global queue every 61st time, also while its own has tasks', async () => {
    const before = procs(1)
    // The 257th overflows: the older half of the queue, and it, go to the global one.
    await Promise.all(Array.from({ length: 257 }, (_, i) => note(i).then(() => i)))
    procs(before)
    expect(order[0]).toBe(128)
    expect(order.indexOf(0)).toBeGreaterThan(0)
    expect(order.indexOf(0)).toBeLessThan(61)
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 257 }, (_, i) => i))
  })
})
