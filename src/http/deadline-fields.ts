import type { HttpRequest } from './request.js'

/** How much time there is left, in ms from when it was sent: no clocks are compared, so it is what counts. */
export const timeoutMsField = 'X-Timeout-Ms'
/** When the time is over, in ms since the Unix epoch, by the sender's clock: for those who do not know the other one. */
export const timeoutAtField = 'X-Timeout-At'
/** The same as the first in gRPC's words. */
const grpcTimeoutField = 'grpc-timeout'

/** Nobody means a request to go on for longer than a day: what says so counts as a day. */
const mostMs = 24 * 3_600_000

const wholeNumber = /^\d{1,16}$/
const grpcTimeout = /^(?<amount>\d{1,8})(?<unit>[HMSmun])$/
const msOfUnit: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
}

/**
 * How much time the sender of a request gives it from when it came, in ms, from 0 to a day; `undefined` where it says nothing that can be
 * understood. The shortest counts of those that are relative; the absolute one only where there is none, for it is wrong by
 * whatever the two clocks differ. An absolute time more than a day away is not meant so, and counts as none: somebody sent
 * seconds, or has the wrong year.
 *
 * @param cameEpochMs when it came, by the clock here.
 * Source: the gRPC protocol over HTTP/2 (`Timeout`).
 */
export function givenTimeMs(req: Pick<HttpRequest, 'header'>, cameEpochMs: number): number | undefined {
  const relativeMs = leastOf(
    numberOf(req.header(timeoutMsField)),
    grpcTimeoutMs(req.header(grpcTimeoutField)),
  )
  if (relativeMs !== undefined) return Math.min(relativeMs, mostMs)
  const atMs = numberOf(req.header(timeoutAtField))
  if (atMs === undefined || Math.abs(atMs - cameEpochMs) > mostMs) return undefined
  return Math.max(0, atMs - cameEpochMs)
}

function numberOf(value: string | undefined): number | undefined {
  return value !== undefined && wholeNumber.test(value) ? Number(value) : undefined
}

function grpcTimeoutMs(value: string | undefined): number | undefined {
  const parts = value === undefined ? undefined : grpcTimeout.exec(value)?.groups
  if (parts === undefined) return undefined
  const { amount, unit = '' } = parts
  return Number(amount) * (msOfUnit[unit] ?? Number.NaN)
}

function leastOf(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.min(a, b)
}
