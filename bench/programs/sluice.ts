import { type Chan, chan, go, type RecvChan, type Routine, select, yieldNow } from 'sluice'
import { Group, Mutex, WaitGroup } from 'sluice/sync'
import { type Case, type Cases, measure, perOp } from './measure.js'
import { poolCases } from './sluice-pool.js'

/** Runs the body as a goroutine and gives nanoseconds for each of `n` operations. */
function timed(body: (n: number) => Routine<void>): Case {
  return async (n) =>
    await go(function* () {
      const startedMs = performance.now()
      yield* body(n)
      return perOp(startedMs, n)
    })
}

/** The same for a body that is the goroutine itself, so that its operations stand at depth 1. */
function direct(body: (n: number) => Routine<number>): Case {
  return async (n) => await go(body, n)
}

function* nothing(): Routine<void> {}

function* finish(done: WaitGroup): Routine<void> {
  done.done()
}

function* echo(there: RecvChan<number>, back: Chan<number>): Routine<void> {
  for (let v = yield* there.recv(); v !== undefined; v = yield* there.recv()) yield* back.send(v)
}

function* sendAll(channels: Chan<number>[], n: number): Routine<void> {
  const count = channels.length
  for (let i = 0; i < n; i++) yield* (channels[i % count] as Chan<number>).send(i)
}

/** A sender that ran on would be one value ahead, and every other receive would find it waiting instead of parking. */
function* sendOneATurn(ch: Chan<number>, n: number): Routine<void> {
  for (let i = 0; i < n; i++) {
    yield* ch.send(i)
    yield* yieldNow()
  }
}

let started = 0

function* parked(ch: RecvChan<never>): Routine<void> {
  started++
  yield* ch.recv()
}

function* parkAtDepth(depth: number, ch: RecvChan<number>): Routine<number | undefined> {
  return depth === 1 ? yield* ch.recv() : yield* parkAtDepth(depth - 1, ch)
}

function* loopAtDepth(depth: number, ch: RecvChan<number>, n: number): Routine<void> {
  if (depth === 1) for (let i = 0; i < n; i++) yield* ch.recv()
  else yield* loopAtDepth(depth - 1, ch, n)
}

/** Each receive parks, at the bottom, and is resumed through all levels. */
function call(depth: number): Case {
  return direct(function* (n) {
    const ch = chan<number>()
    go(sendOneATurn, ch, n)
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) yield* parkAtDepth(depth, ch)
    return perOp(startedMs, n)
  })
}

function loop(depth: number): Case {
  return timed(function* (n) {
    const ch = chan<number>()
    go(sendOneATurn, ch, n)
    yield* loopAtDepth(depth, ch, n)
  })
}

/** Starts goroutines that wait on one channel; gives the milliseconds, and how to let them go. */
function* startParked(n: number): Routine<{ ms: number; stop: () => void }> {
  const ch = chan<never>()
  started = 0
  const startedMs = performance.now()
  for (let i = 0; i < n; i++) go(parked, ch)
  while (started < n) yield* yieldNow()
  return { ms: performance.now() - startedMs, stop: () => ch.close() }
}

type Eight<T> = [T, T, T, T, T, T, T, T]

function eight(capacity: number): Eight<Chan<number>> {
  const one = () => chan<number>(capacity)
  return [one(), one(), one(), one(), one(), one(), one(), one()]
}

const cases: Cases = {
  spawn: direct(function* (n) {
    const done = new WaitGroup()
    const startedMs = performance.now()
    for (let i = 0; i < n; i += 250) {
      done.add(250)
      for (let j = 0; j < 250; j++) go(finish, done)
      yield* done.wait()
    }
    return perOp(startedMs, n)
  }),
  pingpong: direct(function* (n) {
    const there = chan<number>()
    const back = chan<number>()
    go(echo, there, back)
    const startedMs = performance.now()
    for (let i = 0; i < n; i += 2) {
      yield* there.send(i)
      yield* back.recv()
    }
    const figure = perOp(startedMs, n)
    there.close()
    return figure
  }),
  buffered: direct(function* (n) {
    const ch = chan<number>(128)
    const startedMs = performance.now()
    go(function* () {
      for (let i = 0; i < n; i++) yield* ch.send(i)
      ch.close()
    })
    for (let v = yield* ch.recv(); v !== undefined; v = yield* ch.recv()) {}
    return perOp(startedMs, n)
  }),
  select2: direct(function* (n) {
    const a = chan<number>()
    const b = chan<number>()
    go(sendAll, [a, b], n)
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) yield* select({ a: a.recv(), b: b.recv() })
    return perOp(startedMs, n)
  }),
  select8: direct(function* (n) {
    const channels = eight(0)
    const [c0, c1, c2, c3, c4, c5, c6, c7] = channels
    go(sendAll, channels, n)
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) {
      yield* select({
        c0: c0.recv(),
        c1: c1.recv(),
        c2: c2.recv(),
        c3: c3.recv(),
        c4: c4.recv(),
        c5: c5.recv(),
        c6: c6.recv(),
        c7: c7.recv(),
      })
    }
    return perOp(startedMs, n)
  }),
  selectReady2: direct(function* (n) {
    const a = chan<number>(1)
    const b = chan<number>(1)
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) {
      yield* a.send(i)
      yield* select({ a: a.recv(), b: b.recv() })
    }
    return perOp(startedMs, n)
  }),
  selectReady8: direct(function* (n) {
    const [c0, c1, c2, c3, c4, c5, c6, c7] = eight(1)
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) {
      yield* c0.send(i)
      yield* select({
        c0: c0.recv(),
        c1: c1.recv(),
        c2: c2.recv(),
        c3: c3.recv(),
        c4: c4.recv(),
        c5: c5.recv(),
        c6: c6.recv(),
        c7: c7.recv(),
      })
    }
    return perOp(startedMs, n)
  }),
  mutexFree: direct(function* (n) {
    const mu = new Mutex()
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) {
      yield* mu.lock()
      mu.unlock()
    }
    return perOp(startedMs, n)
  }),
  mutexContended: direct(function* (n) {
    const mu = new Mutex()
    const done = new WaitGroup()
    const startedMs = performance.now()
    const worker = function* () {
      for (let i = 0; i < n / 100; i++) {
        yield* mu.lock()
        yield* yieldNow()
        mu.unlock()
      }
      done.done()
    }
    done.add(100)
    for (let g = 0; g < 100; g++) go(worker)
    yield* done.wait()
    return perOp(startedMs, n)
  }),
  group: direct(function* (n) {
    const startedMs = performance.now()
    for (let i = 0; i < n; i += 10_000) {
      const group = new Group()
      for (let j = 0; j < 10_000; j++) yield* group.go(nothing)
      yield* group.wait()
    }
    return perOp(startedMs, n)
  }),
  parkedBytes: direct(function* (n) {
    globalThis.gc?.()
    const before = process.memoryUsage.rss()
    const { stop } = yield* startParked(n)
    globalThis.gc?.()
    const bytes = (process.memoryUsage.rss() - before) / n
    stop()
    return bytes
  }),
  parkedHeap: direct(function* (n) {
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    const { stop } = yield* startParked(n)
    globalThis.gc?.()
    const bytes = (process.memoryUsage().heapUsed - before) / n
    stop()
    return bytes
  }),
  parkedStart: direct(function* (n) {
    const { ms, stop } = yield* startParked(n)
    stop()
    return ms
  }),
  call1: call(1),
  call5: call(5),
  call20: call(20),
  loop1: loop(1),
  loop5: loop(5),
  loop20: loop(20),
}

await measure({ ...cases, ...poolCases })
