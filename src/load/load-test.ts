import type { Context } from '../context/context.js'
import { withTimeout } from '../context/deadline.js'
import { type Chan, chan } from '../runtime/chan.js'
import type { Routine } from '../runtime/operation.js'
import { type Scope, scope } from '../runtime/scope.js'
import { ticker } from '../runtime/timer.js'
import { closedLoop } from './closed-loop.js'
import { Connection } from './connection.js'
import { openLoop } from './open-loop.js'
import { RequestBatch } from './request-batch.js'
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
  /** Requests to send a second, in all, whether or not earlier ones have been answered; `undefined`: as fast as they are. */
  readonly rate: number | undefined
  /** A request without a response by then has failed. */
  readonly timeoutMs: number
}

/** What a run came to. */
export interface Run {
  readonly results: Results
  readonly elapsedMs: number
  /** What was to be sent a second; see `Plan`. */
  readonly rate: number | undefined
  /** Whether it was ended from outside, before its plan was fulfilled. */
  readonly interrupted: boolean
}

/** As much as Node reads at once where it chooses. */
const readBytes = 64 * 1024

/**
 * A load test, in a closed loop or, where the plan has a rate, in an open one. Results go through a channel to one
 * collector; `onProgress` is told ten times a second how far it is.
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
      onProgress({ results, elapsedMs: elapsedMs(), rate: plan.rate, interrupted: false })
    })
    yield* drive(s, ctx, connections, plan, results)
    const run = { results, elapsedMs: elapsedMs(), rate: plan.rate, interrupted: ctx.err !== undefined }
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
  const collector = s.go(collect, samples, results)
  s.go(cutOff, stop, connections)
  const work = { stop, connections, plan, samples }
  if (plan.rate === undefined) yield* closedLoop(work)
  else {
    const { late, unsent } = yield* openLoop(work)
    results.late = late
    results.unfinished = unsent
  }
  for (const connection of connections) results.unfinished += connection.pipeline.unfinished
  samples.close()
  yield* collector
}

function* collect(samples: Chan<readonly Result[]>, results: Results): Routine<void> {
  for (let some = yield* samples.recv(); some !== undefined; some = yield* samples.recv())
    for (const result of some) results.add(result)
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
