import type { Clock } from '../runtime/clock.js'
import { ArgumentError } from '../runtime/errors.js'
import { scheduler } from '../runtime/scheduler.js'
import { checkRate, checkWait } from './limit.js'
import type { TokenBucketOptions } from './token-bucket.js'

const kind = 'token bucket'

/**
 * All options, with their defaults. Buckets that are given the same ones one after the other share one object of them, so
 * that a bucket per client costs a hundred bytes.
 */
export interface TokenBucketSettings {
  readonly rate: number
  readonly burst: number
  readonly maxWaitMs: number
  readonly name: string
  readonly clock: Clock
}

let latest: TokenBucketSettings | undefined

/**
 * The options of a token bucket, checked and complete.
 * @param before what a bucket has now: the very same if nothing changes.
 * @throws ArgumentError if one is out of its range.
 */
export function tokenBucketSettings(
  options: TokenBucketOptions,
  before?: TokenBucketSettings,
): TokenBucketSettings {
  const { rate, burst, maxWaitMs = 0 } = options
  const { name = kind, clock = scheduler().coarseClock } = before ?? options
  const isOf = (known: TokenBucketSettings | undefined) =>
    known?.rate === rate &&
    known.burst === burst &&
    known.maxWaitMs === maxWaitMs &&
    known.name === name &&
    known.clock === clock
  if (before !== undefined && isOf(before)) return before
  if (latest !== undefined && isOf(latest)) return latest
  checkRate(kind, rate)
  checkBurst(burst)
  checkWait(kind, 'maxWaitMs', maxWaitMs)
  latest = { rate, burst, maxWaitMs, name, clock }
  return latest
}

function checkBurst(burst: number): void {
  if (typeof burst === 'number' && burst >= 1 && burst < Infinity) return
  throw new ArgumentError(
    `the burst of a token bucket is a number of tokens from 1, not ${String(burst)}; for no limit set the rate to Infinity`,
  )
}
