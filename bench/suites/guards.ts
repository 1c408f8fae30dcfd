import type { BenchCase } from './suite.js'

const program = 'sluice-guards'

/** performance.md, suite `guards`. What is called has its value at once, so that the guards are what takes time. */
export const guards: readonly BenchCase[] = [
  {
    name: 'a call under a token bucket',
    id: 'tokenBucket',
    unit: 'ns/op',
    n: 1_000_000,
    program,
    peers: ['rate-limiter-flexible'],
    targets: { 'rate-limiter-flexible': 0.1 },
    note: 'rate-limiter-flexible counts in windows; cockatiel and opossum have no limit of a rate',
  },
  {
    name: 'a call under a closed breaker',
    id: 'breaker',
    unit: 'ns/op',
    n: 1_000_000,
    program,
    peers: ['cockatiel', 'opossum'],
    targets: { cockatiel: 0.1, opossum: 0.1 },
  },
  {
    name: 'a call under timeout, retry, breaker and bulkhead',
    id: 'four',
    unit: 'ns/op',
    n: 200_000,
    program,
    peers: ['cockatiel'],
    targets: { cockatiel: 0.1 },
  },
]
