/** How often something may happen: so often at once, and so often a second in the long run. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** Counts what a client may do now and then, but not all the time: a bucket of tokens. */
export class FloodGuard {
  private tokens: number
  private filledMs: number

  constructor(
    private readonly rate: Rate,
    nowMs: number,
  ) {
    this.tokens = rate.burst
    this.filledMs = nowMs
  }

  /** Notes that it has happened. False once that was too often. */
  allows(nowMs: number): boolean {
    const { burst, perSecond } = this.rate
    this.tokens = Math.min(burst, this.tokens + ((nowMs - this.filledMs) / 1000) * perSecond)
    this.filledMs = nowMs
    this.tokens -= 1
    return this.tokens >= 0
  }
}
