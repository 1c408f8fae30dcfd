/**
 * What the low-level tests of src/parallel run on bare threads, without processors: a thread imports this module through
 * tsx and runs one of the `bodies`.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { Doorbell, parked, quiet } from '../../src/parallel/doorbell.js'
import { allocate, release } from '../../src/parallel/heap.js'
import { attachMemory, globalAt, globalLength, type Memory } from '../../src/parallel/layout.js'
import { LockedRing } from '../../src/parallel/locked-ring.js'
import { Names } from '../../src/parallel/names.js'
import { RunQueue } from '../../src/parallel/run-queue.js'
import { lock, unlock } from '../../src/parallel/spin-lock.js'

/** Words of the control block, which all threads of a test share. */
export const control = { ready: 0, go: 1, stop: 2, count: 3, faults: 4, cell: 8, counts: 64 } as const

export interface Job {
  readonly buffer: SharedArrayBuffer
  readonly control: SharedArrayBuffer
  readonly machine: number
  readonly args: readonly number[]
}

/** What a test sees of its threads. */
export interface Threads {
  readonly words: Int32Array
  /** The results, when all have ended. */
  readonly results: Promise<unknown[]>
}

export const bodies = {
  /** Takes half of queue 0 again and again, and counts what it got; also what overflowed. */
  thief: ({ memory, words, machine }: Site) => {
    const queue = new RunQueue(memory, machine)
    const victim = new RunQueue(memory, 0)
    const global = new LockedRing(memory, machine, globalAt, globalLength)
    let round = 0
    let taken = 0
    while (Atomics.load(words, control.stop) === 0) {
      const number = queue.take() || queue.stealFrom(victim, round++ % 4 === 3) || global.take()
      if (number === 0) continue
      Atomics.add(words, control.counts + number, 1)
      Atomics.add(words, control.count, 1)
      taken++
    }
    return taken
  },

  /** Puts numbers into its own queue, takes from it, and steals from all the others. */
  dealer: ({ memory, words, machine, args: [from = 0, count = 0, seed = 1, all = 1] }: Site) => {
    const own = machine - 1
    const random = numbers(seed)
    const global = new LockedRing(memory, machine, globalAt, globalLength)
    const queues = Array.from({ length: all }, (_, p) => new RunQueue(memory, p))
    const queue = queues[own] as RunQueue
    let put = 0
    const take = () => {
      const victim = queues[random(all)] as RunQueue
      const number =
        queue.take() || global.take() || (victim === queue ? 0 : queue.stealFrom(victim, random(4) === 0))
      if (number === 0) return
      Atomics.add(words, control.counts + number, 1)
      Atomics.add(words, control.count, 1)
    }
    while (Atomics.load(words, control.count) < (words[control.cell] as number)) {
      if (Atomics.load(words, control.stop) !== 0) break
      for (let some = random(400); some > 0 && put < count; some--) {
        if (random(3) === 0) queue.putNext(from + put++, global)
        else queue.put(from + put++, global)
      }
      queue.publish()
      for (let some = 1 + random(300); some > 0; some--) take()
    }
    return put
  },

  /** Looks whether queue 0 is empty; its owner sees to it that it never is. */
  observer: ({ memory, words }: Site) => {
    const queue = new RunQueue(memory, 0)
    let looks = 0
    for (; Atomics.load(words, control.stop) === 0; looks++) {
      if (queue.length === 0) Atomics.add(words, control.faults, 1)
    }
    return looks
  },

  /** Takes and gives back blocks at random, and writes on each all over: two owners of one block would see each other. */
  allocator: ({ memory, words, machine, args: [rounds = 0, seed = 1] }: Site) => {
    const random = numbers(seed)
    const held: { block: number; bytes: number }[] = []
    for (let i = 0; i < rounds; i++) {
      if (held.length < 40 && random(2) === 0) {
        const bytes = 1 + random(3000)
        const block = allocate(memory, machine, bytes)
        memory.words.fill(machine, block, block + (bytes >> 2))
        held.push({ block, bytes })
      } else if (held.length > 0) {
        const [{ block, bytes }] = held.splice(random(held.length), 1) as [{ block: number; bytes: number }]
        for (let at = block; at < block + (bytes >> 2); at++)
          if (memory.words[at] !== machine) Atomics.add(words, control.faults, 1)
        release(memory, machine, block, bytes)
      }
    }
    for (const { block, bytes } of held) release(memory, machine, block, bytes)
    return rounds
  },

  /** Adds to a plain word under a lock. */
  adder: ({ words, machine, args: [rounds = 0] }: Site) => {
    for (let i = 0; i < rounds; i++) {
      lock(words, control.cell, machine)
      words[control.count] = (words[control.count] as number) + 1
      unlock(words, control.cell)
    }
    return rounds
  },

  /** Takes a lock and ends, as a thread does that is ended from outside. */
  dier: ({ words, machine }: Site) => {
    lock(words, control.cell, machine)
    return true
  },

  /** Puts its numbers into the global queue, a few at a time, and takes as many. */
  ringer: ({ memory, words, machine, args: [from = 0, count = 0, capacity = 16] }: Site) => {
    const ring = new LockedRing(memory, machine, globalAt, capacity)
    let put = 0
    let taken = 0
    while (put < count || taken < count) {
      const batch = Array.from({ length: Math.min(3, count - put) }, (_, i) => from + put + i)
      if (batch.length > 0 && ring.push(batch)) put += batch.length
      const number = taken < count ? ring.take() : 0
      if (number === 0) continue
      Atomics.add(words, control.counts + number, 1)
      taken++
    }
    return taken
  },

  /** Asks for the numbers of the same names as all others, each in an order of its own. */
  namer: ({ memory, machine, args: [count = 0, seed = 1] }: Site) => {
    const names = new Names(memory, machine)
    const random = numbers(seed)
    const found: [string, number][] = []
    const left = Array.from({ length: count }, (_, i) => `name ${i} é`)
    while (left.length > 0) {
      const [name] = left.splice(random(left.length), 1) as [string]
      found.push([name, names.numberOf(name)])
    }
    return found.map(([name, number]) => [name, number, names.textOf(number) === name] as const)
  },

  /** Sleeps until there is work, takes it, and sleeps again: `count` times. */
  sleeper: ({ memory, words, args: [count = 0] }: Site) => {
    const bell = new Doorbell(memory, 1)
    let long = 0
    for (let i = 1; i <= count; i++) {
      while (Atomics.load(words, control.cell) < i) {
        if (bell.lieDown(quiet, () => Atomics.load(words, control.cell) >= i)) continue
        const at = performance.now()
        bell.sleep(5000)
        if (performance.now() - at > 4900) long++
      }
      Atomics.store(words, control.cell + 1, i)
      Atomics.notify(words, control.cell + 1)
    }
    return long
  },

  /** The same, with the event loop going on. */
  listener: async ({ memory, words, args: [count = 0] }: Site) => {
    const bell = new Doorbell(memory, 1)
    const alive = setInterval(() => undefined, 1000)
    for (let i = 1; i <= count; i++) {
      while (Atomics.load(words, control.cell) < i) {
        if (bell.lieDown(parked, () => Atomics.load(words, control.cell) >= i)) continue
        while (bell.sleeps) await new Promise<void>((woken) => bell.listen(woken))
      }
      Atomics.store(words, control.cell + 1, i)
      Atomics.notify(words, control.cell + 1)
    }
    clearInterval(alive)
    return 0
  },
}

