import type { Context } from '../../context/context.js'
import type { Operation } from '../../runtime/operation.js'
import { type Scheduler, scheduler } from '../../runtime/scheduler.js'
import type { Deadline } from '../../runtime/timers.js'
import { WaitList } from '../../runtime/wait-list.js'
import { Figures, type GuardStats } from '../figures.js'
import { type Call, type Gate, MUST_WAIT, REFUSED } from '../guard.js'
import { type Asking, checkCost, isInTime } from '../limit.js'
import { type Quota, Refused } from '../refused.js'
import {
  checkKey,
  type ClusterLimitOptions,
  type ClusterLimitSettings,
  kind,
  type Settings,
  settingsOf,
} from './cluster-settings.js'
import { ClusterTurn } from './cluster-turn.js'
import { type StoreLink, storeLink } from './store-link.js'
import { TokenSupply } from './token-supply.js'
import { checkGiven } from '../given.js'

/** Between two looks of those who wait, where fractions of tokens would have it look again at once. */
const shortestPauseMs = 0.01

/**
 * A token bucket that all instances of a service share over a store: together they let in `rate` calls a second, with
 * bursts of up to `burst`.
 *
 * ```ts
 * const limit = clusterLimit({ store: redisStore(client), key: 'orders', rate: 1000, burst: 100, instances: 3 })
 * ```
 *
 * An instance takes tokens ahead, in batches, so that most calls wait for nothing; at low rates each call asks. While the
 * store does not answer, every instance goes on with its share, and calls of it ask ten times a second whether the store is
 * back. It tells `fallback`, with the error, and `shared`.
 * @throws ArgumentError if an option is missing or out of its range.
 */
export function clusterLimit(options: ClusterLimitOptions): ClusterLimit {
  checkGiven('clusterLimit', options)
  const { store, key, name = kind } = options
  checkKey(key)
  return new ClusterLimit(new Figures(kind, name), storeLink(store), key, settingsOf(options))
}

/**
 * Calls that find no token wait for the store's answer in order of arrival, and what is asked next is for all of them. Once
 * it has said that it has too few, it is not asked before there can be more: calls are refused until then, or wait.
 */
export class ClusterLimit implements Gate, Deadline {
  /** @internal */ atMs = Infinity
  /** @internal */ heapIndex = -1
  /** @internal */ sequence = 0
  private readonly on: Scheduler = scheduler()
  private readonly supply: TokenSupply
  private readonly waiting = new WaitList<ClusterTurn>()
  private waitingCost = 0

  /** @internal */
  constructor(
    readonly figures: Figures,
    link: StoreLink,
    key: string,
    private settings: Settings,
  ) {
    this.supply = new TokenSupply(link, key, this.on, figures, () => this.serve(), settings)
  }

  get ignoresLeave(): true {
    return true
  }

  /** @throws ArgumentError if the call's cost is not a number from 0. */
  enter(call: Call): number {
    const { cost } = call
    checkCost(kind, cost)
    if (!this.waiting.isEmpty || !this.supply.takeHeld(cost)) return this.admit(call)
    this.figures.admitted++
    this.supply.refill()
    return 0
  }

  /**
   * Waits for the store's answer, and then for `maxWaitMs` at most, in order of arrival. One who gives up leaves at once;
   * what was taken for it is used by others, or given back.
   * @throws Refused if there are no tokens, or they would come after the deadline of `ctx`.
   * @throws ArgumentError if `cost` is not a number from 0.
   */
  wait(cost?: number, ctx?: Context): Operation<number>
  wait(call: Call): Operation<number>
  wait(what: Call | number = 1, ctx?: Context): Operation<number> {
    // Whoever runs the call bounds the wait by its context.
    if (typeof what === 'object') return new ClusterTurn(this, what.cost, what.ctx)
    checkCost(kind, what)
    const turn = new ClusterTurn(this, what, ctx)
    return ctx === undefined ? turn : turn.within(ctx)
  }

  /** Tokens are not given back: the call came, whatever became of it. */
  leave(): void {}

  refusal({ cost, ctx }: Asking): Refused {
    const { supply, settings } = this
    const { rate, burst } = supply.limit
    const delayMs = Math.max(supply.delayMs(this.waitingCost, cost), this.roomMs(cost))
    const limit =
      cost > burst
        ? `it costs ${cost}, and the burst is ${burst}`
        : delayMs <= settings.maxWaitMs && !isInTime(ctx, delayMs)
          ? 'its deadline comes before its tokens'
          : `${rate} a second is the limit`
    const why = supply.isFallback
      ? `${limit} of this instance while ${supply.storeName} does not answer`
      : limit
    const retryAfterMs = delayMs === Infinity ? undefined : delayMs
    return new Refused(kind, this.figures.name, why, retryAfterMs, this.quota())
  }

  /** Tokens that there are of the burst, as far as this instance knows, and when there is one more. */
  quota(): Quota {
    const { rate, burst } = this.supply.limit
    const delayMs = this.supply.delayMs(this.waitingCost, 1)
    if (delayMs > 0) return { limit: burst, remaining: 0, resetMs: delayMs }
    const { available } = this.supply
    const missing = Math.min(burst, Math.floor(available) + 1) - available
    return { limit: burst, remaining: Math.floor(available), resetMs: Math.max(0, (missing / rate) * 1000) }
  }

