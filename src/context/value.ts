import { ArgumentError } from '../runtime/errors.js'
import type { Operation } from '../runtime/operation.js'
import { Endless } from './background.js'
import { nearestKey } from './cancel.js'
import { checkParent, type Context, ContextKey } from './context.js'

/**
 * Derives a context that carries a value: for what goes with a request across interfaces, such as its trace, and not
 * for optional parameters. `undefined` hides a value from above.
 */
export function withValue<T>(parent: Context, key: ContextKey<T>, value: NoInfer<T> | undefined): Context {
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
    private readonly held: V | undefined,
  ) {}

  get isEndless(): boolean {
    return this.parent.isEndless === true
  }

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
    // The same key has the same type; TypeScript cannot see that T is V then.
    return (key as unknown) === this.key ? (this.held as unknown as T) : this.parent.value(key)
  }

  // The value is not shown: it may be a secret, and dumps and logs are read by many.
  toString(): string {
    return `${this.parent}.WithValue(${this.key.name})`
  }
}

class WithoutCancel extends Endless {
  constructor(private readonly parent: Context) {
    super('')
  }

  override value<T>(key: ContextKey<T>): T | undefined {
    return (key as unknown) === nearestKey ? undefined : this.parent.value(key)
  }

  override toString(): string {
    return `${this.parent}.WithoutCancel`
  }
}
