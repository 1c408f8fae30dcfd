import { fatal } from './crash.js'
import { prepareThread } from './debug.js'
import { FatalError } from './errors.js'
import { Goroutine } from './goroutine.js'
import { asyncContext } from './locals.js'
import { Operation, type Routine } from './operation.js'
import { type GoFunction, originOf } from './origin.js'
import { wait } from './promise.js'
import { type Scheduler, scheduler, thread, WAITING } from './scheduler.js'

/** What `go` can run: a generator function, an async function or a plain one. */
export type GoTarget<A extends unknown[], T> = (...args: A) => Routine<T> | PromiseLike<T> | T

/**
 * Starts `fn(...args)` as a goroutine and returns its handle at once; the function starts when its turn comes, after
 * those that were started before it. A generator function waits with `yield*`; an async or a plain function runs as
 * it is, and cannot be interrupted.
 *
 * A failure that nobody joins, by the time the event loop has turned once more, ends the process with exit code 2.
 * Source: Go's `go` statement.
 */
export function go<A extends unknown[], T>(fn: (...args: A) => Routine<T>, ...args: A): Goroutine<T>
export function go<A extends unknown[], T>(fn: (...args: A) => PromiseLike<T>, ...args: A): Goroutine<T>
export function go<A extends unknown[], T>(fn: (...args: A) => T, ...args: A): Goroutine<T>
export function go<A extends unknown[], T>(fn: GoTarget<A, T>, ...args: A): Goroutine<T> {
  return spawn(scheduler(), go as GoFunction, fn, args)
}

/** @internal Starts a goroutine on a given scheduler. @param above the function that the user called. */
export function spawn<A extends unknown[], T>(
  on: Scheduler,
  above: GoFunction,
  fn: GoTarget<A, T>,
  args: A,
): Goroutine<T> {
  return launch(on, invoke(fn, args), fn as GoFunction, above)
}

/** @internal Starts what `invoke` or a wrapper around it made; `fn` is whose name a dump shows. */
export function launch<T>(
  on: Scheduler,
  routine: Routine<T>,
  fn: GoFunction,
  above: GoFunction,
): Goroutine<T> {
  if (!thread.prepared) prepareThread()
  const g = new Goroutine(on, routine, originOf(fn, above))
  if (asyncContext.capture !== undefined) g.locals = asyncContext.capture()
  on.start(g as Goroutine<unknown>)
  return g
}

/**
 * @internal Has a goroutine of its own go on with `routine`, which the one that runs has begun, up to a point where it has
 * to wait: so what never waits costs no goroutine. @param fn whose name a dump shows.
 */
export function detach<T>(routine: Routine<T>, fn: GoFunction, above: GoFunction): Goroutine<T> {
  const from = thread.current as Goroutine<unknown>
  const parked = from.slot as Operation<unknown>
  const g = new Goroutine(from.scheduler, routine, originOf(fn, above))
  if (asyncContext.capture !== undefined) g.locals = asyncContext.capture()
  from.scheduler.handOver(from, g as Goroutine<unknown>)
  if (g.phase === WAITING) parked.waiter = g
  return g
}

/** Calls `fn` as a goroutine does; the body of any kind of function runs when the routine does. */
export function invoke<A extends unknown[], T>(fn: GoTarget<A, T>, args: A): Routine<T> {
  return isGeneratorFunction(fn) ? fn(...args) : call(fn, args)
}

const generatorFunction: unknown = function* () {}.constructor

/** Whether calling `fn` makes a routine. Not by calling it: its body must not run before its goroutine's turn. */
export function isGeneratorFunction<A extends unknown[], T>(
  fn: GoTarget<A, T>,
): fn is (...args: A) => Routine<T> {
  if (typeof fn !== 'function') {
    throw fatal(new FatalError(`go of nil func value: go() needs a function, not ${String(fn)}`))
  }
  const made: unknown = fn.constructor // asking for the prototype instead costs a tenth of a goroutine
  if (made === generatorFunction) return true
  // A generator function of another realm (node:vm) has another constructor.
  return made !== Function && Object.prototype.toString.call(fn) === '[object GeneratorFunction]'
}

function* call<A extends unknown[], T>(fn: GoTarget<A, T>, args: A): Routine<T> {
  const result = fn(...args)
  if (isRoutine(result)) return yield* result
  if (result instanceof Operation || result instanceof Goroutine) return yield* result
  if (isThenable(result)) return yield* wait(result)
  return result
}

function isRoutine<T>(result: Routine<T> | PromiseLike<T> | T): result is Routine<T> {
  return Object.prototype.toString.call(result) === '[object Generator]'
}

export function isThenable<T>(value: PromiseLike<T> | T): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
