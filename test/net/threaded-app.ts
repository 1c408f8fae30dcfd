import { isMainThread, threadId } from 'node:worker_threads'
import { type Routine, wait } from '../../src/index.js'
import { type Conn, type Heartbeat, lines } from '../../src/net/index.js'

export const codec = lines()
export const heartbeat: Heartbeat<string, string> = { everyMs: 50, ping: () => 'ping' }

/** Says which thread answers; ends it, or waits for the end of the server, if asked to. */
export function* handler(conn: Conn<string, string>): Routine<void> {
  for (let line = yield* conn.recv(); line !== undefined; line = yield* conn.recv()) {
    if (line === 'exit') process.exit(1)
    yield* conn.send(`${threadId}`)
    if (line === 'stay') yield* wait(new Promise(() => {}))
  }
}

/** The same by events. */
export const events = {
  frame: (conn: Conn<Buffer, string>): unknown => conn.send(`${threadId}\n`),
}

/** What only one thread has. */
export const onlyHere = isMainThread ? { ...events } : undefined
