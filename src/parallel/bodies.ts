import { MisuseError, SluiceError } from '../runtime/errors.js'
import { isTypeScript, loadModule, NoLoaderError } from './module-loader.js'

export { noteLoader } from './module-loader.js'

/** What a task runs, on the thread that runs it. */
export type Body = (...args: never[]) => unknown

/** A task's module could not be loaded by a worker thread, or did not define the task there. */
export class TaskNotFoundError extends SluiceError {
  readonly code = 'ERR_SLUICE_TASK_NOT_FOUND'
}

/** The tasks of this thread. A task is named by its module and its name in there, since a function cannot cross threads. */
const bodies = new Map<string, Body>()
/** Modules that are being loaded for their tasks, or were. */
const modules = new Map<string, Promise<unknown>>()

export function keyOf(url: string, name: string): string {
  return `${url}\0${name}`
}

/** @throws MisuseError if another function has that name in that module. */
export function registerBody(url: string, name: string, body: Body): void {
  const key = keyOf(url, name)
  const earlier = bodies.get(key)
  // A module may be evaluated again (by a test runner, say): then it defines the same function anew.
  if (earlier !== undefined && earlier.toString() !== body.toString()) {
    throw new MisuseError(
      `task(): there are two tasks named '${name}' in ${url}: a task's name is unique in its module, and in a bundle in the whole of it`,
    )
  }
  bodies.set(key, body)
}

/** The body of a task that this thread knows already. */
export function knownBody(key: string): Body | undefined {
  return bodies.get(key)
}

/** Defines a task of this library's own, which every thread knows; returns its key. */
export function defineOwnBody(name: string, body: Body): string {
  const key = keyOf('sluice:', name)
  bodies.set(key, body)
  return key
}

/** The body of a task, whose module is loaded if this thread has not done so yet. */
export async function loadBody(key: string): Promise<Body> {
  const known = bodies.get(key)
  if (known !== undefined) return known
  const [url = '', name = ''] = key.split('\0')
  try {
    if (!modules.has(url)) modules.set(url, loadModule(url))
    await modules.get(url)
  } catch (error) {
    throw new TaskNotFoundError(
      `task '${name}': ${url} could not be loaded in a worker thread: ${textOf(error)}. ${remedyFor(url, error)}`,
      { cause: error },
    )
  }
  const body = bodies.get(key)
  if (body === undefined) {
    throw new TaskNotFoundError(
      `task '${name}' was not defined when ${url} was loaded in a worker thread: define it at the top level of its module, unconditionally`,
    )
  }
  return body
}

function remedyFor(url: string, error: unknown): string {
  if (error instanceof NoLoaderError || (isTypeScript(url) && readsNoTypeScript(error)))
    return 'A worker thread needs a loader for TypeScript: install tsx (npm install -D tsx), or compile the module'
  if (/^Vitest\b|\bvi\.mock\b/.test(textOf(error)))
    return 'Define tasks in a module of their own, not in a test file: worker threads load it outside the test runner'
  return 'Its top level runs in every worker thread: keep it free of what only the main thread can do'
}

/** How Node's own type stripping fails at what it does not do: enums, `./x.js` that means x.ts, no ending at all. */
function readsNoTypeScript(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: string }
  return (
    code === 'ERR_UNKNOWN_FILE_EXTENSION' ||
    code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' ||
    code === 'ERR_INVALID_TYPESCRIPT_SYNTAX' ||
    (code === 'ERR_MODULE_NOT_FOUND' && /'[^']*[/\\][^']*'/.test(textOf(error)))
  )
}

/** The first line: Node appends where it was required from, Vitest its advice. All of it is in the cause. */
function textOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
  return line.replace(/\.$/, '')
}
