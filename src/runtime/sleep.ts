import { ArgumentError } from './errors.js'
import { Operation } from './operation.js'
import { type Scheduler, scheduler, thread } from './scheduler.js'
import type { Deadline } from './timers.js'

/**
 * Waits for `ms` milliseconds from the moment it starts. Zero and less return at once; `Infinity` waits until
 * canceled. Never early. Source: Go's `time.Sleep`.
 */
export function sleep(ms: number): Operation<void> {
  checkMs('sleep', ms)
  return new Sleep(ms, 'sleep')
}

/**
 * Waits until `ms` milliseconds have passed since this call, for a select: `late: after(100)`. Its value is the time,
 * as `now()` gives it. Source: Go's `time.After`; nothing has to be drained or stopped.
 */
export function after(ms: number): Operation<number> {
  checkMs('after', ms)
  return new After(ms)
}

/** Milliseconds since the Unix epoch, on the clock of the goroutine that asks: virtual in a bubble. Source: Go's `time.Now`. */
export function now(): number {
  return scheduler().clock.epochNow()
}

/** Lets all other runnable goroutines have their turn first. Source: Go's `runtime.Gosched`. */
export function yieldNow(): Operation<void> {
  return new YieldNow()
}

/** @throws ArgumentError if `ms` is not a number. */
export function checkMs(caller: string, ms: number): void {
  if (typeof ms !== 'number' || Number.isNaN(ms)) {
    throw new ArgumentError(`${caller}() needs a number of milliseconds, not ${String(ms)}`)
  }
}

abstract class Timed<T> extends Operation<T> implements Deadline {
  heapIndex = -1
  sequence = 0
  atMs = 0
  protected on: Scheduler | undefined = undefined

  abstract expire(): void

  override park(): void {
    if (this.atMs !== Infinity) this.on?.timers.add(this)
  }

  override unpark(): void {
    this.on?.timers.remove(this)
  }
}

class Sleep extends Timed<void> {
  constructor(
    private readonly ms: number,
    override readonly waitReason: string,
  ) {
    super()
  }

  override attempt(): boolean {
    if (this.ms <= 0) return this.complete()
    this.on = scheduler()
    this.atMs = this.on.clock.now() + this.ms
    return false
  }

  override expire(): void {
    this.complete()
  }
}

class After extends Timed<number> {
  constructor(ms: number) {
    super()
    this.on = scheduler()
    this.atMs = this.on.clock.now() + ms
  }

  override get waitReason(): string {
    return 'sleep'
  }

  override attempt(): boolean {
    return (this.on as Scheduler).clock.now() >= this.atMs && this.fire()
  }

  override expire(): void {
    this.fire()
  }

  private fire(): true {
    return this.complete((this.on as Scheduler).clock.epochNow())
  }
}

class YieldNow extends Timed<void> {
  override get waitReason(): string {
    return 'yield'
  }

  override attempt(): boolean {
    return false
  }

  override park(): void {
    const g = thread.current
    if (g !== undefined && this.waiter === g) {
      this.waiter = undefined
      this.complete()
      g.scheduler.requeue(g)
    } else {
      this.on = scheduler()
      this.atMs = this.on.clock.now()
      super.park()
    }
  }

  override expire(): void {
    this.complete()
  }
}
