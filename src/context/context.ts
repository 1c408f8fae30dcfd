import { Never } from '../runtime/chan.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import { type Bound, Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'

/**
 * What a piece of work is done for: when it has to stop, why, and the values that go with it. Pass it as the first
 * parameter. Source: Go's `context.Context`.
 */
export interface Context extends Bound {
  /** Waits until the context ends. A new operation each time: `select({ quit: ctx.done() })`. */
  done(): Operation<void>
  /** Why it ended, `Canceled` or `DeadlineExceeded`; `undefined` while it lasts. */
  readonly err: Error | undefined
  /** What was given as the reason by whoever ended it; `err` itself if nothing was. Source: Go's `context.Cause`. */
  readonly cause: unknown
  /** When it will end at the latest. */
  readonly deadline: Date | undefined
  /** Ends with the context: for `fetch` and Node. */
  readonly signal: AbortSignal
  /** The value that the nearest `withValue` gave to `key`. */
  value<T>(key: ContextKey<T>): T | undefined
}

/** A context that whoever made it can end. At the end of a block that holds it by `using`, it ends. */
export interface CancelContext extends Context, Disposable {
  /** Ends the context and all that were derived from it, now. Only the first call counts. */
  cancel(cause?: unknown): void
}

/** The key of a value in a context; two keys of one name are different keys. */
export class ContextKey<T> {
  declare protected readonly type: T

  /** @internal */
  constructor(readonly name: string) {}
}

/** Makes a key for `withValue`. The name is only shown to people. */
export function contextKey<T>(name: string): ContextKey<T> {
  return new ContextKey(name)
}

/** What a context tells when it ends: a derived context, a function to run. */
export interface Dependent {
  end(err: Error, cause: unknown): void
}

/** A context that another one's functions are derived from without anybody watching it: it tells them itself. */
export interface Notifier {
  /** Calls `fn` once when the context ends; returns how to prevent it. */
  afterFunc(fn: () => void): () => boolean
}

// How an own context is found behind foreign ones that wrap it: by a value that only own contexts answer.
export const nearestKey = new ContextKey<CancelNode>('nearest')

/** The root of all contexts, and the common parts of those that never end by themselves. */
class Root implements Context {
  readonly err = undefined
  readonly cause = undefined
  readonly deadline = undefined
  private endless: AbortSignal | undefined

  constructor(private readonly text: string) {}

  get signal(): AbortSignal {
    this.endless ??= new AbortController().signal
    return this.endless
  }

  done(): Operation<void> {
    return new Never('context done') as Operation<void>
  }

  value<T>(_key: ContextKey<T>): T | undefined {
    return undefined
  }

  toString(): string {
    return this.text
  }
}

const theBackground = new Root('context.Background')
const theTodo = new Root('context.TODO')

/** The context that never ends: for `main`, for tests, as the root of others. */
export function background(): Context {
  return theBackground
}

/** The context to write where it is not clear yet which one it will be. */
export function todo(): Context {
  return theTodo
}

/** Derives a context that ends when its `cancel` is called or when `parent` ends. */
export function withCancel(parent: Context): CancelContext {
  checkParent(parent)
  const child = new CancelNode(parent)
  child.follow(parent)
  return child
}

/** @throws ArgumentError if there is no parent. */
export function checkParent(parent: Context): void {
  if (parent === undefined || parent === null) {
    throw new ArgumentError('cannot create context from nil parent: start from background()')
  }
}

/**
 * A context that can end. Whoever depends on it is told synchronously: when `cancel` returns, every context below it
 * has ended too. Source: Go's `cancelCtx`.
 */
export class CancelNode implements CancelContext, Dependent {
  protected ended: { readonly err: Error; readonly cause: unknown } | undefined = undefined
  private readonly dependents = new Set<Dependent>()
  private readonly waiting = new WaitList<Done>()
  private abort: AbortController | undefined = undefined
  private leaveParent: () => void = () => {}

