import type { Context } from '../context/context.js'
import type { Clock } from '../runtime/clock.js'
import type { Operation } from '../runtime/operation.js'
import { Figures, type GuardStats } from './figures.js'
import { type Call, MUST_WAIT, REFUSED } from './guard.js'
import { type Asking, checkCost, isInTime, type Limit, shortestWaitMs } from './limit.js'
import { type Quota, Refused } from './refused.js'
import { type TokenBucketSettings, tokenBucketSettings } from './token-bucket-settings.js'
import { Reservation, TokenTurn } from './token-reservation.js'
import { checkGiven } from './given.js'

export interface TokenBucketOptions {
  /** Tokens that come in a second. 0: there is the first burst and no more; `Infinity`: no limit. */
  readonly rate: number
  /** Tokens that the bucket holds, so what may come at once after a quiet time. It starts full. */
  readonly burst: number
  /** For how many milliseconds a call may wait for its tokens. 0 unless said: it is refused. */
  readonly maxWaitMs?: number
  /** What it protects. */
  readonly name?: string
  readonly clock?: Clock
}

const kind = 'token bucket'

/**
 * Limits calls to `rate` a second, with bursts of up to `burst`. A call takes as many tokens as its `cost` says.
 *
 * ```ts
 * const limit = tokenBucket({ rate: 100, burst: 20 })
 * if (!limit.allow()) return tooMany()      // now or not at all
 * yield* limit.wait(5, ctx)                 // or as soon as there are five tokens
 * ```
 *
 * Source: golang.org/x/time/rate.
 * @throws ArgumentError if `rate` or `maxWaitMs` is below 0, or `burst` is not a number from 1.
 */
export function tokenBucket(options: TokenBucketOptions): TokenBucket {
  checkGiven('tokenBucket', options)
  return new TokenBucket(tokenBucketSettings(options))
}

/**
 * A bucket that fills by time. No timer runs for that: the tokens that came are added when somebody asks. Those who wait
 * take theirs ahead, so there may be fewer than none, and whoever comes later waits until that debt is paid: in order of
 * arrival.
 */
export class TokenBucket implements Limit {
  private settings: TokenBucketSettings
  /** Tokens at `lastMs`; below 0, those that were reserved ahead. */
  private tokens: number
  private lastMs: number
  // Counted here until somebody looks at the figures: a bucket per client, a million of them, has no room for more.
  private admitted = 0
  private refused = 0
  private counts: Figures | undefined = undefined

  /** @internal */
  constructor(settings: TokenBucketSettings) {
    this.settings = settings
    this.tokens = settings.burst
    this.lastMs = settings.clock.now()
  }

  get ignoresLeave(): true {
    return true
  }

  get figures(): Figures {
    this.counts ??= this.countsSoFar()
    return this.counts
  }

  get rate(): number {
    return this.settings.rate
  }

  get burst(): number {
    return this.settings.burst
  }

  /** Tokens that are there now; below 0 while some wait for theirs. Source: Go's `Limiter.Tokens`. */
  get available(): number {
    return this.tokensAt(this.settings.clock.now())
  }

  /**
   * Takes `cost` tokens if they are there. Source: Go's `Limiter.AllowN`.
   * @throws ArgumentError if `cost` is not a number from 0.
   */
  allow(cost = 1): boolean {
    checkCost(kind, cost)
    return this.take(cost) || this.refuse()
  }

  /**
   * Takes `cost` tokens ahead, for one who waits by other means: act after `delayMs`. It is not `ok`, and nothing is taken,
   * where that would be never. Source: Go's `Limiter.ReserveN`.
   * @throws ArgumentError if `cost` is not a number from 0.
   */
  reserve(cost = 1): Reservation {
    checkCost(kind, cost)
    const reservation = this.takeAhead(cost)
    if (reservation.ok) this.admit()
    else this.refuse()
    return reservation
  }

  /**
   * Waits until `cost` tokens are there, in order of arrival, and takes them. It fails at once, and takes nothing, if they
   * are more than `burst`, or would come after the deadline of `ctx`. Given up, it gives back what nobody behind it counts
   * on. The option `maxWaitMs` does not limit it. Source: Go's `Limiter.WaitN`.
   *
   * For a call of a policy, after `MUST_WAIT`: for as long as `maxWaitMs` says.
   * @throws Refused if the wait would be too long.
   * @throws ArgumentError if `cost` is not a number from 0.
   */
  wait(cost?: number, ctx?: Context): Operation<number>
  wait(call: Call): Operation<number>
  wait(what: Call | number = 1, ctx?: Context): Operation<number> {
    // Whoever runs the call bounds the wait by its context.
    if (typeof what === 'object') return new TokenTurn(this, what.cost, what.ctx, this.settings.maxWaitMs)
    checkCost(kind, what)
    const turn = new TokenTurn(this, what, ctx, Infinity)
    return ctx === undefined ? turn : turn.within(ctx)
  }

  /** @throws ArgumentError if the call's cost is not a number from 0. */
  enter(call: Call): number {
    const { cost } = call
    checkCost(kind, cost)
    if (this.take(cost)) return 0
    const { maxWaitMs } = this.settings
    if (maxWaitMs > 0 && this.isWorthWaiting(call, maxWaitMs)) return MUST_WAIT
    this.refuse()
    return REFUSED
  }

  /** Tokens are not given back: the call came, whatever became of it. */
  leave(): void {}

