import type { Routine } from 'sluice'
import { procs } from 'sluice/parallel'

const rounds = 3

/** Does the same work on one processor and on two, and prints how long each took and how much faster two are. */
export function* compare(work: () => Routine<unknown>): Routine<void> {
  const [one, two] = [yield* bestMs(1, work), yield* bestMs(2, work)]
  console.log(`1 processor   ${one.toFixed(0)} ms`)
  console.log(`2 processors  ${two.toFixed(0)} ms, ${(one / two).toFixed(2)} times as fast`)
}

function* bestMs(count: number, work: () => Routine<unknown>): Routine<number> {
  const before = procs(count)
  try {
    yield* work() // starts the threads and lets each compile what it runs
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < rounds; round++) {
      const startedMs = performance.now()
      yield* work()
      best = Math.min(best, performance.now() - startedMs)
    }
    return best
  } finally {
    procs(before)
  }
}
