import type { Clock } from '../runtime/clock.js'
import { ArgumentError } from '../runtime/errors.js'
import { DONE } from './guard.js'

export interface BreakerOptions {
  /** What it protects. */
  readonly name?: string
  /** The shares below count once so many calls have ended within the window: 10 unless said, `Infinity` for never. */
  readonly requestVolumeThreshold?: number
  /** Opens when this share of the calls failed, or more: 50 unless said. */
  readonly errorThresholdPercentage?: number
  /** How long it stays open before it lets probes through: 5000 unless said. */
  readonly sleepWindowMs?: number
  /** Calls that it lets through when half-open. All of them have to succeed: 1 unless said. */
  readonly probes?: number
  /** A probe that has not ended after so many milliseconds has failed, so that none holds it half-open for ever: 60 000. */
  readonly probeTimeoutMs?: number
  /** A call that takes so long, or longer, is slow; a slow probe has failed. No call is slow by default. */
  readonly slowMs?: number
  /** Opens when this share of the calls was slow, or more: 50 unless said. */
  readonly slowThresholdPercentage?: number
  /** Opens at so many failures in a row, however few calls there were. Does not by default. */
  readonly consecutiveErrors?: number
  /** How far back calls count: 10 000 unless said. */
  readonly windowMs?: number
  /** Whether an error says that what was called is in trouble; one that does not counts as a success. All do by default. */
  readonly isFailure?: (error: unknown) => boolean
  readonly clock?: Clock
}

// As Hystrix has them, but for the volume: 10 trips a service with little traffic within its window too.
const defaults = {
  requestVolumeThreshold: 10,
  errorThresholdPercentage: 50,
  sleepWindowMs: 5000,
  probes: 1,
  probeTimeoutMs: 60_000,
  slowMs: Infinity,
  slowThresholdPercentage: 50,
  consecutiveErrors: Infinity,
  windowMs: 10_000,
  isFailure: () => true,
}

/** What of a breaker can change: all options, with their defaults. */
export type BreakerSettings = Required<Omit<BreakerOptions, 'name' | 'clock'>>

/**
 * The options of a breaker, checked and complete.
 * @throws ArgumentError if one is out of its range.
 */
export function breakerSettings({ name: _, clock: __, ...options }: BreakerOptions): BreakerSettings {
  const settings = { ...defaults, ...options }
  check(settings)
  if (options.slowThresholdPercentage !== undefined && options.slowMs === undefined)
    throw new ArgumentError('breaker: slowThresholdPercentage needs slowMs, from which on a call is slow')
  return settings
}

function check(settings: BreakerSettings): void {
  checkCount('requestVolumeThreshold', settings.requestVolumeThreshold, Infinity)
  checkCount('consecutiveErrors', settings.consecutiveErrors, Infinity)
  checkCount('probes', settings.probes, Number.MAX_SAFE_INTEGER)
  checkPercentage('errorThresholdPercentage', settings.errorThresholdPercentage)
  checkPercentage('slowThresholdPercentage', settings.slowThresholdPercentage)
  checkTime('breaker: sleepWindowMs', settings.sleepWindowMs, Number.MAX_VALUE)
  checkTime('breaker: windowMs', settings.windowMs, Number.MAX_VALUE)
  checkTime('breaker: probeTimeoutMs', settings.probeTimeoutMs, Infinity)
  checkTime('breaker: slowMs', settings.slowMs, Infinity)
}

function checkCount(option: string, count: number, most: number): void {
  if ((Number.isInteger(count) || count === Infinity) && count >= 1 && count <= most) return
  throw new ArgumentError(`breaker: ${option} is a whole number from 1, not ${count}`)
}

function checkPercentage(option: string, percentage: number): void {
  if (percentage > 0 && percentage <= 100) return
  throw new ArgumentError(`breaker: ${option} is above 0 and at most 100, not ${percentage}`)
}

/** @throws ArgumentError if it is not a time above 0, and at most `most`. */
export function checkTime(option: string, ms: number, most: number): void {
  if (ms > 0 && ms <= most) return
  throw new ArgumentError(`${option} is a time above 0 ms, not ${ms}`)
}

/** Whether a call that ended like this failed, to a breaker that hears only of calls that were made and not given up. */
export function hasFailed(ending: number, error: unknown, isFailure: (error: unknown) => boolean): boolean {
  // A value that means failure has no error to be asked about.
  return ending !== DONE && (error === undefined || isFailure(error))
}
