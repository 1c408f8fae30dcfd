import type { Context } from '../../context/context.js'
import { Operation } from '../../runtime/operation.js'
import { MUST_WAIT, REFUSED } from '../guard.js'
import type { Asking } from '../limit.js'
import type { Refused } from '../refused.js'
import { kind } from './cluster-settings.js'

/** What a turn needs of its limit. */
export interface TurnGiver {
  /** As `enter`; where there is nothing to do but wait it asks the store. */
  attempt(turn: ClusterTurn): number
  refusal(asking: Asking): Refused
  push(turn: ClusterTurn): void
  remove(turn: ClusterTurn): void
}

/** Waits for the store's answer, and for tokens. */
export class ClusterTurn extends Operation<number> implements Asking {
  /** Until when it may wait for tokens. */
  untilMs = 0

  constructor(
    private readonly limit: TurnGiver,
    readonly cost: number,
    readonly ctx: Context | undefined,
  ) {
    super()
  }

  override get waitReason(): string {
    return kind
  }

  override attempt(): boolean {
    const ticket = this.limit.attempt(this)
    if (ticket === REFUSED) return this.fail(this.limit.refusal(this))
    return ticket !== MUST_WAIT && this.complete(ticket)
  }

  override park(): void {
    this.limit.push(this)
  }

  override unpark(): void {
    this.limit.remove(this)
  }
}
