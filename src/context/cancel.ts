import { Never } from '../runtime/chan.js'
import { Canceled } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { type Linked, WaitList } from '../runtime/wait-list.js'
import { type CancelContext, checkParent, type Context, ContextKey, type Notifier } from './context.js'
import { Ending } from './ending.js'

/**
 * Derives a context that ends when its `cancel` is called or when `parent` ends. Cancel it when its work is done, by
 * `using` for example: until then `parent` holds it. Source: Go's `context.WithCancelCause`.
 */
export function withCancel(parent: Context): CancelContext {
  checkParent(parent)
  const child = new CancelNode(parent)
  child.follow(parent)
  return child
}

// How an own context is found behind foreign ones that wrap it: by a value that only own contexts answer.
export const nearestKey = new ContextKey<CancelNode>('nearest')

/** What ends with a context: a derived context, a function to run. It is itself the node in the list of its parent. */
export abstract class Dependent implements Linked {
  before: Linked | undefined
  after: Linked | undefined
  private parentNode: CancelNode | undefined
  private stopWatching: (() => void) | undefined

  constructor() {
    this.before = undefined
    this.after = undefined
    this.parentNode = undefined
    this.stopWatching = undefined
  }

  /** What it depends on has ended. */
  abstract end(ending: Ending): void

  /**
   * Ends when `parent` ends, at once if it has ended.
   *
   * An own context is found even behind foreign ones that wrap it, if they pass its `done` on. A foreign one that has
   * its own end is asked to tell if it can (`Notifier`); otherwise one operation waits for it.
   * Source: Go's `propagateCancel`.
   */
  follow(parent: Context): void {
    if (parent.isEndless === true) return
    const node = parent.value(nearestKey)
    const done = node === parent ? undefined : parent.done().claim()
    if (node !== undefined && (done === undefined || isDoneOf(node, done))) this.depend(node)
    else if (done !== undefined && !(done instanceof Never)) this.watch(parent, done)
  }

  /** Nobody has to tell it any more. */
  protected leave(): void {
    const { parentNode, stopWatching } = this
    this.parentNode = undefined
    this.stopWatching = undefined
    parentNode?.remove(this)
    stopWatching?.()
  }

  private depend(node: CancelNode): void {
    const ending = node.howEnded()
    if (ending !== undefined) {
      this.end(ending)
      return
    }
    this.parentNode = node
    node.add(this)
  }

  private watch(parent: Context, done: Operation<void>): void {
    const tell = () => this.end(new Ending(Canceled, parent.cause ?? undefined, parent.err))
    if (parent.err !== undefined) tell()
    else if (isNotifier(parent)) this.stopWatching = parent.afterFunc(tell)
    else if (done.attempt()) tell()
    else {
      this.stopWatching = () => done.abandon()
      done.parkFor({ wake: tell })
    }
  }
}

/**
 * A context that can end. Whoever depends on it is told synchronously: when `cancel` returns, every context below it
 * has ended too. Source: Go's `cancelCtx`.
 */
export class CancelNode extends Dependent implements CancelContext {
  private ending: Ending | undefined
  private dependents: WaitList<Dependent> | undefined
  private waiting: WaitList<Done> | undefined
  private abort: AbortController | undefined

  constructor(protected readonly parent: Context) {
    super()
    this.ending = undefined
    this.dependents = undefined
    this.waiting = undefined
    this.abort = undefined
  }

  get err(): Error | undefined {
    return this.howEnded()?.err
  }

  get cause(): unknown {
    return this.howEnded()?.cause
  }

  get deadline(): Date | undefined {
    return this.parent.deadline
  }

  get signal(): AbortSignal {
    if (this.abort === undefined) {
      this.abort = new AbortController()
      if (this.err !== undefined) this.abort.abort(this.err)
    }
    return this.abort.signal
  }

  done(): Operation<void> {
    return new Done(this)
  }

  value<T>(key: ContextKey<T>): T | undefined {
    // The one key of this type is answered with this type; TypeScript cannot see that T is it.
    if ((key as ContextKey<unknown>) === nearestKey) return this as unknown as T
    return this.parent.value(key)
  }

  cancel(cause?: unknown): void {
    if (this.ending === undefined) this.end(new Ending(Canceled, cause ?? undefined))
  }

  [Symbol.dispose](): void {
    this.cancel()
  }

  override toString(): string {
    return `${this.parent}.WithCancel`
  }

  /** Ends this context and everything below it: first whoever waits, then what was derived, then the signal. */
  override end(ending: Ending): void {
    if (this.ending !== undefined) return
    this.ending = ending
    this.leave()
    const { waiting, dependents } = this
    if (waiting !== undefined)
      for (let d = waiting.shift(); d !== undefined; d = waiting.shift()) d.complete()
    if (dependents !== undefined) {
      for (let d = dependents.shift(); d !== undefined; d = dependents.shift()) d.end(ending)
    }
    this.abort?.abort(ending.err)
    this.unobserved()
  }

  /** How it ended; `undefined` while it lasts. */
  howEnded(): Ending | undefined {
    return this.ending
  }

  /** How many contexts and functions depend on this one. */
  get dependentCount(): number {
    return [...(this.dependents ?? [])].length
  }

  add(dependent: Dependent): void {
    this.dependents ??= new WaitList()
    this.dependents.push(dependent)
    this.observed()
  }

  remove(dependent: Dependent): void {
    if (this.dependents?.remove(dependent) === true) this.checkObserved()
  }

  enter(done: Done): void {
    this.waiting ??= new WaitList()
    this.waiting.push(done)
    this.observed()
  }

  exit(done: Done): void {
    if (this.waiting?.remove(done) === true) this.checkObserved()
  }

  /** Somebody wants to be told when this context ends. */
  protected observed(): void {}
  /** Nobody does any more. */
  protected unobserved(): void {}

  private checkObserved(): void {
    if ((this.waiting?.isEmpty ?? true) && (this.dependents?.isEmpty ?? true)) this.unobserved()
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
    return this.node.howEnded() !== undefined && this.complete()
  }

  override park(): void {
    this.node.enter(this)
  }

  override unpark(): void {
    this.node.exit(this)
  }
}

function isDoneOf(node: CancelNode, done: Operation<void>): boolean {
  return done instanceof Done && done.node === node
}

function isNotifier(context: object): context is Notifier {
  return 'afterFunc' in context && typeof context.afterFunc === 'function'
}
