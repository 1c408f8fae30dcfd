import { background } from '../../src/context/background.js'
import type { Clock } from '../../src/runtime/clock.js'
import type { Call } from '../../src/resilience/guard.js'

/** A clock that shows what a test sets, backwards too. Nobody sleeps on it. */
export class HandClock implements Clock {
  constructor(public ms = 0) {}

  now(): number {
    return this.ms
  }

  epochNow(): number {
    return this.ms
  }

  arm(): void {}
}

/** A call as guards see it. */
export function callOf(about: Partial<Call> = {}): Call {
  return { ctx: background(), key: undefined, priority: 'normal', cost: 1, ...about }
}
