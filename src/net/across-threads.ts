import { procs } from '../parallel/gomaxprocs.js'
import { loadModule } from '../parallel/module-loader.js'
import { ArgumentError } from '../runtime/errors.js'

/**
 * On how many threads `caller` is to accept connections.
 * @throws ArgumentError if there are not so many.
 */
export function threadsOf(caller: string, count: number | 'all'): number {
  const most = procs()
  if (count === 'all') return most
  if (Number.isInteger(count) && count >= 1 && count <= most) return count
  throw new ArgumentError(
    `${caller}() needs procs from 1 to ${most}, which procs() says, or 'all', not ${String(count)}: procs(n) raises it`,
  )
}

/** The error of an option that no thread could be given. */
export function unsendable(caller: string, name: string, instead: string): ArgumentError {
  return new ArgumentError(
    `${caller}() on several threads cannot send ${name} to them: leave it out, and ${instead}`,
  )
}

/** The module of the code that called `fn`, whose name is `caller`, from its stack. */
export function callerOf(caller: string, fn: (...args: never[]) => unknown): string {
  const at: { stack?: string } = {}
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 1
  Error.captureStackTrace(at, fn)
  Error.stackTraceLimit = limit
  const place = /(?:\(|at (?:async )?)((?:file:\/\/)?\/[^()]*?):\d+:\d+\)?$/m.exec(at.stack ?? '')?.[1]
  if (place === undefined)
    throw new ArgumentError(`${caller}() cannot see which module calls it: say \`module: import.meta.url\``)
  return place.startsWith('file:') ? place : new URL(`file://${place}`).href
}

/** What was left out is left out for the thread as well: `undefined` would be an answer. */
export function definedOnly<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never
}

/**
 * Under which names `module` exports `values`: functions cannot be sent to threads, but a thread can import them.
 * @param values by what they are called; those that are `undefined` have no name.
 * @throws ArgumentError that names those that it does not export.
 */
export async function namesOf<K extends string>(
  caller: string,
  module: string,
  values: Readonly<Record<K, unknown>>,
): Promise<{ [key in K]?: string }> {
  const exports = (await loadModule(module)) as Record<string, unknown>
  const names: { [key in K]?: string } = {}
  const missing: K[] = []
  for (const [key, value] of Object.entries(values) as [K, unknown][]) {
    if (value === undefined) continue
    const name = Object.keys(exports).find((each) => exports[each] === value)
    if (name === undefined) missing.push(key)
    else names[key] = name
  }
  if (missing.length === 0) return names
  const what = missing.map((key) => `the ${key}`).join(' and ')
  const lines = missing.map((key) => `\`export const ${key} = …\``).join(' and ')
  const [them, one] = missing.length === 1 ? ['it', 'it'] : ['them', 'all of them']
  throw new ArgumentError(
    `${caller}() on several threads: ${module} does not export ${what}, so no thread could load ${them}; write ${lines} there, or say with \`module\` (an import.meta.url) which one exports ${one}`,
  )
}

/**
 * What `module` exports under `names`.
 * @throws ArgumentError if it exports that on other threads only.
 */
export async function exportsOf<K extends string>(
  caller: string,
  module: string,
  names: { readonly [key in K]?: string },
): Promise<{ [key in K]?: unknown }> {
  const exports = (await loadModule(module)) as Record<string, unknown>
  const values: { [key in K]?: unknown } = {}
  for (const [key, name] of Object.entries(names) as [K, string][]) {
    if (exports[name] === undefined)
      throw new ArgumentError(`${caller}() on several threads: ${module} has no export ${name} there`)
    values[key] = exports[name]
  }
  return values
}
