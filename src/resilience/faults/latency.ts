import { type Fields, fieldsOf, numberOf, textOf } from './fields.js'

/** How long a call is held up. What is drawn below 0 is 0, and above `maxMs` it is `maxMs`: ten minutes unless said. */
export type LatencyFault =
  | { readonly distribution: 'fixed'; readonly ms: number }
  | {
      readonly distribution: 'normal'
      readonly meanMs: number
      readonly deviationMs: number
      readonly maxMs?: number
    }
  /** At least `scaleMs`, and now and then very long: the less `shape` is, the more often. Its mean is endless up to a shape of 1. */
  | {
      readonly distribution: 'pareto'
      readonly scaleMs: number
      readonly shape: number
      readonly maxMs?: number
    }

/** Nobody means to hold a call up for longer. */
const mostMs = 600_000
const time = { from: 0, to: mostMs, unit: 'ms' } as const
const timeAboveZero = { above: 0, to: mostMs, unit: 'ms' } as const

/** @throws ArgumentError naming the path of what cannot be. */
export function checkLatency(value: unknown, path: string): LatencyFault {
  const fields = fieldsOf(value, path)
  const distribution = textOf(fields, 'distribution', /^(?:fixed|normal|pareto)$/, 'fixed, normal or pareto')
  if (distribution === 'fixed') {
    fields.only('distribution', 'ms')
    return { distribution, ms: numberOf(fields, 'ms', time) }
  }
  if (distribution === 'normal') {
    fields.only('distribution', 'meanMs', 'deviationMs', 'maxMs')
    const meanMs = numberOf(fields, 'meanMs', time)
    return { distribution, meanMs, deviationMs: numberOf(fields, 'deviationMs', time), ...maxOf(fields, 0) }
  }
  fields.only('distribution', 'scaleMs', 'shape', 'maxMs')
  const scaleMs = numberOf(fields, 'scaleMs', timeAboveZero)
  const shape = numberOf(fields, 'shape', { above: 0, to: 100 })
  return { distribution: 'pareto', scaleMs, shape, ...maxOf(fields, scaleMs) }
}

function maxOf(fields: Fields, leastMs: number): { maxMs?: number } {
  if (!fields.has('maxMs')) return {}
  return { maxMs: numberOf(fields, 'maxMs', leastMs > 0 ? { ...time, from: leastMs } : timeAboveZero) }
}

/** A delay in ms, drawn anew each time. @param random gives numbers in [0, 1). */
export function drawMs(latency: LatencyFault, random: () => number): number {
  if (latency.distribution === 'fixed') return latency.ms
  const { maxMs = mostMs } = latency
  if (latency.distribution === 'normal') {
    const { meanMs, deviationMs } = latency
    return Math.min(Math.max(0, meanMs + deviationMs * standardNormal(random)), maxMs)
  }
  // The inverse of the distribution function; 1 - u, since u may be 0.
  return Math.min(latency.scaleMs * (1 - random()) ** (-1 / latency.shape), maxMs)
}

/** Source: Box and Muller, "A Note on the Generation of Random Normal Deviates" (1958). */
function standardNormal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
