/** A row of a suite: one figure of ours beside the same figure of the peers. */
export interface BenchCase {
  readonly name: string
  /** The case's name in the programs. */
  readonly id: string
  readonly unit: 'ns/op' | 'bytes' | 'ms'
  /** How often, and how often in a smoke test. */
  readonly n: number
  /** The work is done in batches of so many; a count is rounded up to whole ones. */
  readonly batch?: number
  /** Several threads do the work: nobody is pinned to a core. */
  readonly threads?: 2
  /** Our program, where it is not `sluice`. */
  readonly program?: 'sluice-parallel' | 'sluice-guards'
  readonly peers: readonly Peer[]
  /** The most that ours may be of the figure of a peer, by its name in the table; or of its own unit, for `absolute`. */
  readonly targets: Partial<Record<Peer | 'one processor' | 'absolute', number>>
  /** What both sides do, where the name alone could mislead. */
  readonly note?: string
}

export type Peer =
  | 'go'
  | 'effect'
  | 'effection'
  | 'async-await'
  | 'lesomnus-channel'
  | 'async-mutex'
  | 'p-limit'
  | 'no-pool'
  | 'piscina'
  | 'tinypool'
  | 'poolifier'
  | 'go-on-two'
  | 'one-processor'
  | 'cockatiel'
  | 'opossum'
  | 'rate-limiter-flexible'
