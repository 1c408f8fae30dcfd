import { fatal } from '../runtime/crash.js'
import { ArgumentError, FatalError } from '../runtime/errors.js'
import { complain } from '../runtime/host.js'
import { type Bound, type Operation, Within } from '../runtime/operation.js'
import { FairObject } from './fair-object.js'
import { mostProcs } from './layout.js'
import { reasonOfDeath } from './owner-died.js'
import { defineKind } from './shared-object.js'
import { SharedWait } from './shared-waiting.js'

const semaphoreKind = 4

/** Words of a semaphore, behind those of every shared object. */
const semaphore = {
  size: 16,
  free: 17,
  heir: 18,
  /** 1 once somebody has waited for another number of permits than one. */
  isWeighted: 19,
  /** Permits that were given back for threads that died, and which somebody else may still give back. */
  forgiven: 20,
  /** For each processor the permits that its thread holds. With those that are free they are as many as there are. */
  held: 32,
  words: 32 + mostProcs,
} as const

/** The largest number of permits. */
const mostPermits = 2 ** 30

/**
 * A weighted semaphore for goroutines of all threads: a `Semaphore` that can be an argument of tasks and a value of shared
 * channels. At most `size` permits are out at any time.
 *
 * The goroutines of one thread are served strictly in order of arrival. A thread serves its own goroutines first, until one
 * of another thread has waited for a millisecond: then permits are put aside for it, so that a large request is not
 * starved by small ones; see fair-object.ts.
 *
 * ```ts
 * const slots = new SharedSemaphore(10)
 * using _ = yield* slots.acquire(3)   // given back at the end of the block
 * ```
 *
 * Permits may be released on another thread than the one that acquired them. When a thread dies, those that it holds are
 * given back, and a line on standard error says so.
 */
export class SharedSemaphore extends FairObject {
  readonly size: number

  /** @throws ArgumentError if `size` is not a positive whole number, or too large. */
  constructor(size: number)
  /** @internal */
  constructor(size: number, address: number | undefined)
  constructor(size: number, address?: number) {
    if (address === undefined) checkSize(size)
    super(semaphoreKind, address, semaphore.words * 4, semaphore.heir)
    const { words } = this
    if (address === undefined)
      words[this.address + semaphore.size] = words[this.address + semaphore.free] = size
    this.size = words[this.address + semaphore.size] as number
  }

  static {
    defineKind(semaphoreKind, (address) => new SharedSemaphore(0, address))
  }

  /** Permits that are free now. */
  get free(): number {
    return Atomics.load(this.words, this.address + semaphore.free)
  }

  /** Waits until `permits` are free and it is this caller's turn. Asking for more than `size` waits until canceled. */
  acquire(permits = 1): Operation<SharedPermits> {
    checkPermits(permits)
    return new AcquireShared(this, permits)
  }

  /** Takes `permits` if they are free, and no goroutine of this thread waits for its own, nor one elsewhere for too long. */
  tryAcquire(permits = 1): boolean {
    checkPermits(permits)
    return this.waiting.isEmpty && this.take(permits)
  }

  /** @throws FatalError if more is given back than was taken. */
  release(permits = 1): void {
    checkPermits(permits)
    const lacking = this.debit(permits)
    const { words, address } = this
    if (lacking > 0 && !this.forgive(lacking)) {
      Atomics.add(words, this.heldAt(this.processor.p), permits - lacking)
      throw fatal(new FatalError('semaphore: released more than held'))
    }
    Atomics.add(words, address + semaphore.free, permits - lacking)
    if (!this.waiting.isEmpty) this.look()
    this.ring()
  }

  /** @internal */
  take(permits: number): boolean {
    const { words, address } = this
    if (!this.isOurTurn) return false
    for (;;) {
      const free = Atomics.load(words, address + semaphore.free)
      if (free < permits) return false
      if (Atomics.compareExchange(words, address + semaphore.free, free, free - permits) !== free) continue
      Atomics.add(words, this.heldAt(this.processor.p), permits)
      return true
    }
  }

  /** @internal */
  canTake(permits: number): boolean {
    return this.free >= permits && this.isOurTurn
  }

