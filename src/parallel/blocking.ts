import { ArgumentError, MisuseError } from '../runtime/errors.js'
import { builtin } from '../runtime/host.js'
import type { Operation } from '../runtime/operation.js'
import { type Body, defineOwnBody } from './bodies.js'
import { elsewhere } from './calls.js'
import { TaskCall } from './task-call.js'

/** A function that another thread can make for itself: by its name, or from its source. */
type Recipe =
  | { readonly from: string; readonly path: readonly string[] }
  | { readonly source: string; readonly name: string }

/**
 * Runs synchronous work on another processor, so that this thread goes on: a big `JSON.parse`, a call of node:crypto. `fn` is
 * a function of the language or of a Node module, or one of your own that uses nothing but its arguments and globals: its
 * source is what crosses. Code with imports belongs into a `task`.
 *
 * ```ts
 * const order = yield* blocking(JSON.parse, text)
 * const key = yield* blocking(pbkdf2Sync, password, salt, 600_000, 32, 'sha256')
 * ```
 *
 * With one processor there is no other, and it runs here when nothing else does. Source: Go hands off the processor of a
 * goroutine that blocks in a system call (runtime/proc.go, `handoffp`).
 *
 * @throws ArgumentError for a function that cannot cross.
 */
export function blocking<A extends unknown[], T>(fn: (...args: A) => T, ...args: A): Operation<Awaited<T>> {
  return new TaskCall<Awaited<T>>(key, [recipeOf(fn as Body), args], elsewhere, 0)
}

const key = defineOwnBody('blocking', run as Body)

function run(recipe: Recipe, args: unknown[]): unknown {
  const fn = functionOf(recipe)
  try {
    return fn(...args)
  } catch (error) {
    if (!(error instanceof ReferenceError) || !('source' in recipe)) throw error
    throw new MisuseError(
      `blocking(): ${error.message}: the function runs on another thread and sees only its arguments and globals; what it needs of its module can be had in a task()`,
      { cause: error },
    )
  }
}

const recipes = new WeakMap<Body, Recipe>()

function recipeOf(fn: Body): Recipe {
  if (typeof fn !== 'function') throw new ArgumentError(`blocking() needs a function, not ${String(fn)}`)
  let recipe = recipes.get(fn)
  if (recipe === undefined) {
    recipe = knownFunctions().get(fn) ?? sourceOf(fn)
    recipes.set(fn, recipe)
  }
  return recipe
}

const made = new Map<string, (...args: unknown[]) => unknown>()

function functionOf(recipe: Recipe): (...args: unknown[]) => unknown {
  const id = 'source' in recipe ? recipe.source : `${recipe.from}#${recipe.path.join('.')}`
  let fn = made.get(id)
  if (fn === undefined) {
    fn = 'source' in recipe ? compile(recipe.source) : lookUp(recipe.from, recipe.path)
    made.set(id, fn)
  }
  return fn
}

function sourceOf(fn: Body): Recipe {
  const source = Function.prototype.toString.call(fn)
  const name = fn.name === '' ? 'the function' : fn.name
  if (/\{\s*\[native code\]\s*\}$/.test(source))
    throw new ArgumentError(
      `blocking(): ${name} is native or bound, and no function of the language or of a Node module: pass (…args) => ${name}(…args)`,
    )
  for (const candidate of [source, `({${source}})[${JSON.stringify(fn.name)}]`]) {
    try {
      compile(candidate)
      return { source: candidate, name }
    } catch {}
  }
  throw new ArgumentError(
    `blocking(): ${name} cannot be made anew from its source: pass an arrow function or a function, or use a task()`,
  )
}

// What compilers of TypeScript wrap around functions to keep their names.
const shims = ['__name']
const keep = (fn: unknown) => fn

function compile(source: string): (...args: unknown[]) => unknown {
  const fn: unknown = new Function(...shims, `return (${source})`)(...shims.map(() => keep))
  if (typeof fn !== 'function') throw new TypeError('no function')
  return fn as (...args: unknown[]) => unknown
}

const globals = ['JSON', 'Math', 'Array', 'Object', 'String', 'Number', 'Buffer', 'Reflect', 'Intl'] as const
const modules = ['node:crypto', 'node:zlib', 'node:fs', 'node:v8', 'node:util', 'node:child_process'] as const

let known: Map<unknown, Recipe> | undefined

/** The functions that every thread has, by what they are. */
function knownFunctions(): Map<unknown, Recipe> {
  if (known !== undefined) return known
  known = new Map()
  for (const name of [
    'structuredClone',
    'atob',
    'btoa',
    'parseInt',
    'parseFloat',
    'encodeURIComponent',
    'decodeURIComponent',
  ])
    known.set((globalThis as Record<string, unknown>)[name], { from: 'globalThis', path: [name] })
  for (const name of globals) addMembers((globalThis as Record<string, unknown>)[name], 'globalThis', [name])
  for (const name of modules) addMembers(builtin(name), name, [])
  return known
}

function addMembers(holder: unknown, from: string, path: readonly string[]): void {
  if (holder === undefined) return
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(holder as object)))
    if (typeof value === 'function' && known?.has(value) === false)
      known.set(value, { from, path: [...path, name] })
}

function lookUp(from: string, path: readonly string[]): (...args: unknown[]) => unknown {
  const holder: unknown = from === 'globalThis' ? globalThis : builtin(from)
  let owner: unknown = holder
  let value: unknown = holder
  for (const name of path) {
    owner = value
    value = (value as Record<string, unknown>)[name]
  }
  return (value as (...args: unknown[]) => unknown).bind(owner)
}
