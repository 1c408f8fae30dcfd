import { Operation } from '../runtime/operation.js'
import type { Call, Gate } from './guard.js'

/** The wait for a guard that has no queue: it lets the call in or refuses it at once. */
export class NoQueue extends Operation<number> {
  constructor(
    private readonly gate: Pick<Gate, 'enter' | 'refusal'>,
    private readonly call: Call,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'guard'
  }

  override attempt(): boolean {
    const ticket = this.gate.enter(this.call)
    return ticket >= 0 ? this.complete(ticket) : this.fail(this.gate.refusal(this.call))
  }

  override park(): void {}

  override unpark(): void {}
}
