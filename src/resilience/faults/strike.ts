import type { Context } from '../../context/context.js'
import type { Routine } from '../../runtime/operation.js'
import { select } from '../../runtime/select.js'
import { after } from '../../runtime/sleep.js'
import type { ActiveFault } from './active-fault.js'
import { ConnectionReset, FaultError } from './fault-error.js'
import { drawMs } from './latency.js'
import { Pace } from './pace.js'

/** What faults do to calls: counted, and told to those who watch. */
export type Harm = 'delayed' | 'failed' | 'aborted' | 'slowed'

/** Where harm that was done is noted. */
export interface HarmLog {
  readonly name: string
  note(harm: Harm, detail: unknown): void
  /** A call begins, or ends, to wait. */
  waits(by: 1 | -1): void
}

/**
 * What is to happen to one call. Delays are drawn when it comes; each harm is done only if its rule is still on by then, so
 * that a rule that is switched off harms nobody any more.
 */
export class Strike {
  private readonly delays: readonly { readonly fault: ActiveFault; readonly ms: number }[]

  constructor(
    private readonly log: HarmLog,
    private readonly faults: readonly ActiveFault[],
    random: () => number,
  ) {
    this.delays = faults.flatMap((fault) => {
      const { latency } = fault.rule
      const ms = latency === undefined ? 0 : drawMs(latency, random)
      return ms > 0 ? [{ fault, ms }] : []
    })
  }

  /** Holds the call up, one rule after the other. */
  *delay(ctx: Context): Routine<void> {
    for (const { fault, ms } of this.delays) {
      if (!fault.isOn) continue
      this.log.note('delayed', ms)
      this.log.waits(1)
      try {
        yield* select({ over: after(ms), off: fault.off.recv() }).within(ctx)
      } finally {
        this.log.waits(-1)
      }
    }
  }

  /** What the call is to fail with instead of being made. */
  failure(): FaultError | undefined {
    const fault = this.faults.find(({ rule, isOn }) => isOn && rule.error !== undefined)
    if (fault === undefined) return undefined
    const { error } = fault.rule
    return this.done('failed', new FaultError(this.log.name, fault.name, error, error?.status))
  }

  /** What the caller is to get instead of an answer, if the connection is to break at this point. */
  reset(at: 'request' | 'answer'): ConnectionReset | undefined {
    const fault = this.faults.find(({ rule, isOn }) => isOn && rule.abort === at)
    return fault && this.done('aborted', new ConnectionReset(this.log.name, fault.name))
  }

  /** How fast the body may go: as the slowest of the rules says. */
  pace(): Pace | undefined {
    let slowest: ActiveFault | undefined
    for (const fault of this.faults) {
      const isSlower = bytesPerSecond(fault) < bytesPerSecond(slowest)
      if (isSlower && fault.isOn) slowest = fault
    }
    if (slowest === undefined) return undefined
    this.log.note('slowed', bytesPerSecond(slowest))
    return new Pace(bytesPerSecond(slowest), slowest.off)
  }

  private done<E extends FaultError>(harm: Harm, error: E): E {
    this.log.note(harm, error)
    return error
  }
}

function bytesPerSecond(fault: ActiveFault | undefined): number {
  return fault?.rule.bytesPerSecond ?? Infinity
}
