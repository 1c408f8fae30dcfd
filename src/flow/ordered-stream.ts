import { ArgumentError } from '../runtime/errors.js'
import { type GoTarget, invoke } from '../runtime/go.js'
import type { Outcome } from '../runtime/goroutine.js'
import type { Operation, Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { type Scheduler, scheduler } from '../runtime/scheduler.js'
import { type Task, Team } from '../runtime/team.js'

/** A task and what to do with its value when its turn comes. */
interface Entry {
  /** The handler is started when a task ends, where no goroutine runs that would say on which scheduler. */
  readonly on: Scheduler
  readonly handle: GoTarget<[unknown], unknown>
  outcome: Outcome<unknown> | undefined
}

/**
 * Tasks that run concurrently, whose values are handled one at a time, strictly in the order in which the tasks were
 * submitted. Neither a task nor a handler that fails holds up the others; `wait` throws the first such error.
 *
 * ```ts
 * const stream = new OrderedStream({ limit: 4 })
 * for (const file of files) yield* stream.go(() => parse(file), emit)
 * yield* stream.wait()
 * ```
 *
 * Source: github.com/sourcegraph/conc/stream.
 */
export class OrderedStream {
  private readonly team: Team<Entry | undefined>
  private readonly entries: Entry[] = []
  private failure: { readonly error: unknown } | undefined = undefined
  private handling = false

  /** @param options.limit how many tasks and handlers may be under way; no limit by default. */
  constructor({ limit = Infinity }: { limit?: number } = {}) {
    if (limit !== Infinity && (!Number.isInteger(limit) || limit < 1)) {
      throw new ArgumentError(
        `the limit of an OrderedStream is a whole number from 1, or Infinity, not ${limit}`,
      )
    }
    this.team = new Team(limit, { ended: (entry, outcome) => this.note(entry, outcome) })
  }

  /** Starts `task`, once fewer than the limit are under way; `handle` gets its value in its turn. */
  go<T>(task: GoTarget<[], T>, handle: GoTarget<[T], unknown>): Operation<void> {
    const entry: Entry = {
      on: scheduler(),
      handle: handle as GoTarget<[unknown], unknown>,
      outcome: undefined,
    }
    this.entries.push(entry)
    return this.team.go(this.go as GoFunction, entry, task as Task, [])
  }

  /** Waits until all tasks have ended and their values are handled; throws the first error. */
  wait(): Operation<void> {
    return this.team.wait(() => {
      const { failure } = this
      this.failure = undefined
      if (failure !== undefined) throw failure.error
    })
  }

  private note(entry: Entry | undefined, outcome: Outcome<unknown>): void {
    if (entry !== undefined) entry.outcome = outcome
    if ('error' in outcome) this.failure ??= { error: outcome.error }
    const first = this.entries[0]
    if (!this.handling && first?.outcome !== undefined) this.startHandling(first.on)
  }

  /** The handlers run in one goroutine, which counts as a member, so that `wait` waits for it. */
  private startHandling(on: Scheduler): void {
    this.handling = true
    const handler = () => this.handleInOrder()
    this.team.start(on, this.startHandling as GoFunction, undefined, handler as Task, [])
  }

  private *handleInOrder(): Routine<void> {
    try {
      for (let entry = this.entries[0]; entry?.outcome !== undefined; entry = this.entries[0]) {
        this.entries.shift()
        if (!('error' in entry.outcome)) yield* this.handle(entry, entry.outcome.value)
      }
    } finally {
      this.handling = false
    }
  }

  private *handle(entry: Entry, value: unknown): Routine<void> {
    try {
      yield* invoke(entry.handle, [value])
    } catch (error) {
      this.failure ??= { error }
    }
  }
}
