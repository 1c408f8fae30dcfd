import { fatal } from '../runtime/crash.js'
import { ArgumentError, FatalError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { type Scheduler, scheduler } from '../runtime/scheduler.js'
import type { Deadline } from '../runtime/timers.js'
import { WaitList } from '../runtime/wait-list.js'
import { Figures, type GuardStats } from './figures.js'
import { type Call, type Gate, MUST_WAIT, REFUSED } from './guard.js'
import { Refused } from './refused.js'

export interface BulkheadOptions {
  /** What may be under way at once: calls, or the sum of their costs. */
  readonly limit: number
  /** How many calls may wait for a place: none unless said. */
  readonly queue?: number
  /** A call that waited for so many milliseconds is refused. By default it waits for as long as its context lasts. */
  readonly maxWaitMs?: number
  /** What it protects. */
  readonly name?: string
}

/**
 * Keeps calls under a limit of concurrency, so that one slow dependency does not take everything: so many are under way at
 * once, so many wait, the others are refused. A call takes as many places as its `cost` says.
 *
 * ```ts
 * const reports = policy(bulkhead({ limit: 4, queue: 20, maxWaitMs: 500 }))
 * ```
 * @throws ArgumentError if `limit` is not a whole number from 1, `queue` not one from 0, or `maxWaitMs` not above 0.
 */
export function bulkhead({
  limit,
  queue = 0,
  maxWaitMs = Infinity,
  name = 'bulkhead',
}: BulkheadOptions): Bulkhead {
  return new Bulkhead(new Figures('bulkhead', name), limit, queue, maxWaitMs)
}

/**
 * A weighted semaphore as a guard. Places pass from the call that ends to the one at the head of the queue in one step: no
 * newcomer can take them in between. Calls wait strictly in order of arrival; a large one at the head holds back smaller
 * ones behind it, so it cannot starve.
 */
export class Bulkhead implements Gate {
  private taken = 0
  private readonly waiting = new WaitList<Place>()

  /** @internal */
  constructor(
    readonly figures: Figures,
    private max: number,
    private readonly queue: number,
    readonly maxWaitMs: number,
  ) {
    checkLimit(max)
    if (!Number.isInteger(queue) || queue < 0) {
      throw new ArgumentError(`the queue of a bulkhead is a whole number of calls from 0, not ${queue}`)
    }
    if (!(maxWaitMs > 0)) {
      throw new ArgumentError(
        `maxWaitMs is a time above 0 ms, not ${maxWaitMs}: a bulkhead without a queue waits for nothing`,
      )
    }
  }

  get limit(): number {
    return this.max
  }

  /** Places that are taken now; more than `limit` for a while after it was made smaller. */
  get inFlight(): number {
    return this.taken
  }

  /** @throws ArgumentError if the call's cost is not a whole number from 0. */
  enter(call: Call): number {
    const { cost } = call
    checkCost(cost)
    if (this.taken + cost <= this.max && this.waiting.isEmpty) return this.take(cost)
    if (this.figures.waiting < this.queue && cost <= this.max) return MUST_WAIT
    this.figures.refuse()
    return REFUSED
  }

  wait(call: Call): Operation<number> {
    return new Place(this, call)
  }

  /** However the call ended, its places are free. */
  leave(ticket: number): void {
    const cost = costOf(ticket)
    if (cost > this.taken) throw fatal(new FatalError('bulkhead: left more often than entered'))
    this.taken -= cost
    this.serve()
  }

  refusal({ cost }: Call): Refused {
    const why =
      cost > this.max
        ? `it costs ${cost} and the limit is ${this.max}`
        : this.queue === 0
          ? `${this.max} at once is the limit`
          : `${this.max} at once is the limit, and ${this.queue} wait already`
    return this.refused(why)
  }

  /**
   * Changes the limit. A larger one lets in those who wait at once; with a smaller one those who are in finish, and those in
   * the queue who would never fit are refused.
   * @throws ArgumentError if it is not a whole number from 1.
   */
  resize(limit: number): void {
    checkLimit(limit)
    const before = this.max
    if (limit === before) return
    this.adjust(limit)
    this.figures.tell('resized', { before, limit })
  }

  /** @internal The same without a word, for who does it all the time. */
  adjust(limit: number): void {
    const before = this.max
    this.max = limit
    if (limit < before) this.refuseTooLarge()
    else this.serve()
  }

  stats(): GuardStats {
    const { taken, max, queue, figures } = this
    const isFull = figures.waiting >= queue && (taken >= max || !this.waiting.isEmpty)
    return figures.stats(isFull ? 'refusing' : 'ok', { inFlight: taken, limit: max, queue })
  }

  /** @internal */
  park(place: Place): void {
    this.waiting.push(place)
    this.figures.waited++
    this.figures.waiting++
    this.figures.tell('waited')
  }

  /** @internal Those behind a large call that gave up may fit now. */
  unpark(place: Place): void {
    if (this.unlink(place)) this.serve()
  }

  /** @internal */
  refuseLate(): Refused {
    this.figures.refuse()
    return this.refused(`no place came free in ${this.maxWaitMs} ms`)
  }

  private take(cost: number): number {
    this.taken += cost
    this.figures.admitted++
    return ticketOf(cost)
  }

  /** Hands free places to the head of the queue, and on, until one has to wait. */
  private serve(): void {
    for (let head = this.waiting.first; head !== undefined; head = this.waiting.first) {
      if (this.taken + head.cost > this.max) return
      this.unlink(head)
      if (head.isWon) head.complete(this.take(head.cost))
    }
  }

  private refuseTooLarge(): void {
    for (const place of [...this.waiting]) {
      if (place.cost <= this.max) continue
      this.unlink(place)
      if (!place.isWon) continue
      this.figures.refuse()
      place.fail(this.refusal(place))
    }
    this.serve() // those behind it may fit
  }

  private unlink(place: Place): boolean {
    if (!this.waiting.remove(place)) return false
    this.figures.waiting--
    place.stopTimer()
    return true
  }

  private refused(why: string): Refused {
    return new Refused(this.figures.kind, this.figures.name, why, undefined)
  }
}

/** A call in the queue: the node of the list, its deadline and what `yield*` iterates, in one object. */
class Place extends Operation<number> implements Call, Deadline {
  readonly ctx: Call['ctx']
  readonly key: Call['key']
  readonly priority: Call['priority']
  readonly cost: number
  atMs = Infinity
  heapIndex = -1
  sequence = 0
  private on: Scheduler | undefined = undefined

  constructor(
    private readonly bulkhead: Bulkhead,
    call: Call,
  ) {
    super()
    this.ctx = call.ctx
    this.key = call.key
    this.priority = call.priority
    this.cost = call.cost
  }

  override get waitReason(): string {
    return 'bulkhead'
  }

  /** Others may have come since `enter` said that there is room in the queue. */
  override attempt(): boolean {
    const ticket = this.bulkhead.enter(this)
    if (ticket === REFUSED) return this.fail(this.bulkhead.refusal(this))
    return ticket !== MUST_WAIT && this.complete(ticket)
  }

  override park(): void {
    this.bulkhead.park(this)
    if (this.bulkhead.maxWaitMs === Infinity) return
    this.on = scheduler()
    this.atMs = this.on.clock.now() + this.bulkhead.maxWaitMs
    this.on.timers.add(this)
  }

  override unpark(): void {
    this.bulkhead.unpark(this)
  }

  expire(): void {
    if (this.isWon) this.interrupt(this.bulkhead.refuseLate())
  }

  stopTimer(): void {
    this.on?.timers.remove(this)
  }
}

/** 0 for the usual cost: that is the ticket that a call need not keep anywhere. */
function ticketOf(cost: number): number {
  return cost === 1 ? 0 : cost + 1
}

function costOf(ticket: number): number {
  return ticket === 0 ? 1 : ticket - 1
}

function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new ArgumentError(`the limit of a bulkhead is a whole number of calls from 1, not ${limit}`)
  }
}

function checkCost(cost: number): void {
  if (!Number.isInteger(cost) || cost < 0) {
    throw new ArgumentError(`the cost of a call under a bulkhead is a whole number from 0, not ${cost}`)
  }
}
