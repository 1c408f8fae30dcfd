import type { Context } from '../context/context.js'
import { withValue } from '../context/value.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import type { Outcome } from '../runtime/goroutine.js'
import type { Operation, Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'
import { select } from '../runtime/select.js'
import { after, yieldNow } from '../runtime/sleep.js'
import { Figures, type GuardStats } from './figures.js'
import type { Attempt, Wrapper } from './guard.js'
import { previousAttempts } from './previous-attempts.js'
import { Refused } from './refused.js'
import type { RetryBudget } from './retry-budget.js'
import { isRetryable, pushbackMs } from './is-retryable.js'
import { Trial } from './trial.js'
import { checkGiven } from './given.js'

export interface HedgeOptions {
  /** How long a call may take before it is made once more beside, in ms: its 95th percentile, say. 0 makes all at once. */
  readonly delayMs: number
  /** How often it is made at most, the first time included: 2 unless said, 5 at most. */
  readonly attempts?: number
  /** What all retries and hedges before one dependency have in common; see `retryBudget`. */
  readonly budget?: RetryBudget
  /** Which errors leave hope for the other attempts; one that does not ends the call. By default all but misuse. */
  readonly isRetryable?: (error: unknown) => boolean
  /** What it protects. */
  readonly name?: string
}

/**
 * Makes a slow call once more beside itself, and takes whichever is good first; the others are called off in the same step.
 * When one fails, the next is made at once, unless its error says when to come back; with no other under way that is not waited
 * for. Only for calls that may be made twice. An attempt finds its number in its context
 * under `previousAttempts`, so a balancer can send it elsewhere.
 *
 * ```ts
 * const search = policy(timeout({ ms: 500 }), hedge({ delayMs: 80, budget }))
 * ```
 * Source: gRFC A6, "Hedging policy"; Dean and Barroso, "The Tail at Scale" (2013).
 * @throws ArgumentError if `delayMs` is not a finite number from 0, or `attempts` not a whole number from 2 to 5.
 */
export function hedge(options: HedgeOptions): Hedge {
  checkGiven('hedge', options)
  return new Hedge(new Figures('hedge', options.name ?? 'hedge'), options)
}

/** What can change: all options, with their defaults. */
interface Settings extends Required<Omit<HedgeOptions, 'budget' | 'name'>> {
  readonly budget: RetryBudget | undefined
}

function settingsOf(options: HedgeOptions): Settings {
  const { delayMs, attempts = 2, budget } = options
  if (!(delayMs >= 0 && delayMs < Infinity)) {
    throw new ArgumentError(
      `the delayMs of a hedge is a finite number of milliseconds from 0, not ${delayMs}`,
    )
  }
  if (!Number.isInteger(attempts) || attempts < 2 || attempts > 5) {
    throw new ArgumentError(
      `the attempts of a hedge are a whole number from 2 to 5, the first one included, not ${attempts}`,
    )
  }
  return { delayMs, attempts, budget, isRetryable: options.isRetryable ?? isRetryable }
}

/** `final`: an error that leaves no hope for the other attempts. */
type Verdict = 'good' | 'failed' | 'final'

/** Hedged calls as a guard. */
export class Hedge implements Wrapper {
  private settings: Settings
  private hedges = 0
  private hedgesWon = 0
  private throttled = 0

  /** @internal */
  constructor(
    readonly figures: Figures,
    options: HedgeOptions,
  ) {
    this.settings = settingsOf(options)
  }

  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    this.figures.admitted++
    const race = new Race(this, this.settings, attempt)
    try {
      return yield* race.run()
    } finally {
      race.callOff()
    }
  }

  /**
   * Changes the settings for the calls that come from now on.
   * @throws ArgumentError as `hedge` does; nothing is changed then.
   */
  configure(options: HedgeOptions): void {
    const before = this.settings
    this.settings = settingsOf(options)
    this.figures.changed(before, this.settings)
  }

  stats(): GuardStats {
    const { hedges, hedgesWon, throttled } = this
    return this.figures.stats('ok', {
      hedges,
      hedgesWon,
      throttled,
      budgetTokens: this.settings.budget?.tokens,
    })
  }

  /** @internal The budget does not allow a call to be made once more. */
  throttle(): void {
    this.throttled++
    this.figures.tell('throttled')
  }

  /** @internal */
  hedged(made: number): void {
    this.hedges++
    this.figures.tell('hedged', made)
  }

  /** @internal An attempt after the first was the first good one. */
  won(): void {
    this.hedgesWon++
  }
}

