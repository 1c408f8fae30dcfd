/** The time that a scheduler's goroutines live in. Injectable: `run(fn, { clock })`. */
export interface Clock {
  /** Milliseconds since some fixed moment; never runs backwards. */
  now(): number
  /** Milliseconds since the Unix epoch: what a deadline given as a `Date` is compared with. */
  epochNow(): number
  /** Calls `ring` once when `now()` reaches `atMs`, instead of whatever was armed before; `Infinity` disarms. */
  arm(atMs: number, ring: () => void): void
}

// setTimeout takes a delay beyond 2^31-1 ms for 1 ms, so a longer one is reached in steps.
const longestDelayMs = 2 ** 31 - 1

/** Milliseconds since the process began, on the host's own clock. */
export function hostNow(): number {
  return performance.now()
}

/**
 * The host's clock, over one host timer. A timer that is not needed any more stays, without holding the process, and one
 * that comes too early is left as it is: setting and clearing one costs twenty times as much, and most deadlines are
 * called off long before they are due.
 */
export class HostClock implements Clock {
  private timer: ReturnType<typeof setTimeout> | undefined
  /** When the host's timer comes. */
  private timerMs = Infinity
  /** When `ring` is to be called. */
  private atMs = Infinity
  private ring: (() => void) | undefined

  now(): number {
    return hostNow()
  }

  epochNow(): number {
    return Date.now()
  }

  arm(atMs: number, ring: () => void): void {
    this.atMs = atMs
    this.ring = atMs === Infinity ? undefined : ring
    if (atMs === Infinity) this.timer?.unref()
    else if (this.timer !== undefined && this.timerMs <= atMs) this.timer.ref()
    else this.setTimer()
  }

  private setTimer(): void {
    clearTimeout(this.timer)
    const nowMs = this.now()
    const delayMs = Math.max(1, Math.min(Math.ceil(this.atMs - nowMs), longestDelayMs))
    this.timerMs = nowMs + delayMs
    this.timer = setTimeout(this.timerCame, delayMs)
  }

  private readonly timerCame = (): void => {
    this.timer = undefined
    // Host timers may fire up to a millisecond early, and long delays come in steps.
    if (this.now() < this.atMs) {
      if (this.atMs < Infinity) this.setTimer()
      return
    }
    const { ring } = this
    this.atMs = Infinity
    this.ring = undefined
    ring?.()
  }
}

/** A clock that stands still until it is told to go on. Source: Go's testing/synctest, which starts at the same date. */
export class VirtualClock implements Clock {
  private static readonly epochMs = Date.UTC(2000, 0, 1)
  private nowMs = 0
  private alarm: { atMs: number; ring: () => void } | undefined

  now(): number {
    return this.nowMs
  }

  epochNow(): number {
    return VirtualClock.epochMs + this.nowMs
  }

  arm(atMs: number, ring: () => void): void {
    this.alarm = atMs === Infinity ? undefined : { atMs, ring }
  }

  /** Moves on to the next alarm and rings it; false when none is armed. */
  advance(): boolean {
    const alarm = this.alarm
    if (alarm === undefined) return false
    this.alarm = undefined
    this.nowMs = Math.max(this.nowMs, alarm.atMs)
    alarm.ring()
    return true
  }
}
