import type { AdaptiveBreakerOptions } from '../adaptive-breaker.js'
import type { AdaptiveLimitOptions } from '../adaptive-limit.js'
import type { BreakerOptions } from '../breaker-settings.js'
import type { BulkheadOptions } from '../bulkhead.js'
import type { CachedOptions } from '../cached.js'
import type { ClusterLimitOptions, ClusterLimitSettings } from '../cluster/cluster-settings.js'
import type { FaultRule } from '../faults/fault-rule.js'
import type { FaultsOptions } from '../faults/faults.js'
import type { HedgeOptions } from '../hedge.js'
import type { Callee } from '../invoke-within.js'
import type { KeyedOptions } from '../keyed.js'
import type { LeakyBucketOptions } from '../leaky-bucket.js'
import type { MirrorOptions } from '../mirror.js'
import type { RetryBudgetOptions } from '../retry-budget.js'
import type { RetryOptions } from '../retry.js'
import type { ShedderOptions } from '../shedder.js'
import type { SlidingWindowOptions } from '../sliding-window.js'
import type { TimeoutOptions } from '../timeout.js'
import type { TokenBucketOptions } from '../token-bucket.js'

/** Guards of resources by the names of these: what a file of rules holds. */
export type RulesDocument = Readonly<Record<string, ResourceRules>>

/**
 * The guards of a resource with their options, as data. The order in which they compose is that of the guide, whatever the
 * order in which they stand: it is the order of these members.
 */
export interface ResourceRules {
  readonly fallback?:
    | { readonly value: unknown }
    | { readonly lastGood: true; readonly maxAgeMs: number; readonly maxKeys?: number }
    /** What it gives is said in code. */
    | Readonly<Record<string, never>>
  readonly cached?: Numbers<CachedOptions>
  readonly singleflight?: Readonly<Record<string, never>>
  readonly shedder?: Numbers<ShedderOptions>
  readonly tokenBucket?: Numbers<TokenBucketOptions> & PerKey
  readonly clusterLimit?: Numbers<ClusterLimitSettings> & {
    readonly instances?: number
    /** What it is called in the store: the resource's name unless said. */
    readonly key?: string
  }
  readonly leakyBucket?: Numbers<LeakyBucketOptions> & PerKey
  readonly slidingWindow?: Numbers<SlidingWindowOptions> & PerKey
  /** For all attempts together. */
  readonly timeout?: Numbers<TimeoutOptions>
  readonly retry?: Numbers<RetryOptions> & { readonly idempotent?: boolean } & Budgeted
  readonly hedge?: Numbers<HedgeOptions> & Budgeted
  readonly breaker?: Numbers<BreakerOptions>
  readonly adaptiveBreaker?: Numbers<AdaptiveBreakerOptions>
  readonly bulkhead?: Numbers<BulkheadOptions> & PerKey
  readonly adaptiveLimit?: Numbers<AdaptiveLimitOptions>
  readonly mirror?: Numbers<MirrorOptions>
  /** For each attempt. */
  readonly attemptTimeout?: Numbers<TimeoutOptions>
  /** In the place of what fails. Only where code has enabled it. */
  readonly faults?: { readonly rules: readonly FaultRule[] }
}

interface PerKey {
  /** Counts each key of the calls apart. */
  readonly perKey?: boolean | Numbers<KeyedOptions>
}

interface Budgeted {
  readonly budget?: RetryBudgetOptions
}

/** What a document cannot say of a resource's guards: functions, and what else is no data. It goes before the document. */
export interface ResourceCode {
  readonly fallback?: {
    readonly call?: Callee<unknown>
    readonly isFallback?: (error: unknown) => boolean
  }
  readonly cached?: NoData<CachedOptions>
  readonly shedder?: NoData<ShedderOptions>
  readonly tokenBucket?: NoData<TokenBucketOptions>
  readonly clusterLimit?: NoData<ClusterLimitOptions>
  readonly leakyBucket?: NoData<LeakyBucketOptions>
  readonly slidingWindow?: NoData<SlidingWindowOptions>
  readonly retry?: NoData<RetryOptions>
  readonly hedge?: NoData<HedgeOptions>
  readonly breaker?: NoData<BreakerOptions>
  readonly adaptiveBreaker?: NoData<AdaptiveBreakerOptions>
  readonly adaptiveLimit?: NoData<AdaptiveLimitOptions>
  readonly mirror?: NoData<MirrorOptions>
  readonly faults?: Pick<FaultsOptions, 'enabled' | 'random'>
}

type Numbers<O> = { [K in keyof O as NonNullable<O[K]> extends number ? K : never]: O[K] }
type NoData<O> = { [K in keyof O as NonNullable<O[K]> extends number | string ? never : K]?: O[K] }
