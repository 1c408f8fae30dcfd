import { Operation } from '../runtime/operation.js'
import { type Scheduler, scheduler } from '../runtime/scheduler.js'
import type { Deadline } from '../runtime/timers.js'
import type { Bulkhead } from './bulkhead.js'
import { type Call, MUST_WAIT, REFUSED } from './guard.js'

/** @internal A call in the queue: the node of the list, its deadline and what `yield*` iterates, in one object. */
export class BulkheadPlace extends Operation<number> implements Call, Deadline {
  readonly ctx: Call['ctx']
  readonly key: Call['key']
  readonly priority: Call['priority']
  readonly cost: number
  atMs = Infinity
  heapIndex = -1
  sequence = 0
  private maxWaitMs = Infinity
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
    const { maxWaitMs } = this.bulkhead
    this.maxWaitMs = maxWaitMs
    this.bulkhead.park(this)
    if (maxWaitMs === Infinity) return
    this.on = scheduler()
    this.atMs = this.on.clock.now() + maxWaitMs
    this.on.timers.add(this)
  }

  override unpark(): void {
    this.bulkhead.unpark(this)
  }

  expire(): void {
    if (this.isWon) this.interrupt(this.bulkhead.refuseLate(this.maxWaitMs))
  }

  stopTimer(): void {
    this.on?.timers.remove(this)
  }
}
