import fc from 'fast-check'
import { expect, it } from 'vitest'
import { background } from '../../context/background.js'
import { go } from '../../runtime/go.js'
import { sleep } from '../../runtime/sleep.js'
import { bubble } from '../../testing/bubble.js'
import type { Guard } from '../guard.js'
import { kindList } from './kinds.js'
import type { ResourceRules, RulesDocument } from './resource-rules.js'
import { type Rules, rules } from './rules.js'

const options: Readonly<Record<string, fc.Arbitrary<object>>> = {
  shedder: fc.record({ coolOffMs: fc.nat(5) }),
  tokenBucket: fc.record({ rate: fc.integer({ min: 1, max: 500 }), burst: fc.integer({ min: 1, max: 5 }) }),
  leakyBucket: fc.record({ rate: fc.integer({ min: 50, max: 500 }), queue: fc.nat(3) }),
  timeout: fc.record({ ms: fc.integer({ min: 1, max: 20 }) }),
  retry: fc.record({ attempts: fc.integer({ min: 1, max: 3 }), initialMs: fc.constant(1) }),
  breaker: fc.record({ consecutiveErrors: fc.integer({ min: 1, max: 5 }), sleepWindowMs: fc.constant(3) }),
  bulkhead: fc.record({ limit: fc.integer({ min: 1, max: 3 }), queue: fc.nat(3) }),
  /** Wrong, so that all of the document is. */
  hedge: fc.constant({ delayMs: -1 }),
}
const document = fc.dictionary(fc.constantFrom('a', 'b'), fc.record(options, { requiredKeys: [] }))

/** A change of the rules, or a call of so many ms that fails or not. */
const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ replaceBy: document }) },
  {
    weight: 4,
    arbitrary: fc.record({
      call: fc.constantFrom('a', 'b'),
      ms: fc.nat(10),
      isBad: fc.boolean(),
      pauseMs: fc.nat(4),
    }),
  },
)

/** The guards of a resource by kind, as its document says and as its policy has them. */
function guardsOf(all: Rules, name: 'a' | 'b'): Map<string, Guard> {
  const said: ResourceRules = all.document[name] ?? {}
  const kinds = kindList.map(([kind]) => kind).filter((kind) => kind in said)
  const { guards } = all.policy(name)
  expect(guards).toHaveLength(kinds.length)
  return new Map(kinds.map((kind, i) => [kind, guards[i] as Guard]))
}

function* change(all: Rules, next: RulesDocument) {
  const before = { a: guardsOf(all, 'a'), b: guardsOf(all, 'b') }
  const was = all.document
  const isWrong = Object.values(next).some(({ hedge }) => hedge !== undefined)
  const { error } = yield* go(() => all.replace(next)).outcome()
  expect(error !== undefined).toBe(isWrong)
  expect(all.document).toEqual(isWrong ? was : next)
  for (const name of ['a', 'b'] as const) {
    for (const [kind, guard] of guardsOf(all, name))
      if (before[name].has(kind)) expect(guard).toBe(before[name].get(kind))
  }
}

it('rules that change under calls have the guards that they say, those that stay being the same, and all are left in the end', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), (steps) =>
      bubble(function* () {
        const all = rules({})
        const seen = new Set<Guard>()
        for (const each of steps) {
          if ('replaceBy' in each) {
            yield* change(all, each.replaceBy)
            for (const guard of [...all.policy('a').guards, ...all.policy('b').guards]) seen.add(guard)
            continue
          }
          go(function* () {
            try {
              yield* all.policy(each.call).run(background(), function* () {
                yield* sleep(each.ms)
                if (each.isBad) throw new RangeError('bad')
              })
            } catch {
              // refused, too slow or bad: what counts is that the guards hear of it
            }
          })
          yield* sleep(each.pauseMs)
        }
        yield* sleep(10_000)
        for (const guard of seen) {
          const { waiting, inFlight = 0 } = guard.stats()
          expect({ waiting, inFlight }).toEqual({ waiting: 0, inFlight: 0 })
        }
      }),
    ),
    { numRuns: 200 },
  ))
