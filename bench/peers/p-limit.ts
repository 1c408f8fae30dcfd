import pLimit from 'p-limit'
import { measure, perOp } from '../programs/measure.js'

async function nothing(): Promise<void> {}

await measure({
  group: async (n) => {
    const startedMs = performance.now()
    for (let i = 0; i < n; i += 10_000) {
      const limit = pLimit(10_000)
      await Promise.all(Array.from({ length: 10_000 }, () => limit(nothing)))
    }
    return perOp(startedMs, n)
  },
})
