import type { Context } from '../context/context.js'
import { withTimeout } from '../context/deadline.js'
import { type Chan, chan } from '../runtime/chan.js'
import type { Routine } from '../runtime/operation.js'
import { type Scope, scope } from '../runtime/scope.js'
import { select } from '../runtime/select.js'
import { sleep } from '../runtime/sleep.js'
import { ticker } from '../runtime/timer.js'
import { Connection } from './connection.js'
import { RequestBatch } from './request-batch.js'
import { RequestError } from './request-error.js'
import { type Result, Results } from './results.js'
import type { Target } from './target.js'

/** How hard and how long. */
export interface Plan {
  readonly connections: number
  /** Requests in flight on each connection: one, or HTTP/1.1 pipelining. */
  readonly pipeline: number
  /** Requests to send in all; `undefined` where the time decides. */
  readonly requests: number | undefined
  /** How long to go on; `Infinity` where the number decides. */
  readonly durationMs: number
  /** A request without a response by then has failed. */
  readonly timeoutMs: number
}

/** What a run came to. */
export interface Run {
  readonly results: Results
  readonly elapsedMs: number
  /** Whether it was ended from outside, before its plan was fulfilled. */
  readonly interrupted: boolean
}

/** A connection that cannot be opened is tried again after so long: a run against a server that is gone must not spin. */
const retryMs = 10

/** As much as Node reads at once where it chooses. */
const readBytes = 64 * 1024

/**
 * A closed-loop load test: each connection is a goroutine that sends a request for each one that has ended, so that a
 * fixed number is in flight. Results go through a channel to one collector; `onProgress` is told ten times a second how
 * far it is.
 *
 * The first connection is opened before the clock starts. Throws `RequestError` if that fails: then there is nothing
 * to measure.
 */
export function* loadTest(
  ctx: Context,
  target: Target,
  plan: Plan,
  onProgress: (run: Run) => void,
): Routine<Run> {
  const results = new Results()
  const requests = new RequestBatch(target.request, plan.pipeline)
  const readBuffer = Buffer.allocUnsafeSlow(readBytes)
  const connections = Array.from(
    { length: plan.connections },
    () => new Connection(target, requests, readBuffer),
  )
  return yield* scope(function* (s) {
    s.go(expireLate, connections, plan.timeoutMs)
    results.add(yield* (connections[0] as Connection).open().within(ctx))
    const startedMs = performance.now()
    const elapsedMs = () => performance.now() - startedMs
    s.go(tellProgress, () => {
      results.countRate(elapsedMs())
      onProgress({ results, elapsedMs: elapsedMs(), interrupted: false })
    })
    yield* drive(s, ctx, connections, plan, results)
    const run = { results, elapsedMs: elapsedMs(), interrupted: ctx.err !== undefined }
    results.countRate(run.elapsedMs)
    s.cancel()
    for (const connection of connections) connection.close()
    return run
  })
}

/** Runs all connections until the plan is fulfilled or the context ends. */
function* drive(
  s: Scope,
  ctx: Context,
  connections: Connection[],
  plan: Plan,
  results: Results,
): Routine<void> {
  using stop = withTimeout(ctx, plan.durationMs)
  const samples = chan<readonly Result[]>(1024)
  const budget = { left: plan.requests ?? Infinity }
  const collector = s.go(collect, samples, results)
  const workers = connections.map((connection) =>
    s.go(work, { stop, connection, depth: plan.pipeline, budget, samples }),
  )
  s.go(cutOff, stop, connections)
  for (const worker of workers) yield* worker
  for (const connection of connections) results.unfinished += connection.pipeline.unfinished
  samples.close()
  yield* collector
}

function* collect(samples: Chan<readonly Result[]>, results: Results): Routine<void> {
  for (let some = yield* samples.recv(); some !== undefined; some = yield* samples.recv())
    for (const result of some) results.add(result)
}

interface Work {
  readonly stop: Context
  readonly connection: Connection
  /** How many requests are in flight at a time. */
  readonly depth: number
  /** Requests that nobody has taken on yet; shared by all connections. */
  readonly budget: { left: number }
  readonly samples: Chan<readonly Result[]>
}

/** One connection: requests, `depth` of them at a time, until none are left to send or time is up. */
function* work({ stop, connection, depth, budget, samples }: Work): Routine<void> {
  while (stop.err === undefined && (budget.left > 0 || connection.pipeline.inFlight > 0)) {
    // Taken before the connection is opened, so that none is opened for which nothing is left to send.
    const count = Math.min(budget.left, depth - connection.pipeline.inFlight)
    budget.left -= count
    try {
      if (!connection.isOpen) yield* samples.send([yield* connection.open()])
      yield* samples.send(yield* connection.exchange(count))
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      budget.left += count // nothing was sent
      if (!error.whileConnecting || stop.err !== undefined) continue
      budget.left-- // one request has found no connection
      yield* samples.send([{ error: error.kind, count: 1 }])
      yield* select({ pause: sleep(retryMs), stop: stop.done() })
    }
  }
  connection.cutOff()
  yield* samples.send(connection.pipeline.take())
}

/** At the end, gives up on all requests in one go: a bound on each of them would cost two objects a request. */
function* cutOff(stop: Context, connections: Connection[]): Routine<void> {
  yield* stop.done()
  for (const connection of connections) connection.cutOff()
}

/** Gives up on requests that have waited for too long: one look at all connections instead of a timer for each. */
function* expireLate(connections: Connection[], timeoutMs: number): Routine<void> {
  using tick = ticker(Math.min(100, Math.max(1, timeoutMs / 10)))
  for (;;) {
    yield* tick.c.recv()
    const beforeMs = performance.now() - timeoutMs
    for (const connection of connections) connection.expire(beforeMs)
  }
}

function* tellProgress(tell: () => void): Routine<void> {
  using tick = ticker(100)
  for (;;) {
    yield* tick.c.recv()
    tell()
  }
}
