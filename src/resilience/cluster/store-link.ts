import { ArgumentError } from '../../runtime/errors.js'
import { isThenable } from '../../runtime/go.js'
import { Operation, type Waiter } from '../../runtime/operation.js'
import { wait } from '../../runtime/promise.js'
import type { Scheduler } from '../../runtime/scheduler.js'
import type { Deadline } from '../../runtime/timers.js'
import { Figures, type GuardStats } from '../figures.js'
import {
  checkGrant,
  type LimitStore,
  LimitStoreError,
  type TokenGrant,
  type TokenRequest,
} from './limit-store.js'

/** While the store does not answer it is asked so often… */
const probeMs = 100
/** …but not before the last question was answered, or has waited for so long that the answer is lost. */
const lostMs = 1000
/** A time limit that is noticed so late says that this thread was busy: the answer may be there, and not read yet. */
const busyMs = 5

/** Who asks a store, and hears once how that went. */
export interface Asker {
  answered(grant: TokenGrant, question: Question): void
  failed(error: unknown): void
  /** After `failed`: an answer has come all the same. Its tokens are taken. */
  answeredLate(grant: TokenGrant, question: Question): void
}

// An outage is one of the store, not of a limit: thousands of limits over it, one a client, must not find out one by one.
const links = new WeakMap<LimitStore, StoreLink>()

/** What the limits over a store know of it in common: to watch it, and for its figures. */
export function storeLink(store: LimitStore): StoreLink {
  if (typeof store?.take !== 'function') {
    throw new ArgumentError(
      `a store of limits has take(), as redisStore(client) has; this is none: ${String(store)}`,
    )
  }
  const known = links.get(store)
  if (known !== undefined) return known
  const link = new StoreLink(store)
  links.set(store, link)
  return link
}

/**
 * Whether a store answers. A question that fails or is not answered in time takes the link down, and the limits go on by
 * themselves; then one of their calls asks it now and then, and the first answer that comes in time has it up again. No
 * timer runs for that: where nobody calls, nobody needs to know.
 */
export class StoreLink {
  /** Tells `down`, with the error, and `up`. */
  readonly figures: Figures
  /** Why it is down. */
  error: unknown = undefined
  private sinceMs = 0
  private nextProbeMs = 0
  private probe: Question | undefined = undefined
  private isUp = true
  private roundTrips = 0
  private failures = 0
  private probes = 0

  /** @internal */
  constructor(readonly store: LimitStore) {
    this.figures = new Figures('limit store', store.name)
  }

  get isDown(): boolean {
    return !this.isUp
  }

  /** How often it was asked, how often that failed, and how often it was asked while it was down. */
  stats(): GuardStats {
    const { roundTrips, failures, probes, error } = this
    const why = error instanceof Error ? error.message : error === undefined ? undefined : String(error)
    return this.figures.stats(this.isUp ? 'ok' : 'down', { roundTrips, failures, probes, error: why })
  }

  /** @internal Whether it is time to ask a store that was down. */
  mayProbe(nowMs: number): boolean {
    if (this.isUp || nowMs < this.nextProbeMs) return false
    return this.probe === undefined || nowMs >= this.probe.beganMs + lostMs
  }

  /** @internal Asks. `asker` may hear of the answer before this returns. */
  ask(question: Question): void {
    this.roundTrips++
    if (!this.isUp) {
      this.probes++
      this.probe = question
      this.nextProbeMs = question.beganMs + probeMs
    }
    question.begin()
  }

  /** @internal */
  answered(question: Question): void {
    // Of several that were under way, some may be answered still: only the probe says that it answers again.
    if (this.isUp || question !== this.probe) return
    this.probe = undefined
    this.isUp = true
    this.error = undefined
    this.figures.tell('up', { afterMs: question.nowMs - this.sinceMs })
  }

  /** @internal */
  failed(question: Question, error: unknown): void {
    this.failures++
    this.error = error
    if (!this.isUp) return
    this.isUp = false
    this.sinceMs = question.nowMs
    this.nextProbeMs = question.nowMs + probeMs
    this.figures.tell('down', { error })
  }

  /** @internal A question has its answer, though not one in time. */
  settled(question: Question): void {
    if (question === this.probe) this.probe = undefined
  }
}

/** One question to a store, and its time limit. */
export class Question implements Waiter, Deadline {
  atMs = 0
  heapIndex = -1
  sequence = 0
  readonly beganMs: number
  private operation: Operation<TokenGrant> | undefined = undefined
  private isLate = false
  private hasWaited = false

  constructor(
    private readonly link: StoreLink,
    private readonly asker: Asker,
    private readonly on: Scheduler,
    readonly request: TokenRequest,
    /** What the asker has used without the store; `request.spent` has as much of that as fits. */
    readonly unpaid: number,
    private readonly timeoutMs: number,
  ) {
    this.beganMs = on.clock.now()
  }

  get nowMs(): number {
    return this.on.clock.now()
  }

  begin(): void {
    let answer: PromiseLike<TokenGrant> | TokenGrant
    try {
      answer = this.link.store.take(this.request)
    } catch (error) {
      this.fail(error)
      return
    }
    if (!isThenable(answer)) this.succeed(answer)
    else this.waitFor(answer instanceof Operation ? answer : wait(answer))
  }

  wake(operation: Operation<unknown>): void {
    if (operation.failed) this.fail(operation.value)
    else this.succeed(operation.value as TokenGrant)
  }

  expire(): void {
    const { on, link, timeoutMs } = this
    // After one more round of the event loop whatever has come is read.
    if (this.nowMs > this.atMs + busyMs && !this.hasWaited) {
      this.hasWaited = true
      this.atMs = this.nowMs + busyMs
      on.timers.add(this)
      return
    }
    this.isLate = true
    const error = new LimitStoreError(`${link.store.name} did not answer within ${timeoutMs} ms`)
    link.failed(this, error)
    this.asker.failed(error)
  }

  private waitFor(operation: Operation<TokenGrant>): void {
    this.operation = operation.claim()
    this.atMs = this.beganMs + this.timeoutMs
    if (this.operation.attempt()) {
      this.wake(this.operation)
      return
    }
    this.on.timers.add(this)
    this.operation.parkFor(this)
  }

  private succeed(answer: TokenGrant): void {
    const { link, asker, request } = this
    let grant: TokenGrant
    try {
      grant = checkGrant(link.store, request, answer)
    } catch (error) {
      this.fail(error)
      return
    }
    if (this.isLate) {
      link.settled(this)
      asker.answeredLate(grant, this)
      return
    }
    this.on.timers.remove(this)
    link.answered(this)
    asker.answered(grant, this)
  }

  private fail(error: unknown): void {
    const { link, asker, isLate } = this
    link.settled(this)
    if (isLate) return
    this.on.timers.remove(this)
    link.failed(this, error)
    asker.failed(error)
  }
}
