/** Tasks of which some end their worker thread, for the tests. */
import { type AtomicInt, task } from 'sluice/parallel'

export const howToDie = ['exit', 'memory'] as const
export type Death = (typeof howToDie)[number]

/** Counts that it ran, and gives its number back; or ends its thread. */
export const work = task(import.meta.url, 'work', (n: number, runs: AtomicInt, death: Death | undefined) => {
  if (death === 'exit') process.exit(7)
  if (death === 'memory') hoard()
  runs.add(1)
  return n
})

function hoard(): never {
  const kept: unknown[] = []
  for (;;) kept.push(Array.from({ length: 1000 }, (_, i) => ({ i })))
}
