import type { Context } from '../context/context.js'
import type { Clock } from '../runtime/clock.js'
import type { Operation } from '../runtime/operation.js'
import { type Scheduler, scheduler } from '../runtime/scheduler.js'
import type { Deadline } from '../runtime/timers.js'
import { Figures, type GuardStats } from './figures.js'
import { type Call, MUST_WAIT, REFUSED } from './guard.js'
import { LeakyQueue, LeakyTurn } from './leaky-queue.js'
import {
  type Asking,
  checkCost,
  checkQueue,
  checkRate,
  checkWait,
  isInTime,
  type Limit,
  shortestWaitMs,
} from './limit.js'
import { type Quota, Refused } from './refused.js'
import { checkGiven } from './given.js'

export interface LeakyBucketOptions {
  /** Calls that leave in a second, one after the other. 0: none; `Infinity`: no limit. */
  readonly rate: number
  /** How many calls may wait for their turn; the next one is refused. */
  readonly queue: number
  /** A call that would wait for longer than so many milliseconds is refused at once. By default only `queue` limits it. */
  readonly maxWaitMs?: number
  /** What it protects. */
  readonly name?: string
  readonly clock?: Clock
}

const kind = 'leaky bucket'

/**
 * How late the host's timers may be without loss: what was due in this time leaves at once, so that a thousand calls a
 * second are a thousand although a timer takes a millisecond more. What a longer stall cost is not made up for.
 */
const mostLateMs = 5

/**
 * Spaces calls evenly: one every `1 / rate` seconds, and one that costs `n` that much later, `n` times. A quiet time gives
 * no credit for a burst. Calls wait in a bounded queue in order of arrival; what would wait too long is refused at once.
 *
 * ```ts
 * const mail = policy(leakyBucket({ rate: 10, queue: 100, maxWaitMs: 5000 }))
 * ```
 *
 * Source: Sentinel's throttling, uber-go/ratelimit without slack.
 * @throws ArgumentError if `rate` or `maxWaitMs` is below 0, or `queue` is not a whole number from 0.
 */
export function leakyBucket(options: LeakyBucketOptions): LeakyBucket {
  checkGiven('leakyBucket', options)
  const { name = kind, clock = scheduler().clock } = options
  return new LeakyBucket(new Figures(kind, name), settingsOf(options), clock)
}

interface Settings {
  readonly rate: number
  readonly queue: number
  readonly maxWaitMs: number
}

function settingsOf({ rate, queue, maxWaitMs = Infinity }: LeakyBucketOptions): Settings {
  checkRate(kind, rate)
  checkQueue(`a ${kind}`, queue)
  checkWait(kind, 'maxWaitMs', maxWaitMs)
  return { rate, queue, maxWaitMs }
}

/**
 * A queue with one timer, for the call at its head; none while nobody waits. One who gives up leaves at once, and those
 * behind move up: the place in the row is theirs.
 */
export class LeakyBucket implements Limit, Deadline {
  /** @internal */ atMs = Infinity
  /** @internal */ heapIndex = -1
  /** @internal */ sequence = 0
  private on: Scheduler | undefined = undefined
  /** When the last call left: on time, though the timer may have been late. */
  private lastMs = -Number.MAX_VALUE // long ago, and still a number when an infinite spacing is added
  private readonly waiting = new LeakyQueue()

  /** @internal */
  constructor(
    readonly figures: Figures,
    private settings: Settings,
    private readonly clock: Clock,
  ) {}

  get ignoresLeave(): true {
    return true
  }

  get rate(): number {
    return this.settings.rate
  }

  /**
   * Lets a call leave now if it is time and nobody waits.
   * @throws ArgumentError if `cost` is not a number from 0.
   */
  allow(cost = 1): boolean {
    checkCost(kind, cost)
    if (this.pass(cost)) return true
    this.figures.refuse()
    return false
  }

  /**
   * Waits for its turn, in order of arrival; one who gives up leaves the queue at once.
   * @throws Refused if the queue is full, or the turn would come too late: after `maxWaitMs`, or the deadline of `ctx`.
   * @throws ArgumentError if `cost` is not a number from 0.
   */
  wait(cost?: number, ctx?: Context): Operation<number>
  wait(call: Call): Operation<number>
  wait(what: Call | number = 1, ctx?: Context): Operation<number> {
    // Whoever runs the call bounds the wait by its context.
    if (typeof what === 'object') return new LeakyTurn(this, what.cost, what.ctx)
    checkCost(kind, what)
    const turn = new LeakyTurn(this, what, ctx)
    return ctx === undefined ? turn : turn.within(ctx)
  }

  /** @throws ArgumentError if the call's cost is not a number from 0. */
  enter(call: Call): number {
    checkCost(kind, call.cost)
    return this.admit(call)
  }

  /** The call had its turn, whatever became of it. */
  leave(): void {}

  refusal({ cost, ctx }: Asking): Refused {
    const { figures } = this
    const { rate, queue, maxWaitMs } = this.settings
    const delayMs = this.delayOf(cost)
    const limit = `${rate} a second is the limit`
    if (queue > 0 && figures.waiting >= queue)
      return this.refused(`${limit}, and ${queue} wait already`, delayMs, this.msUntil(this.waiting.first))
    if (queue > 0 && delayMs <= maxWaitMs && !isInTime(ctx, delayMs))
      return this.refused('its deadline comes before its turn', delayMs, delayMs)
    return this.refused(limit, delayMs, queue === 0 ? delayMs : 0)
  }

