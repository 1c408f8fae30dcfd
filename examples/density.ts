// How many goroutines fit: memory and start time of 10,000, 100,000 and 1,000,000 that are parked.
//   npx tsx examples/density.ts
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { chan, go, main, numGoroutine, type RecvChan, type Routine, yieldNow } from 'sluice'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function* parked(ch: RecvChan<never>): Routine<void> {
  yield* ch.recv()
}

main(function* () {
  const rows: Record<string, string>[] = []
  for (const count of [10_000, 100_000, 1_000_000]) {
    const ch = chan<never>()
    collectGarbage()
    const heapBefore = process.memoryUsage().heapUsed
    const startedMs = performance.now()
    for (let i = 0; i < count; i++) go(parked, ch)
    yield* yieldNow()
    const ms = performance.now() - startedMs
    collectGarbage()
    const bytes = (process.memoryUsage().heapUsed - heapBefore) / count
    rows.push({
      goroutines: (numGoroutine() - 1).toLocaleString('en'),
      'all started in': `${ms.toFixed(0)} ms`,
      'bytes each': bytes.toFixed(0),
      'rss of the process': `${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB`,
    })
    ch.close()
    while (numGoroutine() > 1) yield* yieldNow()
  }
  console.table(rows)
})
