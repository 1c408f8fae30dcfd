import { Goroutine } from '../runtime/goroutine.js'
import { SluiceError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { bytesKind, isDetached, isError, kind, kindOf } from './codec-kinds.js'
import type { Extension } from './extension.js'

/** A value cannot go to another thread. The message says which part of it, what that is, and what to do. */
export class NotCarriedError extends SluiceError {
  readonly code = 'ERR_SLUICE_NOT_CARRIED'

  /** @param path where it is in what was given: `args[0].user.onSave`. */
  constructor(
    readonly path: string,
    fault: Fault,
  ) {
    super(`${path} cannot go to another thread: it is ${fault.what}; ${fault.remedy}`)
  }
}

/** Why a value is refused. */
export interface Fault {
  readonly what: string
  readonly remedy: string
}

/**
 * The error for the first part of `value` that cannot cross, if there is one. It walks everything and is asked only
 * after a failure. `root` is what the caller calls the value.
 */
export function explain(
  value: unknown,
  root: string,
  extensions: readonly Extension[],
): NotCarriedError | undefined {
  return new Search(extensions).search(value, root)
}

class Search {
  readonly #seen = new Set<object>()

  constructor(private readonly extensions: readonly Extension[]) {}

  search(value: unknown, path: string): NotCarriedError | undefined {
    if (typeof value === 'function') return new NotCarriedError(path, functionFault(value))
    if (typeof value === 'symbol') return new NotCarriedError(path, symbolFault)
    if (typeof value !== 'object' || value === null || this.#seen.has(value)) return undefined
    this.#seen.add(value)
    const what = kindOf(value)
    if (what === kind.plain || what === kind.bare) return this.#searchProperties(value, path)
    if (what === kind.array) return this.#searchItems(value as unknown[], path)
    if (what === kind.map) return this.#searchMap(value as Map<unknown, unknown>, path)
    if (what === kind.set) return this.#searchItems([...(value as Set<unknown>)], `[...${path}]`)
    const fault = this.#faultOf(value, what)
    return fault && new NotCarriedError(path, fault)
  }

  #searchProperties(value: object, path: string): NotCarriedError | undefined {
    for (const key of Object.keys(value)) {
      const error = this.search((value as Record<string, unknown>)[key], path + property(key))
      if (error !== undefined) return error
    }
    return undefined
  }

  #searchItems(values: readonly unknown[], path: string): NotCarriedError | undefined {
    for (let i = 0; i < values.length; i++) {
      const error = this.search(values[i], `${path}[${i}]`)
      if (error !== undefined) return error
    }
    return undefined
  }

  #searchMap(map: ReadonlyMap<unknown, unknown>, path: string): NotCarriedError | undefined {
    for (const [key, value] of map) {
      const name = typeof key === 'string' ? JSON.stringify(key) : typeof key === 'object' ? '…' : String(key)
      const error = this.search(key, `a key of ${path}`) ?? this.search(value, `${path}.get(${name})`)
      if (error !== undefined) return error
    }
    return undefined
  }

  #faultOf(value: object, what: number): Fault | undefined {
    if (what >= bytesKind) {
      const bytes = value as ArrayBuffer | ArrayBufferView
      const buffer = ArrayBuffer.isView(bytes) ? bytes.buffer : bytes
      return bytes.byteLength === 0 && isDetached(buffer) ? detachedFault : undefined
    }
    if (
      what !== kind.other ||
      this.extensions.some((extension) => extension.matches(value)) ||
      isError(value)
    )
      return undefined
    return objectFault(value)
  }
}

function property(key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

/** Recursion ends where the stack does. */
export const depthFault: Fault = { what: 'nested too deeply', remedy: 'pass a flat list of its parts' }

/** For a value that was refused, though a second look finds no fault: a getter gave something else. */
export const unsteadyFault: Fault = {
  what: 'not the same each time it is read',
  remedy: 'pass data instead of getters',
}

const symbolFault: Fault = { what: 'a symbol', remedy: 'pass a string' }
const detachedFault: Fault = {
  what: 'memory that was moved or transferred already',
  remedy: 'move it once, or pass it without move() to have it copied',
}

function functionFault(value: { readonly name: string }): Fault {
  return /^class\b/.test(Function.prototype.toString.call(value))
    ? { what: `a class, ${value.name}`, remedy: 'pass data, and import the class in the module of the task' }
    : { what: 'a function', remedy: 'pass data, or make it a task in a module and call that' }
}

/** What is known by its class. */
const named = new Map<string, Fault>([
  ['Promise', { what: 'a Promise', remedy: 'await it, and pass what it gives' }],
  ['WeakMap', { what: 'a WeakMap', remedy: 'pass a Map' }],
  ['WeakSet', { what: 'a WeakSet', remedy: 'pass a Set' }],
  ['WeakRef', { what: 'a WeakRef', remedy: 'pass what deref() gives' }],
  ['URL', { what: 'a URL', remedy: 'pass url.href' }],
  ['URLSearchParams', { what: 'a URLSearchParams', remedy: 'pass its String()' }],
  ['Headers', { what: 'a Headers', remedy: 'pass Object.fromEntries(headers)' }],
  ['FormData', { what: 'a FormData', remedy: 'pass an array of its entries' }],
  [
    'AbortSignal',
    { what: 'an AbortSignal', remedy: 'pass a context, whose end is seen on the other thread' },
  ],
  ['AbortController', { what: 'an AbortController', remedy: 'pass a context, whose end is seen there' }],
])

function objectFault(value: object): Fault {
  if (value instanceof Goroutine) {
    return { what: 'a goroutine of this thread only', remedy: 'join it, and pass what it gives' }
  }
  if (value instanceof Operation) {
    return { what: 'an operation of this thread only', remedy: 'wait for it, and pass what it gives' }
  }
  if (isChannel(value)) return { what: 'a channel of this thread only', remedy: 'use sharedChan()' }
  const name = classNameOf(value)
  const fault = named.get(name)
  if (fault !== undefined) return fault
  if (name === '') return { what: 'an object with a prototype of its own', remedy: 'pass a plain object' }
  const loss = hasMethods(value) ? 'which has methods that would be lost' : 'which would come back without it'
  return {
    what: `an instance of class ${name}, ${loss}`,
    remedy: 'pass its data as a plain object, and build the instance in the task',
  }
}

function isChannel(value: object): boolean {
  return 'trySend' in value || 'tryRecv' in value
}

function classNameOf(value: object): string {
  const prototype = Object.getPrototypeOf(value) as { readonly constructor?: unknown }
  const itsClass = prototype.constructor
  return typeof itsClass === 'function' && itsClass !== Object ? itsClass.name : ''
}

function hasMethods(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object
  return Reflect.ownKeys(prototype).length > 1
}
