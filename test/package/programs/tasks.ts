/** The tasks of program.ts and tasks.spec.ts. `./sizes.js` means sizes.ts, as TypeScript has it. */
import { threadId } from 'node:worker_threads'
import { type Routine, sleep } from 'sluice'
import { task } from 'sluice/parallel'
import { Size } from './sizes.js'

/** With the thread that ran it. */
export const sizeOf = task(import.meta.url, 'sizeOf', (n: number) => ({
  size: Size[n],
  thread: threadId,
}))

export const later = task(import.meta.url, 'later', function* (ms: number): Routine<string> {
  yield* sleep(ms)
  return 'slept'
})

export const modeOf = task(
  import.meta.url,
  'modeOf',
  () => (import.meta as { env?: { MODE?: string } }).env?.MODE,
)
