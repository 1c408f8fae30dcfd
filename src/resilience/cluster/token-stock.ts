import type { Settings } from './cluster-settings.js'
import type { TokenGrant, TokenRequest } from './limit-store.js'

/** Tokens that nobody needs for so many times `aheadMs` go back. */
const keepTimes = 2
/** The rate of calls is an average over so many milliseconds. */
const memoryMs = 100
/**
 * An instance that has found no tokens asks again after so many milliseconds at the earliest, or a quarter of the time in
 * which a whole burst comes: so often that none is lost, and no more often however high the rate is.
 */
const pauseMs = 5

/**
 * The tokens that an instance holds, and what it knows of the others in the store.
 *
 * Every token was taken from the store before it is used, and the store gives out no more than burst + rate × time. So
 * that is also what all instances use together from the beginning on; between two later moments it is that and what they
 * held at the first of the two: half a burst at most, and what was taken for callers who gave up meanwhile.
 */
export class TokenStock {
  /** Tokens to use. */
  held = 0
  /** Tokens that were used while the store did not answer. It is told until it has confirmed that, twice rather than never. */
  unpaid = 0
  /** Tokens that it gave and nobody used. It is told once: what it does not hear of is lost. */
  private unused = 0
  /** As many are to be held; 0 at low rates. */
  private level = 0
  /** Since when tokens are held that have not been asked for. */
  private grantedMs = 0
  /** What the store said last. */
  private remaining: number | undefined = undefined
  private saidMs = 0
  /** It had fewer than were wanted. */
  private isShort = false
  private used = 0
  private usedSinceMs: number
  private ratePerMs = 0

  constructor(
    public settings: Settings,
    nowMs: number,
  ) {
    this.usedSinceMs = nowMs
  }

  use(cost: number): void {
    this.held -= cost
    this.used += cost
  }

  /** It is time to get more, before there are none. */
  get isLow(): boolean {
    return this.level > 0 && this.held < this.level / 2
  }

  /**
   * What to ask for, so that `needed` tokens are there for calls and as many ahead as their rate says.
   * @param least with fewer new ones no call could go on.
   */
  request(key: string, needed: number, least: number, nowMs: number): TokenRequest {
    this.level = this.levelAt(nowMs)
    const missing = Math.max(0, needed - this.held)
    const ahead = Math.max(0, this.level - Math.max(0, this.held - needed))
    const want = Math.min(this.settings.burst, missing + Math.floor(ahead))
    return this.tell({ key, want, least: Math.min(want, Math.max(0, least)) })
  }

  /** What only tells the store: to give back, or to see whether it answers. */
  report(key: string): TokenRequest {
    return this.tell({ key, want: 0, least: 0 })
  }

  /** @param unpaid as it was when that was asked. */
  receive({ granted, remaining }: TokenGrant, { want }: TokenRequest, unpaid: number, nowMs: number): void {
    this.confirm(unpaid)
    this.held += granted
    this.remaining = remaining
    this.saidMs = nowMs
    if (want > 0) this.isShort = granted < want
    if (granted > 0) this.grantedMs = nowMs
  }

  /** They came when nobody waited for them any more: they go back with the next question. */
  receiveLate({ granted }: TokenGrant, unpaid: number): void {
    this.confirm(unpaid)
    this.unused += granted
  }

  /** How long it takes at the least until `cost` tokens could be there, as far as is known: 0 if the store has to be asked. */
  delayMs(cost: number, nowMs: number): number {
    const missing = cost - this.held
    if (!this.isShort || missing <= 0) return 0
    const { rate, burst } = this.settings
    const fullMs = (burst / rate) * 1000
    const comesMs = ((missing - (this.remaining ?? 0)) / rate) * 1000
    return Math.max(0, this.saidMs + Math.max(comesMs, Math.min(pauseMs, fullMs / 4)) - nowMs)
  }

  /** Tokens in the store now, if nobody else takes any. */
  remainingAt(nowMs: number): number {
    const { rate, burst } = this.settings
    const { remaining = burst, saidMs } = this
    return Math.min(burst, remaining + (Math.max(0, nowMs - saidMs) * rate) / 1000)
  }

  /** When the tokens that are held have not been needed for too long: never if there are none. */
  get idleMs(): number {
    return this.held > 0 ? this.grantedMs + keepTimes * this.settings.aheadMs : Infinity
  }

  /** Puts back what is held: it is the store's again when that hears of it. */
  putBack(): void {
    this.unused += this.held
    this.held = 0
    this.level = 0
  }

  /** A store that was gone may have anything. */
  forgetShortage(): void {
    this.isShort = false
  }

  private tell(about: Pick<TokenRequest, 'key' | 'want' | 'least'>): TokenRequest {
    const { rate, burst } = this.settings
    const spent = Math.min(burst, this.unpaid) - Math.min(burst, this.unused)
    this.unused = 0
    return { ...about, rate, burst, spent }
  }

  /** The store never goes below nothing, so what it was told twice must not come back as a credit. */
  private confirm(unpaid: number): void {
    this.unpaid = Math.max(0, this.unpaid - unpaid)
  }

  /** How many to hold, from the rate of calls lately: none where that would be one or two for a long time. */
  private levelAt(nowMs: number): number {
    const { burst, aheadMs, instances } = this.settings
    const elapsedMs = nowMs - this.usedSinceMs
    if (elapsedMs > 0) {
      const weight = 1 - Math.exp(-elapsedMs / memoryMs)
      this.ratePerMs += (this.used / elapsedMs - this.ratePerMs) * weight
      this.used = 0
      this.usedSinceMs = nowMs
    }
    const level = Math.floor(Math.min(this.ratePerMs * aheadMs, burst / 2 / instances()))
    return level < 2 ? 0 : level
  }
}
