import { dumpHere, others, type ProcessorStats } from '../runtime/dump.js'
import { awake, closed, parked, polling, quiet, retired } from './doorbell.js'
import { allocate, release } from './heap.js'
import { header, proc, procAt } from './layout.js'
import type { Processor } from './processor.js'

/** What all processors do, for `schedStats()` and `dump()` of every thread. */

const stateNames: Record<number, ProcessorStats['state']> = {
  [awake]: 'running',
  [polling]: 'spinning',
  [parked]: 'idle',
  [quiet]: 'idle',
  [closed]: 'locked',
  [retired]: 'retired',
}

/** Has this thread's `schedStats` and `dump` cover all threads. */
export function inspectAll(processor: Processor): void {
  others.stats = () => ({
    gomaxprocs: processor.procs,
    runQueue: processor.all.global.length,
    stalls: Atomics.load(processor.memory.words, header.stalls),
    processors: processor.all.queues.map((queue, p) => statsOf(processor, p, queue.length)),
  })
  others.dump = () => dumpOthers(processor)
}

export function inspectNone(): void {
  others.stats = undefined
  others.dump = undefined
}

function statsOf({ memory: { words } }: Processor, p: number, queued: number): ProcessorStats {
  const at = procAt(p)
  return {
    id: p,
    worker: Atomics.load(words, at + proc.machine),
    state: stateNames[Atomics.load(words, at + proc.state)] ?? 'running',
    queued,
    taken: words[at + proc.taken] as number,
    stolen: words[at + proc.stolen] as number,
    parks: words[at + proc.parks] as number,
  }
}

/** A thread that is in the middle of something is waited for so long. */
const answerMs = 200
/** What a dump says of a thread that cannot be asked. */
const silent = 'it is busy and did not answer'

/** Asks every other thread for its dump and waits for the answers, which come when the thread has a moment. */
function dumpOthers(processor: Processor): string[] {
  const { memory, p: own, procs } = processor
  const { words } = memory
  const request = Atomics.add(words, header.dumpRequest, 1) + 1
  const asked: number[] = []
  for (let p = 0; p < procs; p++) {
    if (p === own || Atomics.load(words, procAt(p) + proc.machine) === 0) continue
    processor.ring(p)
    asked.push(p)
  }
  const untilMs = performance.now() + answerMs
  return asked.map(
    (p) =>
      `processor ${p}:\n\n${waitFor(processor, p, request, untilMs) ?? `${silent}${busyWith(processor, p)}`}`,
  )
}

function waitFor(processor: Processor, p: number, request: number, untilMs: number): string | undefined {
  const { words } = processor.memory
  const at = procAt(p) + proc.dumpAnswered
  for (let now = performance.now(); now < untilMs; now = performance.now()) {
    const answered = Atomics.load(words, at)
    if (answered === request) return read(processor, p)
    processor.answerDump() // another thread may be waiting for this one
    Atomics.wait(words, at, answered, 5)
  }
  return undefined
}

function busyWith(processor: Processor, p: number): string {
  const task = (processor.memory.words[procAt(p) + proc.task] as number) - 1
  return task < 0 ? '' : ` (task ${processor.taskName(task)})`
}

/** Writes this thread's dump to where the one who asked finds it. */
export function writeDump(processor: Processor): void {
  const { memory, machine, p } = processor
  const { words, bytes } = memory
  const request = Atomics.load(words, header.dumpRequest)
  const at = procAt(p)
  if (words[at + proc.dumpAnswered] === request) return
  const text = Buffer.from(dumpHere())
  const block = allocate(memory, machine, text.length + 4)
  if (block !== 0) {
    words[block] = text.length
    bytes.set(text, (block + 1) * 4)
  }
  words[at + proc.dump] = block
  Atomics.store(words, at + proc.dumpAnswered, request)
  Atomics.notify(words, at + proc.dumpAnswered)
}

function read({ memory, machine }: Processor, p: number): string {
  const { words, bytes } = memory
  const block = words[procAt(p) + proc.dump] as number
  if (block === 0) return '(no shared memory left for it)'
  const length = words[block] as number
  const text = bytes.toString('utf8', (block + 1) * 4, (block + 1) * 4 + length)
  release(memory, machine, block, length + 4)
  return text === '' ? 'no goroutines' : text
}
