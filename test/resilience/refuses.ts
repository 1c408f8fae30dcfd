import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import type { Figures } from '../../src/resilience/figures.js'

interface Configurable<O> {
  readonly figures: Figures
  configure(options: O): void
}

/**
 * Bad options are refused with the same words when a guard is made and when it is configured, and one that refuses them is
 * what it was, to the last private field.
 * @param good options that `make` takes.
 */
export function itRefuses<O>(
  make: (options: O) => Configurable<O>,
  good: NoInfer<O>,
  bad: readonly (readonly [options: unknown, message: string])[],
): void {
  it.each(bad)('refuses %o, when it is made and later', (options, message) => {
    expect(() => make(options as O)).toThrow(message)
    const guard = make(good)
    const told: unknown[] = []
    guard.figures.watch((event) => told.push(event))
    const before = everythingOf(guard)
    expect(() => guard.configure(options as O)).toThrow(message)
    expect(everythingOf(guard)).toBe(before)
    expect(told).toEqual([])
  })
}

function everythingOf(guard: unknown): string {
  return inspect(guard, { depth: 6, maxArrayLength: null })
}

/** What every limit of a rate refuses. */
export function badRates(kind: string, good: object): [options: unknown, message: string][] {
  const from0 = `the rate of a ${kind} is a number of calls a second from 0, not`
  const wait = `the option maxWaitMs of a ${kind} is a number of milliseconds from 0, not -5; with 0 nothing waits`
  return [
    [{ ...good, rate: -1 }, `${from0} -1`],
    [{ ...good, rate: Number.NaN }, `${from0} NaN`],
    [{ ...good, rate: '5' }, `${from0} 5; Infinity is no limit`],
    [{ ...good, maxWaitMs: -5 }, wait],
  ]
}

/** What every guard with a queue refuses. */
export function badQueues(guard: string, good: object): [options: unknown, message: string][] {
  const from0 = `the queue of ${guard} is a whole number of calls from 0, not`
  return [
    [{ ...good, queue: -1 }, `${from0} -1`],
    [{ ...good, queue: Infinity }, `${from0} Infinity; with 0 nothing waits`],
    [{ ...good, queue: 1.5 }, `${from0} 1.5`],
  ]
}
