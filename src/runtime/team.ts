import { type GoTarget, invoke, launch } from './go.js'
import type { Goroutine, Outcome } from './goroutine.js'
import { Operation, type Routine } from './operation.js'
import type { GoFunction } from './origin.js'
import { scheduler } from './scheduler.js'
import { WaitList } from './wait-list.js'

/** Any function with any arguments: what a team runs. */
export type Task = GoTarget<unknown[], unknown>

/** Whoever makes a team is told what becomes of its members; each has a key of the maker's. */
export interface Leader<K> {
  started?(key: K, member: Goroutine<void>): void
  /** A member has ended; not called for one that exited by `goexit`, which has no outcome. */
  ended(key: K, outcome: Outcome<unknown>): void
}

/**
 * Goroutines that belong together, of which so many run at once: the common part of groups and pools of tasks.
 * Nothing that a member throws is lost: its leader gets it.
 */
export class Team<K> {
  active = 0
  /** @internal */
  readonly starting = new WaitList<Start<K>>()
  /** @internal */
  readonly waiting = new WaitList<Wait<K>>()

  constructor(
    public limit: number,
    private readonly leader: Leader<K>,
  ) {}

  get isIdle(): boolean {
    return this.active === 0
  }

  /** Changes how many run at once; starts those that may run now. */
  resize(limit: number): void {
    this.limit = limit
    this.admit()
  }

  /** Starts a member once fewer than the limit are running. */
  go(above: GoFunction, key: K, task: Task, args: unknown[]): Operation<void> {
    return new Start(this, above, key, task, args)
  }

  /** Starts a member if the limit allows it now. */
  tryGo(above: GoFunction, key: K, task: Task, args: unknown[]): Goroutine<void> | undefined {
    if (this.active >= this.limit || !this.starting.isEmpty) return undefined
    return this.start(above, key, task, args)
  }

  /** Waits until no member is left. @param outcome then says what the wait ends with: it may throw. */
  wait<T>(outcome: () => T): Operation<T> {
    return new Wait(this, outcome)
  }

  /** @internal */
  start(above: GoFunction, key: K, task: Task, args: unknown[]): Goroutine<void> {
    this.active++
    const member = launch(scheduler(), this.member(key, task, args), task as GoFunction, above)
    this.leader.started?.(key, member)
    return member
  }

  private *member(key: K, task: Task, args: unknown[]): Routine<void> {
    try {
      this.leader.ended(key, { value: yield* invoke(task, args) })
    } catch (error) {
      this.leader.ended(key, { error })
    } finally {
      this.leave()
    }
  }

  private leave(): void {
    this.active--
    this.admit()
    if (!this.isIdle) return
    for (let wait = this.waiting.shift(); wait !== undefined; wait = this.waiting.shift()) wait.settle()
  }

  private admit(): void {
    while (this.active < this.limit && !this.starting.isEmpty) this.starting.shift()?.begin()
  }
}

class Start<K> extends Operation<void> {
  constructor(
    private readonly team: Team<K>,
    private readonly above: GoFunction,
    private readonly key: K,
    private readonly task: Task,
    private readonly args: unknown[],
  ) {
    super()
  }

  override get waitReason(): string {
    return 'errgroup.Group.Go'
  }

  override attempt(): boolean {
    const { team, above, key, task, args } = this
    return team.tryGo(above, key, task, args) !== undefined && this.complete()
  }

  override park(): void {
    this.team.starting.push(this)
  }

  override unpark(): void {
    this.team.starting.remove(this)
  }

  begin(): void {
    const { team, above, key, task, args } = this
    team.start(above, key, task, args)
    this.complete()
  }
}

class Wait<K, T = unknown> extends Operation<T> {
  constructor(
    private readonly team: Team<K>,
    private readonly outcome: () => T,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'errgroup.Group.Wait'
  }

  override attempt(): boolean {
    return this.team.isIdle && this.settle()
  }

  override park(): void {
    this.team.waiting.push(this)
  }

  override unpark(): void {
    this.team.waiting.remove(this)
  }

  settle(): true {
    try {
      return this.complete(this.outcome())
    } catch (error) {
      return this.fail(error)
    }
  }
}
