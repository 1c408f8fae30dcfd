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

/** The host's clock, over one host timer. */
export class HostClock implements Clock {
  private timer: ReturnType<typeof setTimeout> | undefined

  now(): number {
    return hostNow()
  }

  epochNow(): number {
    return Date.now()
  }

  arm(atMs: number, ring: () => void): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (atMs === Infinity) return
    const delayMs = Math.max(1, Math.min(Math.ceil(atMs - this.now()), longestDelayMs))
    this.timer = setTimeout(() => {
      // Host timers may fire up to a millisecond early, and long delays come in steps.
      if (this.now() < atMs) this.arm(atMs, ring)
      else ring()
    }, delayMs)
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
