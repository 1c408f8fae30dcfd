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
  /** Whether a call may be made twice: as its caller says, unless given. One that may not is made again only if it is proven that nothing was sent. */
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

/** What can change: all options, with their defaults. */
interface Settings extends Required<Omit<RetryOptions, 'budget' | 'onRetry' | 'name'>> {
  readonly budget: RetryBudget | undefined
  readonly onRetry: ((retry: Retried) => void) | undefined
}

/** Settings, and the delays that follow from them. */
interface Plan {
  readonly settings: Settings
  readonly backoff: Backoff
}

function planOf(options: RetryOptions): Plan {
  const { attempts = 3, idempotent = mayBeRepeated, random = Math.random, budget, onRetry } = options
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw new ArgumentError(
      `attempts is a whole number from 1, the first one included, not ${attempts}: 1 never retries`,
    )
  }
  const delays = backoff({ ...options, random })
  const { initialMs, maxMs, multiplier } = delays
  const which = { isRetryable: options.isRetryable ?? isRetryable, isUnsent: options.isUnsent ?? isUnsent }
  const settings = { attempts, initialMs, maxMs, multiplier, random, idempotent, ...which, budget, onRetry }
  return { settings, backoff: delays }
}

/** How a call has failed, and how often it has been made. */
interface Failed {
  readonly outcome: Outcome<unknown>
  readonly made: number
}

/** Retries as a guard. */
export class Retry implements Wrapper {
  private plan: Plan
  private retries = 0
  private exhausted = 0
  private throttled = 0

  /** @internal */
  constructor(
    readonly figures: Figures,
    options: RetryOptions,
  ) {
    this.plan = planOf(options)
  }

  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    const { plan } = this // that of a call which is under way stays
    let { ctx } = attempt
    this.figures.admitted++
    for (let made = 1; ; made++) {
      let outcome: Outcome<T>
      try {
        const value = yield* attempt.run(ctx)
        if (!attempt.isFailure(value)) {
          plan.settings.budget?.succeeded()
          return value
        }
        outcome = { value }
      } catch (error) {
        outcome = { error }
      }
      const delayMs = this.delayMs(plan, attempt, { outcome, made })
      if (delayMs === undefined) {
        if ('error' in outcome) throw outcome.error
        return outcome.value
      }
      yield* this.pause(plan, attempt, { failure: outcome.error ?? outcome.value, attempts: made, delayMs })
      ctx = withValue(attempt.ctx, previousAttempts, made)
    }
  }

  /**
   * Changes the settings for the calls that come from now on.
   * @throws ArgumentError as `retry` does; nothing is changed then.
   */
  configure(options: RetryOptions): void {
    const before = this.plan
    this.plan = planOf(options)
    this.figures.changed(before.settings, this.plan.settings)
  }

  stats(): GuardStats {
    const { retries, exhausted, throttled, plan } = this
    return this.figures.stats('ok', {
      retries,
      exhausted,
      throttled,
      budgetTokens: plan.settings.budget?.tokens,
    })
  }

  /** How long to wait before the next attempt; `undefined` if there is none. */
  private delayMs({ settings, backoff }: Plan, call: Call, { outcome, made }: Failed): number | undefined {
    const { budget, attempts } = settings
    const failure = outcome.error ?? outcome.value
    if (call.ctx.err !== undefined || !mayGoBetter(settings, outcome)) return undefined
    // What a guard has refused says nothing about what lies behind it.
    if (!(outcome.error instanceof Refused)) budget?.failed()
    if (!mayRepeat(settings, call, outcome)) return undefined
    if (made >= attempts) {
      this.exhausted++
      return undefined
    }
    if (budget?.allows === false) {
      this.throttled++
      this.figures.tell('throttled', failure)
      return undefined
    }
    const pushback = pushbackMs(failure) ?? 0
    if (pushback > backoff.maxMs) return undefined
    const delayMs = Math.max(backoff.delayMs(made), pushback)
    return endsWithin(call, delayMs) ? undefined : delayMs
  }

  private *pause({ settings }: Plan, { ctx }: Call, retried: Retried): Routine<void> {
    const { figures } = this
    this.retries++
    figures.tell('retried', retried)
    settings.onRetry?.(retried)
    if (retried.attempts === 1) figures.waited++
    figures.waiting++
    try {
      yield* sleep(retried.delayMs).within(ctx)
    } finally {
      figures.waiting--
    }
  }
}

/** What the caller says of it. */
function mayBeRepeated(call: Call): boolean {
  return call.idempotent !== false
}

function mayGoBetter({ isRetryable }: Settings, outcome: Outcome<unknown>): boolean {
  if (!('error' in outcome)) return true
  // Whatever the caller says: a goroutine that is told to stop must not go on.
  return !(outcome.error instanceof Canceled) && isRetryable(outcome.error)
}

function mayRepeat({ idempotent, isUnsent }: Settings, call: Call, outcome: Outcome<unknown>): boolean {
  if ((call.ctx.value(previousAttempts) ?? 0) > 0) return false
  if (typeof idempotent === 'function' ? idempotent(call) : idempotent) return true
  return 'error' in outcome && isUnsent(outcome.error)
}

/** Whether the deadline of a call comes before so many ms have passed. A deadline is a date, so it is asked of that clock. */
function endsWithin({ ctx }: Call, delayMs: number): boolean {
  const { deadline } = ctx
  return deadline !== undefined && deadline.getTime() - scheduler().clock.epochNow() <= delayMs
}
