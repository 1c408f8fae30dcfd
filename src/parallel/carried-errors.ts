import { DeadlineExceeded } from '../context/deadline.js'
import { CrashError } from '../runtime/crash.js'
import { ArgumentError, Canceled, FatalError, MisuseError, RuntimeError } from '../runtime/errors.js'
import { NotCarriedError } from './not-carried.js'

/** A class of errors; it is never called. */
// biome-ignore lint/suspicious/noExplicitAny: the parameters of a class that is only named.
export type ErrorClass = abstract new (...args: any[]) => Error

/** An error as plain data. An absent part is absent in the error too: `cause: undefined` is not no cause. */
export interface CarriedError {
  /** Name of its class, if that is known here. */
  readonly class: string
  readonly name: string
  message?: string
  stack?: string
  cause?: unknown
  /** Of an AggregateError. */
  errors?: unknown[]
  /** Enumerable properties of its own, if it has any. */
  own?: Record<string, unknown>
}

/** Classes of the language and of Node, which an error of an unknown class falls back to. */
const builtIn: readonly ErrorClass[] = [
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
  AggregateError,
  DOMException,
]

const classes = new Map<string, ErrorClass>(
  [
    ...builtIn,
    ArgumentError,
    MisuseError,
    RuntimeError,
    FatalError,
    Canceled,
    CrashError,
    DeadlineExceeded,
    NotCarriedError,
  ].map((each) => [each.name, each]),
)

/**
 * Lets errors of a class of yours cross threads as what they are, so that `instanceof` holds on the other side. Call it
 * where the class is defined, so that every thread that loads the class knows it. An error is rebuilt without its
 * constructor: it gets the prototype, the message, the stack, the cause and its own enumerable properties; what is in
 * `#private` fields is lost. An error of a class that is not registered comes back as the built-in class that it
 * extends, most often `Error`, with its `name`.
 *
 * @throws ArgumentError if it is no class of errors, has no name, or another one of that name is known.
 */
export function registerError(errorClass: ErrorClass): void {
  if (typeof errorClass !== 'function' || !(errorClass.prototype instanceof Error)) {
    throw new ArgumentError(`registerError() needs a class that extends Error, not ${String(errorClass)}`)
  }
  const { name } = errorClass
  if (name === '') throw new ArgumentError('registerError() needs a class with a name: it is known by that')
  const known = classes.get(name)
  if (known !== undefined && known !== errorClass) {
    throw new ArgumentError(`registerError(): there is another class of errors named ${name}; rename one`)
  }
  classes.set(name, errorClass)
}

/** Those parts of an error that are not taken as properties of its own. */
const parts: readonly string[] = ['message', 'stack', 'cause', 'errors']

/**
 * An error as data. What its cause or its list of errors holds and `carries` denies becomes its `String()`; such
 * properties are left out: a report that lacks a detail is better than none.
 */
export function carriedError(error: Error, carries: (value: unknown) => boolean): CarriedError {
  const data: CarriedError = { class: classNameOf(error), name: textOf(error, 'name') ?? 'Error' }
  const message = textOf(error, 'message')
  const stack = textOf(error, 'stack')
  if (message !== undefined) data.message = message
  if (stack !== undefined) data.stack = stack
  const orText = (value: unknown): unknown => (carries(value) ? value : textFor(value))
  if (Object.hasOwn(error, 'cause')) data.cause = orText(read(error, 'cause'))
  if (error instanceof AggregateError && Array.isArray(error.errors)) data.errors = error.errors.map(orText)
  const own: [string, unknown][] = []
  for (const key of Object.keys(error)) {
    if (parts.includes(key)) continue
    const value = read(error, key)
    if (value !== unreadable && carries(value)) own.push([key, value])
  }
  if (own.length > 0) data.own = Object.fromEntries(own)
  return data
}

/** An error of the right class without its content; the other half of rebuilding one is `fillError`. */
export function emptyError(data: CarriedError): Error {
  const known = classes.get(data.class) ?? Error
  // Its name and code lie in slots of its own, which only its constructor sets.
  if (known === DOMException) return new DOMException(data.message, data.name)
  const error = withoutStack()
  Object.setPrototypeOf(error, known.prototype as object)
  return error
}

/** The stack of this place would be thrown away, and is most of the cost of an error. */
function withoutStack(): Error {
  const { stackTraceLimit } = Error
  try {
    Error.stackTraceLimit = 0
    return new Error()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** Gives an error its content. Properties are hidden where the language hides them. */
export function fillError(error: Error, data: CarriedError): Error {
  // Assigned, since defining it would first have V8 write out the stack of this very line.
  if (data.stack !== undefined) error.stack = data.stack
  for (const key of ['message', 'cause', 'errors'] as const) {
    if (Object.hasOwn(data, key) && !(error instanceof DOMException && key === 'message')) {
      hide(error, key, data[key])
    }
  }
  for (const [key, value] of Object.entries(data.own ?? {})) {
    Object.defineProperty(error, key, { value, enumerable: true, configurable: true, writable: true })
  }
  if (textOf(error, 'name') !== data.name) hide(error, 'name', data.name)
  return error
}

/** The error that `carriedError` made data of. */
export function uncarriedError(data: CarriedError): Error {
  return fillError(emptyError(data), data)
}

function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true })
}

/** The name of its class; of the nearest built-in one above it, where that is not known. */
function classNameOf(error: Error): string {
  const own = Object.getPrototypeOf(error) as object | null
  for (const [name, known] of classes) if (known.prototype === own) return name
  for (let above = own; above !== null; above = Object.getPrototypeOf(above) as object | null) {
    const known = builtIn.find(({ prototype }) => prototype === above)
    if (known !== undefined) return known.name
  }
  return 'Error'
}

const unreadable = Symbol('unreadable')

/** A property, where reading it may run code of the user's. */
function read(error: object, key: string): unknown {
  try {
    return (error as Record<string, unknown>)[key]
  } catch {
    return unreadable
  }
}

function textOf(error: Error, key: string): string | undefined {
  const value = read(error, key)
  return typeof value === 'string' ? value : undefined
}

function textFor(value: unknown): string {
  try {
    return String(value)
  } catch {
    return Object.prototype.toString.call(value) // without a prototype, or its toString throws
  }
}