  /** @internal */
  override enter(acquire: AcquireShared): void {
    // A request that can never be met must not hold back those that can.
    if (acquire.permits > this.size) return
    if (acquire.permits !== 1) Atomics.store(this.words, this.address + semaphore.isWeighted, 1)
    super.enter(acquire)
  }

  protected override get hasMore(): boolean {
    return this.free > 0
  }

  /** What one thread cannot use since it wants more may be enough for another one: then all have to look. */
  protected override ringWaiters(): void {
    if (Atomics.load(this.words, this.address + semaphore.isWeighted) === 1) this.waiters.ringAll()
    else this.waiters.ringOne()
  }

  /** @internal */
  override ownerDied(machine: number, p: number): void {
    this.forget(p)
    const { words, address } = this
    const permits = Atomics.exchange(words, this.heldAt(p), 0)
    if (permits === 0) return
    Atomics.add(words, address + semaphore.forgiven, permits)
    Atomics.add(words, address + semaphore.free, permits)
    this.waiters.ringAll()
    const reason = reasonOfDeath(this.processor, machine)
    complain(
      `sluice: worker ${machine} died with ${permits} of the ${this.size} permits of a shared semaphore: ${reason}. They are given back`,
    )
  }

  // ---- who holds what

  /** Takes permits off what is held, on this thread first: how many there were not. */
  private debit(permits: number): number {
    let left = permits - this.debitOf(this.processor.p, permits)
    for (let p = 0; left > 0 && p < mostProcs; p++) left -= this.debitOf(p, left)
    return left
  }

  private debitOf(p: number, permits: number): number {
    const { words } = this
    const at = this.heldAt(p)
    for (;;) {
      const held = Atomics.load(words, at)
      const part = Math.min(held, permits)
      if (Atomics.compareExchange(words, at, held, held - part) === held) return part
    }
  }

  /** Whoever still gives back what was given back for a dead thread does no wrong. */
  private forgive(permits: number): boolean {
    const at = this.address + semaphore.forgiven
    for (;;) {
      const forgiven = Atomics.load(this.words, at)
      if (forgiven < permits) return false
      if (Atomics.compareExchange(this.words, at, forgiven, forgiven - permits) === forgiven) return true
    }
  }

  private heldAt(p: number): number {
    return this.address + semaphore.held + p
  }
}

/** Permits that are held; disposing gives them back, once. */
export class SharedPermits implements Disposable {
  private held: number

  /** @internal */
  constructor(
    private readonly semaphore: SharedSemaphore,
    count: number,
  ) {
    this.held = count
  }

  [Symbol.dispose](): void {
    const { held } = this
    this.held = 0
    if (held > 0) this.semaphore.release(held)
  }
}

class AcquireShared extends SharedWait<SharedPermits> {
  constructor(
    private readonly semaphore: SharedSemaphore,
    readonly permits: number,
  ) {
    super(semaphore)
  }

  override get waitReason(): string {
    return 'shared semacquire'
  }

  override within(bound: Bound): Operation<SharedPermits> {
    return bound.isEndless === true ? this : new AcquireWithin(this, bound)
  }

  override get isReady(): boolean {
    return this.semaphore.canTake(this.permits)
  }

  override take(): boolean {
    return this.semaphore.take(this.permits)
  }

  override grant(): void {
    this.complete(new SharedPermits(this.semaphore, this.permits))
  }
}

/** As in Go, a bound that ends before the goroutine has had its turn wins over permits that it was granted. */
class AcquireWithin extends Within<SharedPermits> {
  constructor(
    acquire: AcquireShared,
    private readonly limit: Bound,
  ) {
    super(acquire, limit)
  }

  override next(signal?: unknown): this {
    const result = super.next(signal)
    if (!result.done || this.limit.err === undefined) return result
    ;(result.value as SharedPermits)[Symbol.dispose]()
    throw this.limit.err
  }
}

function checkSize(size: number): void {
  if (!Number.isInteger(size) || size < 1 || size > mostPermits) {
    throw new ArgumentError(
      `a shared semaphore needs a positive whole number of permits, ${mostPermits} at most, not ${size}`,
    )
  }
}

function checkPermits(permits: number): void {
  if (!Number.isInteger(permits) || permits < 0) {
    throw new ArgumentError(`permits are counted in whole numbers from 0, not ${permits}`)
  }
}
