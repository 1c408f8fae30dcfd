import { adaptiveBreaker } from '../adaptive-breaker.js'
import { adaptiveLimit } from '../adaptive-limit.js'
import { breaker } from '../breaker.js'
import { bulkhead } from '../bulkhead.js'
import { cached } from '../cached.js'
import { clusterLimit } from '../cluster/cluster-limit.js'
import type { ClusterLimitOptions } from '../cluster/cluster-settings.js'
import { memoryStore } from '../cluster/memory-store.js'
import { fallback } from '../fallback.js'
import { faults } from '../faults/faults.js'
import { hedge } from '../hedge.js'
import { leakyBucket } from '../leaky-bucket.js'
import { mirror } from '../mirror.js'
import { retry } from '../retry.js'
import { shedder } from '../shedder.js'
import { singleflight } from '../singleflight.js'
import { slidingWindow } from '../sliding-window.js'
import { timeout } from '../timeout.js'
import { tokenBucket } from '../token-bucket.js'
import type { JsonSchema } from '../vendor/typebox.js'
import type { RuleOptions } from './document.js'
import { budgetKind, gateKind, type Kind, kind, type Made } from './kind.js'
import type { ResourceRules } from './resource-rules.js'
import { above, anything, from, optionsOf, percentage, wholeFrom, yesOrNo } from './schema.js'

/** It calls a function of the program. */
const calls = { fromCode: { call: () => undefined } }

const timeoutOptions = optionsOf({ ms: above(0) }, ['ms'])

/**
 * The guards that rules can name, in the order in which they compose, the outermost first: that of the guide. Ranges are those
 * of the guards; what options have to do with one another is left for the guards themselves to check.
 */
export const kinds: { readonly [K in keyof Required<ResourceRules>]: Kind } = {
  fallback: kind(
    fallback,
    optionsOf({ value: anything, lastGood: { const: true }, maxAgeMs: above(0), maxKeys: wholeFrom(1) }),
    { ...calls, needsCode: (options) => !('value' in options || 'lastGood' in options) },
  ),
  cached: kind(cached, optionsOf({ ttlMs: above(0), staleMs: from(0), maxKeys: wholeFrom(1) }, ['ttlMs'])),
  singleflight: {
    schema: optionsOf({}),
    make: (options) => ({ guard: singleflight(options), fits: () => true, configure: () => {} }),
  },
  shedder: kind(
    shedder,
    optionsOf({ threshold: { ...above(0), exclusiveMaximum: 1 }, coolOffMs: from(0) }),
    { onTrial: { load: () => 0 } }, // the load of the thread is measured from when somebody first wants it
  ),
  tokenBucket: gateKind(
    tokenBucket,
    optionsOf({ rate: from(0), burst: from(1), maxWaitMs: from(0) }, ['rate', 'burst']),
  ),
  clusterLimit: kind(
    (options: ClusterLimitOptions) => clusterLimit({ ...options, key: options.key ?? options.name }),
    optionsOf(
      {
        rate: above(0),
        burst: from(1),
        instances: from(1),
        maxWaitMs: from(0),
        aheadMs: from(0),
        timeoutMs: above(0),
        key: { type: 'string', minLength: 1 },
      },
      ['rate', 'burst'],
    ),
    { fromCode: { store: memoryStore() } },
  ),
  leakyBucket: gateKind(
    leakyBucket,
    optionsOf({ rate: from(0), queue: wholeFrom(0), maxWaitMs: from(0) }, ['rate', 'queue']),
  ),
  slidingWindow: gateKind(
    slidingWindow,
    optionsOf({ limit: from(0), windowMs: above(0), buckets: { ...wholeFrom(1), maximum: 1000 } }, [
      'limit',
      'windowMs',
    ]),
  ),
  timeout: kind(timeout, timeoutOptions),
  retry: budgetKind(
    retry,
    optionsOf({
      attempts: wholeFrom(1),
      initialMs: from(0),
      maxMs: from(0),
      multiplier: from(1),
      idempotent: yesOrNo,
    }),
  ),
  hedge: budgetKind(
    hedge,
    optionsOf({ delayMs: from(0), attempts: { ...wholeFrom(2), maximum: 5 } }, ['delayMs']),
  ),
  breaker: kind(
    breaker,
    optionsOf({
      requestVolumeThreshold: wholeFrom(1),
      errorThresholdPercentage: percentage,
      sleepWindowMs: above(0),
      probes: wholeFrom(1),
      probeTimeoutMs: above(0),
      slowMs: above(0),
      slowThresholdPercentage: percentage,
      consecutiveErrors: wholeFrom(1),
      windowMs: above(0),
    }),
  ),
  adaptiveBreaker: kind(
    adaptiveBreaker,
    optionsOf({ k: from(1.1), requestVolumeThreshold: from(0), windowMs: above(0), forcePassMs: above(0) }),
  ),
  bulkhead: gateKind(
    bulkhead,
    optionsOf({ limit: wholeFrom(1), queue: wholeFrom(0), maxWaitMs: above(0) }, ['limit']),
  ),
  adaptiveLimit: kind(
    adaptiveLimit,
    optionsOf({
      initial: wholeFrom(1),
      min: wholeFrom(1),
      max: wholeFrom(1),
      queue: wholeFrom(0),
      maxWaitMs: above(0),
      measureEveryMs: above(0),
    }),
  ),
  mirror: kind(
    mirror,
    optionsOf({ share: { ...from(0), maximum: 1 }, maxInFlight: wholeFrom(1), timeoutMs: above(0) }, [
      'share',
    ]),
    calls,
  ),
  attemptTimeout: kind(timeout, timeoutOptions),
  faults: {
    schema: optionsOf({ rules: { type: 'array' } }, ['rules']), // which its guard checks, path by path
    fromCode: { enabled: true },
    make: harming,
  },
}

/** Harm begins when it comes into force, and not while it is looked at; what is taken away is harmless at once. */
function harming(options: RuleOptions): Made {
  const guard = faults({ ...options, rules: [] })
  guard.check(options)
  return {
    guard,
    fits: () => true,
    configure: (next) => guard.configure(next),
    begin: () => guard.configure(options),
    end: () => guard[Symbol.dispose](),
  }
}

/** Kinds by their names, in their order. */
export const kindList: readonly (readonly [name: string, Kind])[] = Object.entries(kinds)

/** The same, to find one by a name that anybody may have written. */
export const kindsByName: ReadonlyMap<string, Kind> = new Map(kindList)

/** What a document of rules is, as a JSON Schema: for an editor, or for a program that writes one. */
export function rulesSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Rules of sluice/resilience: guards by resource',
    type: 'object',
    additionalProperties: {
      type: 'object',
      properties: Object.fromEntries(kindList.map(([name, { schema }]) => [name, schema])),
      additionalProperties: false,
    },
  }
}
