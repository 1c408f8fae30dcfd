import { type ResourceLimits, workerData } from 'node:worker_threads'
import { MisuseError } from '../runtime/errors.js'
import { availableParallelism } from 'node:os'
import { becomes, presentProcessor, startBy } from './current.js'
import { initHeap } from './heap.js'
import { createMemory, header, proc, procAt } from './layout.js'
import { Names } from './names.js'
import { type Envelope, Post } from './post.js'
import { SharedCodec } from './shared-object.js'
import { type Patience, Processor } from './processor.js'
import { availableProcs } from './procs.js'
import { Workers } from './workers.js'

/**
 * The machine of this process: processors on threads around one shared memory. The thread that uses it first is the root,
 * with processor 0; it starts the others. On a worker thread there is only its own processor.
 */
let workers: Workers | undefined
/** What `procs(n)` said before the machine was started. */
let wanted: number | undefined

startBy(startRoot)

/** The worker threads, on the root only. */
export function presentWorkers(): Workers | undefined {
  return workers
}

/** How many processors there are, or will be. */
export function procsWanted(): number {
  return presentProcessor()?.procs ?? wanted ?? availableProcs()
}

export function setProcs(count: number): void {
  wanted = count
  workers?.resize(count)
}

/** What `limitWorkers` said. */
let limits: ResourceLimits = {}

export function setWorkerLimits(wanted: ResourceLimits): void {
  limits = wanted
}

/** Ends all threads of the machine. The next use starts a new one. */
export async function stopMachine(): Promise<void> {
  const stopping = workers?.stop()
  presentProcessor()?.detach()
  becomes(undefined)
  workers = undefined
  await stopping
}

function startRoot(): Processor {
  // A worker thread of a bundle evaluates all of it before it begins; with a machine of its own it would start
  // worker threads that do the same, without end.
  if ((workerData as { sluice?: unknown } | null)?.sluice !== undefined) {
    throw new MisuseError(
      'sluice/parallel was used at the top level of a bundle, which every worker thread evaluates: put the program into main(), which does nothing there',
    )
  }
  const memory = createMemory()
  const { words } = memory
  const machine = 1
  words[header.lastMachine] = machine
  words[header.procs] = procsWanted()
  words[procAt(0) + proc.machine] = machine
  initHeap(memory)
  Names.init(memory, machine)
  const names = new Names(memory, machine)
  const post = new Post(
    (envelope: Envelope) => threads.carry(envelope),
    undefined,
    () => undefined,
  )
  const processor = new Processor(memory, 0, machine, names, post, new SharedCodec(memory), patience())
  const threads = new Workers(processor, () => limits)
  workers = threads
  processor.hold = (on) => threads.hold(on)
  processor.attach()
  threads.start()
  return processor
}

/** On one core, whoever spins keeps the one it waits for from running. */
export function patience(): Patience {
  return { spinMs: availableParallelism() > 1 ? 0.03 : 0, dozeMs: 0.2 }
}
