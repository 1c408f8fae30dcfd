import { Dependent } from '../context/cancel.js'
import type { Context } from '../context/context.js'
import type { Ending as ContextEnding } from '../context/ending.js'
import { Canceled } from '../runtime/errors.js'
import { isThenable, launch } from '../runtime/go.js'
import type { Goroutine, Joiner } from '../runtime/goroutine.js'
import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { wait } from '../runtime/promise.js'
import { HANDLED, type Scheduler } from '../runtime/scheduler.js'
import type { Linked } from '../runtime/wait-list.js'
import { type Body, knownBody, loadBody } from './bodies.js'
import { claim, finish, queued } from './call-slot.js'
import type { Everybody } from './everybody.js'
import type { Heart } from './heart.js'
import { type Memory, ownerOf, proc, procAt, slot, slotAt } from './layout.js'
import type { Names } from './names.js'
import type { Payloads } from './payloads.js'
import { contextsAmong } from './remote-context.js'

/** Finished calls that wait at most for their caller to be told. */
const mostUntold = 16
const mostUntoldMs = 0.05

/** What the one who runs tasks needs of the processor whose thread it runs them on. */
export interface Place {
  readonly p: number
  readonly machine: number
  readonly memory: Memory
  readonly names: Names
  readonly heart: Heart
  readonly scheduler: Scheduler
  ring(p: number): void
  schedule(): void
  /** A call of this very thread has ended. */
  finishedHere(number: number): void
  /** A goroutine that was a task has ended. */
  goroutineEnded(g: Goroutine<unknown>): void
}

/** The tasks that one thread runs: from a claimed slot to the result in it, and to telling the caller. */
export class Runner {
  /** Modules that are being loaded for a task. */
  loading = 0
  /** Calls that it has claimed and not ended; also those whose body is being loaded, or whose arguments are on the way. */
  underWay = 0
  private readonly words: Int32Array
  private readonly bodies: (Body | undefined)[] = []
  private readonly running = new Map<number, Goroutine<unknown>>()
  /** Finished calls whose callers have not been told yet, by processor. */
  private readonly untold: number[] = []
  private untoldCount = 0
  private untoldSinceMs = 0

  constructor(
    private readonly place: Place,
    private readonly payloads: Payloads,
    private readonly all: Everybody,
  ) {
    this.words = place.memory.words
  }

  /** Tasks that go on as goroutines. */
  get goroutines(): number {
    return this.running.size
  }

  /** Runs a queued call, if it is still to be had. */
  run(number: number): void {
    const { words, place } = this
    const at = slotAt(number)
    if (!claim(place.memory, number, place.machine)) return
    const pin = (words[at + slot.pin] as number) - 1
    if (pin !== -1 && pin !== place.p) {
      // An entry that was left over from an earlier use of the slot.
      Atomics.store(words, at + slot.state, queued)
      this.all.inboxOf(pin).push([number])
      place.ring(pin)
      return
    }
    this.underWay++
    const taken = procAt(place.p) + proc.taken
    words[taken] = (words[taken] as number) + 1
    const task = words[at + slot.task] as number
    const body = this.bodies[task] ?? this.remember(task)
    if (body === undefined) this.load(number, task)
    else this.prepare(number, body)
  }

  private remember(task: number): Body | undefined {
    const body = knownBody(this.place.names.textOf(task) ?? '')
    if (body !== undefined) this.bodies[task] = body
    return body
  }

  /** Loads the module of a task. Meanwhile this processor takes no other: it would only hold them back from others. */
  private load(number: number, task: number): void {
    this.loading++
    const loaded = (then: () => void) => {
      this.loading--
      then()
      this.tell()
      this.place.schedule()
    }
    loadBody(this.place.names.textOf(task) ?? '').then(
      (body) => loaded(() => this.prepare(number, body)),
      (error) =>
        loaded(() => {
          this.payloads.drop(number)
          this.end(number, true, error)
        }),
    )
  }

  private prepare(number: number, body: Body): void {
    if (Atomics.load(this.words, slotAt(number) + slot.cancel) !== 0) {
      this.payloads.drop(number)
      this.end(number, true, new Canceled())
      return
    }
    this.payloads.read(
      number,
      (args) => this.execute(number, body, args as unknown[]),
      (error) => this.end(number, true, error),
    )
  }

  private execute(number: number, body: Body, args: unknown[]): void {
    const { heart } = this.place
    heart.beginTask(this.words[slotAt(number) + slot.task] as number)
    let result: unknown
    try {
      result = (body as (...args: unknown[]) => unknown)(...args)
    } catch (error) {
      heart.endTask()
      this.end(number, true, error)
      return
    }
    heart.endTask()
    if (typeof result === 'object' && result !== null && (isRoutine(result) || isThenable(result)))
      this.goOn(number, body, result, args)
    else this.end(number, false, result)
  }

