import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Server } from 'node:net'
import { SluiceError } from '../runtime/errors.js'

/** A listening socket could not be given to other threads. */
export class DuplicateError extends SluiceError {
  readonly code = 'ERR_SLUICE_DUPLICATE'
}

/** What stays open for as long as the process lives: closing one would close whatever has its number by then. */
const kept: unknown[] = []

/**
 * More descriptors of a listening socket, so that several threads accept on it and each closes only its own: a thread
 * that ends closes what it listens on, and with it would go the socket of all.
 *
 * Node has no `dup`. But a descriptor that is sent to another process is a new one there, and so is the one that comes
 * back: a child process sends them, which lives for as long as that takes, some 60 ms.
 */
export async function duplicates(server: Server, count: number): Promise<number[]> {
  const { _handle: handle } = server as { _handle?: unknown }
  const child = spawn(process.execPath, ['-e', 'process.on("message", (m, h) => process.send(m, h))'], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: {}, // NODE_OPTIONS of the program are not for it
  })
  const end = ended(child)
  end.catch(() => {}) // it ends in any case, mostly when nobody waits for it any more
  try {
    const descriptors: number[] = []
    for (let i = 0; i < count; i++) {
      // Not in Node's types: a handle as it is, instead of the server around it, which would begin to accept here.
      child.send({ i }, handle as Server)
      const [, copy] = (await Promise.race([once(child, 'message'), end])) as [unknown, { fd?: number }]
      if (copy?.fd === undefined || copy.fd < 0)
        throw new DuplicateError('this platform has no descriptors to share')
      kept.push(copy)
      descriptors.push(copy.fd)
    }
    return descriptors
  } finally {
    child.kill()
  }
}

/** Fails when the child ends, or cannot begin. */
async function ended(child: ChildProcess): Promise<never> {
  // `once` rejects with what an 'error' event brings.
  const reason: unknown = await once(child, 'exit').then(
    ([code]: unknown[]) => `exit code ${String(code)}`,
    (error: unknown) => error,
  )
  throw new DuplicateError(
    `the process that passes the socket on ended (${String(reason)}): may this one start others? procs: 1 needs none`,
  )
}
