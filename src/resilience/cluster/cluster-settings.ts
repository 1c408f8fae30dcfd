import { ArgumentError } from '../../runtime/errors.js'
import { checkWait } from '../limit.js'
import type { LimitStore } from './limit-store.js'

/** What of a cluster's limit can be changed while it runs. */
export interface ClusterLimitSettings {
  /** Tokens that come in a second, for all instances together. */
  readonly rate: number
  /** Tokens that there are at most, so what may come at once after a quiet time, at all instances together. */
  readonly burst: number
  /**
   * How many instances share the limit at most: while the store does not answer, each goes on with `rate` and `burst`
   * divided by it. What is not known then must not be guessed, so there is no default. A function is asked again and again.
   */
  readonly instances: number | (() => number)
  /** For how many milliseconds a call may wait for its tokens, once the store has said that there are none. 0 unless said. */
  readonly maxWaitMs?: number
  /**
   * Tokens for the calls of so many milliseconds, at the rate at which they come, are taken ahead: half the burst at most,
   * divided by `instances`. With 0 each call asks the store. 50 unless said.
   */
  readonly aheadMs?: number
  /** The store has so many milliseconds to answer. 100 unless said. */
  readonly timeoutMs?: number
}

export interface ClusterLimitOptions extends ClusterLimitSettings {
  /** Where the instances share it: `redisStore(client)`. */
  readonly store: LimitStore
  /** What the limit is called in the store: who uses the same key shares it. */
  readonly key: string
  /** What it protects. */
  readonly name?: string
}

/** Checked, with defaults. */
export interface Settings {
  readonly rate: number
  readonly burst: number
  readonly instances: () => number
  readonly maxWaitMs: number
  readonly aheadMs: number
  readonly timeoutMs: number
}

export const kind = 'cluster limit'

/** @throws ArgumentError if one is out of its range. */
export function settingsOf(options: ClusterLimitSettings): Settings {
  const { rate, burst, instances, maxWaitMs = 0, aheadMs = 50, timeoutMs = 100 } = options
  if (!isNumber(rate) || !(rate > 0)) {
    throw new ArgumentError(
      `the rate of a ${kind} is a number of calls a second above 0, not ${String(rate)}; for no limit leave the guard out`,
    )
  }
  if (!isNumber(burst) || burst < 1) {
    throw new ArgumentError(`the burst of a ${kind} is a number of tokens from 1, not ${String(burst)}`)
  }
  checkWait(kind, 'maxWaitMs', maxWaitMs)
  checkWait(kind, 'aheadMs', aheadMs)
  if (!isNumber(timeoutMs) || !(timeoutMs > 0)) {
    throw new ArgumentError(
      `the option timeoutMs of a ${kind} is a time above 0 ms, not ${String(timeoutMs)}`,
    )
  }
  return { rate, burst, instances: countOf(instances), maxWaitMs, aheadMs, timeoutMs }
}

/** @throws ArgumentError if it is no text. */
export function checkKey(key: string): void {
  if (typeof key === 'string' && key !== '') return
  throw new ArgumentError(
    `the key of a ${kind} is its name in the store, such as 'orders', not ${JSON.stringify(key)}: limits with one key are one`,
  )
}

/** A function that fails to tell, or tells nonsense, has the last number that it told hold. */
function countOf(instances: number | (() => number)): () => number {
  let count = typeof instances === 'function' ? instances() : instances
  if (!isCount(count)) {
    throw new ArgumentError(
      `a ${kind} needs to know how many instances there are at most, from 1, for when the store does not answer: ` +
        `instances is ${String(count)}`,
    )
  }
  if (typeof instances === 'number') return () => count
  return () => {
    const told = instances()
    if (isCount(told)) count = told
    return count
  }
}

function isCount(value: unknown): value is number {
  return isNumber(value) && value >= 1
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