  /** The body waits: it goes on as a goroutine of this thread. */
  private goOn(
    number: number,
    body: Body,
    result: Routine<unknown> | PromiseLike<unknown>,
    args: readonly unknown[],
  ): void {
    // The goroutine begins later, perhaps after the promise was rejected: somebody has to listen from now on.
    if (!isRoutine(result)) result.then(undefined, () => undefined)
    const routine = isRoutine(result) ? result : waitFor(result)
    const g = launch(this.place.scheduler, routine, body as GoFunction, goOnAbove)
    const bounds = contextsAmong(args).map((ctx) => new CancelWith(g, ctx))
    g.flags |= HANDLED
    g.addJoiner(
      new Ending(() => {
        for (const bound of bounds) bound.stop()
        this.ended(number, g)
      }),
    )
    this.running.set(number, g)
  }

  private ended(number: number, g: Goroutine<unknown>): void {
    this.running.delete(number)
    const { result } = g
    if ('error' in result) this.end(number, true, result.error)
    else this.end(number, false, result.value)
    this.place.schedule()
    this.tell()
    this.place.goroutineEnded(g)
  }

  private end(number: number, failed: boolean, value: unknown): void {
    const { words } = this
    const at = slotAt(number)
    const owner = ownerOf(number)
    this.underWay--
    this.payloads.writeResult(number, failed, value, owner)
    finish(this.place.memory, number, this.place.machine)
    if (owner === this.place.p) {
      this.place.finishedHere(number)
      return
    }
    words[at + slot.next] = this.untold[owner] ?? 0
    this.untold[owner] = number
    if (this.untoldCount++ === 0) this.untoldSinceMs = this.place.heart.nowMs
  }

  /** Callers that wait for nothing else are told at once; those who are busy in batches. */
  tellIfDue(): void {
    if (this.untoldCount === 0) return
    if (this.untoldCount >= mostUntold || this.place.heart.nowMs - this.untoldSinceMs > mostUntoldMs) {
      this.tell()
      return
    }
    for (let p = 0; p < this.untold.length; p++) {
      if ((this.untold[p] ?? 0) !== 0 && this.words[procAt(p) + proc.state] !== 0) this.tellTo(p)
    }
  }

  /** Tells all callers. */
  tell(): void {
    if (this.untoldCount === 0) return
    for (let p = 0; p < this.untold.length; p++) if ((this.untold[p] ?? 0) !== 0) this.tellTo(p)
  }

  /** Hands a chain of finished calls to their caller, by one compareExchange. */
  private tellTo(p: number): void {
    const { words, untold } = this
    const newest = untold[p] as number
    let oldest = newest
    let count = 1
    for (let next = words[slotAt(oldest) + slot.next] as number; next !== 0; count++) {
      oldest = next
      next = words[slotAt(next) + slot.next] as number
    }
    const head = procAt(p) + proc.completions
    for (;;) {
      const first = Atomics.load(words, head)
      words[slotAt(oldest) + slot.next] = first
      if (Atomics.compareExchange(words, head, first, newest) === first) break
    }
    untold[p] = 0
    this.untoldCount -= count
    this.all.bellOf(p).ring()
  }

  /** Tells the goroutines to stop whose callers wait no more. */
  cancelAbandoned(): void {
    for (const [number, g] of this.running)
      if (Atomics.load(this.words, slotAt(number) + slot.cancel) !== 0) g.cancel()
  }
}

const goOnAbove: GoFunction = () => undefined

class Ending implements Joiner {
  before: Linked | undefined = undefined
  after: Linked | undefined = undefined

  constructor(readonly settle: () => void) {}
}

/** Cancels a task that waits when a context among its arguments ends, unless that very end is what it waited for. */
class CancelWith extends Dependent {
  constructor(
    private readonly goroutine: Goroutine<unknown>,
    ctx: Context,
  ) {
    super()
    this.follow(ctx)
  }

  override end(ending: ContextEnding): void {
    // Those who wait for the context are told first: a goroutine among them is runnable by now.
    if (this.goroutine.state === 'waiting') this.goroutine.cancel(ending.cause)
  }

  stop(): void {
    this.leave()
  }
}

function isRoutine(value: object): value is Routine<unknown> {
  return 'next' in value && Object.prototype.toString.call(value) === '[object Generator]'
}

function* waitFor(promise: PromiseLike<unknown>): Routine<unknown> {
  return yield* wait(promise)
}
