import type { Context } from '../context/context.js'
import { DeadlineExceeded } from '../context/deadline.js'
import { Canceled, MisuseError } from '../runtime/errors.js'
import { isGeneratorFunction, isThenable, launch } from '../runtime/go.js'
import { Goroutine } from '../runtime/goroutine.js'
import { Operation, type Parked, type Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { wait } from '../runtime/promise.js'
import { scheduler } from '../runtime/scheduler.js'
import {
  type Attempt,
  type Call,
  DONE,
  FAILED,
  GIVEN_UP,
  type Gate,
  MUST_WAIT,
  NEVER_RAN,
  type Priority,
  REFUSED,
  type Wrapper,
} from './guard.js'
import { Refused } from './refused.js'

/** What is guarded: a generator function (run as a routine), an async one or a plain one; or one that returns an operation. */
export type Guarded<T> = (ctx: Context) => Routine<T> | PromiseLike<T> | T

export interface CallOptions<T> {
  /** Who asks, for guards that count each caller apart. */
  readonly key?: string
  /** `normal` unless said. */
  readonly priority?: Priority
  /** How much of a limit the call takes: 1 unless said. */
  readonly cost?: number
  /** Whether the call may be made twice: true unless said. A retry's own `idempotent` wins. */
  readonly idempotent?: boolean
  /** Whether a value means that the call failed, to all of its guards: a response with status 503. An error always does. */
  readonly isFailure?: (value: T) => boolean
}

/** A call that runs under guards: `yield*` it in a goroutine, or `await` it; once. */
export interface Running<T> extends PromiseLike<T> {
  [Symbol.iterator](): Iterator<Parked, T, unknown>
}

/** Guards in their order: gates, then perhaps a wrapper with the rest behind it. */
export interface Layer {
  readonly gates: readonly Gate[]
  /** What makes the call, under `inner`; without it the call is made here. */
  readonly wrapper: Wrapper | undefined
  readonly inner: Layer | undefined
  /** What calls are measured with; found out at the first call. */
  timing?: Timing
}

/** How long calls take: nobody asks, to within a few ms, exactly. */
type Timing = typeof NOBODY_ASKS | typeof COARSE | typeof EXACT
const NOBODY_ASKS = 0
const COARSE = 1
const EXACT = 2

/**
 * One call under the gates of a layer. It is the object that `yield*` iterates, and its own last result, so that a call
 * that no gate holds up costs this object only.
 *
 * Whatever happens, the gates that let it in hear of its end exactly once, the innermost first.
 */
export class Run<T> implements Call, Running<T> {
  /** As an iterator's result. */
  done: boolean
  value: T
  private rest: Iterator<Parked, unknown, unknown> | undefined
  private isBegun: boolean
  private isCalled: boolean
  private entered: number
  /** What the gates gave, where it was not 0: mostly there is one at most, that of a breaker. */
  private ticket: number
  private ticketOf: number
  private moreTickets: number[] | undefined
  private startedMs: number

  constructor(
    private readonly layer: Layer,
    readonly ctx: Context,
    private readonly fn: Guarded<T>,
    private readonly options: CallOptions<T>,
  ) {
    this.done = false
    this.value = undefined as T // until it is done
    this.rest = undefined
    this.isBegun = false
    this.isCalled = false
    this.entered = 0
    this.ticket = 0
    this.ticketOf = -1
    this.moreTickets = undefined
    this.startedMs = 0
  }

  get key(): string | undefined {
    return this.options.key
  }

  get priority(): Priority {
    return this.options.priority ?? 'normal'
  }

  get cost(): number {
    return this.options.cost ?? 1
  }

  get idempotent(): boolean {
    return this.options.idempotent ?? true
  }

  [Symbol.iterator](): Iterator<Parked, T, unknown> {
    if (this.isBegun) throw new MisuseError('a guarded call runs once: make a new one with run() each time')
    this.isBegun = true
    return this
  }

  // biome-ignore lint/suspicious/noThenProperty: `await policy.run(…)` is half of the contract.
  then<A = T, B = never>(
    onValue?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return launch(scheduler(), routineOf(this), this.fn as GoFunction, this.then as GoFunction).then(
      onValue,
      onError,
    )
  }

  /**
   * @internal Comes to the gates now, not only when it is waited for, so that they know of what waits for its turn. Whoever
   * calls this has to have it run.
   */
  arrive(): this {
    try {
      this.pass()
      return this
    } catch (error) {
      this.leave(NEVER_RAN, error)
      throw error
    }
  }

  /** @internal */
  next(signal?: unknown): IteratorResult<Parked, T> {
    try {
      if (this.rest === undefined && this.begin()) return this.end()
      let result = this.rest?.next(signal)
      if (result?.done === true && !this.isCalled) {
        if (this.call()) return this.end()
        result = this.rest?.next()
      }
      if (result?.done !== true) return result as IteratorYieldResult<Parked>
      this.value = result.value as T
      return this.end()
    } catch (error) {
      this.leave(this.endingOf(error), error)
      throw error
    }
  }

  /** @internal The goroutine exits. */
  return(value?: T): IteratorResult<Parked, T> {
    try {
      this.rest?.return?.(value)
    } finally {
      this.leave(this.isCalled ? GIVEN_UP : NEVER_RAN, undefined)
    }
    return { done: true, value: value as T }
  }

  /** Passes the gates and makes the call. True if it is over by then; otherwise `rest` is what has to be waited for. */
  private begin(): boolean {
    return this.pass() && this.call()
  }

  /** Passes the gates: false if one of them has it wait, for `rest`. */
  private pass(): boolean {
    const { ctx } = this
    const { gates } = this.layer
    if (ctx.err !== undefined) throw ctx.err
    for (let gate = gates[this.entered]; gate !== undefined; gate = gates[this.entered]) {
      const ticket = gate.enter(this)
      if (ticket === MUST_WAIT) {
        this.rest = this.queue()
        return false
      }
      this.admit(gate, ticket)
    }
    return true
  }

  /** The way past the gates of a call that one of them holds up. */
  private *queue(): Routine<void> {
    const { gates } = this.layer
    for (let gate = gates[this.entered]; gate !== undefined; gate = gates[this.entered]) {
      const ticket = gate.enter(this)
      this.admit(gate, ticket === MUST_WAIT ? yield* gate.wait(this).within(this.ctx) : ticket)
    }
    if (this.ctx.err !== undefined) throw this.ctx.err
  }

  private admit(gate: Gate, ticket: number): void {
    if (ticket === REFUSED) throw gate.refusal(this)
    if (ticket > 0) this.keep(ticket)
    this.entered++
  }

  /** Makes the call: true if its value is there, otherwise it is what `rest` gives. */
  private call(): boolean {
    const { layer, fn, ctx } = this
    this.isCalled = true
    this.rest = undefined
    layer.timing ??= timingOf(layer.gates)
    if (layer.timing !== NOBODY_ASKS) this.startedMs = nowMs(layer.timing)
    if (layer.wrapper !== undefined) {
      this.rest = layer.wrapper.wrap(this.attempt(layer.inner as Layer))
      return false
    }
    const made = fn(ctx)
    if (typeof made !== 'object' || made === null) this.value = made
    else if (isGeneratorFunction(fn)) this.rest = made as Routine<T>
    else if (made instanceof Operation || made instanceof Goroutine)
      this.rest = (made as Operation<T>).within(ctx)[Symbol.iterator]()
    else if (isThenable(made as T | PromiseLike<T>))
      this.rest = wait(made as PromiseLike<T>)
        .within(ctx)
        [Symbol.iterator]()
    else this.value = made as T
    return this.rest === undefined
  }

  private attempt(inner: Layer): Attempt<T> {
    const { ctx, key, priority, cost, idempotent, fn, options } = this
    return {
      ctx,
      key,
      priority,
      cost,
      idempotent,
      isFailure: (value) => options.isFailure?.(value as T) === true,
      run: (within) => new Run(inner, within, fn, options),
    }
  }

  private end(): IteratorReturnResult<T> {
    const isFailure = this.options.isFailure?.(this.value) === true
    this.leave(isFailure ? FAILED : DONE, undefined)
    this.done = true
    return this as IteratorReturnResult<T>
  }

  private endingOf(error: unknown): number {
    if (!this.isCalled || error instanceof Refused) return NEVER_RAN
    // One that was canceled because its time was up has been too slow, which the caller did not choose.
    return error instanceof Canceled && !(error.cause instanceof DeadlineExceeded) ? GIVEN_UP : FAILED
  }

  private keep(ticket: number): void {
    if (this.ticketOf < 0) {
      this.ticket = ticket
      this.ticketOf = this.entered
    } else {
      this.moreTickets ??= []
      this.moreTickets[this.entered] = ticket
    }
  }

  private leave(ending: number, error: unknown): void {
    const { entered, layer } = this
    if (entered === 0) return
    this.entered = 0
    const { timing } = layer
    if (timing === NOBODY_ASKS) return
    const ms = this.isCalled && timing !== undefined ? nowMs(timing) - this.startedMs : 0
    let broken: { readonly error: unknown } | undefined
    for (let i = entered - 1; i >= 0; i--) {
      const ticket = i === this.ticketOf ? this.ticket : (this.moreTickets?.[i] ?? 0)
      try {
        layer.gates[i]?.leave(ticket, ending, error, ms)
      } catch (error) {
        broken ??= { error } // a listener's, say: the others have to hear of the end all the same
      }
    }
    if (broken !== undefined) throw broken.error
  }
}

function timingOf(gates: readonly Gate[]): Timing {
  if (gates.some((gate) => gate.needsExactMs === true)) return EXACT
  return gates.every((gate) => gate.ignoresLeave === true) ? NOBODY_ASKS : COARSE
}

function nowMs(timing: Timing): number {
  const { clock, coarseClock } = scheduler()
  return (timing === EXACT ? clock : coarseClock).now()
}

function* routineOf<T>(run: Run<T>): Routine<T> {
  return yield* run
}
