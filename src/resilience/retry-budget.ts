import { ArgumentError } from '../runtime/errors.js'

export interface RetryBudgetOptions {
  /** Tokens that there are at first and at most. Half of them are failures in a row that end all retries. */
  readonly maxTokens?: number
  /** What a success gives back, in thousandths at the finest: 0.1 allows one retry for every ten successes. */
  readonly tokenRatio?: number
}

export interface RetryBudgetStats {
  readonly tokens: number
  readonly maxTokens: number
  /** Whether calls may be sent again now. */
  readonly allows: boolean
}

/** As in the examples of gRFC A6. */
const defaults = { maxTokens: 10, tokenRatio: 0.1 }

/**
 * What keeps retries and hedges from piling load on what is overloaded: a failure takes a token, a success gives a part of
 * one back, and calls are sent again only while more than half of the tokens are left. Give all guards that stand before
 * one dependency the same budget.
 *
 * ```ts
 * const budget = retryBudget({ maxTokens: 20 })
 * const reads = policy(retry({ attempts: 3, budget })), writes = policy(retry({ attempts: 2, budget, idempotent: false }))
 * ```
 * Source: gRFC A6, "Throttling Retry Attempts and Hedged RPCs".
 * @throws ArgumentError if `maxTokens` is not a whole number from 1, or `tokenRatio` not a number from 0.001.
 */
export function retryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  return new RetryBudget(settingsOf(options))
}

type Settings = Required<RetryBudgetOptions>

function settingsOf(options: RetryBudgetOptions): Settings {
  const { maxTokens, tokenRatio } = { ...defaults, ...options }
  if (!Number.isSafeInteger(maxTokens * 1000) || !Number.isInteger(maxTokens) || maxTokens < 1) {
    throw new ArgumentError(`maxTokens is a whole number from 1, not ${maxTokens}`)
  }
  if (!(tokenRatio >= 0.001 && tokenRatio < Infinity)) {
    throw new ArgumentError(`tokenRatio is what a success gives back, from 0.001, not ${tokenRatio}`)
  }
  return { maxTokens, tokenRatio }
}

export class RetryBudget {
  // In thousandths, whole: a hundred tenths added up as fractions are not ten.
  private millis: number

  /** @internal */
  constructor(private settings: Settings) {
    this.millis = settings.maxTokens * 1000
  }

  get maxTokens(): number {
    return this.settings.maxTokens
  }

  get tokenRatio(): number {
    return this.settings.tokenRatio
  }

  /** Whether calls may be sent again: more than half of the tokens are left. */
  get allows(): boolean {
    return this.millis * 2 > this.maxTokens * 1000
  }

  get tokens(): number {
    return this.millis / 1000
  }

  /** A call went well. */
  succeeded(): void {
    this.millis = Math.min(this.millis + Math.round(this.tokenRatio * 1000), this.maxTokens * 1000)
  }

  /** A call failed in a way that would have it sent again. */
  failed(): void {
    this.millis = Math.max(this.millis - 1000, 0)
  }

  /**
   * Changes the settings from now on. The same share of the tokens is left, so that a budget that allows no retries goes on
   * to allow none. Source: gRPC core's `RetryThrottler`.
   * @throws ArgumentError as `retryBudget` does; nothing is changed then.
   */
  configure(options: RetryBudgetOptions): void {
    const { maxTokens } = this
    this.settings = settingsOf(options)
    this.millis = Math.floor((this.millis * this.maxTokens) / maxTokens)
  }

  stats(): RetryBudgetStats {
    const { tokens, maxTokens, allows } = this
    return { tokens, maxTokens, allows }
  }
}
