/** Objects from a pool, against those of no-pool.ts. */
import { Pool } from 'sluice/sync'
import { type Cases, perOp } from './measure.js'

class Thing {
  readonly buf = new Uint8Array(1024)
}

export const poolCases: Cases = {
  poolGetPut: (n) => {
    const pool = new Pool({ create: () => new Thing() })
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) {
      const thing = pool.get()
      thing.buf[0] = i
      pool.put(thing)
    }
    return perOp(startedMs, n)
  },
  poolBytes: (n) => {
    const pool = new Pool({ create: () => new Thing() })
    pool.put(pool.get())
    return allocatedBytes(n, () => {
      const thing = pool.get()
      thing.buf[0] = 1
      pool.put(thing)
    })
  },
}

/** Bytes of heap for each of `n` calls. Needs a young generation that holds them all: see contenders.ts. */
function allocatedBytes(n: number, call: () => void): number {
  for (let i = 0; i < 200_000; i++) call() // until the compiler has settled, since its work is allocated too
  globalThis.gc?.()
  const before = process.memoryUsage()
  for (let i = 0; i < n; i++) call()
  const after = process.memoryUsage()
  return (after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers) / n
}
