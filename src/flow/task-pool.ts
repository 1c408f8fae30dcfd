import { ArgumentError, Canceled, FatalError } from '../runtime/errors.js'
import { fatal } from '../runtime/crash.js'
import type { GoTarget } from '../runtime/go.js'
import type { Goroutine, Outcome } from '../runtime/goroutine.js'
import type { Operation } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { type Task, Team } from '../runtime/team.js'

export interface TaskPoolOptions {
  /** How many tasks may run at once; no limit by default. */
  limit?: number
  /** What the first failure does to the tasks that still run: they go on (the default), or they are canceled. */
  onError?: 'continue' | 'cancel'
  /** What `wait` throws: the first error (the default), or an `AggregateError` of all of them. */
  errors?: 'first' | 'all'
}

/**
 * Tasks that run concurrently, so many at once, and whose results come in the order in which they were started. What
 * a task throws keeps its stack, and comes out of `wait` when all tasks have ended. It can be used again after that.
 *
 * ```ts
 * const pool = new TaskPool<Page>({ limit: 8 })
 * for (const url of urls) yield* pool.go(fetchPage, url)
 * const pages = yield* pool.wait()
 * ```
 *
 * Source: github.com/sourcegraph/conc/pool.
 */
export class TaskPool<T> {
  private readonly onError: 'continue' | 'cancel'
  private readonly errors: 'first' | 'all'
  private readonly team: Team<number>
  private readonly running = new Map<number, Goroutine<unknown>>()
  private outcomes: (Outcome<T> | undefined)[] = []
  /** What tasks threw, in the order in which they did. */
  private failures: unknown[] = []
  private submitted = 0

  constructor({ limit = Infinity, onError = 'continue', errors = 'first' }: TaskPoolOptions = {}) {
    checkLimit(limit)
    this.onError = onError
    this.errors = errors
    this.team = new Team(limit, {
      started: (index, task) => this.running.set(index, task),
      ended: (index, outcome) => this.note(index, outcome as Outcome<T>),
    })
  }

  /** Starts a task, once fewer than the limit are running. */
  go<A extends unknown[]>(fn: GoTarget<A, T>, ...args: A): Operation<void> {
    return this.team.go(this.go as GoFunction, this.submitted++, fn as Task, args)
  }

  /**
   * Changes the limit.
   * @throws FatalError once a task was started.
   */
  setLimit(limit: number): void {
    checkLimit(limit)
    if (this.submitted > 0)
      throw fatal(new FatalError('a TaskPool can not be configured once a task was started'))
    this.team.limit = limit
  }

  /**
   * Waits until all tasks have ended. Results come in the order of `go`, those of failed tasks are left out.
   * Throws the first error or all of them, as `errors` says; never a `Canceled` that the first one caused.
   */
  wait(): Operation<T[]> {
    return this.team.wait(() => {
      const { failures } = this
      const outcomes = this.take()
      if (failures.length > 0) throw this.errors === 'first' ? failures[0] : aggregate(failures)
      return outcomes.flatMap((outcome) => ('error' in outcome ? [] : [outcome.value]))
    })
  }

  /** Waits until all tasks have ended, and tells of each how, in the order of `go`. Never throws. */
  settle(): Operation<Outcome<T>[]> {
    return this.team.wait(() => this.take())
  }

  private take(): Outcome<T>[] {
    const { outcomes } = this
    this.outcomes = []
    this.failures = []
    this.submitted = 0
    return outcomes.filter((outcome) => outcome !== undefined)
  }

  private note(index: number, outcome: Outcome<T>): void {
    this.running.delete(index)
    this.outcomes[index] = outcome
    if (!('error' in outcome)) return
    const induced = this.onError === 'cancel' && this.failures.length > 0 && outcome.error instanceof Canceled
    if (!induced) this.failures.push(outcome.error)
    if (this.onError === 'cancel') for (const task of this.running.values()) task.cancel(outcome.error)
  }
}

function aggregate(failures: unknown[]): AggregateError {
  return new AggregateError(failures, `${failures.length} tasks failed; the first: ${String(failures[0])}`)
}

function checkLimit(limit: number): void {
  if (limit !== Infinity && (!Number.isInteger(limit) || limit < 1)) {
    throw new ArgumentError(`the limit of a TaskPool is a whole number from 1, or Infinity, not ${limit}`)
  }
}
