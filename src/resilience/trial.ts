import { CancelNode } from '../context/cancel.js'
import type { Context } from '../context/context.js'
import type { Ending } from '../context/ending.js'
import { Canceled } from '../runtime/errors.js'
import { detach, launch } from '../runtime/go.js'
import { goexit } from '../runtime/goexit.js'
import type { Goroutine, Outcome } from '../runtime/goroutine.js'
import { Operation, type Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'
import { WaitList } from '../runtime/wait-list.js'
import type { Running } from './run.js'

/**
 * A call in a goroutine of its own, under a context of its own, so that who made it can go on without it.
 *
 * It is called off when its context ends before it has: at that moment what listens to the context is told, and a call that
 * does not listen is canceled where it is parked. One that does listen is left to clean up in peace; canceling it as well, as
 * it is tempting to do, would break off the roll-back in its `finally`.
 *
 * The context of a call that gave a value is let go, not ended: the body of a response may still have to be read. That of one
 * that failed is ended, for what it left running.
 */
export class Trial<T> extends CancelNode {
  /** How it ended; `undefined` until then. */
  outcome: Outcome<T> | undefined
  /** Its context ended before it did. */
  wasCalledOff: boolean
  /** None before it has to wait. */
  private goroutine: Goroutine<T> | undefined
  /** @internal Who waits for it to be over. */
  readonly watchers: WaitList<Over>

  /**
   * @param maker what a dump names the goroutine after.
   * @param onEnd told in the very step in which the call ends, outside of any goroutine; must not throw.
   */
  constructor(
    parent: Context,
    private readonly maker: GoFunction,
    private readonly onEnd?: (trial: Trial<T>) => void,
  ) {
    super(parent)
    this.outcome = undefined
    this.wasCalledOff = false
    this.goroutine = undefined
    this.watchers = new WaitList()
  }

  /** Makes the call in a goroutine, when that has its turn. */
  start(call: MadeCall<T>): this {
    this.run(launch(scheduler(), made(call, this), this.maker, this.maker))
    this.follow(this.parent)
    return this
  }

  /** Makes the call here and now. One that has to wait goes on in a goroutine. */
  begin(call: MadeCall<T>): this {
    this.follow(this.parent)
    if (this.wasCalledOff) return this
    try {
      const routine = call(this)[Symbol.iterator]() as Routine<T>
      const step = routine.next()
      if (step.done === true) this.settle({ value: step.value })
      else this.run(detach(routine, this.maker, this.maker))
    } catch (error) {
      this.settle({ error })
    }
    return this
  }

  /** Waits until the call has ended, or was called off. */
  over(): Operation<void> {
    return new Over(this as Trial<unknown>)
  }

  get isOver(): boolean {
    return this.outcome !== undefined || this.wasCalledOff
  }

  /** Gives its value, throws its error or exits as it did; only once it has an outcome. */
  *take(): Routine<T> {
    const { outcome } = this
    if (outcome !== undefined && 'error' in outcome) throw outcome.error
    if (this.goroutine?.exited === true) yield* goexit()
    return outcome?.value as T
  }

  /** Ends the call, unless it has ended. */
  callOff(cause?: unknown): void {
    if (this.outcome === undefined) this.cancel(cause)
  }

  override end(ending: Ending): void {
    if (this.howEnded() !== undefined) return
    const wasParked = this.goroutine?.state === 'waiting'
    super.end(ending)
    if (this.outcome !== undefined) return
    this.wasCalledOff = true
    if (!wasParked || this.goroutine?.state === 'waiting') this.stop(ending)
    this.tell()
  }

  private stop({ err }: Ending): void {
    this.goroutine?.cancel(err instanceof Canceled ? err.cause : err)
  }

  private run(goroutine: Goroutine<T>): void {
    this.goroutine = goroutine
    const outcome = goroutine.outcome().claim()
    outcome.attempt()
    outcome.parkFor({ wake: () => this.settle(outcome.value as Outcome<T>) })
    const ending = this.howEnded()
    if (ending !== undefined) this.stop(ending) // by what the call itself did before it had to wait
  }

  private settle(outcome: Outcome<T>): void {
    this.outcome = outcome
    if ('error' in outcome) this.cancel()
    else this.leave()
    this.onEnd?.(this)
    this.tell()
  }

  private tell(): void {
    for (let over = this.watchers.shift(); over !== undefined; over = this.watchers.shift()) over.complete()
  }
}

class Over extends Operation<void> {
  constructor(private readonly trial: Trial<unknown>) {
    super()
  }

  override get waitReason(): string {
    return 'guarded call'
  }

  override attempt(): boolean {
    return this.trial.isOver && this.complete()
  }

  override park(): void {
    this.trial.watchers.push(this)
  }

  override unpark(): void {
    this.trial.watchers.remove(this)
  }
}

type MadeCall<T> = (ctx: Context) => Running<T> | Routine<T>

function* made<T>(call: MadeCall<T>, ctx: Context): Routine<T> {
  return yield* call(ctx)
}
