import type { Context } from '../context/context.js'
import { DeadlineExceeded, withTimeout } from '../context/deadline.js'
import { withValue } from '../context/value.js'
import { previousAttempts } from '../resilience/previous-attempts.js'
import { Trial } from '../resilience/trial.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'
import { givenAttempts } from './attempts-field.js'
import { givenTimeMs } from './deadline-fields.js'
import { timeIsUp } from './deadline-problem.js'
import type { Middleware, Next } from './handler.js'
import type { HttpRequest } from './request.js'
import type { HttpResponse } from './response.js'

export interface DeadlinesOptions {
  /** The most time that a request gets, also where its client says nothing, in ms. No limit of its own unless given. */
  readonly maxMs?: number
  /** So much of what the client gives is kept back, for the answer's way, in ms: 0 unless given. `httpClient` does so itself. */
  readonly marginMs?: number
}

/**
 * A middleware that keeps the deadlines of clients: `X-Timeout-Ms`, `grpc-timeout` and, where there is neither,
 * `X-Timeout-At` become the deadline of `req.ctx`, and with it that of all that the handler calls with its context. Time that
 * the request has waited here is taken off. One whose time is over is answered with 504, before it is handled if it is over by
 * then; a handler that does not listen to its context is told to stop.
 *
 * It also takes over how often the request has been sent before (`X-Previous-Attempts`), so that a retry further up does not
 * make others here.
 *
 * ```ts
 * app.use(deadlines({ maxMs: 10_000 }))
 * ```
 * @throws ArgumentError if `maxMs` is not a number above 0, or `marginMs` not a finite one from 0.
 */
export function deadlines({ maxMs = Infinity, marginMs = 0 }: DeadlinesOptions = {}): Middleware {
  check(maxMs, marginMs)
  return function* deadlines(req, next) {
    const attempts = givenAttempts(req)
    if (attempts > 0) req.derive((ctx) => withValue(ctx, previousAttempts, attempts))
    const leftMs = timeLeft(req, maxMs, marginMs)
    if (leftMs === Infinity) return yield* next()
    if (leftMs <= 0) throw timeIsUp('The deadline of the request had passed before it could be handled.')
    // It ends with the request, not with the handler: the body of a response may still be produced then.
    const limit = withTimeout(req.ctx, leftMs)
    req.derive(() => limit)
    return yield* handledWithin(limit, next)
  }
}

/** `Infinity` without a deadline. */
function timeLeft(req: HttpRequest, maxMs: number, marginMs: number): number {
  const { clock } = scheduler()
  const waitedMs = clock.now() - req.startedMs
  const givenMs = givenTimeMs(req, clock.epochNow() - waitedMs)
  return (givenMs === undefined ? maxMs : Math.min(maxMs, givenMs - marginMs)) - waitedMs
}

/** What stands behind: once it has to wait it goes on in a goroutine of its own, so that nobody waits for one that is late. */
function* handledWithin(limit: Context, next: Next): Routine<HttpResponse> {
  const trial = new Trial<HttpResponse>(limit, deadlines as GoFunction).begin(next)
  try {
    if (!trial.isOver) yield* trial.over()
    if (!trial.wasCalledOff) return yield* trial.take()
  } finally {
    trial.callOff()
  }
  const { err } = limit
  throw err instanceof DeadlineExceeded ? timeIsUp('The deadline of the request has passed.', err) : err
}

function check(maxMs: number, marginMs: number): void {
  if (!(maxMs > 0))
    throw new ArgumentError(`deadlines() needs a number of milliseconds above 0 for maxMs, not ${maxMs}`)
  if (!(marginMs >= 0 && marginMs < Infinity)) {
    throw new ArgumentError(
      `deadlines() needs a finite number of milliseconds from 0 for marginMs, not ${marginMs}`,
    )
  }
}
