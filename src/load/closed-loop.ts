import type { Context } from '../context/context.js'
import type { Chan } from '../runtime/chan.js'
import type { Routine } from '../runtime/operation.js'
import { scope } from '../runtime/scope.js'
import { select } from '../runtime/select.js'
import { sleep } from '../runtime/sleep.js'
import type { Connection } from './connection.js'
import type { Plan } from './load-test.js'
import { RequestError } from './request-error.js'
import type { Result } from './results.js'

/** What is done by a loop of either kind. */
export interface Work {
  /** Ends when time is up. */
  readonly stop: Context
  readonly connections: readonly Connection[]
  readonly plan: Plan
  readonly samples: Chan<readonly Result[]>
}

/** A connection that cannot be opened is tried again after so long: a run against a server that is gone must not spin. */
const retryMs = 10

/** Each connection sends a request for each one that has ended, so that a fixed number is in flight. */
export function* closedLoop(work: Work): Routine<void> {
  const budget = { left: work.plan.requests ?? Infinity }
  yield* scope(function* (s) {
    for (const connection of work.connections) s.go(sendOn, connection, work, budget)
  })
}

/** One connection: requests, as many at a time as the plan says, until none are left to send or time is up. */
function* sendOn(
  connection: Connection,
  { stop, plan, samples }: Work,
  budget: { left: number },
): Routine<void> {
  while (stop.err === undefined && (budget.left > 0 || connection.pipeline.inFlight > 0)) {
    // Taken before the connection is opened, so that none is opened for which nothing is left to send.
    const count = Math.min(budget.left, plan.pipeline - connection.pipeline.inFlight)
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
