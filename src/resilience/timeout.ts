import { withTimeout } from '../context/deadline.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { yieldNow } from '../runtime/sleep.js'
import { Figures, type GuardStats } from './figures.js'
import type { Attempt, Wrapper } from './guard.js'
import { TimedOut } from './timed-out.js'
import { Trial } from './trial.js'

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
export function timeout({ ms, name = 'timeout' }: TimeoutOptions): Timeout {
  return new Timeout(new Figures('timeout', name), ms)
}

/** A limit of time as a guard. */
export class Timeout implements Wrapper {
  private timedOut = 0

  /** @internal */
  constructor(
    readonly figures: Figures,
    readonly ms: number,
  ) {
    if (!(ms > 0 && ms < Infinity)) {
      throw new ArgumentError(
        `the ms of a timeout is a finite number above 0, not ${ms}: leave the guard out for no limit`,
      )
    }
  }

  // The call has a goroutine of its own: a caller that ran it itself would wait for as long as its `finally` does.
  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    this.figures.admitted++
    const limit = withTimeout(attempt.ctx, this.ms)
    const trial = new Trial<T>(limit, (ctx) => attempt.run(ctx), timeout as GoFunction)
    try {
      yield* trial.over()
      if (!trial.wasCalledOff) return yield* trial.take()
      const error = attempt.ctx.err ?? this.expired()
      // What the call holds of the guards behind is given back first, where that takes no waiting.
      yield* yieldNow()
      throw error
    } finally {
      trial.callOff()
      limit.cancel()
    }
  }

  stats(): GuardStats {
    return this.figures.stats('ok', { timedOut: this.timedOut, limitMs: this.ms })
  }

  private expired(): TimedOut {
    this.timedOut++
    const error = new TimedOut(this.figures.name, this.ms)
    this.figures.tell('timed out', error)
    return error
  }
}
