import { ArgumentError } from '../runtime/errors.js'
import type { Operation, Routine } from '../runtime/operation.js'
import { isMainThread, workerData } from 'node:worker_threads'
import { type Body, keyOf, registerBody } from './bodies.js'
import { slotFlag } from './call-slot.js'
import { mostProcs } from './layout.js'
import { procsWanted } from './machine.js'
import { TaskCall } from './task-call.js'
import { type MapOptions, TaskStream } from './task-stream.js'
import { startWorker, workerDataOf } from './worker.js'
import { startHook } from './workers.js'

/** What a task's body may be: a plain, an async or a generator function. */
export type TaskBody<A extends unknown[], T> = (...args: A) => Routine<T> | PromiseLike<T> | T

/** A function that runs on whichever processor is free. */
export interface Task<A extends unknown[], T> {
  /**
   * Calls it: an operation that ends with its value or throws its error. The arguments are copied to the thread that runs
   * it when the operation is started.
   */
  (...args: A): Operation<T>
  readonly taskName: string
  /** The same task, run by processor `p` and no other. Source: Go's `runtime.LockOSThread`. */
  on(p: number): (...args: A) => Operation<T>
  /**
   * Calls it for every item, `window` at a time, and gives the results in the order of the items. The first error comes
   * out in its place and ends the stream.
   */
  map(items: Iterable<A[0]> | AsyncIterable<A[0]>, options?: MapOptions): TaskStream<T>
}

export interface TaskOptions {
  /** It may be run a second time when the worker that ran it died: it changes nothing, or the same a second time. */
  readonly idempotent?: boolean
}

/**
 * Defines a task: `export const sha = task(import.meta.url, 'sha', (data: Uint8Array) => …)`, at the top level of any
 * module. Worker threads import that module when they are first given the task.
 *
 * @throws ArgumentError for what is no module's address, name or function.
 */
export function task<A extends unknown[], T>(
  url: string,
  name: string,
  body: (...args: A) => Routine<T>,
  options?: TaskOptions,
): Task<A, T>
export function task<A extends unknown[], T>(
  url: string,
  name: string,
  body: (...args: A) => PromiseLike<T>,
  options?: TaskOptions,
): Task<A, T>
export function task<A extends unknown[], T>(
  url: string,
  name: string,
  body: (...args: A) => T,
  options?: TaskOptions,
): Task<A, T>
export function task<A extends unknown[], T>(
  url: string,
  name: string,
  body: TaskBody<A, T>,
  options: TaskOptions = {},
): Task<A, T> {
  check(url, name, body)
  registerBody(url, name, body as Body)
  offerStart()
  const key = keyOf(url, name)
  const flags = options.idempotent === true ? slotFlag.idempotent : 0
  const call = (...args: A) => new TaskCall<T>(key, args, -1, flags)
  return Object.assign(call, {
    taskName: name,
    on: (p: number) => {
      checkProcessor(name, p)
      return (...args: A) => new TaskCall<T>(key, args, p, flags)
    },
    map: (items: Iterable<A[0]> | AsyncIterable<A[0]>, options?: MapOptions) =>
      new TaskStream<T>((item) => new TaskCall<T>(key, [item], -1, flags), items, options),
  })
}

function check(url: unknown, name: unknown, body: unknown): void {
  if (typeof url !== 'string' || !/^(file|data|https?):/.test(url)) {
    throw new ArgumentError(
      `task() needs the address of its module: task(import.meta.url, name, fn), got ${String(url)}; a CommonJS bundle has none: build it with --format=esm`,
    )
  }
  if (typeof name !== 'string' || name === '' || name.includes('\0'))
    throw new ArgumentError(`task() needs a name, unique in its module, not ${String(name)}`)
  if (typeof body !== 'function')
    throw new ArgumentError(`task '${name}' needs a function, not ${String(body)}`)
}

function checkProcessor(name: string, p: number): void {
  const count = procsWanted()
  if (!Number.isInteger(p) || p < 0 || p >= Math.min(count, mostProcs)) {
    throw new ArgumentError(
      `${name}.on(${String(p)}): there is no such processor; they are 0 (the main thread) to ${count - 1}, as procs() says`,
    )
  }
}

/** In a bundle, a worker thread imports the bundle itself, which then offers here how to start. */
function offerStart(): void {
  if (isMainThread || workerDataOf(workerData) === undefined) return
  const offered = globalThis as { [startHook]?: () => void }
  offered[startHook] ??= startWorker
}
