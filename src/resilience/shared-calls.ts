import type { Context } from '../context/context.js'
import { withoutCancel } from '../context/value.js'
import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import type { Attempt } from './guard.js'
import { Trial } from './trial.js'

/**
 * Calls that several callers wait for, one for each key. A call belongs to none of them: it runs under a context with the
 * values of the first caller's that ends when the last caller has left.
 *
 * `SingleFlight` of sluice/sync does not do here: it has no way to end a call that nobody waits for any more.
 */
export class SharedCalls {
  private readonly calls = new Map<string, SharedCall<unknown>>()

  /** @param maker what a dump names the goroutines after. */
  constructor(private readonly maker: GoFunction) {}

  /** Calls that are under way, but for those that were forgotten. */
  get size(): number {
    return this.calls.size
  }

  get(key: string): SharedCall<unknown> | undefined {
    return this.calls.get(key)
  }

  /**
   * Makes a call that others can join.
   * @param make makes it; the attempt itself unless said.
   */
  start<T>(key: string, attempt: Attempt<T>, make?: (ctx: Context) => Routine<T>): SharedCall<T> {
    const trial = new Trial<T>(withoutCancel(attempt.ctx), this.maker, () => this.drop(key, call))
    trial.start(make ?? ((ctx) => attempt.run(ctx)))
    const call: SharedCall<T> = { trial, callers: 0 }
    this.calls.set(key, call as SharedCall<unknown>)
    return call
  }

  /** Waits for a call with others, for as long as the caller's context lasts. */
  *join<T>(key: string, call: SharedCall<T>, { ctx }: Attempt<T>): Routine<T> {
    call.callers++
    try {
      yield* call.trial.over().within(ctx)
      return yield* call.trial.take()
    } finally {
      if (--call.callers === 0) {
        this.drop(key, call)
        call.trial.callOff(ctx.err)
      }
    }
  }

  /** The next call for `key` starts anew, even while one is under way. */
  forget(key: string): void {
    this.calls.delete(key)
  }

  /** Forgets all. */
  clear(): void {
    this.calls.clear()
  }

  /** A call that was forgotten must not take away the one that came after it. */
  private drop<T>(key: string, call: SharedCall<T>): void {
    if (this.calls.get(key) === (call as SharedCall<unknown>)) this.calls.delete(key)
  }
}

/** A call, and how many wait for it. */
export interface SharedCall<T> {
  readonly trial: Trial<T>
  callers: number
}
