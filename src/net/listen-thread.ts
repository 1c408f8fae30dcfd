import { task } from '../parallel/task.js'
import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { wait } from '../runtime/promise.js'
import { exportsOf } from './across-threads.js'
import type { Codec } from './codec.js'
import { type ConnHandler, consumerOf } from './conn-handler.js'
import type { Heartbeat } from './conn-times.js'
import type { ConnectionStats } from './connection-manager.js'
import type { Berth } from './crew.js'
import { type NetOptions, RunningServer } from './net-server.js'

/** What a thread needs to know to handle connections: how to get the functions for it, since they cannot be sent. */
export interface ListenJob {
  /** The module that exports them, and under which names. */
  readonly module: string
  readonly names: { readonly [key in keyof Functions]?: string }
  readonly options: Omit<NetOptions<unknown, unknown>, keyof Functions>
}

/** What has functions. What frames are is known to the module only. */
interface Functions {
  readonly handler: ConnHandler<unknown, unknown>
  readonly codec?: Codec<unknown>
  readonly heartbeat?: Heartbeat<unknown, unknown>
}

/** The servers of this thread. */
const running = new Map<number, RunningServer<unknown, unknown>>()

/** Serves on the thread that runs it, until `stop` is closed and what was under way has ended. */
export const serveThread = task(import.meta.url, 'serveThread', serve)

function* serve({ module, names, options, fd, stop, ready, id }: ListenJob & Berth): Routine<void> {
  const functions = yield* wait(exportsOf('listen', module, names))
  const { handler, ...others } = functions as unknown as Functions // their names were found by what they are
  const server = new RunningServer(consumerOf(handler), { ...options, ...others, fd }, serve as GoFunction)
  running.set(id, server)
  try {
    yield* server.listening()
    ready.trySend(1)
    server.shutdown(yield* stop.recv())
    yield* server
  } finally {
    running.delete(id)
    server.close()
  }
}

/** What a server of this thread has done; `undefined` when it has none. */
export const threadStats = task(import.meta.url, 'threadStats', (id: number): ConnectionStats | undefined =>
  running.get(id)?.stats(),
)

/** Ends the server of this thread at once. */
export const closeThread = task(import.meta.url, 'closeThread', (id: number): void =>
  running.get(id)?.close(),
)
