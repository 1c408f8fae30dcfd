// A pool of workers over a list of tasks: results in order, one failure does not stop the others.
//   npx tsx examples/worker-pool.ts
import { main, type Routine, sleep } from 'sluice'
import { TaskPool } from 'sluice/flow'

function* square(n: number): Routine<number> {
  yield* sleep(10 - n)
  if (n === 7) throw new RangeError('seven is refused')
  return n * n
}

main(function* () {
  const pool = new TaskPool<number>({ limit: 3 })
  for (let n = 0; n < 10; n++) yield* pool.go(square, n)
  for (const [n, { value, error }] of (yield* pool.settle()).entries()) {
    console.log(`${n} -> ${error === undefined ? value : String(error)}`)
  }
})
