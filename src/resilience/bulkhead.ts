import { fatal } from '../runtime/crash.js'
import { ArgumentError, FatalError } from '../runtime/errors.js'
import type { Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'
import { BulkheadPlace } from './bulkhead-place.js'
import { Figures, type GuardStats } from './figures.js'
import { type Call, type Gate, MUST_WAIT, REFUSED } from './guard.js'
import { checkQueue } from './limit.js'
import { Refused } from './refused.js'
import { checkGiven } from './given.js'

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

const kind = 'bulkhead'

/**
 * Keeps calls under a limit of concurrency, so that one slow dependency does not take everything: so many are under way at
 * once, so many wait, the others are refused. A call takes as many places as its `cost` says.
 *
 * ```ts
 * const reports = policy(bulkhead({ limit: 4, queue: 20, maxWaitMs: 500 }))
 * ```
 * @throws ArgumentError if `limit` is not a whole number from 1, `queue` not one from 0, or `maxWaitMs` not above 0.
 */
export function bulkhead(options: BulkheadOptions): Bulkhead {
  checkGiven('bulkhead', options)
  return new Bulkhead(new Figures(kind, options.name ?? kind), settingsOf(options))
}

/** How many may be under way at once, and how those who find no place may wait. */
interface Settings extends QueueSettings {
  readonly limit: number
}

interface QueueSettings {
  readonly queue: number
  readonly maxWaitMs: number
}

function settingsOf(options: BulkheadOptions): Settings {
  const { limit } = options
  if (!Number.isInteger(limit) || limit < 1) {
    throw new ArgumentError(`the limit of a bulkhead is a whole number of calls from 1, not ${limit}`)
  }
  return { limit, ...queueSettings('a bulkhead', options) }
}

/**
 * @internal The options of a queue, checked and complete.
 * @param guard whose they are: `a bulkhead`.
 */
export function queueSettings(guard: string, options: Partial<QueueSettings>): QueueSettings {
  const { queue = 0, maxWaitMs = Infinity } = options
  checkQueue(guard, queue)
  if (!(maxWaitMs > 0)) {
    throw new ArgumentError(
      `the maxWaitMs of ${guard} is a time above 0 ms, not ${maxWaitMs}: without a queue nothing waits`,
    )
  }
  return { queue, maxWaitMs }
}

/**
 * A weighted semaphore as a guard. Places pass from the call that ends to the one at the head of the queue in one step: no
 * newcomer can take them in between. Calls wait strictly in order of arrival; a large one at the head holds back smaller
 * ones behind it, so it cannot starve.
 */
export class Bulkhead implements Gate {
  private taken = 0
  private readonly waiting = new WaitList<BulkheadPlace>()

  /** @internal */
  constructor(
    readonly figures: Figures,
    private settings: Settings,
  ) {}

  get limit(): number {
    return this.settings.limit
  }

  /** @internal For how long those may wait who come now. */
  get maxWaitMs(): number {
    return this.settings.maxWaitMs
  }

  /** Places that are taken now; more than `limit` for a while after it was made smaller. */
  get inFlight(): number {
    return this.taken
  }

  /** @throws ArgumentError if the call's cost is not a whole number from 0. */
  enter(call: Call): number {
    const { cost } = call
    checkCost(cost)
    const { limit, queue } = this.settings
    if (this.taken + cost <= limit && this.waiting.isEmpty) return this.take(cost)
    if (this.figures.waiting < queue && cost <= limit) return MUST_WAIT
    this.figures.refuse()
    return REFUSED
  }

  wait(call: Call): Operation<number> {
    return new BulkheadPlace(this, call)
  }

  /** However the call ended, its places are free. */
  leave(ticket: number): void {
    const cost = costOf(ticket)
    if (cost > this.taken) throw fatal(new FatalError('bulkhead: left more often than entered'))
    this.taken -= cost
    this.serve()
  }

  refusal({ cost }: Call): Refused {
    const { limit, queue } = this.settings
    const why =
      cost > limit
        ? `it costs ${cost} and the limit is ${limit}`
        : queue === 0
          ? `${limit} at once is the limit`
          : `${limit} at once is the limit, and ${queue} wait already`
    return this.refused(why)
  }

  /**
   * Changes the settings. A larger limit lets in those who wait at once; with a smaller one those who are in finish, and those
   * in the queue who would never fit are refused. Who is in the queue stays there, though it is shorter now, for the time
   * that it was to wait when it came.
   * @throws ArgumentError as `bulkhead` does; nothing is changed then.
   */
  configure(options: BulkheadOptions): void {
    const before = this.settings
    this.change(settingsOf(options))
    this.figures.changed(before, this.settings)
  }

  /** @internal The same without a word, for who does it all the time. */
  change(settings: Settings): void {
    const before = this.limit
    this.settings = settings
    if (settings.limit < before) this.refuseTooLarge()
    else this.serve()
  }

  stats(): GuardStats {
    const { taken, figures } = this
    const { limit, queue } = this.settings
    const isFull = figures.waiting >= queue && (taken >= limit || !this.waiting.isEmpty)
    return figures.stats(isFull ? 'refusing' : 'ok', { inFlight: taken, limit, queue })
  }

  /** @internal */
  park(place: BulkheadPlace): void {
    this.waiting.push(place)
    this.figures.waited++
    this.figures.waiting++
    this.figures.tell('waited')
  }

  /** @internal Those behind a large call that gave up may fit now. */
  unpark(place: BulkheadPlace): void {
    if (this.unlink(place)) this.serve()
  }

  /** @internal */
  refuseLate(waitedMs: number): Refused {
    this.figures.refuse()
    return this.refused(`no place came free in ${waitedMs} ms`)
  }

  private take(cost: number): number {
    this.taken += cost
    this.figures.admitted++
    return ticketOf(cost)
  }

  /** Hands free places to the head of the queue, and on, until one has to wait. */
  private serve(): void {
    for (let head = this.waiting.first; head !== undefined; head = this.waiting.first) {
      if (this.taken + head.cost > this.limit) return
      this.unlink(head)
      if (head.isWon) head.complete(this.take(head.cost))
    }
  }

  private refuseTooLarge(): void {
    for (const place of [...this.waiting]) {
      if (place.cost <= this.limit) continue
      this.unlink(place)
      if (!place.isWon) continue
      this.figures.refuse()
      place.fail(this.refusal(place))
    }
    this.serve() // those behind it may fit
  }

  private unlink(place: BulkheadPlace): boolean {
    if (!this.waiting.remove(place)) return false
    this.figures.waiting--
    place.stopTimer()
    return true
  }

  private refused(why: string): Refused {
    return new Refused(this.figures.kind, this.figures.name, why, undefined)
  }
}

/** 0 for the usual cost: that is the ticket that a call need not keep anywhere. */
function ticketOf(cost: number): number {
  return cost === 1 ? 0 : cost + 1
}

function costOf(ticket: number): number {
  return ticket === 0 ? 1 : ticket - 1
}

function checkCost(cost: number): void {
  if (!Number.isInteger(cost) || cost < 0) {
    throw new ArgumentError(`the cost of a call under a bulkhead is a whole number from 0, not ${cost}`)
  }
}