  constructor(protected readonly parent: Context) {}

  get err(): Error | undefined {
    return this.ended?.err
  }

  get cause(): unknown {
    return this.ended?.cause
  }

  get deadline(): Date | undefined {
    return this.parent.deadline
  }

  get signal(): AbortSignal {
    if (this.abort === undefined) {
      this.abort = new AbortController()
      if (this.err !== undefined) this.abort.abort(this.err)
      else this.observed()
    }
    return this.abort.signal
  }

  done(): Operation<void> {
    return new Done(this)
  }

  value<T>(key: ContextKey<T>): T | undefined {
    if ((key as ContextKey<unknown>) === nearestKey) return this as unknown as T
    return this.parent.value(key)
  }

  cancel(cause?: unknown): void {
    const err = new Canceled(cause)
    this.end(err, cause ?? err)
  }

  [Symbol.dispose](): void {
    this.cancel()
  }

  toString(): string {
    return `${this.parent}.WithCancel`
  }

  /** Ends this context and everything below it. */
  end(err: Error, cause: unknown): void {
    if (this.ended !== undefined) return
    this.ended = { err, cause }
    this.leaveParent()
    for (let done = this.waiting.shift(); done !== undefined; done = this.waiting.shift()) done.complete()
    for (const dependent of this.dependents) dependent.end(err, cause)
    this.dependents.clear()
    this.abort?.abort(err)
    this.unobserved()
  }

  /** Ends when `parent` ends. */
  follow(parent: Context): void {
    this.leaveParent = dependOn(parent, this)
  }

  /** How many contexts and functions depend on this one. */
  get dependentCount(): number {
    return this.dependents.size
  }

  /** Tells `dependent` when this context ends; returns how to leave. */
  add(dependent: Dependent): () => void {
    this.dependents.add(dependent)
    this.observed()
    return () => {
      this.dependents.delete(dependent)
      this.checkObserved()
    }
  }

  enter(done: Done): void {
    this.waiting.push(done)
    this.observed()
  }

  leave(done: Done): void {
    this.waiting.remove(done)
    this.checkObserved()
  }

  /** Somebody wants to know when this context ends. */
  protected observed(): void {}
  /** Nobody does any more. */
  protected unobserved(): void {}

  private checkObserved(): void {
    if (this.waiting.isEmpty && this.dependents.size === 0 && this.abort === undefined) this.unobserved()
  }
}

/** Waits for the end of a context. */
class Done extends Operation<void> {
  constructor(readonly node: CancelNode) {
    super()
  }

  override get waitReason(): string {
    return 'context done'
  }

  override attempt(): boolean {
    return this.node.err !== undefined && this.complete()
  }

  override park(): void {
    this.node.enter(this)
  }

  override unpark(): void {
    this.node.leave(this)
  }
}

/**
 * Has `dependent` told when `parent` ends, at once if it has ended; returns how to leave.
 *
 * An own context is found even behind foreign ones that wrap it, if they pass its `done` on. A foreign one that has
 * its own end is asked to tell if it can (`afterFunc`); otherwise one operation waits for it.
 */
export function dependOn(parent: Context, dependent: Dependent): () => void {
  if (parent.err !== undefined) {
    dependent.end(parent.err, parent.cause)
    return () => {}
  }
  const nearest = parent.value(nearestKey)
  if (nearest === parent) return nearest.add(dependent)
  const done = parent.done().claim()
  if (done instanceof Never) return () => {}
  if (nearest !== undefined && done instanceof Done && done.node === nearest) return nearest.add(dependent)
  const tell = () => dependent.end(parent.err ?? new Canceled(), parent.cause)
  if (isNotifier(parent)) return parent.afterFunc(tell)
  if (done.attempt()) tell()
  else done.parkFor({ wake: tell })
  return () => done.abandon()
}

function isNotifier(context: object): context is Notifier {
  return 'afterFunc' in context && typeof context.afterFunc === 'function'
}
