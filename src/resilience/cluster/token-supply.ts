import type { Scheduler } from '../../runtime/scheduler.js'
import type { Figures } from '../figures.js'
import type { Settings } from './cluster-settings.js'
import type { TokenGrant, TokenRequest } from './limit-store.js'
import { LocalShare } from './local-share.js'
import { type Asker, Question, type StoreLink } from './store-link.js'
import { TokenStock } from './token-stock.js'

/**
 * Where the tokens of an instance come from: the store, or its own share of the limit while the store does not
 * answer. One question is under way to the store at most.
 */
export class TokenSupply implements Asker {
  isAsking = false
  roundTrips = 0
  private readonly stock: TokenStock
  /** While the store does not answer. */
  private share: LocalShare | undefined = undefined
  private shareSinceMs = 0

  /** @param onNews called when a question has had its answer, or none. */
  constructor(
    private readonly link: StoreLink,
    private readonly key: string,
    private readonly on: Scheduler,
    private readonly figures: Figures,
    private readonly onNews: () => void,
    private settings: Settings,
  ) {
    this.stock = new TokenStock(settings, this.nowMs)
  }

  get isFallback(): boolean {
    return this.share !== undefined
  }

  get storeName(): string {
    return this.link.store.name
  }

  /** What holds for this instance now. */
  get limit(): { readonly rate: number; readonly burst: number } {
    return this.share ?? this.settings
  }

  /** Tokens taken ahead. */
  get held(): number {
    return this.stock.held
  }

  /** Tokens that there are, as far as this instance knows. */
  get available(): number {
    const { stock, share, settings, nowMs } = this
    if (share !== undefined) return stock.held + share.available(nowMs)
    return Math.min(settings.burst, stock.held + stock.remainingAt(nowMs))
  }

  /** When tokens are to be put back that nobody has needed. */
  get idleMs(): number {
    return this.isAsking ? Infinity : this.stock.idleMs
  }

  configure(settings: Settings): void {
    this.settings = settings
    this.stock.settings = settings
    if (this.share !== undefined) this.share.settings = settings
  }

  /** Takes tokens that were taken ahead. */
  takeHeld(cost: number): boolean {
    if (cost > this.stock.held) return false
    this.stock.use(cost)
    return true
  }

  /** Takes tokens that are at hand, or in the fallback this instance's own. */
  take(cost: number): boolean {
    if (this.takeHeld(cost)) return true
    if (this.share === undefined || !this.share.take(cost, this.nowMs)) return false
    this.stock.unpaid += cost
    return true
  }

  /** They were taken for one who did not need them. */
  giveBack(cost: number): void {
    this.stock.held += cost
  }

  /**
   * How long a call would wait that comes after calls of `ahead`, as far as is known; `Infinity` if for ever. 0 may mean that
   * the store is to be asked.
   */
  delayMs(ahead: number, cost: number): number {
    const { stock, share, limit, nowMs } = this
    if (ahead + cost <= stock.held) return 0
    if (cost > limit.burst) return Infinity
    return share === undefined ? stock.delayMs(ahead + cost, nowMs) : share.delayMs(ahead + cost, nowMs)
  }

  /** Goes over to the fallback with the store, and back; and has it asked now and then whether it is there again. */
  follow(): void {
    const { link, stock, settings, figures, nowMs } = this
    if (!link.isDown) {
      if (this.share === undefined) return
      this.share = undefined
      stock.forgetShortage()
      figures.tell('shared', { afterMs: nowMs - this.shareSinceMs })
      return
    }
    if (this.share === undefined) {
      this.share = new LocalShare(settings, stock.remainingAt(nowMs), nowMs)
      this.shareSinceMs = nowMs
      figures.tell('fallback', { error: link.error, ...this.share.limit })
    }
    if (!this.isAsking && link.mayProbe(nowMs)) this.put(stock.report(this.key))
  }

  /** Asks for more tokens ahead before there are none. */
  refill(): void {
    const { stock } = this
    if (stock.isLow && !this.isAsking) this.getMore()
  }

  /**
   * Asks the store, if it answers, can have tokens, and is not being asked.
   * @param needed for calls, of which the first costs `first`.
   */
  ask(needed: number, first: number): void {
    const { stock, nowMs } = this
    if (this.isAsking || this.share !== undefined || stock.delayMs(first, nowMs) > 0) return
    this.put(stock.request(this.key, needed, first - stock.held, nowMs))
  }

  /** Tokens that nobody has needed lately are the store's again. */
  putBackIdle(): void {
    if (this.idleMs > this.nowMs) return
    this.stock.putBack()
    if (!this.link.isDown) this.put(this.stock.report(this.key))
  }

  answered(grant: TokenGrant, { request, unpaid }: Question): void {
    this.isAsking = false
    this.stock.receive(grant, request, unpaid, this.nowMs)
    this.onNews()
  }

  failed(): void {
    this.isAsking = false
    this.onNews()
  }

  answeredLate(grant: TokenGrant, { unpaid }: Question): void {
    this.stock.receiveLate(grant, unpaid)
  }

  private get nowMs(): number {
    return this.on.clock.now()
  }

  private getMore(): void {
    const { stock, nowMs } = this
    if (this.link.isDown || stock.delayMs(stock.held + 1, nowMs) > 0) return
    this.put(stock.request(this.key, 0, 0, nowMs))
  }

  private put(request: TokenRequest): void {
    const { link, on, stock, settings } = this
    this.isAsking = true
    this.roundTrips++
    link.ask(new Question(link, this, on, request, stock.unpaid, settings.timeoutMs))
  }
}
