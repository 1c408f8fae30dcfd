import type { Context } from '../context/context.js'
import { Operation } from '../runtime/operation.js'
import { type Scheduler, scheduler } from '../runtime/scheduler.js'
import type { Deadline } from '../runtime/timers.js'
import type { Asking } from './limit.js'
import type { TokenBucket } from './token-bucket.js'
import type { TokenBucketSettings } from './token-bucket-settings.js'

/** Tokens taken ahead, for one who acts later. Source: Go's `rate.Reservation`. */
export class Reservation {
  private isHeld: boolean

  /** @internal */
  constructor(
    private readonly bucket: TokenBucket,
    private readonly cost: number,
    private readonly atMs: number,
    private readonly settings: TokenBucketSettings,
  ) {
    this.isHeld = this.ok
  }

  /** Whether the tokens will ever be there; otherwise nothing was taken. */
  get ok(): boolean {
    return this.atMs < Infinity
  }

  /** How long to wait from now before acting, in ms; `Infinity` if it is not `ok`. */
  get delayMs(): number {
    return Math.max(0, this.atMs - this.settings.clock.now())
  }

  /** For one who will not act after all: gives back what nobody who came later counts on. Once it is time, nothing. */
  cancel(): void {
    if (!this.isHeld) return
    this.isHeld = false
    this.bucket.giveBack(this.cost, this.atMs, this.settings)
  }
}

/** @internal Waits for tokens: takes them ahead when it parks, and gives them back when it gives up. */
export class TokenTurn extends Operation<number> implements Deadline, Asking {
  atMs = Infinity
  heapIndex = -1
  sequence = 0
  private on: Scheduler | undefined = undefined
  private reservation: Reservation | undefined = undefined

  constructor(
    private readonly bucket: TokenBucket,
    readonly cost: number,
    readonly ctx: Context | undefined,
    private readonly maxWaitMs: number,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'token bucket'
  }

  /** Others may have come since `enter` said that the wait is short enough. */
  override attempt(): boolean {
    const { bucket, cost } = this
    if (bucket.take(cost)) return this.complete(0)
    if (bucket.isWorthWaiting(this, this.maxWaitMs)) return false
    bucket.refuse()
    return this.fail(bucket.refusal(this, this.maxWaitMs))
  }

  override park(): void {
    const { figures } = this.bucket
    this.reservation = this.bucket.takeAhead(this.cost)
    this.on = scheduler()
    this.atMs = this.on.clock.now() + this.reservation.delayMs
    this.on.timers.add(this)
    figures.waited++
    figures.waiting++
    figures.tell('waited')
  }

  override unpark(): void {
    if (this.on?.timers.remove(this) !== true) return
    this.bucket.figures.waiting--
    this.reservation?.cancel()
  }

  expire(): void {
    this.bucket.figures.waiting--
    this.bucket.admit()
    this.complete(0)
  }
}
