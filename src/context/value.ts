import { Never } from '../runtime/chan.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Operation } from '../runtime/operation.js'
import { background, checkParent, type Context, ContextKey, nearestKey } from './context.js'

/**
 * Derives a context that carries a value: for what goes with a request across interfaces, such as its trace, and not
 * for optional parameters. `undefined` hides a value from above.
 */
export function withValue<T>(parent: Context, key: ContextKey<T>, value: T): Context {
  checkParent(parent)
  if (!(key instanceof ContextKey)) {
    throw new ArgumentError(`nil key: withValue() needs a key made by contextKey(), not ${String(key)}`)
  }
  return new ValueContext(parent, key, value)
}

/** Derives a context with the values of `parent` that does not end with it and has no deadline. */
export function withoutCancel(parent: Context): Context {
  checkParent(parent)
  return new WithoutCancel(parent)
}

class ValueContext<V> implements Context {
  constructor(
    private readonly parent: Context,
    private readonly key: ContextKey<V>,
    private readonly held: V,
  ) {}

  get err(): Error | undefined {
    return this.parent.err
  }

  get cause(): unknown {
    return this.parent.cause
  }

  get deadline(): Date | undefined {
    return this.parent.deadline
  }

  get signal(): AbortSignal {
    return this.parent.signal
  }

  done(): Operation<void> {
    return this.parent.done()
  }

  value<T>(key: ContextKey<T>): T | undefined {
    return (key as unknown) === this.key ? (this.held as unknown as T) : this.parent.value(key)
  }

  toString(): string {
    return `${this.parent}.WithValue(${this.key.name})`
  }
}

class WithoutCancel implements Context {
  readonly err = undefined
  readonly cause = undefined
  readonly deadline = undefined

  constructor(private readonly parent: Context) {}

  get signal(): AbortSignal {
    return background().signal
  }

  done(): Operation<void> {
    return new Never('context done') as Operation<void>
  }

  value<T>(key: ContextKey<T>): T | undefined {
    return (key as unknown) === nearestKey ? undefined : this.parent.value(key)
  }

  toString(): string {
    return `${this.parent}.WithoutCancel`
  }
}
