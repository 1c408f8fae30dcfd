import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { noteLoader } from './bodies.js'
import { attachMemory } from './layout.js'
import { attachWorker, patience } from './machine.js'
import { Names } from './names.js'
import { type Envelope, Post } from './post.js'
import { SharedCodec } from './shared-object.js'
import { Processor } from './processor.js'
import { proc, procAt } from './layout.js'
import type { WorkerData } from './workers.js'

/** Makes this thread, which the root has started for that, one of its processors. */
export function startWorker(): void {
  const data = workerDataOf(workerData)
  if (isMainThread || parentPort === null || data === undefined)
    throw new Error('this is the entry of a worker thread of sluice/parallel, which starts it by itself')
  const port = parentPort
  const memory = attachMemory(data.buffer)
  const names = new Names(memory, data.machine)
  const carry = (envelope: Envelope) => {
    port.postMessage(envelope, [...envelope.transfer])
  }
  const post = new Post(carry, port, () => undefined)
  if (data.tsx) noteLoader()
  const codec = new SharedCodec(memory)
  const processor = new Processor(memory, data.p, data.machine, names, post, codec, patience())
  processor.hold = undefined
  processor.retire = () => {
    if (memory.words[procAt(data.p) + proc.retire] === 0 || !processor.isIdle) return false
    processor.handOver()
    process.exit(0)
  }
  port.on('message', (message) => {
    post.deliver(message)
    processor.schedule()
  })
  attachWorker(processor)
  processor.refresh()
  processor.attach()
  port.postMessage({ began: true })
}

/** What the root gave to this thread; `undefined` where the thread is not one of a machine's workers. */
export function workerDataOf(given: unknown): WorkerData | undefined {
  return (given as { sluice?: WorkerData } | null)?.sluice
}
