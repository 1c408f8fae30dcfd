// A dispatch pipeline: a producer, a bounded queue, workers, and a callback for each result.
//   npx tsx examples/dispatch.ts
// The queue holds ten jobs: the producer waits when the workers do not keep up, so memory stays bounded.
import { chan, go, main, type RecvChan, type Routine, type SendChan, sleep } from 'sluice'
import { WaitGroup } from 'sluice/sync'

interface Job {
  readonly id: number
  readonly onDone: (result: string) => void
}

const jobCount = 200
const workerCount = 8
const queueSize = 10

function* produce(queue: SendChan<Job>, onDone: Job['onDone']): Routine<number> {
  let waited = 0
  for (let id = 1; id <= jobCount; id++) {
    const job = { id, onDone }
    if (!queue.trySend(job)) {
      waited++
      yield* queue.send(job)
    }
  }
  queue.close()
  return waited
}

function* work(name: string, queue: RecvChan<Job>): Routine<void> {
  for (let job = yield* queue.recv(); job !== undefined; job = yield* queue.recv()) {
    yield* sleep(1 + (job.id % 5))
    job.onDone(`job ${job.id} by ${name}`)
  }
}

main(function* () {
  const queue = chan<Job>(queueSize)
  const results: string[] = []
  const producer = go(produce, queue, (result) => results.push(result))
  const workers = new WaitGroup()
  for (let i = 1; i <= workerCount; i++) workers.go(work, `worker ${i}`, queue)
  yield* workers.wait()
  console.log(
    `${results.length} of ${jobCount} jobs done by ${workerCount} workers, the last: ${results.at(-1)}`,
  )
  console.log(`The producer had to wait ${yield* producer} times for room in a queue of ${queueSize}.`)
})