  /**
   * Changes the limit from the next call on; what is left out has its default again. Tokens, calls that wait and a fallback
   * stay. All instances are to be told: the store goes by what each asks for.
   * @throws ArgumentError if an option is missing or out of its range; nothing is changed then.
   */
  configure(options: ClusterLimitSettings): void {
    this.settings = settingsOf(options)
    this.supply.configure(this.settings)
    const { rate, burst } = this.settings
    this.figures.tell('changed', { rate, burst })
    this.serve()
  }

  /** `mode` is `shared` or `fallback`; `held`: tokens taken ahead; `roundTrips`: questions to the store. */
  stats(): GuardStats {
    const { supply, settings } = this
    const { rate, burst } = supply.limit
    const isRefusing = supply.delayMs(this.waitingCost, 1) > settings.maxWaitMs
    return this.figures.stats(isRefusing ? 'refusing' : 'ok', {
      mode: supply.isFallback ? 'fallback' : 'shared',
      rate,
      burst,
      held: supply.held,
      roundTrips: supply.roundTrips,
    })
  }

  /** @internal */
  attempt(turn: ClusterTurn): number {
    const ticket = this.admit(turn)
    if (ticket !== MUST_WAIT || !this.waiting.isEmpty || this.supply.isAsking) return ticket
    this.supply.ask(turn.cost, turn.cost)
    // A store in this process may have answered by now.
    return this.supply.isAsking ? ticket : this.admit(turn)
  }

  /** @internal */
  push(turn: ClusterTurn): void {
    const { figures, settings, on } = this
    turn.untilMs = on.clock.now() + settings.maxWaitMs
    this.waiting.push(turn)
    this.waitingCost += turn.cost
    figures.waited++
    figures.waiting++
    figures.tell('waited')
    this.arm()
  }

  /** @internal One gives up: that says nothing about the store. */
  remove(turn: ClusterTurn): void {
    if (this.unlink(turn)) this.serve()
  }

  /** @internal */
  expire(): void {
    this.supply.putBackIdle()
    this.serve()
  }

  /** The slow way in: there is no token at hand, or others wait. */
  private admit(asking: Asking): number {
    this.supply.follow()
    if (this.waiting.isEmpty && this.supply.take(asking.cost)) {
      this.figures.admitted++
      return 0
    }
    if (this.isWorthWaiting(asking)) return MUST_WAIT
    this.figures.refuse()
    return REFUSED
  }

  private isWorthWaiting({ cost, ctx }: Asking): boolean {
    const { maxWaitMs, timeoutMs } = this.settings
    if (this.roomMs(cost) > maxWaitMs + timeoutMs) return false
    const delayMs = this.supply.delayMs(this.waitingCost, cost)
    return delayMs <= maxWaitMs && isInTime(ctx, delayMs)
  }

  /** When tokens could have come for all that wait and one more. More do not wait than can have some: the queue has an end. */
  private roomMs(cost: number): number {
    const { rate, burst } = this.settings
    return ((this.waitingCost + cost - burst) / rate) * 1000
  }

  /** Serves those who wait, as far as there are tokens; refuses those for whom they come too late, and asks for the others. */
  private serve(): void {
    const { supply, waiting } = this
    supply.follow()
    for (let head = waiting.first; head !== undefined && supply.take(head.cost); head = waiting.first) {
      this.unlink(head)
      if (head.isWon) {
        this.figures.admitted++
        head.complete(0)
      } else supply.giveBack(head.cost) // a case of a select that has chosen another one
    }
    if (!this.hopes) this.refuseLate()
    const head = waiting.first
    if (head === undefined) supply.refill()
    else supply.ask(this.waitingCost, head.cost)
    this.arm()
  }

  /** The answer that is under way may have tokens for those who wait. */
  private get hopes(): boolean {
    return this.supply.isAsking && !this.supply.isFallback
  }

  private refuseLate(): void {
    const nowMs = this.on.clock.now()
    let ahead = 0
    for (const turn of [...this.waiting]) {
      const delayMs = this.supply.delayMs(ahead, turn.cost)
      if (delayMs === 0 || (nowMs + delayMs <= turn.untilMs && isInTime(turn.ctx, delayMs))) {
        ahead += turn.cost
        continue
      }
      this.unlink(turn)
      if (!turn.isWon) continue
      this.figures.refuse()
      turn.fail(this.refusal(turn))
    }
  }

  private unlink(turn: ClusterTurn): boolean {
    if (!this.waiting.remove(turn)) return false
    this.figures.waiting--
    // A sum of fractions need not come out at zero.
    this.waitingCost = this.waiting.isEmpty ? 0 : this.waitingCost - turn.cost
    return true
  }

  /** Sets the timer to when those who wait may have tokens, or some go back that nobody uses. None where there are neither. */
  private arm(): void {
    const { on, supply } = this
    const head = this.waiting.first
    let atMs = supply.idleMs
    if (head !== undefined && !this.hopes) {
      atMs = Math.min(atMs, on.clock.now() + Math.max(shortestPauseMs, supply.delayMs(0, head.cost)))
    }
    // One that rings too early sets it anew, and costs less than setting it at each answer.
    if (this.heapIndex >= 0 && this.atMs <= atMs && atMs < Infinity) return
    on.timers.remove(this)
    this.atMs = atMs
    if (atMs < Infinity) on.timers.add(this)
  }
}
