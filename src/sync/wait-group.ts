import { fatal } from '../runtime/crash.js'
import { ArgumentError, FatalError } from '../runtime/errors.js'
import { type GoTarget, invoke, launch } from '../runtime/go.js'
import type { Joiner } from '../runtime/goroutine.js'
import { Operation } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'
import { type Linked, WaitList } from '../runtime/wait-list.js'

/**
 * Waits for a number of things to be done. It can be used again once all that waited have returned. For goroutines
 * that can fail, a `Group` is the better choice.
 *
 * ```ts
 * const done = new WaitGroup()
 * for (const url of urls) done.go(load, url)
 * yield* done.wait()
 * ```
 *
 * Source: Go's `sync.WaitGroup`.
 */
export class WaitGroup {
  private count = 0
  private readonly waiting = new WaitList<Wait>()

  /**
   * Adds `delta`, which may be negative, to the counter.
   * @throws FatalError if the counter falls below zero.
   */
  add(delta: number): void {
    if (!Number.isInteger(delta)) throw new ArgumentError(`a WaitGroup counts whole things, not ${delta}`)
    if (this.count + delta < 0) throw fatal(new FatalError('sync: negative WaitGroup counter'))
    this.count += delta
    if (this.count > 0) return
    for (let each = this.waiting.shift(); each !== undefined; each = this.waiting.shift()) each.complete()
  }

  /** One thing is done. */
  done(): void {
    this.add(-1)
  }

  /**
   * Waits until the counter is zero.
   * @throws FatalError if the counter was raised again before this caller had its turn.
   */
  wait(): Operation<void> {
    return new Wait(this, this.waiting)
  }

  /** Starts a goroutine that counts as one thing. Its failure is nobody's: it ends the process. */
  go<A extends unknown[]>(fn: GoTarget<A, unknown>, ...args: A): void {
    this.add(1)
    const g = launch(scheduler(), invoke(fn, args), fn as GoFunction, this.go as GoFunction)
    g.addJoiner(new Counted(this))
  }

  /** @internal */
  get isZero(): boolean {
    return this.count === 0
  }
}

/** A goroutine that counts as one thing until it has ended, also where it never started. */
class Counted implements Joiner {
  before: Linked | undefined = undefined
  after: Linked | undefined = undefined

  constructor(private readonly group: WaitGroup) {}

  settle(): void {
    this.group.done()
  }
}

class Wait extends Operation<void> {
  constructor(
    private readonly group: WaitGroup,
    private readonly waiting: WaitList<Wait>,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'sync.WaitGroup.Wait'
  }

  override attempt(): boolean {
    return this.group.isZero && this.complete()
  }

  /** @internal */
  override next(signal?: unknown): this {
    const result = super.next(signal)
    if (!result.done || this.group.isZero) return result
    throw fatal(new FatalError('sync: WaitGroup is reused before previous Wait has returned'))
  }

  override park(): void {
    this.waiting.push(this)
  }

  override unpark(): void {
    this.waiting.remove(this)
  }
}
