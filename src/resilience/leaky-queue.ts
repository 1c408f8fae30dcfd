import type { Context } from '../context/context.js'
import { Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'
import { MUST_WAIT, REFUSED } from './guard.js'
import type { LeakyBucket } from './leaky-bucket.js'
import type { Asking } from './limit.js'

/** @internal Those who wait, in order of arrival, and what they cost together. */
export class LeakyQueue {
  cost = 0
  private readonly turns = new WaitList<LeakyTurn>()

  get isEmpty(): boolean {
    return this.turns.isEmpty
  }

  get first(): LeakyTurn | undefined {
    return this.turns.first
  }

  push(turn: LeakyTurn): void {
    this.turns.push(turn)
    this.cost += turn.cost
  }

  remove(turn: LeakyTurn): boolean {
    if (!this.turns.remove(turn)) return false
    // A sum of fractions need not come out at zero.
    this.cost = this.turns.isEmpty ? 0 : this.cost - turn.cost
    return true
  }

  [Symbol.iterator](): Iterator<LeakyTurn> {
    return this.turns[Symbol.iterator]()
  }
}

/** @internal A call in the queue. */
export class LeakyTurn extends Operation<number> implements Asking {
  sinceMs = 0

  constructor(
    private readonly bucket: LeakyBucket,
    readonly cost: number,
    readonly ctx: Context | undefined,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'leaky bucket'
  }

  /** Others may have come since `enter` said that there is room in the queue. */
  override attempt(): boolean {
    const ticket = this.bucket.admit(this)
    if (ticket === REFUSED) return this.fail(this.bucket.refusal(this))
    return ticket !== MUST_WAIT && this.complete(0)
  }

  override park(): void {
    this.bucket.push(this)
  }

  override unpark(): void {
    this.bucket.remove(this)
  }
}
