import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { measurePool } from '../programs/promise-pool.js'

// Its workers import this program and find the functions here, by their names.
export { next, rename, sameBytes, sameText } from '../programs/pieces.js'

await measurePool(async ({ threads, atomics, concurrent }) => {
  const pool = new Piscina({
    filename: fileURLToPath(import.meta.url),
    minThreads: Number(threads),
    maxThreads: Number(threads),
    concurrentTasksPerWorker: Number(concurrent ?? 1),
    recordTiming: false,
    ...(atomics !== undefined && { atomics: atomics as 'sync' | 'async' | 'disabled' }),
  })
  return (name, value) => pool.run(value, { name })
})
