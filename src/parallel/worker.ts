import { isMainThread, parentPort, threadId, workerData } from 'node:worker_threads'
import { noteLoader } from './bodies.js'
import { attachMemory, proc, procAt } from './layout.js'
import { becomes } from './current.js'
import { patience } from './machine.js'
import { Names } from './names.js'
import { type Envelope, Post } from './post.js'
import { SharedCodec } from './shared-object.js'
import { Processor } from './processor.js'
// What every thread has to know: bodies, and kinds of objects.
import './atomic-int.js'
import './blocking.js'
import './make-chan.js'
import './shared-mutex.js'
import './shared-semaphore.js'
import './shared-wait-group.js'
import { startMonitor } from './sysmon.js'
import type { MonitorData, WorkerData } from './workers.js'

/** Makes this thread, which the root has started for that, one of its processors. */
export function startWorker(): void {
  const data = workerDataOf(workerData)
  if (isMainThread || parentPort === null || data === undefined)
    throw new Error('this is the entry of a worker thread of sluice/parallel, which starts it by itself')
  if ('monitor' in data) {
    void monitor(data)
    return
  }
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
  processor.leave = () => process.exit(0)
  port.on('message', (message) => {
    post.deliver(message)
    processor.schedule()
  })
  memory.words[procAt(data.p) + proc.thread] = threadId
  becomes(processor)
  processor.attach()
  port.postMessage({ began: true })
}

/** This thread watches the others; see sysmon.ts. */
function monitor({ buffer, schedTraceMs }: MonitorData): Promise<void> {
  const { words } = attachMemory(buffer)
  return startMonitor({
    memory: buffer,
    threadOf: (p) => Atomics.load(words, procAt(p) + proc.thread),
    schedTraceMs,
  })
}

/** What the root gave to this thread; `undefined` where the thread is not one of a machine's workers. */
export function workerDataOf(given: unknown): WorkerData | MonitorData | undefined {
  return (given as { sluice?: WorkerData | MonitorData } | null)?.sluice
}
