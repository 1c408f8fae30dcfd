import { type Routine, run, wait } from '../../src/index.js'
import { type ConnHandler, listen, type NetOptions, type NetServer } from '../../src/net/index.js'
import { later } from '../../src/runtime/host.js'
import { RawClient } from '../serving/raw-client.js'
import { TestClock } from './test-clock.js'

/** A server on a free port, what it complained about, and clients that are closed with it. */
export interface Fixture<In, Out> {
  readonly server: NetServer<In, Out>
  readonly problems: unknown[]
  /** The server's clock, which stands still until a test moves it. */
  readonly clock: TestClock
  /** A connection to the server that speaks bytes. */
  connect(allowHalfOpen?: boolean): Routine<RawClient>
}

/** Runs `body` with a server; then closes it, which has to end. */
export function serving<In = Buffer, Out = Uint8Array | string>(
  handler: ConnHandler<In, Out>,
  options: NetOptions<In, Out>,
  body: (fixture: Fixture<In, Out>) => Routine<void>,
): Promise<void> {
  const clock = new TestClock()
  const routine = function* (): Routine<void> {
    const problems: unknown[] = []
    const clients: RawClient[] = []
    const onError = (error: unknown) => problems.push(error)
    const server = listen(handler, { port: 0, host: '127.0.0.1', onError, ...options })
    try {
      const { port = 0 } = yield* server.listening()
      const connect = function* (allowHalfOpen = false): Routine<RawClient> {
        const client = yield* wait(RawClient.connect(port, allowHalfOpen))
        clients.push(client)
        return client
      }
      yield* body({ server, problems, clock, connect })
    } finally {
      for (const client of clients) client.close()
      server.close()
      yield* server
    }
  }
  return run(routine, { clock })
}

/** Lets the event loop go round, so that what is under way between sockets of this process arrives. */
export function* turns(count: number): Routine<void> {
  for (let i = 0; i < count; i++) yield* wait(new Promise<void>((resolve) => later(resolve)))
}

/** Waits until no connection of the server is open. */
export function* emptied<In, Out>(server: NetServer<In, Out>): Routine<void> {
  while (server.stats().open > 0) yield* turns(1)
}

/** What an operation, or a promise, throws. */
export function failure(of: PromiseLike<unknown>): Promise<unknown> {
  return Promise.resolve(of).then(
    () => undefined,
    (error: unknown) => error,
  )
}
