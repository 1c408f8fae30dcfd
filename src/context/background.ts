import { Never } from '../runtime/chan.js'
import type { Operation } from '../runtime/operation.js'
import type { Context, ContextKey } from './context.js'

/** The context that never ends: for `main`, for tests, as the root of others. */
export function background(): Context {
  return theBackground
}

/** The context to write where it is not clear yet which one it will be. */
export function todo(): Context {
  return theTodo
}

/** A context without an end: the root of all contexts, and what `withoutCancel` makes of one. */
export class Endless implements Context {
  readonly isEndless = true
  readonly err = undefined
  readonly cause = undefined
  readonly deadline = undefined

  constructor(protected readonly text: string) {}

  get signal(): AbortSignal {
    neverAborted ??= new AbortController().signal
    return neverAborted
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

let neverAborted: AbortSignal | undefined
const theBackground = new Endless('context.Background')
const theTodo = new Endless('context.TODO')
