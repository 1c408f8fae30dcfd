// Ours of the suite `parallel`. The worker threads import this program too, for its tasks, and measure nothing.
import { isMainThread } from 'node:worker_threads'
import { go, type Routine, type SendChan, sleep } from 'sluice'
import { procs, sharedChan, type Task, task } from 'sluice/parallel'
import { type Case, measure, perOp } from './measure.js'
import {
  bytes1k,
  bytes64k,
  inFlight,
  next,
  piece,
  rename,
  type Small,
  sameBytes,
  sameText,
  small,
  text1k,
} from './pieces.js'

const nextTask = task(import.meta.url, 'next', next)
const renameTask = task(import.meta.url, 'rename', rename)
const sameTextTask = task(import.meta.url, 'sameText', sameText)
const sameBytesTask = task(import.meta.url, 'sameBytes', sameBytes)
const pieceTask = task(import.meta.url, 'piece', piece)

const sendInts = task(
  import.meta.url,
  'sendInts',
  function* (ch: SendChan<number>, n: number): Routine<void> {
    for (let i = 0; i < n; i++) yield* ch.send(i)
    ch.close()
  },
)

const sendObjects = task(
  import.meta.url,
  'sendObjects',
  function* (ch: SendChan<Small>, n: number): Routine<void> {
    for (let id = 0; id < n; id++) yield* ch.send({ id, name: small.name, ready: true })
    ch.close()
  },
)

/** Runs the body as a goroutine. */
function direct(body: (n: number) => Routine<number>): Case {
  return async (n) => await go(body, n)
}

// The main thread is processor 0 and runs tasks too: pinned to the other one, each of them does cross.

/** As many callers as calls are to be under way, each with one call at a time. */
function batched<A, T>(task: Task<[A], T>, value: A): Case {
  return direct(function* (n) {
    const there = task.on(1)
    const caller = function* (calls: number): Routine<void> {
      for (let i = 0; i < calls; i++) yield* there(value)
    }
    const startedMs = performance.now()
    const callers = Array.from({ length: inFlight }, () => go(caller, n / inFlight))
    for (const each of callers) yield* each
    return perOp(startedMs, n)
  })
}

/** A sender on the other thread, the receiver on this one. */
function oneWay<T>(sendAll: Task<[SendChan<T>, number], void>): Case {
  return direct(function* (n) {
    const ch = sharedChan<T>(1024)
    const startedMs = performance.now()
    const sender = go(sendAll.on(1), ch, n)
    for (let v = yield* ch.recv(); v !== undefined; v = yield* ch.recv()) {}
    yield* sender
    return perOp(startedMs, n)
  })
}

if (isMainThread) {
  procs(Number(process.env['PROCS'] ?? 2))
  await measure({
    taskInt: batched(nextTask, 1),
    taskObject: batched(renameTask, small),
    taskText1k: batched(sameTextTask, text1k),
    taskBytes1k: batched(sameBytesTask, bytes1k),
    taskBytes64k: batched(sameBytesTask, bytes64k),
    taskAlone: direct(function* (n) {
      const there = nextTask.on(1)
      const startedMs = performance.now()
      for (let i = 0; i < n; i++) yield* there(i)
      return perOp(startedMs, n)
    }),
    taskIdle: direct(function* (n) {
      const there = nextTask.on(1)
      let spentMs = 0
      for (let i = 0; i < n; i++) {
        yield* sleep(1)
        const startedMs = performance.now()
        yield* there(i)
        spentMs += performance.now() - startedMs
      }
      return (spentMs * 1e6) / n
    }),
    channelInt: oneWay(sendInts),
    channelObject: oneWay(sendObjects),
    fanOut: direct(function* (n) {
      const startedMs = performance.now()
      const results = pieceTask.map(Array(n).keys(), { window: n })
      for (let v = yield* results.recv(); v !== undefined; v = yield* results.recv()) {}
      return performance.now() - startedMs
    }),
  })
}
