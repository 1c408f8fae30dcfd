import type { BenchCase } from './suite.js'

const cores = 'nobody is pinned: the main thread and one worker on two cores, which they have to themselves'
const pools = ['piscina', 'tinypool', 'poolifier'] as const
const threads = { threads: 2, program: 'sluice-parallel' } as const

/** Tasks there and back, 256 of them under way. */
function batched(name: string, id: string, n: number, piscina?: number): BenchCase {
  return {
    name: `${name}, 256 in flight`,
    id,
    unit: 'ns/op',
    n,
    batch: 256,
    ...threads,
    peers: pools,
    targets: piscina === undefined ? {} : { piscina },
    note: `${cores}, or of a pool two workers where that is better`,
  }
}

/** performance.md, suite `parallel`. */
export const parallel: readonly BenchCase[] = [
  batched('task of an int', 'taskInt', 256_000, 1 / 8),
  batched('task of a small object', 'taskObject', 256_000, 1 / 3),
  batched('task of 1 KB of bytes', 'taskBytes1k', 256_000, 1 / 3),
  batched('task of 64 KB of bytes', 'taskBytes64k', 25_600, 1 / 2),
  batched('task of a string of 1 KB', 'taskText1k', 256_000),
  {
    name: 'one task at a time, after 1 ms of nothing',
    id: 'taskIdle',
    unit: 'ns/op',
    n: 200,
    batch: 200,
    ...threads,
    peers: pools,
    targets: { piscina: 0.6 },
    note: cores,
  },
  {
    name: 'one task at a time, one after the other',
    id: 'taskAlone',
    unit: 'ns/op',
    n: 50_000,
    ...threads,
    peers: pools,
    targets: { piscina: 0.6, absolute: 4000 },
    note: cores,
  },
  {
    name: 'channel(1024) from thread to thread, int32',
    id: 'channelInt',
    unit: 'ns/op',
    n: 1_000_000,
    ...threads,
    peers: ['go-on-two'],
    targets: { go: 2 },
    note: cores,
  },
  {
    name: 'channel(1024) from thread to thread, small object',
    id: 'channelObject',
    unit: 'ns/op',
    n: 500_000,
    ...threads,
    peers: ['go-on-two'],
    targets: { go: 6 },
    note: `${cores}; Go sends a pointer to a new object`,
  },
  {
    name: 'fan-out of 64 pieces of some ms',
    id: 'fanOut',
    unit: 'ms',
    n: 64,
    ...threads,
    peers: ['one-processor', 'go-on-two'],
    targets: { 'one processor': 1 / 1.85 },
    note: `${cores}; one processor is ours with procs(1), whose figure is that of one core`,
  },
]
