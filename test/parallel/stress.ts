/**
 * Moves many values through run queues and shared channels, with every number of producers and consumers from 1 to 4, and
 * checks that each arrives exactly once; then ends workers at random moments while values move.
 *
 *     npx tsx test/parallel/stress.ts [--values N] [--seed S]
 */
import { setTimeout as delay } from 'node:timers/promises'
import { argv, exit } from 'node:process'
import { pathToFileURL } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { procs, sharedChan, stopProcs, WorkerDied } from 'sluice/parallel'
import { allocate, release } from '../../src/parallel/heap.js'
import { createMemory } from '../../src/parallel/layout.js'
import { thisProcessor } from '../../src/parallel/current.js'
import { presentWorkers } from '../../src/parallel/machine.js'
import { exit as exitTask } from './call-tasks.js'
import { consume, produce } from './channel-tasks.js'
import { control, numbers, onThreads } from './thread-tasks.js'

/** How much of all values goes through what: those that wait for each other at every value get fewer. */
const shares = [
  { capacity: 0, share: 0.02 },
  { capacity: 1, share: 0.005 },
  { capacity: 2, share: 0.01 },
  { capacity: 3, share: 0.01 },
  { capacity: 64, share: 0.455 },
]
const queueShare = 0.5
const counts = [1, 2, 3, 4]
const combinations = counts.flatMap((producers) => counts.map((consumers) => ({ producers, consumers })))
/** Nothing here takes so long, unless somebody hangs. */
const mostMs = 120_000

/** @returns how many values were moved. @throws if one was lost, came twice, or somebody hangs. */
export async function stress(values: number, seed: number, say: (text: string) => void): Promise<number> {
  let moved = 0
  for (const { producers, consumers } of combinations) {
    const each = Math.ceil((values * queueShare) / combinations.length / producers)
    moved += await within(throughQueues(producers, consumers, each, seed), `queues ${producers}:${consumers}`)
  }
  say(`run queues: ${moved} values`)
  procs(5)
  for (const { capacity, share } of shares) {
    const before = moved
    for (const { producers, consumers } of combinations) {
      const each = Math.ceil((values * share) / combinations.length / producers)
      const what = `capacity ${capacity}, ${producers}:${consumers}`
      moved += await within(throughChannel(capacity, producers, consumers, each), what)
    }
    say(`channels of capacity ${capacity}: ${moved - before} values`)
  }
  const random = numbers(seed)
  for (const capacity of [0, 1, 3, 64]) {
    const { deaths, lost } = await within(whileWorkersDie(capacity, random), `deaths, capacity ${capacity}`)
    say(`channel of capacity ${capacity}: ${deaths} workers died, ${lost} values were lost in their hands`)
  }
  await stopProcs()
  return moved
}

async function within<T>(work: Promise<T>, what: string): Promise<T> {
  const over = new AbortController()
  const late = delay(mostMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`${what}: somebody hangs`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    late.catch(() => undefined)
    over.abort()
  }
}

async function throughQueues(
  producers: number,
  consumers: number,
  each: number,
  seed: number,
): Promise<number> {
  const total = producers * each
  const all = producers + consumers
  const block = new SharedArrayBuffer((control.counts + total + 1) * 4)
  const words = new Int32Array(block)
  words[control.cell] = total
  const jobs = Array.from(
    { length: all },
    (_, i) => ['dealer', 1 + i * each, i < producers ? each : 0, seed * 100 + i, all] as const,
  )
  await onThreads(createMemory(), block, jobs)
  check(words.subarray(control.counts + 1), `queues ${producers}:${consumers}`)
  return total
}

async function throughChannel(
  capacity: number,
  producers: number,
  consumers: number,
  each: number,
): Promise<number> {
  const total = producers * each
  const channel = sharedChan<number>(capacity)
  const at = counters(total)
  const ended = Promise.all(upTo(consumers).map((i) => consume.on(1 + ((i + 1) % 4))(channel, at)))
  await Promise.all(upTo(producers).map((i) => produce.on(1 + (i % 4))(channel, i * each, each)))
  channel.close()
  await ended
  const { memory, machine } = thisProcessor()
  check(memory.words.subarray(at, at + total), `capacity ${capacity}, ${producers}:${consumers}`)
  release(memory, machine, at, total * 4)
  return total
}

/** Producers and consumers on workers that are ended; the main thread receives as well, so that all can end. */
async function whileWorkersDie(capacity: number, random: (below: number) => number) {
  const each = 3000
  const producers = 8
  const channel = sharedChan<number>(capacity)
  const at = counters(producers * each)
  const outcomes: ('ended' | 'died')[] = []
  const settle = async (call: PromiseLike<unknown>): Promise<'ended' | 'died'> => {
    const outcome = await call.then(
      () => 'ended' as const,
      (error: unknown) => {
        if (error instanceof WorkerDied) return 'died' as const
        throw error
      },
    )
    outcomes.push(outcome)
    return outcome
  }
  const receiving = upTo(6).map((i) =>
    settle(i === 0 ? consume.on(0)(channel, at) : consume.on(1 + (i % 4))(channel, at)),
  )
  const sending = upTo(producers).map((i) => settle(produce.on(1 + (i % 4))(channel, i * each, each)))
  let deaths = 0
  let isOver = false
  const killing = (async () => {
    for (; !isOver && deaths < 6; deaths++) {
      await delay(5 + random(60))
      const p = 1 + random(4)
      if (random(2) === 0) await settle(exitTask.on(p)(1))
      else await threadOf(p)?.terminate()
    }
  })()
  const sent = await Promise.all(sending)
  isOver = true
  await killing
  channel.close()
  const received = await Promise.all(receiving)
  const { words } = thisProcessor().memory
  let lost = 0
  for (let i = 0; i < producers * each; i++) {
    const times = words[at + i] as number
    if (times > 1) throw new Error(`capacity ${capacity}: ${i} arrived ${times} times`)
    if (times === 0 && sent[Math.floor(i / each)] === 'ended') lost++
  }
  const died = received.filter((outcome) => outcome === 'died').length
  if (lost > died) throw new Error(`capacity ${capacity}: ${lost} values were lost, ${died} receivers died`)
  return { deaths, lost }
}

/** The worker thread of a processor, once it has begun: three that end before that are taken for a broken program. */
function threadOf(p: number): Worker | undefined {
  // No door of the package ends a worker: this reaches behind the private list of its threads.
  const { threads } = presentWorkers() as unknown as {
    threads: ({ worker: Worker; began: boolean } | undefined)[]
  }
  const thread = threads[p]
  return thread?.began === true ? thread.worker : undefined
}

function counters(count: number): number {
  const { memory, machine } = thisProcessor()
  const at = allocate(memory, machine, count * 4)
  memory.words.fill(0, at, at + count)
  return at
}

function check(arrived: Int32Array, what: string): void {
  for (let i = 0; i < arrived.length; i++)
    if (arrived[i] !== 1)
      throw new Error(`${what}: value ${i} of ${arrived.length} arrived ${arrived[i]} times`)
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function option(name: string, otherwise: number): number {
  const at = argv.indexOf(`--${name}`)
  if (at === -1) return otherwise
  const value = Number(argv[at + 1])
  if (Number.isInteger(value) && value > 0) return value
  console.error(`--${name} ${argv[at + 1] ?? ''} is not a whole number above 0`)
  return exit(2)
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  const seed = option('seed', Date.now() % 1_000_000)
  const values = option('values', 10_000_000)
  console.log(`--values ${values} --seed ${seed}`)
  const moved = await stress(values, seed, console.log)
  console.log(`${moved} values moved, each exactly once`)
  exit(0)
}
