/** Tasks for src/parallel/task.test.ts and workers.test.ts, and for the stress program. */
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { go, type Routine, sleep } from 'sluice'
import { type SharedChan, task } from 'sluice/parallel'
import { presentProcessor, thisProcessor } from '../../src/parallel/current.js'

/** Counts in shared memory: `at` is the address of a block of the heap, which every thread knows by the same number. */
function count(at: number): number {
  return Atomics.add(thisProcessor().memory.words, at, 1)
}

export const double = task(import.meta.url, 'double', (n: number) => n * 2)
export const echo = task(import.meta.url, 'echo', (value: unknown) => value)
export const where = task(import.meta.url, 'where', () => presentProcessor()?.p)
export const arity = task(import.meta.url, 'arity', (...args: unknown[]) => args.length)
export const nothing = task(import.meta.url, 'nothing', () => undefined)
export const throwNothing = task(import.meta.url, 'throwNothing', () => {
  throw undefined
})
export const rejectLater = task(import.meta.url, 'rejectLater', async (message: string) => {
  await Promise.resolve()
  throw new TypeError(message)
})
export const giveFunction = task(
  import.meta.url,
  'giveFunction',
  () => ({ result: { fn: () => 1 } }) as unknown,
)

function failDeepInside(message: string): never {
  throw new RangeError(message)
}
export const fail = task(import.meta.url, 'fail', (message: string) => failDeepInside(message))

export const rest = task(import.meta.url, 'rest', function* (ms: number): Routine<string> {
  yield* sleep(ms)
  return 'rested'
})

/** Waits until it is canceled; counts that it began, and that it ended. */
export const waitForCancel = task(import.meta.url, 'waitForCancel', function* (at: number): Routine<void> {
  count(at)
  try {
    yield* sleep(3_600_000)
  } finally {
    count(at + 1)
  }
})

/** Counts, and keeps its thread until `gate` is 1. */
export const spinUntil = task(import.meta.url, 'spinUntil', (at: number, gate: number) => {
  const { words } = thisProcessor().memory
  count(at)
  const untilMs = performance.now() + 8000
  while (Atomics.load(words, gate) === 0 && performance.now() < untilMs);
})

/** Spins until `parties` are here at once; false if that does not come about. */
export const meet = task(import.meta.url, 'meet', (at: number, parties: number) => {
  const { words } = thisProcessor().memory
  count(at)
  const untilMs = performance.now() + 8000
  while (Atomics.load(words, at) < parties) if (performance.now() > untilMs) return false
  return true
})

export const fibonacci = task(import.meta.url, 'fibonacci', function* (n: number): Routine<number> {
  if (n < 2) return n
  const [a, b] = [go(callFibonacci, n - 1), go(callFibonacci, n - 2)]
  return (yield* a) + (yield* b)
})
function* callFibonacci(n: number): Routine<number> {
  return yield* fibonacci(n)
}

/** Calls many tasks at once, and adds up what they give. */
export const fanOut = task(import.meta.url, 'fanOut', async (calls: number, p: number) => {
  const call = p === -1 ? double : double.on(p)
  const values = await Promise.all(Array.from({ length: calls }, (_, i) => call(i)))
  return values.reduce((sum, value) => sum + value, 0)
})

/** Counts, and gives its argument; `code` other than 0 ends the thread instead. */
export const tally = task(import.meta.url, 'tally', (at: number, i: number, code: number) => {
  count(at + i)
  if (code !== 0) die(code)
  return i * 3
})
export const tallyTwice = task(
  import.meta.url,
  'tallyTwice',
  (at: number, exits: number) => {
    if (count(at) < exits) die(9)
    return 'done'
  },
  { idempotent: true },
)

function die(code: number): never {
  if (isMainThread) throw new Error('this task belongs on a worker thread')
  process.exit(code)
}
export const exit = task(import.meta.url, 'exit', (code: number) => die(code))
/** Dies with calls of its own under way, which were not published to other threads. */
export const exitWithCalls = task(import.meta.url, 'exitWithCalls', (calls: number) => {
  for (let i = 0; i < calls; i++) void go(callDouble, i)
  for (let i = 0; i < calls; i++) double(i).then(undefined, () => undefined)
  return die(4)
})
function* callDouble(n: number): Routine<number> {
  return yield* double(n)
}
export const throwInTimer = task(import.meta.url, 'throwInTimer', async () => {
  setTimeout(() => {
    throw new TypeError('nobody catches this')
  }, 1)
  await delay(60_000)
})
export const forgetRejection = task(import.meta.url, 'forgetRejection', async () => {
  void Promise.reject(new SyntaxError('nobody handles this'))
  await delay(60_000)
})
/** Ends its thread after a while, in which it is under way. */
export const exitLater = task(import.meta.url, 'exitLater', async (at: number, ms: number) => {
  count(at)
  await delay(ms)
  die(7)
})
/** Keeps its thread until it can be sure that what it was told was seen, and dies. */
export const exitAtGate = task(import.meta.url, 'exitAtGate', (at: number, gate: number) => {
  const { words } = thisProcessor().memory
  count(at)
  while (Atomics.load(words, gate) === 0);
  die(5)
})

export const sumOf = task(import.meta.url, 'sumOf', (shared: SharedArrayBuffer, from: number, to: number) => {
  const words = new Int32Array(shared)
  let sum = 0
  for (let i = from; i < to; i++) sum += words[i] as number
  return sum
})
export const increment = task(import.meta.url, 'increment', (words: Int32Array) => Atomics.add(words, 0, 1))
export const lengthOf = task(import.meta.url, 'lengthOf', (bytes: ArrayBuffer) => bytes.byteLength)

/** How many slots of its processor are in use; the call of this very task is its caller's. */
export const outstanding = task(import.meta.url, 'outstanding', () => thisProcessor().calls.outstanding)
/** Has another worker write to memory of this one. */
export const shareWith = task(import.meta.url, 'shareWith', async (p: number) => {
  const words = new Int32Array(new SharedArrayBuffer(8))
  for (let i = 0; i < 20; i++) await increment.on(p)(words)
  return words[0]
})
/** Calls a task whose answer comes by message again and again, and gives it up at different moments. */
export const abandonPosted = task(import.meta.url, 'abandonPosted', async (rounds: number, p: number) => {
  const { withTimeout, background } = await import('sluice/context')
  let given = 0
  for (let i = 0; i < rounds; i++) {
    const shared = new SharedArrayBuffer(8)
    const ctx = withTimeout(background(), (i % 20) / 10)
    try {
      await echo.on(p)(shared).within(ctx)
      given++
    } catch {
      // given up
    }
    ctx.cancel()
  }
  await delay(300)
  return { given, outstanding: thisProcessor().calls.outstanding }
})
export const receiveAll = task(import.meta.url, 'receiveAll', async (input: SharedChan<number>) => {
  let sum = 0
  for await (const value of input) sum += value
  return sum
})
