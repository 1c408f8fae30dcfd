import { Tinypool } from 'tinypool'
import { measurePool } from '../programs/promise-pool.js'

// Its workers import this program and find the functions here, by their names.
export { next, rename, sameBytes, sameText } from '../programs/pieces.js'

await measurePool(async ({ threads, atomics, concurrent }) => {
  const pool = new Tinypool({
    filename: import.meta.url,
    minThreads: Number(threads),
    maxThreads: Number(threads),
    concurrentTasksPerWorker: Number(concurrent ?? 1),
    useAtomics: atomics !== 'disabled',
  })
  return (name, value) => pool.run(value, { name })
})
