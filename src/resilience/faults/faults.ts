import type { Clock } from '../../runtime/clock.js'
import { ArgumentError } from '../../runtime/errors.js'
import { go } from '../../runtime/go.js'
import type { Routine } from '../../runtime/operation.js'
import { type Scheduler, scheduler } from '../../runtime/scheduler.js'
import { Figures, type GuardStats } from '../figures.js'
import type { Attempt, Wrapper } from '../guard.js'
import { ActiveFault } from './active-fault.js'
import { checkRules, type FaultRule, isOfCalls } from './fault-rule.js'
import { fieldsOf } from './fields.js'
import { SkewedClock } from './skewed-clock.js'
import { type Harm, Strike } from './strike.js'

export interface FaultsOptions {
  /** The harm that is done: none unless given. This is data, which may come from a file or over the network. */
  readonly rules?: readonly FaultRule[]
  /**
   * Whether this program allows faults at all: it does not unless its own code says `true`. Without it any rule is an
   * `ArgumentError`, wherever it comes from.
   */
  readonly enabled?: boolean
  /** What it harms: the resource. */
  readonly name?: string
  /** What a `skewMs` moves, if it is of `skewed()`: the clock that the program runs on, unless given. */
  readonly clock?: Clock
  /** Draws which calls are hit, and how long they wait, in [0, 1). */
  readonly random?: () => number
}

/** A rule was switched on, or has ended: the `detail` of these events. */
export interface FaultSwitch {
  readonly fault: string
  readonly rule: FaultRule
  /** `it was switched off` or `its time is over`. */
  readonly why?: string
}

const optionNames = ['rules', 'enabled', 'name', 'clock', 'random']

/**
 * Harms calls on purpose, so that one sees what the other guards make of it: latency, errors, broken connections, slow bodies,
 * a wrong clock, too little memory and time. It stands innermost in a policy, in the place of what fails.
 *
 * Nothing happens unless `enabled` is true, which only the program's code can say, and every rule ends by itself: see
 * `FaultRule`. The timer of a rule that is on keeps the process alive, as any timer does: `using`, or `configure({})`.
 *
 * ```ts
 * const harm = faults({ name: 'payments', enabled: process.env['DRILL'] === 'yes' })
 * const payments = policy(breaker(), timeout({ ms: 500 }), harm)
 * harm.configure({ rules: [{ latency: { distribution: 'fixed', ms: 2000 }, share: 0.3, forMs: 60_000 }] })
 * ```
 * Source: Basiri et al., "Chaos Engineering" (2016); the toxics of Toxiproxy.
 * @throws ArgumentError naming the path of a rule that cannot be, or for any rule where faults are not enabled.
 */
export function faults(options: FaultsOptions = {}): Faults {
  return new Faults(options)
}

/** Harm as a guard. */
export class Faults implements Wrapper, Disposable {
  readonly figures: Figures
  /** @internal */ readonly on: Scheduler
  /** @internal */ readonly wallClock: SkewedClock | undefined
  private readonly isEnabled: boolean
  private readonly random: () => number
  /** In the order of the rules; those whose time is over are among them until another list is given. */
  private begun: readonly ActiveFault[]
  /** Those of them that are for calls. */
  private ofCalls: readonly ActiveFault[]
  private readonly harms: Record<Harm, number>

  /** @internal */
  constructor(options: FaultsOptions) {
    const { name = 'faults', enabled, clock = scheduler().clock, random = Math.random } = options
    this.figures = new Figures('faults', name)
    this.on = scheduler()
    this.wallClock = clock instanceof SkewedClock ? clock : undefined
    this.isEnabled = enabled === true // and not "false" from an environment
    this.random = random
    this.begun = []
    this.ofCalls = []
    this.harms = { delayed: 0, failed: 0, aborted: 0, slowed: 0 }
    this.configure({ ...options, enabled: this.isEnabled })
  }

  get name(): string {
    return this.figures.name
  }

