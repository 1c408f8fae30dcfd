import type { Context } from '../context/context.js'
import type { Operation, Routine } from '../runtime/operation.js'
import type { Figures, GuardStats } from './figures.js'
import type { Refused } from './refused.js'
import type { Running } from './run.js'

/** A call as a guard sees it. */
export interface Call {
  readonly ctx: Context
  /** Who asks: a client, a route, a tenant. Guards that are keyed count each apart. */
  readonly key: string | undefined
  readonly priority: Priority
  /** How much of a limit it takes: 1 unless said. */
  readonly cost: number
  /** False for one that must not be made twice: no retry or hedge does, unless it is proven that nothing was sent. */
  readonly idempotent?: boolean
}

/** What is refused first when there is too much: `low`; `critical` is refused last, health checks never. */
export type Priority = 'low' | 'normal' | 'high' | 'critical'

/** What `enter` says instead of a ticket: the call is refused, or has to wait. */
export const REFUSED = -1
export const MUST_WAIT = -2

/** How a call that was let in has ended. */
export const DONE = 0
export const FAILED = 1
/** The caller gave it up: that says nothing about what it called. */
export const GIVEN_UP = 2
/** A guard further in refused it: what it takes is given back as if it had not come. */
export const NEVER_RAN = 3

/** What all guards have. */
interface Known {
  readonly figures: Figures
  stats(): GuardStats
}

/**
 * A guard that lets calls in, and hears how they ended. All of it happens at once, without a wait in between, so that what
 * is counted is what is.
 */
export interface Gate extends Known {
  /** Lets a call in: a ticket, from 0, that `leave` gets back; `REFUSED`, or `MUST_WAIT` where there is a queue. */
  enter(call: Call): number
  /** Waits for a place after `MUST_WAIT`: gives the ticket, or throws `Refused`. */
  wait(call: Call): Operation<number>
  /** A call that was let in has ended, `ms` after it began: to within a few ms, unless `needsExactMs`. */
  leave(ticket: number, ending: number, error: unknown, ms: number): void
  /** It measures how long calls take: the clock is read twice more for each. */
  readonly needsExactMs?: boolean
  /** Calls leave it as they please: a limit on how often they come needs not hear of their ends. */
  readonly ignoresLeave?: boolean
  /** Why the call that was refused last was refused, and when to come back. */
  refusal(call: Call): Refused
}

/** A call that a wrapper may make, once or several times. */
export interface Attempt<T> extends Call {
  /** Whether the caller takes this value for a failure. */
  isFailure(value: unknown): boolean
  /** Makes the call, under the guards that stand behind. */
  run(ctx: Context): Running<T>
}

/** A guard that makes the call itself: later, again, with less time, or something else instead. */
export interface Wrapper extends Known {
  wrap<T>(attempt: Attempt<T>): Routine<T>
}

/** What `policy` composes. */
export type Guard = Gate | Wrapper
