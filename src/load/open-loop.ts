import { type Chan, chan } from '../runtime/chan.js'
import type { Routine } from '../runtime/operation.js'
import { Ring } from '../runtime/ring.js'
import { type Scope, scope } from '../runtime/scope.js'
import { select } from '../runtime/select.js'
import { sleep } from '../runtime/sleep.js'
import type { Work } from './closed-loop.js'
import type { Connection } from './connection.js'
import { RequestError } from './request-error.js'

/** So many requests wait for a connection; those beyond fail at once. */
const mostWaiting = 1_000_000

/**
 * Sends requests when they are due, so many a second, whether or not earlier ones have been answered: as users come, who do
 * not wait for one another. The connection that was used last goes first, so that no more are opened than are needed.
 *
 * A request that finds no free connection waits for one, and its latency counts from when it was due; otherwise a server
 * that stands still would be asked less and look better ("coordinated omission"). One that could be sent counts from when
 * it was: that timers come late is not the server's doing.
 */
export function* openLoop(work: Work): Routine<Backlog> {
  return yield* scope(function* (s) {
    const loop = new OpenLoop(work, s)
    yield* loop.run()
    return loop
  })
}

/** What could not be sent when it was due. */
export interface Backlog {
  /** Requests that had to wait for a free connection. */
  readonly late: number
  /** Of these, those that have not got one. */
  readonly unsent: number
}

/** A connection, and where it is told when the request is due that it is to send. */
interface Sender {
  readonly connection: Connection
  readonly inbox: Chan<number | undefined>
}

class OpenLoop implements Backlog {
  late = 0
  /** Due, and without a connection: since when. */
  private readonly waiting = new Ring<number>()
  private readonly idle: Sender[] = []
  private readonly senders: Sender[] = []

  constructor(
    private readonly work: Work,
    private readonly s: Scope,
  ) {}

  get unsent(): number {
    return this.waiting.length
  }

  /** Sends, or has others send, what is due, until all is or time is up. */
  *run(): Routine<void> {
    const { stop, plan } = this.work
    const everyMs = 1000 / (plan.rate ?? 1)
    const startMs = performance.now()
    const most = plan.requests ?? Infinity
    for (let count = 0; count < most && stop.err === undefined; ) {
      const aheadMs = startMs + count * everyMs - performance.now()
      if (aheadMs > 0) yield* select({ due: sleep(aheadMs), stop: stop.done() })
      // Timers are coarse: all that have become due by now.
      const due = Math.min(most, Math.floor((performance.now() - startMs) / everyMs) + 1)
      for (; count < due && stop.err === undefined; count++) yield* this.dispatch(startMs + count * everyMs)
    }
    for (const { inbox } of this.senders) yield* inbox.send(undefined)
  }

  private *dispatch(dueMs: number): Routine<void> {
    const sender = this.idle.pop() ?? this.another()
    if (sender !== undefined) {
      yield* sender.inbox.send(dueMs)
      return
    }
    this.late++
    if (this.waiting.length < mostWaiting) this.waiting.push(dueMs)
    else yield* this.work.samples.send([{ error: 'no free connection', count: 1 }])
  }

  private another(): Sender | undefined {
    const connection = this.work.connections[this.senders.length]
    if (connection === undefined) return undefined
    const sender = { connection, inbox: chan<number | undefined>(2) } // a request, and the end
    this.senders.push(sender)
    this.s.go(() => this.send(sender))
    return sender
  }

  private *send(sender: Sender): Routine<void> {
    const { stop, samples } = this.work
    const { connection, inbox } = sender
    while ((yield* inbox.recv()) !== undefined) {
      yield* this.request(connection, undefined)
      while (stop.err === undefined && this.waiting.length > 0)
        yield* this.request(connection, this.waiting.shift())
      this.idle.push(sender)
    }
    connection.cutOff()
    yield* samples.send(connection.pipeline.take())
  }

  /** Sends one request, on a new connection where there is none (any more), and waits for its end. */
  private *request(connection: Connection, dueMs: number | undefined): Routine<void> {
    const { stop, plan, samples } = this.work
    if (dueMs !== undefined && performance.now() - dueMs >= plan.timeoutMs) {
      yield* samples.send([{ error: 'timeout', count: 1 }])
      return
    }
    while (stop.err === undefined) {
      try {
        if (!connection.isOpen) yield* samples.send([yield* connection.open()])
        yield* samples.send(yield* connection.exchange(1, dueMs))
        return
      } catch (error) {
        if (!(error instanceof RequestError)) throw error
        if (!error.whileConnecting || stop.err !== undefined) continue // nothing was sent
        yield* samples.send([{ error: error.kind, count: 1 }])
        return
      }
    }
  }
}
