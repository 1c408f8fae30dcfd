import { Mutex } from 'async-mutex'
import { measure, perOp } from '../programs/measure.js'

await measure({
  mutexFree: async (n) => {
    const mu = new Mutex()
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) {
      const release = await mu.acquire()
      release()
    }
    return perOp(startedMs, n)
  },
  mutexContended: async (n) => {
    const mu = new Mutex()
    const worker = async () => {
      for (let i = 0; i < n / 100; i++) {
        const release = await mu.acquire()
        await undefined // gives up its turn
        release()
      }
    }
    const startedMs = performance.now()
    await Promise.all(Array.from({ length: 100 }, worker))
    return perOp(startedMs, n)
  },
})
