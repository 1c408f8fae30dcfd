import { fatal } from '../runtime/crash.js'
import { ArgumentError, FatalError } from '../runtime/errors.js'
import type { GoTarget } from '../runtime/go.js'
import type { Operation } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { type Task, Team } from '../runtime/team.js'

/** What a group cancels: a context from `withCancel`. */
export interface Cancelable {
  cancel(cause?: unknown): void
}

export interface GroupOptions {
  /** Canceled by the first error, which is its cause, and at the latest when `wait` ends. */
  ctx?: Cancelable
  /** How many goroutines may run at once; negative for any number, which is the default. */
  limit?: number
}

/**
 * Goroutines that work on parts of one task: `wait` waits for all of them and throws the first error.
 *
 * ```ts
 * const group = new Group({ limit: 10 })
 * for (const url of urls) yield* group.go(load, url)
 * yield* group.wait()
 * ```
 *
 * With a context, the first error cancels what the others do: `new Group({ ctx: withCancel(parent) })`.
 *
 * Source: golang.org/x/sync/errgroup.
 */
export class Group {
  private readonly ctx: Cancelable | undefined
  private failure: { readonly error: unknown } | undefined = undefined
  private readonly team: Team<undefined>

  constructor({ ctx, limit = -1 }: GroupOptions = {}) {
    this.ctx = ctx
    this.team = new Team(checkLimit(limit), {
      ended: (_, outcome) => {
        if ('error' in outcome) this.note(outcome.error)
      },
    })
  }

  /** Starts `fn(...args)` as a goroutine, once fewer than the limit are running. */
  go<A extends unknown[]>(fn: GoTarget<A, unknown>, ...args: A): Operation<void> {
    return this.team.go(this.go as GoFunction, undefined, fn as Task, args)
  }

  /** Starts `fn(...args)` as a goroutine if the limit allows it now. */
  tryGo<A extends unknown[]>(fn: GoTarget<A, unknown>, ...args: A): boolean {
    return this.team.tryGo(this.tryGo as GoFunction, undefined, fn as Task, args) !== undefined
  }

  /**
   * Changes how many may run at once; negative for any number, 0 for none.
   * @throws FatalError while goroutines of the group are running.
   */
  setLimit(limit: number): void {
    const most = checkLimit(limit)
    const { active } = this.team
    if (active > 0) {
      throw fatal(
        new FatalError(`errgroup: modify limit while ${active} goroutines in the group are still active`),
      )
    }
    this.team.resize(most)
  }

  /** Waits until all have ended; throws the first error that any of them threw. */
  wait(): Operation<void> {
    return this.team.wait(() => {
      this.ctx?.cancel()
      if (this.failure !== undefined) throw this.failure.error
    })
  }

  private note(error: unknown): void {
    if (this.failure !== undefined) return
    this.failure = { error }
    this.ctx?.cancel(error)
  }
}

/** The limit as a number to compare with. */
function checkLimit(limit: number): number {
  if (limit !== Infinity && !Number.isInteger(limit)) {
    throw new ArgumentError(`the limit of a group is a whole number, negative for none, not ${limit}`)
  }
  return limit < 0 ? Infinity : limit
}