  /**
   * Has these rules instead of those before, at once. A rule that was there already goes on as it is: it does not begin anew,
   * also when its time is over, so that a file that is read again starts nothing. Only the rules are taken from the options.
   * @throws ArgumentError as `check` does; then nothing changes.
   */
  configure(options: FaultsOptions): void {
    const rules = this.check(options)
    const before = new Map(this.begun.map((fault) => [JSON.stringify(fault.rule), fault]))
    const begun: ActiveFault[] = []
    const switched: [what: string, detail: FaultSwitch][] = []
    for (const [i, rule] of rules.entries()) {
      if (rule.resource !== undefined && rule.resource !== this.name) continue
      const kept = before.get(JSON.stringify(rule))
      before.delete(JSON.stringify(rule))
      const fault = kept ?? new ActiveFault(this, rule, rule.name ?? `rule ${i + 1}`)
      if (kept === undefined) switched.push(['switched on', switchOf(fault)])
      begun.push(fault)
    }
    for (const fault of before.values())
      if (fault.end()) switched.push(['ended', switchOf(fault, 'it was switched off')])
    this.begun = begun
    this.ofCalls = begun.filter(({ rule }) => isOfCalls(rule))
    for (const [what, detail] of switched) this.figures.tell(what, detail)
  }

  /**
   * What `configure` would take, as it would; nothing is switched.
   * @throws ArgumentError naming the path of what cannot be; for rules where they are not enabled, and for another `enabled`.
   */
  check(options: FaultsOptions): readonly FaultRule[] {
    const fields = fieldsOf(options, 'the object')
    fields.only(...optionNames)
    const rules = checkRules(options.rules ?? [])
    if (fields.has('enabled') && options.enabled !== this.isEnabled)
      throw new ArgumentError('faults: enabled is said once, by the code that makes them: leave it out')
    if (rules.length > 0 && !this.isEnabled)
      throw new ArgumentError(
        'faults: rules is empty where faults are not enabled: code that means to be harmed says faults({ enabled: true })',
      )
    const skewing = rules.findIndex(({ skewMs }) => skewMs !== undefined)
    if (skewing >= 0 && this.wallClock === undefined)
      throw new ArgumentError(
        `faults: rules[${skewing}].skewMs needs a clock that can be wrong: run(…, { clock: skewed() })`,
      )
    return rules
  }

  /** Switches all off. */
  [Symbol.dispose](): void {
    this.configure({})
  }

  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    const strike = this.strike()
    if (strike === undefined) return yield* attempt.run(attempt.ctx)
    yield* strike.delay(attempt.ctx)
    const error = strike.failure() ?? strike.reset('request')
    if (error !== undefined) throw error
    const value = yield* attempt.run(attempt.ctx)
    const lost = strike.reset('answer')
    if (lost !== undefined) throw lost
    return value
  }

  /** The same bytes, no faster than a rule with `bytesPerSecond` says that hits them: the body of a client's response, say. */
  async *slowed(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    const pace = this.strike()?.pace()
    for await (const chunk of bytes) {
      if (pace === undefined) yield chunk
      else {
        for (const piece of pace.pieces(chunk)) {
          await go(() => pace.turnOf(piece.length))
          yield piece
        }
      }
    }
  }

  stats(): GuardStats {
    const on = this.begun.filter(({ isOn }) => isOn)
    const sum = (of: (fault: ActiveFault) => number) => on.reduce((total, fault) => total + of(fault), 0)
    return this.figures.stats(on.length > 0 ? 'faulty' : 'ok', {
      ...this.harms,
      active: on.length,
      skewMs: sum(({ rule }) => rule.skewMs ?? 0),
      heldMiB: sum(({ heldMiB }) => heldMiB),
      cpuLoad: sum(({ rule }) => rule.cpuLoad ?? 0),
    })
  }

  /** @internal What is to happen to a call that comes now: nothing mostly. */
  strike(): Strike | undefined {
    this.figures.admitted++
    if (this.ofCalls.length === 0) return undefined
    const hit = this.ofCalls.filter((fault) => fault.isOn && this.draws(fault.rule))
    return hit.length === 0 ? undefined : new Strike(this, hit, this.random)
  }

  /** @internal */
  note(harm: Harm, detail: unknown): void {
    this.harms[harm]++
    this.figures.tell(harm, detail)
  }

  /** @internal */
  waits(by: 1 | -1): void {
    this.figures.waiting += by
    if (by > 0) this.figures.waited++
  }

  /** @internal */
  timeIsOver(fault: ActiveFault): void {
    if (fault.end()) this.figures.tell('ended', switchOf(fault, 'its time is over'))
  }

  private draws({ share = 1 }: FaultRule): boolean {
    return share === 1 || this.random() < share
  }
}

function switchOf({ name, rule }: ActiveFault, why?: string): FaultSwitch {
  return { fault: name, rule, ...(why !== undefined && { why }) }
}
