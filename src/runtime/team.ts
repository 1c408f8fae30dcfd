import { type GoTarget, invoke, launch } from './go.js'
import type { Goroutine, Joiner, Outcome } from './goroutine.js'
import { Operation } from './operation.js'
import type { GoFunction } from './origin.js'
import { HANDLED, type Scheduler, scheduler } from './scheduler.js'
import { type Linked, WaitList } from './wait-list.js'

/** Any function with any arguments: what a team runs. */
export type Task = GoTarget<unknown[], unknown>

/** Whoever makes a team is told what becomes of its members; each has a key of the maker's. */
export interface Leader<K> {
  started?(key: K, member: Goroutine<unknown>): void
  /** A member has ended: by `goexit` without a value, and maybe before it started, when it was canceled. */
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
  tryGo(above: GoFunction, key: K, task: Task, args: unknown[]): Goroutine<unknown> | undefined {
    if (this.active >= this.limit || !this.starting.isEmpty) return undefined
    return this.start(scheduler(), above, key, task, args)
  }

  /** Waits until no member is left. @param outcome then says what the wait ends with: it may throw. */
  wait<T>(outcome: () => T): Operation<T> {
    return new Wait(this, outcome)
  }

  /** @internal */
  start(on: Scheduler, above: GoFunction, key: K, task: Task, args: unknown[]): Goroutine<unknown> {
    this.active++
    const g = launch(on, invoke(task, args), task as GoFunction, above)
    g.flags |= HANDLED
    g.addJoiner(new Member(this, key, g))
    this.leader.started?.(key, g)
    return g
  }

  /** @internal */
  ended(key: K, g: Goroutine<unknown>): void {
    this.leader.ended(key, g.result)
    this.active--
    this.admit()
    if (!this.isIdle) return
    for (let wait = this.waiting.shift(); wait !== undefined; wait = this.waiting.shift()) wait.settle()
  }

  private admit(): void {
    while (this.active < this.limit && !this.starting.isEmpty) this.starting.shift()?.begin()
  }
}

/** A place in a team, kept until its goroutine has ended: a `finally` of its own would not run if it never started. */
class Member<K> implements Joiner {
  before: Linked | undefined = undefined
  after: Linked | undefined = undefined

  constructor(
    private readonly team: Team<K>,
    private readonly key: K,
    private readonly goroutine: Goroutine<unknown>,
  ) {}

  settle(): void {
    this.team.ended(this.key, this.goroutine)
  }
}

class Start<K> extends Operation<void> {
  /** It starts when another member ends, where no goroutine runs that would say on which scheduler. */
  private readonly on = scheduler()

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
    const { team, on, above, key, task, args } = this
    team.start(on, above, key, task, args)
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
