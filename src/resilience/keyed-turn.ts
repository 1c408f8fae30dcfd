import { type Contest, Operation, type Waiter } from '../runtime/operation.js'
import type { Call, Gate } from './guard.js'
import type { Keyed } from './keyed.js'
import { type Entry, gateOf } from './keyed-gates.js'
import { Refused } from './refused.js'

/** @internal Waits for the gate of a key, which stays meanwhile. */
export class KeyedTurn<G extends Gate> extends Operation<number> implements Waiter {
  private entry: Entry<G> | undefined = undefined
  private inner: Operation<number> | undefined = undefined
  private slot = -1

  constructor(
    private readonly keyed: Keyed<G>,
    private readonly call: Call,
  ) {
    super()
  }

  override get waitReason(): string {
    return this.inner?.waitReason ?? 'keyed'
  }

  override attempt(): boolean {
    const { keyed, call } = this
    this.entry = keyed.find(call)
    if (this.entry === undefined) {
      keyed.refuse(undefined)
      return this.fail(keyed.refusal(call))
    }
    this.inner = gateOf(this.entry).wait(call).claim()
    return this.inner.attempt() && this.settleAs(this.inner)
  }

  override park(): void {
    const { keyed, entry, inner, call } = this
    if (entry === undefined || inner === undefined) return
    this.slot = keyed.hold(entry, call.key ?? '')
    keyed.figures.waited++
    keyed.figures.waiting++
    keyed.figures.tell('waited')
    inner.parkFor(this)
  }

  override unpark(): void {
    this.inner?.abandon()
    this.endWait()
  }

  override contend(contest: Contest): void {
    super.contend(contest)
    this.inner?.contend(contest)
  }

  override lose(): void {
    super.lose()
    this.inner?.lose()
  }

  wake(): void {
    this.endWait()
    if (this.inner !== undefined) this.settleAs(this.inner)
  }

  private endWait(): void {
    if (this.slot < 0) return
    this.keyed.letGo(this.slot)
    this.slot = -1
    this.keyed.figures.waiting--
  }

  private settleAs(inner: Operation<number>): true {
    const { keyed, entry } = this
    if (entry !== undefined && !inner.failed) return this.complete(keyed.admit(entry, inner.value as number))
    if (inner.value instanceof Refused) keyed.refuse(entry && gateOf(entry))
    return this.fail(inner.value)
  }
}
