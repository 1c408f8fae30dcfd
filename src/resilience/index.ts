/** Guard rails: what keeps a service up when its traffic or its dependencies misbehave. */
export {
  type AdaptiveBreaker,
  type AdaptiveBreakerOptions,
  adaptiveBreaker,
} from './adaptive-breaker.js'
export { type AdaptiveLimit, type AdaptiveLimitOptions, adaptiveLimit } from './adaptive-limit.js'
export { type BackoffOptions, type Backoff, backoff } from './backoff.js'
export { type Breaker, type BreakerChange, type BreakerState, breaker } from './breaker.js'
export type { BreakerOptions } from './breaker-settings.js'
export { type Bulkhead, type BulkheadOptions, bulkhead } from './bulkhead.js'
export { type Cached, type CachedOptions, cached } from './cached.js'
export { type Fallback, type FallbackOptions, fallback } from './fallback.js'
export { type ClusterLimit, clusterLimit } from './cluster/cluster-limit.js'
export type { ClusterLimitOptions, ClusterLimitSettings } from './cluster/cluster-settings.js'
export { Gcra } from './cluster/gcra.js'
export {
  type LimitStore,
  LimitStoreError,
  type TokenGrant,
  type TokenRequest,
} from './cluster/limit-store.js'
export { type MemoryStore, type MemoryStoreOptions, memoryStore } from './cluster/memory-store.js'
export {
  type RedisClient,
  type RedisScriptCall,
  type RedisStoreOptions,
  redisStore,
} from './cluster/redis-store.js'
export { type StoreLink, storeLink } from './cluster/store-link.js'
export { ConnectionReset, FaultError } from './faults/fault-error.js'
export type { ErrorFault, FaultRule } from './faults/fault-rule.js'
export { type Faults, type FaultsOptions, type FaultSwitch, faults } from './faults/faults.js'
export type { LatencyFault } from './faults/latency.js'
export { type SkewedClock, skewed } from './faults/skewed-clock.js'
export type { Figures, GuardEvent, GuardListener, GuardStats } from './figures.js'
export {
  type Attempt,
  type Call,
  DONE,
  FAILED,
  type Gate,
  GIVEN_UP,
  type Guard,
  MUST_WAIT,
  NEVER_RAN,
  type Priority,
  REFUSED,
  type Wrapper,
} from './guard.js'
export { type Hedge, type HedgeOptions, hedge } from './hedge.js'
export { isRetryable, isUnsent } from './is-retryable.js'
export { type Keyed, type KeyedOptions, keyed } from './keyed.js'
export { type LeakyBucket, type LeakyBucketOptions, leakyBucket } from './leaky-bucket.js'
export type { Limit } from './limit.js'
export { type Mirror, type MirrorOptions, mirror } from './mirror.js'
export { type Policy, policy } from './policy.js'
export { type Quota, Refused } from './refused.js'
export { type Retried, type Retry, type RetryOptions, retry } from './retry.js'
export {
  type RetryBudget,
  type RetryBudgetOptions,
  type RetryBudgetStats,
  retryBudget,
} from './retry-budget.js'
export type { RuleChange, RulesVersion } from './rules/history.js'
export type { ResourceCode, ResourceRules, RulesDocument } from './rules/resource-rules.js'
export { type Rules, type RulesStats, rules } from './rules/rules.js'
export type { ChangeOptions, RulesChange, RulesEvent } from './rules/rules-change.js'
export {
  type RuleFault,
  RulesError,
  type RulesErrorReason,
  StaleRulesError,
} from './rules/rules-error.js'
export type { RulesSource } from './rules/source.js'
export type { CallOptions, Guarded, Running } from './run.js'
export { type Shedder, type ShedderOptions, shedder } from './shedder.js'
export { type Singleflight, type SingleflightOptions, singleflight } from './singleflight.js'
export { type SlidingWindow, type SlidingWindowOptions, slidingWindow } from './sliding-window.js'
export { previousAttempts } from './previous-attempts.js'
export { TimedOut } from './timed-out.js'
export { type Timeout, type TimeoutOptions, timeout } from './timeout.js'
export { type TokenBucket, type TokenBucketOptions, tokenBucket } from './token-bucket.js'
export type { Reservation } from './token-reservation.js'
