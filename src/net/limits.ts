import { ArgumentError } from '../runtime/errors.js'

/** @throws ArgumentError if `value` is no number of bytes that something may be limited to. */
export function checkBytes(caller: string, option: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return
  throw new ArgumentError(`${caller}(): ${option} is a whole number of bytes from 1, not ${String(value)}`)
}

/** @throws ArgumentError if `value` is no count; `Infinity` stands for no limit. */
export function checkCount(caller: string, option: string, value: number): void {
  if ((Number.isSafeInteger(value) && value >= 1) || value === Infinity) return
  throw new ArgumentError(
    `${caller}(): ${option} is a whole number from 1, or Infinity, not ${String(value)}`,
  )
}

/** @throws ArgumentError if `value` is no time; `Infinity` stands for no limit. */
export function checkTime(caller: string, option: string, value: number): void {
  if (typeof value === 'number' && value > 0) return
  throw new ArgumentError(
    `${caller}(): ${option} is a number of milliseconds above 0, or Infinity, not ${String(value)}`,
  )
}
