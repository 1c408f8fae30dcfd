import type { TokenGrant, TokenRequest } from './limit-store.js'

/** Sums of fractions fall short in the last bits; one who comes back just in time must not be refused for that. */
const slack = 1e-9

/**
 * The generic cell rate algorithm in its form as a continuous-state leaky bucket: what was used, and when, drained at the
 * limit's rate. In the other form, a theoretical arrival time in microseconds, a double is too coarse from some hundred
 * thousand tokens a second on. The script of `redisStore` is the same, line by line.
 *
 * Source: ITU-T I.371, annex A.
 */
export class Gcra {
  private used = 0

  /** Full: all tokens are there. */
  constructor(private atMs: number) {}

  take({ rate, burst, spent, want, least }: Omit<TokenRequest, 'key'>, nowMs: number): TokenGrant {
    this.drain(rate, nowMs)
    this.used = Math.min(burst, Math.max(0, this.used + spent))
    const free = burst - this.used
    const granted =
      free + slack >= want ? want : free + slack >= least ? least + Math.floor(free - least + slack) : 0
    this.used = Math.min(burst, this.used + granted)
    return { granted, remaining: burst - this.used }
  }

  /** When all tokens will be there, if nobody takes any. */
  fullMs(rate: number): number {
    return this.atMs + (this.used / rate) * 1000
  }

  /** A clock that goes back brings no tokens, and nobody waits until it has caught up. */
  private drain(rate: number, nowMs: number): void {
    if (nowMs > this.atMs) this.used = Math.max(0, this.used - ((nowMs - this.atMs) * rate) / 1000)
    this.atMs = nowMs
  }
}
