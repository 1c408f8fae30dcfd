import { SluiceError } from '../runtime/errors.js'
import { registerError } from './carried-errors.js'
import { header, mostObituaries } from './layout.js'
import type { Processor } from './processor.js'

/** A worker thread ended while it held something that others wait for: a mutex, or what a wait group counts. */
export class OwnerDied extends SluiceError {
  readonly code = 'ERR_SLUICE_OWNER_DIED'

  constructor(
    message: string,
    /** The number of the worker thread. */
    readonly worker: number,
  ) {
    super(message)
  }
}
registerError(OwnerDied)

/** Why a worker thread ended, as far as it is known. */
export function reasonOfDeath({ memory: { words }, names }: Processor, machine: number): string {
  for (let i = 0; i < mostObituaries; i++) {
    const at = header.obituaries + i * 2
    if (Atomics.load(words, at) === machine) return names.textOf(words[at + 1] as number) ?? 'it ended'
  }
  return 'it ended'
}
