import { withValue } from '../context/value.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import type { Outcome } from '../runtime/goroutine.js'
import type { Routine } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { sleep } from '../runtime/sleep.js'
import { type Backoff, type BackoffOptions, backoff } from './backoff.js'
import { Figures, type GuardStats } from './figures.js'
import type { Attempt, Call, Wrapper } from './guard.js'
import { previousAttempts } from './previous-attempts.js'
import { Refused } from './refused.js'
import type { RetryBudget } from './retry-budget.js'
import { isRetryable, isUnsent, pushbackMs } from './is-retryable.js'

export interface RetryOptions extends BackoffOptions {
  /** How often a call is made at most, the first time included: 3 unless said. */
  readonly attempts?: number
  /** What all retries before one dependency have in common; see `retryBudget`. */
  readonly budget?: RetryBudget
  /** Which errors may go better the next time; by default all but misuse. Cancellation never does. */
  readonly isRetryable?: (error: unknown) => boolean
  /** Whether a call may be made twice. One that may not is made again only if it is proven that nothing was sent. */
  readonly idempotent?: boolean | ((call: Call) => boolean)
  /** Which errors prove that. By default a guard's refusal, and a connection that did not come to be. */
  readonly isUnsent?: (error: unknown) => boolean
  /** Told before each retry waits. */
  readonly onRetry?: (retry: Retried) => void
  /** What it protects. */
  readonly name?: string
}

/** A call that will be made again. */
export interface Retried {
  /** The error that the call threw, or the value that means failure. */
  readonly failure: unknown
  /** How often it has been made. */
  readonly attempts: number
  readonly delayMs: number
}

/**
 * Makes a call again that failed, after an exponential back-off with full jitter. It waits for as long as a `retryAfterMs` of
 * the failure says, but not beyond `maxMs`. The deadline of the call's context spans all attempts: where the delay would pass
 * it, the call fails at once, with the original error. A call that is a retry already, of somebody further up, is made once.
 *
 * ```ts
 * const orders = policy(timeout({ ms: 3000 }), retry({ attempts: 3, budget }), timeout({ ms: 1000 }), breaker())
 * ```
 * Source: gRFC A6.
 * @throws ArgumentError if `attempts` is not a whole number from 1, or by the rules of `backoff`.
 */
export function retry(options: RetryOptions = {}): Retry {
  return new Retry(new Figures('retry', options.name ?? 'retry'), options)
}

/** Retries as a guard. */
export class Retry implements Wrapper {
  private readonly attempts: number
  private readonly budget: RetryBudget | undefined
  private readonly backoff: Backoff
  private retries = 0
  private exhausted = 0
  private throttled = 0

  /** @internal */
  constructor(
    readonly figures: Figures,
    private readonly options: RetryOptions,
  ) {
    this.attempts = options.attempts ?? 3
    if (!Number.isInteger(this.attempts) || this.attempts < 1) {
      throw new ArgumentError(
        `attempts is a whole number from 1, the first one included, not ${this.attempts}: 1 never retries`,
      )
    }
    this.budget = options.budget
    this.backoff = backoff(options)
  }

  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    let { ctx } = attempt
    this.figures.admitted++
    for (let made = 1; ; made++) {
      let failed: Outcome<T>
      try {
        const value = yield* attempt.run(ctx)
        if (!attempt.isFailure(value)) {
          this.budget?.succeeded()
          return value
        }
        failed = { value }
      } catch (error) {
        failed = { error }
      }
      const delayMs = this.delayMs(attempt, failed, made)
      if (delayMs === undefined) {
        if ('error' in failed) throw failed.error
        return failed.value
      }
      yield* this.pause(attempt, { failure: failed.error ?? failed.value, attempts: made, delayMs })
      ctx = withValue(attempt.ctx, previousAttempts, made)
    }
  }

  stats(): GuardStats {
    const { retries, exhausted, throttled, budget } = this
    return this.figures.stats('ok', { retries, exhausted, throttled, budgetTokens: budget?.tokens })
  }

  /** How long to wait before the next attempt; `undefined` if there is none. */
  private delayMs(call: Call, failed: Outcome<unknown>, made: number): number | undefined {
    if (call.ctx.err !== undefined || !this.isRetryable(failed)) return undefined
    // What a guard has refused says nothing about what lies behind it.
    if (!(failed.error instanceof Refused)) this.budget?.failed()
    if (!this.mayRepeat(call, failed)) return undefined
    if (made >= this.attempts) {
      this.exhausted++
      return undefined
    }
    if (this.budget?.allows === false) {
      this.throttled++
      this.figures.tell('throttled', failed.error ?? failed.value)
      return undefined
    }
    const pushback = pushbackMs(failed.error ?? failed.value) ?? 0
    if (pushback > this.backoff.maxMs) return undefined
    const delayMs = Math.max(this.backoff.delayMs(made), pushback)
    return endsWithin(call, delayMs) ? undefined : delayMs
  }

  private isRetryable(failed: Outcome<unknown>): boolean {
    if (!('error' in failed)) return true
    // Whatever the caller says: a goroutine that is told to stop must not go on.
    return !(failed.error instanceof Canceled) && (this.options.isRetryable ?? isRetryable)(failed.error)
  }

  private mayRepeat(call: Call, failed: Outcome<unknown>): boolean {
    if ((call.ctx.value(previousAttempts) ?? 0) > 0) return false
    const { idempotent = true } = this.options
    if (typeof idempotent === 'function' ? idempotent(call) : idempotent) return true
    return 'error' in failed && (this.options.isUnsent ?? isUnsent)(failed.error)
  }

  private *pause({ ctx }: Call, retried: Retried): Routine<void> {
    const { figures } = this
    this.retries++
    figures.tell('retried', retried)
    this.options.onRetry?.(retried)
    if (retried.attempts === 1) figures.waited++
    figures.waiting++
    try {
      yield* sleep(retried.delayMs).within(ctx)
    } finally {
      figures.waiting--
    }
  }
}

/** Whether the deadline of a call comes before so many ms have passed. A deadline is a date, so it is asked of that clock. */
function endsWithin({ ctx }: Call, delayMs: number): boolean {
  const { deadline } = ctx
  return deadline !== undefined && deadline.getTime() - scheduler().clock.epochNow() <= delayMs
}
