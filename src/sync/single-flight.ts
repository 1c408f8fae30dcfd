import { type Chan, chan, type RecvChan } from '../runtime/chan.js'
import { fatal } from '../runtime/crash.js'
import { FatalError } from '../runtime/errors.js'
import { type GoTarget, invoke, launch } from '../runtime/go.js'
import { goexit } from '../runtime/goexit.js'
import type { Outcome } from '../runtime/goroutine.js'
import { Operation, type Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'
import { WaitList } from '../runtime/wait-list.js'

/** What a call gave, and whether more than one caller got it. */
export interface Flight<T> {
  readonly value: T
  readonly shared: boolean
}

/** The same for `doChan`, where an error is delivered too. */
export type FlightOutcome<T> = Outcome<T> & { readonly shared: boolean }

/**
 * Suppresses duplicate calls: those that ask for a key while a call for it is under way wait for that one and share
 * its value or its error.
 *
 * ```ts
 * const { value } = yield* flights.do(id, () => load(id))
 * ```
 *
 * Source: golang.org/x/sync/singleflight.
 */
export class SingleFlight<T, K = string> {
  private readonly calls = new Map<K, Call<T>>()

  /** The next call for `key` starts anew, even while one is under way. */
  forget(key: K): void {
    this.calls.delete(key)
  }

  /**
   * Calls `fn`, or waits for the call that is under way for `key`. The call belongs to the goroutine that came first:
   * if that one is canceled, all get its `Canceled`. Where this must not be, use `doChan`.
   */
  *do(key: K, fn: GoTarget<[], T>): Routine<Flight<T>> {
    const flying = this.calls.get(key)
    if (flying === undefined) {
      const call = this.enter(key)
      yield* this.fly(key, call, fn)
      return call.flight()
    }
    flying.shared = true
    yield* new Landing(flying)
    // The goroutine that made the call has exited by goexit, and so do all that shared it.
    if (flying.outcome === undefined) yield* goexit()
    return flying.flight()
  }

  /** The same in a goroutine of its own: the channel gets the outcome, and is never closed. */
  doChan(key: K, fn: GoTarget<[], T>): RecvChan<FlightOutcome<T>> {
    const listener = chan<FlightOutcome<T>>(1)
    const flying = this.calls.get(key)
    if (flying !== undefined) {
      flying.shared = true
      flying.listeners.push(listener)
      return listener
    }
    const call = this.enter(key)
    call.listeners.push(listener)
    launch(scheduler(), this.fly(key, call, fn), fn as GoFunction, this.doChan as GoFunction)
    return listener
  }

  private enter(key: K): Call<T> {
    const call = new Call<T>()
    this.calls.set(key, call)
    return call
  }

  private *fly(key: K, call: Call<T>, fn: GoTarget<[], T>): Routine<void> {
    try {
      call.outcome = { value: yield* invoke(fn, []) }
    } catch (error) {
      call.outcome = { error }
      // A channel would pass a broken program off as an outcome.
      if (error instanceof FatalError && call.listeners.length > 0) throw fatal(error)
    } finally {
      // A call that was forgotten must not take away the one that came after it.
      if (this.calls.get(key) === call) this.calls.delete(key)
      call.land()
    }
  }
}

class Call<T> {
  /** `undefined` until it has ended, and for ever when it ended by goexit. */
  outcome: Outcome<T> | undefined = undefined
  shared = false
  landed = false
  readonly listeners: Chan<FlightOutcome<T>>[] = []
  readonly waiting = new WaitList<Landing<T>>()

  flight(): Flight<T> {
    if (this.outcome !== undefined && 'error' in this.outcome) throw this.outcome.error
    return { value: this.outcome?.value as T, shared: this.shared }
  }

  land(): void {
    this.landed = true
    for (let each = this.waiting.shift(); each !== undefined; each = this.waiting.shift()) each.complete()
    if (this.outcome === undefined || this.outcome.error instanceof FatalError) return
    for (const listener of this.listeners) listener.trySend({ ...this.outcome, shared: this.shared })
  }
}

/** Waits for a call to end. */
class Landing<T> extends Operation<void> {
  constructor(private readonly call: Call<T>) {
    super()
  }

  override get waitReason(): string {
    return 'singleflight'
  }

  override attempt(): boolean {
    return this.call.landed && this.complete()
  }

  override park(): void {
    this.call.waiting.push(this)
  }

  override unpark(): void {
    this.call.waiting.remove(this)
  }
}
