import { ArgumentError } from '../runtime/errors.js'
import type { Bound, Operation } from '../runtime/operation.js'

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
  /** Ends with the context, with `err` as its reason: for `fetch` and Node. Made when it is first asked for. */
  readonly signal: AbortSignal
  /** The value that the nearest `withValue` gave to `key`. */
  value<T>(key: ContextKey<T>): T | undefined
}

/** A context that whoever made it can end. At the end of a block that holds it by `using`, it ends. */
export interface CancelContext extends Context, Disposable {
  /** Ends the context and all that were derived from it, before it returns. Only the first call counts. */
  cancel(cause?: unknown): void
}

/**
 * A context of your own that tells by itself when it ends, so that nobody has to watch it.
 * Source: Go's `context.afterFuncer`.
 */
export interface Notifier {
  /** Calls `fn` once when the context ends; returns how to prevent it. */
  afterFunc(fn: () => void): () => boolean
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

/** @throws ArgumentError if there is no parent. */
export function checkParent(parent: Context): void {
  if (parent === undefined || parent === null) {
    throw new ArgumentError(
      `cannot create context from nil parent: start from background(), got ${String(parent)}`,
    )
  }
}
