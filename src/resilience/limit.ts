import type { Context } from '../context/context.js'
import { ArgumentError } from '../runtime/errors.js'
import { scheduler } from '../runtime/scheduler.js'
import type { Gate } from './guard.js'
import type { Quota } from './refused.js'

/** A gate that counts calls when they come. When and how they end is nothing to it, so nobody has to tell it. */
export interface Limit extends Gate {
  readonly ignoresLeave: true
  /** Lets in what costs so much, now or not at all. 1 unless said. */
  allow(cost?: number): boolean
  /** What is left, for the headers of a response. */
  quota(): Quota
}

/** What a limit needs to know of a call. */
export interface Asking {
  readonly cost: number
  readonly ctx: Context | undefined
}

/**
 * Waits shorter than this are none: Go's durations are whole nanoseconds. Without it, one who comes back exactly when told
 * to is refused where the sum of fractions falls short in the last bit.
 */
export const shortestWaitMs = 1e-6

/** Whether a wait of `delayMs` is over by the context's deadline. */
export function isInTime(ctx: Context | undefined, delayMs: number): boolean {
  const deadline = ctx?.isEndless === true ? undefined : ctx?.deadline
  return deadline === undefined || deadline.getTime() - scheduler().clock.epochNow() >= delayMs
}

/** @throws ArgumentError if it is not a number from 0: a negative one would give back what others took. */
export function checkCost(limit: string, cost: number): void {
  if (!(cost >= 0))
    throw new ArgumentError(`the cost of a call under a ${limit} is a number from 0, not ${cost}`)
}

/** @throws ArgumentError if it is not a number from 0. */
export function checkRate(limit: string, rate: number): void {
  if (typeof rate !== 'number' || !(rate >= 0)) {
    throw new ArgumentError(
      `the rate of a ${limit} is a number of calls a second from 0, not ${String(rate)}; Infinity is no limit`,
    )
  }
}

/**
 * @param guard with its article: `a leaky bucket`.
 * @throws ArgumentError if it is not a whole number from 0.
 */
export function checkQueue(guard: string, queue: number): void {
  if (Number.isInteger(queue) && queue >= 0) return
  throw new ArgumentError(
    `the queue of ${guard} is a whole number of calls from 0, not ${String(queue)}; with 0 nothing waits`,
  )
}

/** @throws ArgumentError if it is not a number of milliseconds from 0. */
export function checkWait(limit: string, option: string, waitMs: number): void {
  if (typeof waitMs !== 'number' || !(waitMs >= 0)) {
    throw new ArgumentError(
      `the option ${option} of a ${limit} is a number of milliseconds from 0, not ${String(waitMs)}; with 0 nothing waits`,
    )
  }
}
