import type { Settings } from './cluster-settings.js'
import { Gcra } from './gcra.js'

/** What one instance may use while the store does not answer: the limit, divided by how many there are. */
export class LocalShare {
  private readonly gcra: Gcra
  private free: number
  private askedMs: number

  /** @param available tokens that the store had by now, as far as is known: of those it begins with its share. */
  constructor(
    public settings: Settings,
    available: number,
    nowMs: number,
  ) {
    this.gcra = new Gcra(nowMs)
    this.askedMs = nowMs
    const { burst } = this
    this.free = Math.min(burst, available / settings.instances())
    this.gcra.take({ ...this.limit, spent: burst - this.free, want: 0, least: 0 }, nowMs)
  }

  get rate(): number {
    return this.settings.rate / this.settings.instances()
  }

  /** At least 1, or no call could ever go on. */
  get burst(): number {
    return Math.max(1, this.settings.burst / this.settings.instances())
  }

  take(cost: number, nowMs: number): boolean {
    const { granted, remaining } = this.gcra.take({ ...this.limit, spent: 0, want: cost, least: cost }, nowMs)
    this.free = remaining
    this.askedMs = nowMs
    return granted >= cost
  }

  /** After how many ms there are `cost` tokens; `Infinity` if there are never so many. */
  delayMs(cost: number, nowMs: number): number {
    const { rate } = this
    return Math.max(0, ((cost - this.free) / rate) * 1000 - (nowMs - this.askedMs))
  }

  available(nowMs: number): number {
    return Math.min(this.burst, this.free + ((nowMs - this.askedMs) * this.rate) / 1000)
  }

  get limit(): { rate: number; burst: number } {
    const { rate, burst } = this
    return { rate, burst }
  }
}
