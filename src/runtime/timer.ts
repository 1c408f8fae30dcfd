import { ArgumentError } from './errors.js'
import { type Chan, chan, type RecvChan } from './chan.js'
import { type GoTarget, spawn } from './go.js'
import type { GoFunction } from './origin.js'
import { type Scheduler, scheduler } from './scheduler.js'
import { checkMs } from './sleep.js'
import type { Deadline } from './timers.js'

/**
 * A single event in the future, which can be stopped and set anew. After `stop` or `reset` no stale time is received.
 * Source: Go's `time.Timer`, with the semantics of Go 1.23.
 */
export class Timer implements Deadline {
  /** @internal */ atMs = 0
  /** @internal */ heapIndex = -1
  /** @internal */ sequence = 0
  private readonly on: Scheduler = scheduler()

  /** @internal */
  constructor(
    private readonly fire: () => void,
    private readonly forget: () => void,
    ms: number,
  ) {
    this.start(ms)
  }

  /** Prevents the event; false if it has happened already or was stopped before. */
  stop(): boolean {
    const active = this.on.timers.remove(this)
    this.forget()
    return active
  }

  /** Sets the event to `ms` from now; true if it had been pending. */
  reset(ms: number): boolean {
    checkMs('reset', ms)
    const active = this.stop()
    this.start(ms)
    return active
  }

  /** @internal */
  expire(): void {
    this.fire()
  }

  /** @internal Sets the event to the next whole period after the one that has just come, however late that was. */
  repeat(everyMs: number): void {
    const lateMs = this.on.clock.now() - this.atMs
    this.atMs += everyMs * (1 + Math.floor(lateMs / everyMs))
    this.on.timers.add(this)
  }

  private start(ms: number): void {
    if (ms === Infinity) return
    this.atMs = this.on.clock.now() + Math.max(0, ms)
    this.on.timers.add(this)
  }
}

/** A timer that sends the time on its channel. Source: Go's `time.NewTimer`. */
export interface ChanTimer extends Timer {
  readonly c: RecvChan<number>
}

/** A timer that sends the time, as `now()` gives it, on its channel `c` after `ms`. Source: Go's `time.NewTimer`. */
export function timer(ms: number): ChanTimer {
  checkMs('timer', ms)
  const c = chan<number>(1)
  return Object.assign(new Timer(tell(c), () => c.tryRecv(), ms), { c })
}

/** Runs `fn` in a goroutine of its own after `ms`, unless it is stopped before. Source: Go's `time.AfterFunc`. */
export function afterFunc(ms: number, fn: GoTarget<[], unknown>): Timer {
  checkMs('afterFunc', ms)
  const on = scheduler()
  return new Timer(
    () => spawn(on, afterFunc as GoFunction, fn, []),
    () => {},
    ms,
  )
}

/**
 * Sends the time on its channel `c` every so often; a reader that is slow misses ticks. One that comes late does not
 * move those after it. Source: Go's `time.Ticker`.
 */
export class Ticker {
  readonly c: RecvChan<number>
  private readonly timer: Timer
  private everyMs: number

  /** @internal */
  constructor(everyMs: number) {
    const c = chan<number>(1)
    const send = tell(c)
    this.c = c
    this.everyMs = everyMs
    this.timer = new Timer(
      () => {
        this.timer.repeat(this.everyMs)
        send()
      },
      () => c.tryRecv(),
      everyMs,
    )
  }

  /** No more ticks. The channel is not closed, so that nobody takes the end for a tick. */
  stop(): void {
    this.timer.stop()
  }

  /** Ticks every `ms` from now on. */
  reset(ms: number): void {
    this.everyMs = interval('reset', ms)
    this.timer.reset(ms)
  }

  [Symbol.dispose](): void {
    this.stop()
  }
}

/**
 * Starts a ticker; the first tick comes after `everyMs`. Stop it when it is no longer needed.
 * @throws ArgumentError if `everyMs` is not greater than zero.
 */
export function ticker(everyMs: number): Ticker {
  return new Ticker(interval('ticker', everyMs))
}

function tell(c: Chan<number>): () => void {
  const on = scheduler()
  return () => c.trySend(on.clock.epochNow())
}

function interval(caller: string, ms: number): number {
  checkMs(caller, ms)
  if (ms <= 0)
    throw new ArgumentError(
      `non-positive interval for ${caller}(): ${ms}; give a number of milliseconds above 0`,
    )
  return ms
}