interface Site {
  readonly memory: Memory
  readonly words: Int32Array
  readonly machine: number
  readonly args: readonly number[]
}

/** Runs bodies on threads of their own, which begin together; `meanwhile` runs here when they have. */
export async function onThreads(
  memory: Memory,
  block: SharedArrayBuffer,
  jobs: readonly (readonly [keyof typeof bodies, ...number[]])[],
  meanwhile: (words: Int32Array) => void | Promise<void> = () => undefined,
): Promise<unknown[]> {
  const words = new Int32Array(block)
  const tsx = createRequire(import.meta.url)
    .resolve('tsx/esm/api')
    .replace(/\.cjs$/, '.mjs')
  const code = (body: string) => `
import(${JSON.stringify(tsx)}).then((tsx) => tsx.register()).then(() => import(${JSON.stringify(import.meta.url)}))
  .then((m) => m.runBody(${JSON.stringify(body)}, require('node:worker_threads')))`
  const threads = jobs.map(([body, ...args], i) => {
    const job: Job = { buffer: memory.buffer, control: block, machine: i + 1, args }
    const thread = new Worker(code(body), { eval: true, workerData: { job } })
    const result = new Promise<unknown>((resolve, reject) => {
      thread.once('message', resolve).once('error', reject)
    })
    return { thread, result }
  })
  try {
    const all = Promise.all(threads.map(({ result }) => result))
    const begun = (async () => {
      while (Atomics.load(words, control.ready) < jobs.length) await delay(1)
      Atomics.store(words, control.go, 1)
      Atomics.notify(words, control.go)
      await meanwhile(words)
    })()
    await Promise.race([begun, all])
    return await all
  } finally {
    await Promise.all(threads.map(({ thread }) => thread.terminate()))
  }
}

/** The entry of such a thread. */
export async function runBody(
  body: keyof typeof bodies,
  { workerData, parentPort }: typeof import('node:worker_threads'),
): Promise<void> {
  const { job } = workerData as { job: Job }
  const words = new Int32Array(job.control)
  Atomics.add(words, control.ready, 1)
  Atomics.wait(words, control.go, 0)
  const site = { memory: attachMemory(job.buffer), words, machine: job.machine, args: job.args }
  parentPort?.postMessage(await bodies[body](site))
}

/** Whole numbers below a bound, the same for the same seed. */
export function numbers(seed: number): (below: number) => number {
  let state = seed | 0
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return Math.floor(((state >>> 0) / 2 ** 32) * below)
  }
}
