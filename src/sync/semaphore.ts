import { fatal } from '../runtime/crash.js'
import { ArgumentError, FatalError } from '../runtime/errors.js'
import { type Bound, Operation, Within } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'

/**
 * A weighted semaphore: at most `size` permits are out at any time.
 *
 * Waiters are served strictly in order of arrival. A large request at the head of the queue holds back smaller ones
 * behind it, so it cannot starve.
 *
 * ```ts
 * const slots = new Semaphore(10)
 * using _ = yield* slots.acquire(3)   // given back at the end of the block
 * ```
 *
 * Source: golang.org/x/sync/semaphore.
 */
export class Semaphore {
  readonly size: number
  private available: number
  private readonly waiting = new WaitList<Acquire>()

  /** @throws ArgumentError if `size` is not a positive whole number. */
  constructor(size: number) {
    if (!Number.isInteger(size) || size < 1) {
      throw new ArgumentError(`a semaphore needs a positive whole number of permits, not ${size}`)
    }
    this.size = size
    this.available = size
  }

  /** Permits that are free now. */
  get free(): number {
    return this.available
  }

  /** Waits until `permits` are free and it is this caller's turn. Asking for more than `size` waits until canceled. */
  acquire(permits = 1): Operation<Permits> {
    checkPermits(permits)
    return new Acquire(this, permits)
  }

  /** Takes `permits` if they are free and nobody waits for theirs. */
  tryAcquire(permits = 1): boolean {
    checkPermits(permits)
    if (permits > this.available || !this.waiting.isEmpty) return false
    this.available -= permits
    return true
  }

  /** @throws FatalError if more is given back than was taken. */
  release(permits = 1): void {
    checkPermits(permits)
    if (this.available + permits > this.size)
      throw fatal(new FatalError('semaphore: released more than held'))
    this.available += permits
    this.serve()
  }

  /** @internal */
  enter(acquire: Acquire): void {
    // A request that can never be met must not hold back those that can.
    if (acquire.permits <= this.size) this.waiting.push(acquire)
  }

  /** @internal */
  leave(acquire: Acquire): void {
    this.waiting.remove(acquire)
    this.serve() // those behind a large request that gave up may fit now
  }

  /** Hands free permits to the head of the queue, and on, until one has to wait. */
  private serve(): void {
    for (let head = this.waiting.first; head !== undefined; head = this.waiting.first) {
      if (head.permits > this.available) return
      this.waiting.remove(head)
      if (!head.isWon) continue // a case of a select that has chosen another one
      this.available -= head.permits
      head.grant()
    }
  }
}

/** Permits that are held; disposing gives them back, once. */
export class Permits implements Disposable {
  private held: number

  /** @internal */
  constructor(
    private readonly semaphore: Semaphore,
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

class Acquire extends Operation<Permits> {
  constructor(
    private readonly semaphore: Semaphore,
    readonly permits: number,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'semacquire'
  }

  override within(bound: Bound): Operation<Permits> {
    return bound.isEndless === true ? this : new AcquireWithin(this, bound)
  }

  override attempt(): boolean {
    return this.semaphore.tryAcquire(this.permits) && this.grant()
  }

  override park(): void {
    this.semaphore.enter(this)
  }

  override unpark(): void {
    this.semaphore.leave(this)
  }

  grant(): true {
    return this.complete(new Permits(this.semaphore, this.permits))
  }
}

/** As in Go, a bound that ends before the goroutine has had its turn wins over permits that it was granted. */
class AcquireWithin extends Within<Permits> {
  constructor(
    acquire: Acquire,
    private readonly limit: Bound,
  ) {
    super(acquire, limit)
  }

  override next(signal?: unknown): this {
    const result = super.next(signal)
    if (!result.done || this.limit.err === undefined) return result
    ;(result.value as Permits)[Symbol.dispose]()
    throw this.limit.err
  }
}

function checkPermits(permits: number): void {
  if (!Number.isInteger(permits) || permits < 0) {
    throw new ArgumentError(`permits are counted in whole numbers from 0, not ${permits}`)
  }
}
