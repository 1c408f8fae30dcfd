import { type Clock, HostClock } from '../../runtime/clock.js'

/**
 * A clock whose wall clock is wrong by `skewMs`, which may change at any time: give it to `run(fn, { clock })`, and to
 * `faults({ clock })` so that a rule sets it.
 *
 * What reads the time through the scheduler sees it: `now()`, deadlines that are dates, the `Date` header, the access log.
 * What does not go through it does not: `Date.now()`, other threads and processes. Waits of so many milliseconds are as long
 * as ever, and a timer that runs already keeps its time, as they do where an administrator sets a machine's clock.
 *
 * @param clock what is skewed: the host's unless given.
 */
export function skewed(clock: Clock = new HostClock(), skewMs = 0): SkewedClock {
  return new SkewedClock(clock, skewMs)
}

/** Another clock, with its date moved. */
export class SkewedClock implements Clock {
  /** @internal */
  constructor(
    private readonly clock: Clock,
    public skewMs: number,
  ) {}

  now(): number {
    return this.clock.now()
  }

  epochNow(): number {
    return this.clock.epochNow() + this.skewMs
  }

  arm(atMs: number, ring: () => void): void {
    this.clock.arm(atMs, ring)
  }
}