  /** Places in the queue that are free, or 1 if the next call need not wait; and when the next call could leave. */
  quota(): Quota {
    const { figures, settings } = this
    const { queue } = settings
    const resetMs = this.delayOf(1)
    return {
      limit: queue + 1,
      remaining: Math.max(0, queue - figures.waiting) + (resetMs === 0 ? 1 : 0),
      resetMs,
    }
  }

  /**
   * Changes the settings from now on, for those who wait as well: in their order, and none of them refused for a shorter
   * queue. Those who would now wait for more than `maxWaitMs` in all are refused; at rate 0 without `maxWaitMs` they stay
   * until there is a rate again.
   * @throws ArgumentError as `leakyBucket` does; nothing is changed then.
   */
  configure(options: LeakyBucketOptions): void {
    const before = this.settings
    this.settings = settingsOf(options)
    this.refuseLate()
    this.serve(0)
    this.figures.changed(before, this.settings)
  }

  stats(): GuardStats {
    const { rate, queue } = this.settings
    const isRefusing = this.delayOf(1) > 0 && !this.isWorthWaiting({ cost: 1, ctx: undefined })
    return this.figures.stats(isRefusing ? 'refusing' : 'ok', { rate, queue })
  }

  /** @internal As `enter`. */
  admit(asking: Asking): number {
    if (this.pass(asking.cost)) return 0
    if (this.isWorthWaiting(asking)) return MUST_WAIT
    this.figures.refuse()
    return REFUSED
  }

  /** @internal */
  push(turn: LeakyTurn): void {
    const { figures } = this
    turn.sinceMs = this.clock.now()
    this.waiting.push(turn)
    if (this.waiting.first === turn) {
      this.on = scheduler()
      this.arm()
    }
    figures.waited++
    figures.waiting++
    figures.tell('waited')
  }

  /** @internal One gives up. */
  remove(turn: LeakyTurn): void {
    const wasFirst = this.waiting.first === turn
    if (this.unlink(turn) && wasFirst) this.serve(0)
  }

  /** @internal */
  expire(): void {
    this.serve(mostLateMs)
  }

  private pass(cost: number): boolean {
    const nowMs = this.clock.now()
    if (!this.waiting.isEmpty || this.lastMs + this.spacingOf(cost) > nowMs + shortestWaitMs) return false
    // The rest of a stall is lost: that a call could have left earlier gives the next one no right to.
    this.lastMs = nowMs
    this.figures.admitted++
    return true
  }

  /** Lets those leave whose time has come, or came up to `lateMs` ago, and sets the timer for the next. */
  private serve(lateMs: number): void {
    const nowMs = this.clock.now()
    for (let head = this.waiting.first; head !== undefined; head = this.waiting.first) {
      const dueMs = this.lastMs + this.spacingOf(head.cost)
      if (dueMs > nowMs + shortestWaitMs) break
      this.unlink(head)
      if (!head.isWon) continue // a case of a select that has chosen another one
      this.lastMs = Math.max(dueMs, nowMs - lateMs)
      this.figures.admitted++
      head.complete(0)
    }
    this.arm()
  }

  /** Those who came in under other settings, and would now wait for too long. */
  private refuseLate(): void {
    const { rate, maxWaitMs } = this.settings
    let dueMs = this.lastMs
    for (const turn of [...this.waiting]) {
      const turnMs = dueMs + this.spacingOf(turn.cost)
      if (turnMs - turn.sinceMs <= maxWaitMs) {
        dueMs = turnMs
        continue
      }
      this.unlink(turn)
      if (!turn.isWon) continue
      this.figures.refuse()
      turn.fail(this.refused(`${rate} a second is the limit by now`, this.delayOf(turn.cost), 0))
    }
  }

  private arm(): void {
    const { on, waiting, clock } = this
    if (on === undefined) return
    on.timers.remove(this)
    const head = waiting.first
    if (head === undefined) return
    const dueMs = this.lastMs + this.spacingOf(head.cost)
    if (dueMs === Infinity) return
    this.atMs = on.clock.now() + (dueMs - clock.now())
    on.timers.add(this)
  }

  private unlink(turn: LeakyTurn): boolean {
    if (!this.waiting.remove(turn)) return false
    this.figures.waiting--
    return true
  }

  private isWorthWaiting({ cost, ctx }: Asking): boolean {
    const { queue, maxWaitMs } = this.settings
    if (this.figures.waiting >= queue) return false
    const delayMs = this.delayOf(cost)
    return delayMs < Infinity && delayMs <= maxWaitMs && isInTime(ctx, delayMs)
  }

  /** How long one who comes now would wait. */
  private delayOf(cost: number): number {
    const delayMs = this.lastMs + this.spacingOf(this.waiting.cost + cost) - this.clock.now()
    return delayMs < shortestWaitMs ? 0 : delayMs
  }

  private spacingOf(cost: number): number {
    return cost === 0 ? 0 : (cost * 1000) / this.settings.rate
  }

  private msUntil(turn: LeakyTurn | undefined): number {
    return this.lastMs + this.spacingOf(turn?.cost ?? 0) - this.clock.now()
  }

  /** @param roomMs when there is room for one more: it may come back then, if its wait is short enough too. */
  private refused(why: string, delayMs: number, roomMs: number): Refused {
    const { kind, name } = this.figures
    if (delayMs === Infinity) return new Refused(kind, name, why, undefined)
    return new Refused(kind, name, why, Math.max(roomMs, delayMs - this.settings.maxWaitMs), this.quota())
  }
}
