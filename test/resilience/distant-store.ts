import { Operation } from '../../src/runtime/operation.js'
import { type Scheduler, scheduler } from '../../src/runtime/scheduler.js'
import type { Deadline } from '../../src/runtime/timers.js'
import type { LimitStore, TokenGrant, TokenRequest } from '../../src/resilience/cluster/limit-store.js'
import { memoryStore } from '../../src/resilience/cluster/memory-store.js'

/** A store at the other end of a network in virtual time, which a test can make slow, cut off or break. */
export class DistantStore implements LimitStore {
  readonly name = 'the store'
  /** How long a question and its answer take together; half of it each. */
  roundTripMs = 2
  /** What questions fail with. */
  error: Error | undefined = undefined
  /** What it answers instead of the truth. */
  nonsense: unknown = undefined
  readonly asked: (TokenRequest & { readonly atMs: number })[] = []
  granted = 0
  /** Questions that are under way, and the most that there were at once. */
  underWay = 0
  mostUnderWay = 0
  private readonly on: Scheduler = scheduler()
  private memory = memoryStore({ clock: this.on.clock })

  /** It starts anew, and knows nothing. */
  restart(): void {
    this.memory = memoryStore({ clock: this.on.clock })
  }

  take(request: TokenRequest): Operation<TokenGrant> {
    this.asked.push({ ...request, atMs: this.on.clock.now() })
    this.underWay++
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay)
    const { error, nonsense, roundTripMs } = this
    return new Reply(this.on, roundTripMs, () => {
      this.underWay--
      if (error !== undefined) return error
      if (nonsense !== undefined) return nonsense as TokenGrant
      const grant = this.memory.take(request)
      this.granted += grant.granted + Math.min(0, request.spent)
      return grant
    })
  }
}

class Reply extends Operation<TokenGrant> implements Deadline {
  atMs = 0
  heapIndex = -1
  sequence = 0

  constructor(
    private readonly on: Scheduler,
    private readonly afterMs: number,
    private readonly answer: () => TokenGrant | Error,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'store'
  }

  override attempt(): boolean {
    return false
  }

  override park(): void {
    this.atMs = this.on.clock.now() + this.afterMs
    this.on.timers.add(this)
  }

  override unpark(): void {
    this.on.timers.remove(this)
  }

  expire(): void {
    const answer = this.answer()
    if (answer instanceof Error) this.fail(answer)
    else this.complete(answer)
  }
}
