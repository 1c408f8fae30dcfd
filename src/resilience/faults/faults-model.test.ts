import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Routine } from '../../runtime/operation.js'
import { scheduler } from '../../runtime/scheduler.js'
import { sleep } from '../../runtime/sleep.js'
import { bubble } from '../../testing/bubble.js'
import type { FaultRule } from './fault-rule.js'
import { faults } from './faults.js'
import { skewed } from './skewed-clock.js'

/** What is switched, in any order: each rule can be told by what it does. */
const pool: readonly FaultRule[] = [
  { skewMs: 1, forMs: 100 },
  { skewMs: 10, forMs: 250 },
  { skewMs: 100, error: { code: 'EA' }, forMs: 40 },
  { skewMs: 1000, latency: { distribution: 'fixed', ms: 5 }, share: 1, forMs: 333 },
]

type Step = { readonly rules: readonly FaultRule[] } | { readonly ms: number }

const steps = fc.array(
  fc.oneof(
    fc.record({ rules: fc.shuffledSubarray([...pool]) }),
    fc.record({ ms: fc.integer({ min: 0, max: 200 }) }),
  ),
  { maxLength: 30 },
)

/** Ten lines that say what is on: a rule begins when it comes, and is over after its time or when it is gone. */
class Naive {
  private readonly endMs = new Map<FaultRule, number>()

  configure(rules: readonly FaultRule[], nowMs: number): void {
    for (const rule of pool) {
      if (!rules.includes(rule)) this.endMs.delete(rule)
      else if (!this.endMs.has(rule)) this.endMs.set(rule, nowMs + rule.forMs)
    }
  }

  on(nowMs: number): FaultRule[] {
    return pool.filter((rule) => nowMs < (this.endMs.get(rule) ?? 0))
  }
}

describe('faults, whatever is switched when', () => {
  it('are those that a naive twin has, and leave nothing behind', () =>
    fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 0 }), (steps, seed) =>
        bubble(() => compare(steps), { seed }),
      ),
      { numRuns: 300 },
    ))
})

function* compare(steps: readonly Step[]): Routine<void> {
  const { clock } = scheduler()
  const wrong = skewed(clock)
  const guard = faults({ enabled: true, clock: wrong })
  const naive = new Naive()
  let [begun, ended] = [0, 0]
  guard.figures.watch(({ what }) => {
    if (what === 'switched on') begun++
    if (what === 'ended') ended++
  })
  for (const step of steps) {
    if ('ms' in step) yield* sleep(step.ms)
    else {
      guard.configure({ rules: structuredClone(step.rules) })
      naive.configure(step.rules, clock.now())
    }
    const on = naive.on(clock.now())
    expect(guard.stats()).toMatchObject({
      active: on.length,
      skewMs: on.reduce((sum, { skewMs = 0 }) => sum + skewMs, 0),
    })
    expect(guard.strike()?.failure() !== undefined).toBe(on.some(({ error }) => error !== undefined))
  }
  guard[Symbol.dispose]()
  expect(wrong.skewMs).toBe(0)
  expect(ended).toBe(begun)
  expect(scheduler().timers.size).toBe(0)
}