  refusal({ cost, ctx }: Asking, maxWaitMs: number = this.settings.maxWaitMs): Refused {
    const { name, rate, burst, clock } = this.settings
    const delayMs = this.delayOf(cost, clock.now())
    const why =
      cost > burst
        ? `it costs ${cost}, and the burst is ${burst}`
        : delayMs <= maxWaitMs && !isInTime(ctx, delayMs)
          ? 'its deadline comes before its tokens'
          : `${rate} a second is the limit`
    const retryAfterMs = delayMs === Infinity ? undefined : delayMs
    return new Refused(kind, name, why, retryAfterMs, rate > 0 ? this.quota() : undefined)
  }

  /** Tokens that are there of those that the bucket holds, and when there is one more: at rate 0 after `Infinity`. */
  quota(): Quota {
    const { burst, clock } = this.settings
    const nowMs = clock.now()
    const remaining = Math.max(0, Math.floor(this.tokensAt(nowMs)))
    return { limit: burst, remaining, resetMs: this.delayOf(Math.min(burst, remaining + 1), nowMs) }
  }

  /**
   * Changes the settings from now on. What has come so far came at the old rate; tokens stay, but for those that a smaller
   * bucket does not hold. Those who wait keep the time that they were told. Source: Go's `Limiter.SetLimit`, `SetBurst`.
   * @throws ArgumentError as `tokenBucket` does; nothing is changed then.
   */
  configure(options: TokenBucketOptions): void {
    const before = this.settings
    const settings = tokenBucketSettings(options, before)
    this.spend(0, settings.clock.now())
    this.settings = settings
    const { rate, burst, maxWaitMs } = settings
    this.counts?.changed(before, { rate, burst, maxWaitMs })
  }

  stats(): GuardStats {
    const { rate, burst } = this.settings
    const tokens = this.available
    const counts = this.counts ?? this.countsSoFar() // a page that shows all buckets must not make them larger
    return counts.stats(tokens < 1 && rate < Infinity ? 'refusing' : 'ok', { rate, burst, tokens })
  }

  /** @internal Whether the tokens come while one may wait for them. */
  isWorthWaiting({ cost, ctx }: Asking, maxWaitMs: number): boolean {
    const delayMs = this.delayOf(cost, this.settings.clock.now())
    return delayMs < Infinity && delayMs <= maxWaitMs && isInTime(ctx, delayMs)
  }

  /** @internal Takes what is there now. */
  take(cost: number): boolean {
    const nowMs = this.settings.clock.now()
    if (this.delayOf(cost, nowMs) > 0) return false
    this.spend(cost, nowMs)
    this.admit()
    return true
  }

  /** @internal */
  takeAhead(cost: number): Reservation {
    const { settings } = this
    const nowMs = settings.clock.now()
    const delayMs = this.delayOf(cost, nowMs)
    if (delayMs < Infinity) this.spend(cost, nowMs)
    return new Reservation(this, cost, nowMs + delayMs, settings)
  }

  /**
   * @internal Gives back `cost` tokens that were to be used at `atMs`. Those who reserved later were told times that count
   * on them, so what they took is not given back: otherwise newcomers would come in beside them. Once other settings have
   * come in between nobody knows what that is, and nothing is given back. Source: Go's `Reservation.CancelAt`, whose
   * `lastEvent` is here when the debt is paid.
   */
  giveBack(cost: number, atMs: number, settings: TokenBucketSettings): void {
    const { rate, clock } = settings
    const nowMs = clock.now()
    if (settings !== this.settings || rate === Infinity || atMs < nowMs) return
    const tokens = this.tokensAt(nowMs)
    const paidMs = tokens < 0 ? nowMs - (tokens / rate) * 1000 : nowMs
    const reservedLater = Math.max(0, ((paidMs - atMs) * rate) / 1000)
    if (reservedLater < cost) this.spend(reservedLater - cost, nowMs)
  }

  /** @internal */
  admit(): void {
    if (this.counts === undefined) this.admitted++
    else this.counts.admitted++
  }

  /** @internal */
  refuse(): false {
    if (this.counts === undefined) this.refused++
    else this.counts.refuse()
    return false
  }

  /** When there are `cost` tokens to take: after so many ms, or never. */
  private delayOf(cost: number, nowMs: number): number {
    const { rate, burst } = this.settings
    if (rate === Infinity) return 0
    if (cost > burst) return Infinity
    const missing = cost - this.tokensAt(nowMs)
    if (missing <= 0) return 0
    const delayMs = (missing / rate) * 1000
    return delayMs < shortestWaitMs ? 0 : delayMs
  }

  /** Takes tokens, whether they are there or not. */
  private spend(cost: number, nowMs: number): void {
    this.tokens = this.tokensAt(nowMs) - cost
    // A clock that goes back and forth again must not bring the same tokens twice.
    if (nowMs > this.lastMs) this.lastMs = nowMs
  }

  private tokensAt(nowMs: number): number {
    const { tokens, lastMs } = this
    const { rate, burst } = this.settings
    if (rate === Infinity) return burst
    return Math.min(burst, nowMs > lastMs ? tokens + ((nowMs - lastMs) * rate) / 1000 : tokens)
  }

  private countsSoFar(): Figures {
    const counts = new Figures(kind, this.settings.name)
    counts.admitted = this.admitted
    counts.refused = this.refused
    return counts
  }
}
