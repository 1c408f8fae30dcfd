import { SluiceError } from '../runtime/errors.js'
import { hostProcess } from '../runtime/host.js'

/** A run under one seed failed; `cause` is its error. */
export class SeedError extends SluiceError {
  readonly code = 'ERR_SLUICE_SEED'

  constructor(
    readonly seed: number,
    cause: unknown,
  ) {
    super(`failed with seed ${seed} (SLUICE_SEED=${seed} repeats it alone): ${String(cause)}`, { cause })
  }
}

/**
 * Runs `body` under `count` seeds, one after the other, and says which one fails. `SLUICE_SEED=n` runs that one alone.
 *
 * ```ts
 * await forSeeds(300, (seed) => run(body, { seed }))
 * ```
 */
export async function forSeeds(count: number, body: (seed: number) => unknown): Promise<void> {
  const only = Number(hostProcess?.env['SLUICE_SEED'])
  const seeds = Number.isInteger(only) && only > 0 ? [only] : Array.from({ length: count }, (_, i) => i + 1)
  for (const seed of seeds) {
    try {
      await body(seed)
    } catch (error) {
      throw new SeedError(seed, error)
    }
  }
}