/** One call, and the attempts that are under way for it. */
class Race<T> {
  private readonly clock = scheduler().clock
  private readonly trials: Trial<T>[] = []
  /** Attempts that may still be made. */
  private left: number
  private nextAtMs = -Infinity
  private inFlight = 0
  /** The one that decides: a good one, or an error that leaves no hope. */
  private decisive: Trial<T> | undefined = undefined
  private lastFailed: Trial<T> | undefined = undefined

  constructor(
    private readonly hedge: Hedge,
    private readonly settings: Settings,
    private readonly attempt: Attempt<T>,
  ) {
    // What is a retry already, of somebody further up, is made once.
    const isOnce = attempt.idempotent === false || (attempt.ctx.value(previousAttempts) ?? 0) > 0
    this.left = isOnce ? 1 : settings.attempts
  }

  *run(): Routine<T> {
    const { ctx } = this.attempt
    for (;;) {
      const { err } = ctx
      if (this.decisive === undefined && err !== undefined) {
        yield* yieldNow() // what the attempts hold of the guards behind is given back first
        throw err
      }
      if (this.decisive === undefined) this.sendIfDue()
      const last = this.decisive ?? (this.inFlight === 0 ? this.lastFailed : undefined)
      if (last !== undefined) return yield* last.take()
      yield* select(this.cases())
    }
  }

  callOff(): void {
    for (const trial of this.trials) trial.callOff()
  }

  private sendIfDue(): void {
    const nowMs = this.clock.now()
    while (this.left > 0 && nowMs >= this.nextAtMs) {
      if (this.trials.length === 0 || this.settings.budget?.allows !== false) this.send(nowMs)
      else {
        this.left = 0
        this.hedge.throttle()
      }
    }
  }

  private send(nowMs: number): void {
    const made = this.trials.length
    if (made > 0) this.hedge.hedged(made)
    const { ctx } = this.attempt
    const numbered = made === 0 ? ctx : withValue(ctx, previousAttempts, made)
    this.left--
    this.inFlight++
    this.nextAtMs = nowMs + this.settings.delayMs
    this.trials.push(new Trial<T>(numbered, hedge as GoFunction).start((ctx) => this.make(ctx, made)))
  }

  /** Makes an attempt, and judges it in the very step in which it ends, so that no loser goes on after the winner. */
  private *make(ctx: Context, number: number): Routine<T> {
    let failure: unknown // an error, or a value that means one
    let verdict: Verdict = 'final' // also of one that exits by goexit
    try {
      const value = yield* this.attempt.run(ctx)
      failure = value
      if (!this.isSettled(number)) verdict = this.judge({ value })
      return value
    } catch (error) {
      failure = error
      if (!this.isSettled(number)) verdict = this.judge({ error })
      throw error
    } finally {
      if (!this.isSettled(number)) this.ended(number, verdict, failure)
    }
  }

  /** What the end of an attempt means for the call: it decides unless it has just failed. */
  private judge(outcome: Outcome<T>): Verdict {
    const { budget, isRetryable } = this.settings
    if (!('error' in outcome)) {
      if (!this.attempt.isFailure(outcome.value)) return 'good'
    } else if (outcome.error instanceof Canceled || !isRetryable(outcome.error)) {
      return 'final'
    }
    // What a guard has refused says nothing about what lies behind it.
    if (!(outcome.error instanceof Refused)) budget?.failed()
    return 'failed'
  }

  /** What becomes of an attempt is of no interest any more. */
  private isSettled(number: number): boolean {
    return this.decisive !== undefined || this.trials[number]?.wasCalledOff === true
  }

  private ended(number: number, verdict: Verdict, failure: unknown): void {
    const trial = this.trials[number]
    this.inFlight--
    if (verdict === 'failed') {
      this.lastFailed = trial
      this.nextAtMs = this.clock.now() + (pushbackMs(failure) ?? 0)
      return
    }
    this.decisive = trial
    if (verdict === 'good') this.settings.budget?.succeeded()
    if (verdict === 'good' && number > 0) this.hedge.won()
    for (const other of this.trials) if (other !== trial) other.callOff()
  }

  private cases(): Record<string, Operation<unknown>> {
    const cases: Record<string, Operation<unknown>> = {}
    for (const [i, trial] of this.trials.entries()) if (!trial.isOver) cases[`attempt ${i}`] = trial.over()
    if (this.left > 0) cases['next'] = after(this.nextAtMs - this.clock.now())
    return cases
  }
}
