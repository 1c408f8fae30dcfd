import { fatal } from '../runtime/crash.js'
import { ArgumentError, FatalError } from '../runtime/errors.js'
import { type GoTarget, invoke, launch } from '../runtime/go.js'
import type { Joiner } from '../runtime/goroutine.js'
import type { Operation } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'
import type { Linked } from '../runtime/wait-list.js'
import { OwnerDied, reasonOfDeath } from './owner-died.js'
import { defineKind, object } from './shared-object.js'
import { SharedWait, WaitingObject } from './shared-waiting.js'

const waitGroupKind = 5

/** Words of a wait group, behind those of every shared object. */
const group = {
  count: 16,
  /** How often the counter has come to zero: who looks late sees that it did, although it may have been raised again. */
  zeros: 17,
  /** The number of a thread that died with the wait group while the counter was not zero; 0 once it is. */
  dead: 18,
  words: 32,
} as const

/**
 * Waits for a number of things to be done, on any threads: a `WaitGroup` that can be an argument of tasks and a value of
 * shared channels. It can be used again once all that waited have returned.
 *
 * ```ts
 * const done = new SharedWaitGroup()
 * done.add(parts.length)
 * for (const part of parts) go(function* () { yield* work(part, done) })   // a task that calls done.done()
 * yield* done.wait()
 * ```
 *
 * When a thread dies that has the wait group, whether or not something was still to be done there, what it did not do will
 * not be done: from then on `wait` throws an `OwnerDied` until the counter has come to zero after all.
 *
 * Source: Go's `sync.WaitGroup`.
 */
export class SharedWaitGroup extends WaitingObject {
  constructor()
  /** @internal */
  constructor(address: number | undefined)
  constructor(address?: number) {
    super(waitGroupKind, address, group.words * 4)
  }

  static {
    defineKind(waitGroupKind, (address) => new SharedWaitGroup(address))
  }

  /**
   * Adds `delta`, which may be negative, to the counter.
   * @throws FatalError if the counter falls below zero.
   */
  add(delta: number): void {
    if (!Number.isInteger(delta)) throw new ArgumentError(`a WaitGroup counts whole things, not ${delta}`)
    const { words, address } = this
    for (;;) {
      const count = Atomics.load(words, address + group.count)
      const next = count + delta
      if (next < 0) throw fatal(new FatalError('sync: negative WaitGroup counter'))
      if (next > mostThings)
        throw new ArgumentError(`a shared WaitGroup counts to ${mostThings}, not ${next}`)
      if (Atomics.compareExchange(words, address + group.count, count, next) !== count) continue
      if (next === 0) this.open()
      return
    }
  }

  /** One thing is done. */
  done(): void {
    this.add(-1)
  }

  /**
   * Waits until the counter is zero.
   * @throws FatalError if the counter was raised again before this caller had its turn.
   * @throws OwnerDied if a thread that had the wait group has died.
   */
  wait(): Operation<void> {
    return new WaitShared(this)
  }

  /** Starts a goroutine of this thread that counts as one thing. Its failure is nobody's: it ends the process. */
  go<A extends unknown[]>(fn: GoTarget<A, unknown>, ...args: A): void {
    this.add(1)
    const g = launch(scheduler(), invoke(fn, args), fn as GoFunction, this.go as GoFunction)
    g.addJoiner(new Counted(this))
  }

  /** @internal */
  get isZero(): boolean {
    return Atomics.load(this.words, this.address + group.count) === 0
  }

  /** @internal */
  get zeros(): number {
    return Atomics.load(this.words, this.address + group.zeros)
  }

  private open(): void {
    const { words, address } = this
    Atomics.store(words, address + group.dead, 0)
    Atomics.add(words, address + group.zeros, 1)
    if (!this.waiting.isEmpty) this.look()
    this.waiters.ringAll()
  }

  /** All are served at once: nobody can take it from another one. */
  protected override readonly hasMore = false

  protected override trouble(): OwnerDied | undefined {
    const { words, address, processor } = this
    const worker = Atomics.load(words, address + group.dead)
    const count = Atomics.load(words, address + group.count)
    if (worker === 0 || count === 0) return undefined
    return new OwnerDied(
      `worker ${worker} died with this wait group while its counter was not zero: ${reasonOfDeath(processor, worker)}. The counter is at ${count}, and what was to be done there will not be; count that off by add(-n), or use a new wait group`,
      worker,
    )
  }

  /** @internal */
  override ownerDied(machine: number, p: number): void {
    const { words, address } = this
    const holders = Atomics.load(words, address + object.holders + (p >> 5))
    if ((holders & (1 << (p & 31))) === 0 || this.isZero) return
    Atomics.store(words, address + group.dead, machine)
    this.waiters.ringAll()
  }
}

const mostThings = 2 ** 31 - 1

/** A goroutine that counts as one thing until it has ended, also where it never started. */
class Counted implements Joiner {
  before: Linked | undefined = undefined
  after: Linked | undefined = undefined

  constructor(private readonly group: SharedWaitGroup) {}

  settle(): void {
    this.group.done()
  }
}

class WaitShared extends SharedWait<void> {
  /** What `zeros` was when it began. */
  private began = 0
  private hasWaited = false

  constructor(private readonly group: SharedWaitGroup) {
    super(group)
  }

  override get waitReason(): string {
    return 'shared sync.WaitGroup.Wait'
  }

  override attempt(): boolean {
    this.began = this.group.zeros
    // There is no queue to stand in: what is zero is zero for all.
    return this.group.isZero ? this.complete() : super.attempt()
  }

  override park(): void {
    this.hasWaited = true
    super.park()
  }

  /** @internal */
  override next(signal?: unknown): this {
    const result = super.next(signal)
    if (!result.done || !this.hasWaited || this.group.isZero) return result
    throw fatal(new FatalError('sync: WaitGroup is reused before previous Wait has returned'))
  }

  override get isReady(): boolean {
    return this.group.isZero || this.group.zeros !== this.began
  }

  override take(): boolean {
    return this.isReady
  }

  override grant(): void {
    this.complete()
  }
}
