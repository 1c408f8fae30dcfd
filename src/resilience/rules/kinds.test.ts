import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../runtime/errors.js'
import type { RuleOptions } from './document.js'
import { kindList, kinds, rulesSchema } from './kinds.js'
import { memoryStore } from '../cluster/memory-store.js'
import type { ResourceCode, ResourceRules } from './resource-rules.js'
import { rules } from './rules.js'
import { optionFaults } from './schema.js'

type Name = keyof typeof kinds

/** The least that each kind needs, and something else that it may become. */
const examples: { readonly [K in Name]: readonly [RuleOptions, RuleOptions] } = {
  fallback: [{ value: 1 }, { lastGood: true, maxAgeMs: 5 }],
  cached: [{ ttlMs: 5 }, { ttlMs: 6, staleMs: 1 }],
  singleflight: [{}, {}],
  shedder: [{}, { threshold: 0.5 }],
  tokenBucket: [
    { rate: 1, burst: 5 },
    { rate: 2, burst: 5 },
  ],
  clusterLimit: [
    { rate: 1, burst: 5, instances: 2 },
    { rate: 2, burst: 5, instances: 2, key: 'b' },
  ],
  leakyBucket: [
    { rate: 1, queue: 0 },
    { rate: 2, queue: 1 },
  ],
  slidingWindow: [
    { limit: 5, windowMs: 1000 },
    { limit: 6, windowMs: 1000 },
  ],
  timeout: [{ ms: 1000 }, { ms: 2000 }],
  retry: [{}, { attempts: 5 }],
  hedge: [{ delayMs: 5 }, { delayMs: 6, budget: {} }],
  breaker: [{}, { slowMs: 5, slowThresholdPercentage: 5 }],
  adaptiveBreaker: [{}, { k: 2 }],
  bulkhead: [{ limit: 1 }, { limit: 2, queue: 5 }],
  adaptiveLimit: [{}, { min: 2 }],
  mirror: [{ share: 0 }, { share: 0.5 }],
  attemptTimeout: [{ ms: 1000 }, { ms: 500 }],
  faults: [{ rules: [] }, { rules: [{ latency: { distribution: 'fixed', ms: 1 }, forMs: 1 }] }],
}
/** What only code can give. */
const codes: ResourceCode = {
  mirror: { call: () => 'instead' },
  faults: { enabled: true },
  clusterLimit: { store: memoryStore() },
}
const names = Object.keys(examples) as Name[]

describe('the kinds of guards', () => {
  it('stand in the order of the guide', () => {
    expect(kindList.map(([name]) => name)).toEqual(names)
  })

  it.each(names)(
    'make a guard and change it while it runs, which keeps what it has counted: %s',
    async (name) => {
      const [first, second] = examples[name]
      const all = rules({ a: { [name]: first } as ResourceRules })
      const { guards } = all.policy('a', name in codes ? { [name]: codes[name as keyof ResourceCode] } : {})
      await all.policy('a').run((await import('../../context/background.js')).background(), () => 'called')
      const before = guards[0]?.stats()
      await all.replace({ a: { [name]: second } })
      expect(all.policy('a').guards).toEqual(guards)
      expect(guards[0]?.stats()).toMatchObject({ kind: before?.kind, name: 'a', admitted: before?.admitted })
      expect(before?.admitted).toBe(1)
    },
  )

  /** Of these, another option decides. */
  const together = new Set([
    'fallback.value',
    'fallback.lastGood',
    'fallback.maxAgeMs',
    'fallback.maxKeys',
    'retry.initialMs',
    'retry.maxMs',
    'breaker.slowThresholdPercentage',
    'adaptiveLimit.initial',
    'adaptiveLimit.min',
    'adaptiveLimit.max',
  ])
  const numbers = kindList.flatMap(([name, { schema }]) =>
    Object.entries(schema.properties)
      .filter(
        ([option, { type }]) => /number|integer/.test(String(type)) && !together.has(`${name}.${option}`),
      )
      .map(([option]) => [name as Name, option] as const),
  )
  it.each(numbers)('have ranges that are those of the guard itself: %s %s', (name, option) => {
    const kind = kinds[name]
    for (const value of [-1, 0, 1e-9, 0.5, 0.999, 1, 1.05, 1.5, 2, 5, 6, 50, 100, 101, '1', null, true, {}]) {
      const data = { ...examples[name][0], [option]: value }
      const isAllowed = optionFaults(kind.schema, data, '').length === 0
      let isMade = true
      try {
        kind.make({
          ...data,
          ...(kind.needsCode?.(data) !== false && kind.fromCode),
          ...kind.onTrial,
          name: 'a',
        })
      } catch (error) {
        expect(error).toBeInstanceOf(ArgumentError)
        isMade = false
      }
      // The schema may be stricter where a guard does not look: at types.
      if (isAllowed) expect([option, value, isMade]).toEqual([option, value, true])
      else if (typeof value === 'number') expect([option, value, isMade]).toEqual([option, value, false])
    }
  })

  it('refuse whatever they refuse with an ArgumentError, and nothing else', () => {
    const option = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer({ min: -3, max: 200 }),
      fc.constantFrom(true, false, null, 'x', {}, []),
    )
    const resource = fc
      .constantFrom(...names)
      .chain((name) =>
        fc
          .record(
            Object.fromEntries(Object.keys(kinds[name].schema.properties).map((each) => [each, option])),
            { requiredKeys: [] },
          )
          .map((options) => ({ [name]: options })),
      )
    fc.assert(
      fc.property(resource, (guards) => {
        try {
          rules({ a: guards as ResourceRules })
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_SLUICE_RULES' })
        }
      }),
    )
  })

  it('are all in the JSON Schema of rules, which can be written down', () => {
    const schema = JSON.parse(JSON.stringify(rulesSchema()))
    expect(Object.keys(schema.additionalProperties.properties)).toEqual(names)
  })
})
