import type { Context } from '../context/context.js'
import { DeadlineExceeded } from '../context/deadline.js'
import { Ending } from '../context/ending.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'
import { yieldNow } from '../runtime/sleep.js'
import type { Deadline } from '../runtime/timers.js'
import { Figures, type GuardStats } from './figures.js'
import type { Attempt, Wrapper } from './guard.js'
import { TimedOut } from './timed-out.js'
import { Trial } from './trial.js'
import { checkGiven } from './given.js'

export interface TimeoutOptions {
  /** How long a call may take, in ms, with all that the guards behind this one do: waits in queues, retries. */
  readonly ms: number
  /** What it protects. */
  readonly name?: string
}

/**
 * Gives a call so many milliseconds. Its context ends then, and a call that does not listen to its context is given up as
 * well, at the same moment: the caller gets `TimedOut`, or the error of its own context if that ended first.
 *
 * ```ts
 * const prices = policy(timeout({ ms: 250, name: 'prices' }))
 * ```
 * Source: Go's `http.TimeoutHandler`.
 * @throws ArgumentError if `ms` is not a finite number above 0.
 */
export function timeout(options: TimeoutOptions): Timeout {
  checkGiven('timeout', options)
  const { ms, name = 'timeout' } = options
  checkTimeout(ms)
  return new Timeout(new Figures('timeout', name), ms)
}

/** A call, under a context that ends when its time is up. */
class TimedTrial<T> extends Trial<T> implements Deadline {
  atMs: number
  heapIndex = -1
  sequence = 0
  private readonly on = scheduler()

  constructor(parent: Context, ms: number) {
    super(parent, timeout as GoFunction)
    this.atMs = this.on.coarseClock.now() + ms
  }

  override get deadline(): Date {
    const { clock } = this.on
    const atEpochMs = clock.epochNow() - clock.now() + this.atMs
    return new Date(Math.min(atEpochMs, super.deadline?.getTime() ?? Infinity))
  }

  /** Sets the timer; without a wait no time passes. */
  arm(): void {
    this.on.timers.add(this)
  }

  expire(): void {
    this.end(new Ending(DeadlineExceeded, undefined))
  }

  protected override leave(): void {
    this.on.timers.remove(this)
    super.leave()
  }
}

/** A limit of time as a guard. */
export class Timeout implements Wrapper {
  private timedOut = 0

  /** @internal */
  constructor(
    readonly figures: Figures,
    private limitMs: number,
  ) {}

  /** How long a call may take, in ms. */
  get ms(): number {
    return this.limitMs
  }

  /**
   * Changes the limit for calls that come from now on.
   * @throws ArgumentError if `ms` is not a finite number above 0.
   */
  configure({ ms }: TimeoutOptions): void {
    checkTimeout(ms)
    const before = { ms: this.limitMs }
    this.limitMs = ms
    this.figures.changed(before, { ms })
  }

  // A call that has to wait has a goroutine of its own: a caller that ran it itself would wait for as long as its `finally`
  // does.
  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    this.figures.admitted++
    const { ms } = this
    const trial = new TimedTrial<T>(attempt.ctx, ms)
    trial.begin((ctx) => attempt.run(ctx))
    if (trial.outcome === undefined && !trial.wasCalledOff) yield* this.over(trial)
    if (!trial.wasCalledOff) return yield* trial.take()
    const error = attempt.ctx.err ?? this.expired(ms)
    // What the call holds of the guards behind is given back first, where that takes no waiting.
    yield* yieldNow()
    throw error
  }

  private *over<T>(trial: TimedTrial<T>): Routine<void> {
    trial.arm()
    try {
      yield* trial.over()
    } finally {
      trial.callOff()
    }
  }

  stats(): GuardStats {
    return this.figures.stats('ok', { timedOut: this.timedOut, limitMs: this.ms })
  }

  private expired(ms: number): TimedOut {
    this.timedOut++
    const error = new TimedOut(this.figures.name, ms)
    this.figures.tell('timed out', error)
    return error
  }
}

function checkTimeout(ms: number): void {
  if (ms > 0 && ms < Infinity) return
  throw new ArgumentError(
    `the ms of a timeout is a finite number above 0, not ${ms}: leave the guard out for no limit`,
  )
}
