import { ArgumentError } from '../runtime/errors.js'

export interface BackoffOptions {
  /** The longest delay before the first retry, in ms. */
  readonly initialMs?: number
  /** The longest delay of all, in ms. */
  readonly maxMs?: number
  /** How much longer it is from one retry to the next. */
  readonly multiplier?: number
  /** Where the jitter comes from, in [0, 1). */
  readonly random?: () => number
}

/** A person does not notice 100 ms; 2 s are short enough to be waited for, and long enough for a restart to be over. */
const defaults = { initialMs: 100, maxMs: 2000, multiplier: 2 }

/**
 * How long to wait before each retry: exponential, with full jitter, so that callers who failed together do not come back
 * together.
 *
 * Source: gRFC A6 in its text of 2017; Brooker, "Exponential Backoff And Jitter" (2015).
 * @throws ArgumentError if a time is negative or not finite, `maxMs` is below `initialMs` or `multiplier` below 1.
 */
export function backoff(options: BackoffOptions = {}): Backoff {
  const { initialMs, maxMs, multiplier } = { ...defaults, ...options }
  return new Backoff(initialMs, maxMs, multiplier, options.random ?? Math.random)
}

export class Backoff {
  /** @internal */
  constructor(
    readonly initialMs: number,
    readonly maxMs: number,
    readonly multiplier: number,
    private readonly random: () => number,
  ) {
    if (!(initialMs >= 0 && initialMs < Infinity)) {
      throw new ArgumentError(`initialMs is a finite number of milliseconds from 0, not ${initialMs}`)
    }
    if (!(maxMs >= initialMs && maxMs < Infinity)) {
      throw new ArgumentError(`maxMs is a finite time of at least initialMs (${initialMs}), not ${maxMs}`)
    }
    if (!(multiplier >= 1 && multiplier < Infinity)) {
      throw new ArgumentError(`a multiplier is a finite number from 1, not ${multiplier}`)
    }
  }

  /** A delay in ms, drawn anew each time. @param retry which one it is, from 1. */
  delayMs(retry: number): number {
    return this.random() * this.ceilingMs(retry)
  }

  /** The longest delay before a retry, in ms. */
  ceilingMs(retry: number): number {
    if (this.initialMs === 0) return 0 // times infinity, it would be NaN
    return Math.min(this.initialMs * this.multiplier ** (retry - 1), this.maxMs)
  }
}
