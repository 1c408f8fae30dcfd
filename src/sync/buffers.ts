import { ArgumentError } from '../runtime/errors.js'
import { type Lease, Pool, type PoolStats } from './pool.js'

/** Sizes of the buffers that are kept, in bytes. */
const classes = [64, 512, 4096, 65_536] as const

let pools: Pool<Uint8Array>[] = []

function poolFor(sizeBytes: number): Pool<Uint8Array> | undefined {
  if (pools.length === 0) pools = classes.map(poolOf)
  return pools[classes.findIndex((size) => sizeBytes <= size)]
}

function poolOf(size: number): Pool<Uint8Array> {
  return new Pool<Uint8Array>({ name: `buffers of ${size} bytes`, create: () => new Uint8Array(size) })
}

/** Bytes for the length of a block; disposing gives them back, once. Do not keep a view of them. */
export class BufferLease implements Disposable {
  /** @internal */
  constructor(
    /** Exactly as many as were asked for. Not cleared: they hold what their last user wrote. */
    readonly bytes: Uint8Array,
    private readonly lease: Lease<Uint8Array> | undefined,
  ) {}

  [Symbol.dispose](): void {
    this.lease?.[Symbol.dispose]()
  }
}

/**
 * Buffers for reuse, in classes of 64 B, 512 B, 4 KiB and 64 KiB. What is larger is made anew each time.
 *
 * ```ts
 * using frame = buffers.lease(1500)
 * frame.bytes.set(header)
 * ```
 */
export const buffers = {
  /** A buffer of `sizeBytes`, of the next class that holds it. */
  lease(sizeBytes: number): BufferLease {
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0) {
      throw new ArgumentError(`buffers.lease() needs a size in whole bytes, not ${sizeBytes}`)
    }
    const lease = poolFor(sizeBytes)?.lease()
    const memory = lease?.value ?? new Uint8Array(sizeBytes)
    return new BufferLease(memory.subarray(0, sizeBytes), lease)
  },

  /** The figures of each class. */
  stats(): PoolStats[] {
    return pools.map((pool) => pool.stats())
  },
}
