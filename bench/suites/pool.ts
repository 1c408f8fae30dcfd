import type { BenchCase } from './suite.js'

/** performance.md, suite `pool`. */
export const pool: readonly BenchCase[] = [
  {
    name: 'get and put an object of 1 KiB',
    id: 'poolGetPut',
    unit: 'ns/op',
    n: 3_000_000,
    peers: ['go', 'no-pool'],
    targets: {},
  },
  {
    name: 'bytes allocated per request',
    id: 'poolBytes',
    unit: 'bytes',
    n: 20_000,
    peers: ['no-pool'],
    targets: { absolute: 1 },
  },
]
