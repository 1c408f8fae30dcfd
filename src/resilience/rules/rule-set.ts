import type { Clock } from '../../runtime/clock.js'
import { ArgumentError } from '../../runtime/errors.js'
import type { GuardStats } from '../figures.js'
import type { Policy } from '../policy.js'
import { emptyDocument, nameFault, readDocument, type RulesData } from './document.js'
import { changesBetween, type RuleChange } from './history.js'
import type { ResourceCode } from './resource-rules.js'
import { checkRules, type Commit, Resource } from './resource.js'
import { type RuleFault, RulesError } from './rules-error.js'

/** A document that has been checked, and can come into force. */
export interface Prepared {
  readonly document: RulesData
  /** It is what is in force already. */
  readonly isSame: boolean
  readonly changes: readonly RuleChange[]
  /** @internal What there is to do for it, as long as the set is what it was. */
  readonly commits: readonly Commit[]
  /** @internal */
  readonly generation: number
}

/** A document in force: the resources that it names, and the policies that the program has asked for. */
export class RuleSet {
  private readonly resources = new Map<string, Resource>()
  private current: RulesData = emptyDocument
  /** Counts the changes: what has been prepared for another state has to be prepared again. */
  private generation = 0

  /** @param clock what the guards live by. */
  constructor(private readonly clock: Clock) {}

  get document(): RulesData {
    return this.current
  }

  /** As `Rules.policy`. */
  policy(name: string, code: ResourceCode | undefined): Policy {
    const known = this.resources.get(name)
    if (known !== undefined && (code === undefined || known.isSameCode(code))) return known.policy
    if (known?.hasCode === true)
      throw new ArgumentError(
        `the policy ${JSON.stringify(name)} has been given other code: say it in one place`,
      )
    const fault = nameFault(name)
    if (fault !== undefined) throw new ArgumentError(`rules.policy(): ${JSON.stringify(name)} ${fault}`)
    const resource = known ?? new Resource(name, this.clock)
    this.begin(resource, code)
    this.resources.set(name, resource)
    return resource.policy
  }

  /**
   * Looks whether a document can come into force; nothing changes.
   * @param from what it is called in errors.
   * @throws RulesError
   */
  prepare(value: unknown, from: string): Prepared {
    const faults: RuleFault[] = []
    const document = readDocument(value, this.current, faults)
    if (faults.length > 0) throw new RulesError(from, 'invalid', faults)
    return this.check(document, from)
  }

  /**
   * Has a document come into force, wholly or not at all. Gives what those who watch guards have thrown.
   * @throws RulesError if code was given meanwhile that it does not go with.
   */
  apply(prepared: Prepared, from: string): unknown[] {
    const { document, commits } =
      prepared.generation === this.generation ? prepared : this.check(prepared.document, from)
    this.generation++
    this.current = document
    return commits.flatMap((commit) => commit())
  }

  /** The guards of each resource that has been asked for, and the names of those that have not. */
  stats(): {
    readonly resources: Readonly<Record<string, readonly GuardStats[]>>
    readonly unused: string[]
  } {
    const resources: Record<string, readonly GuardStats[]> = Object.create(null)
    for (const [name, { policy }] of this.resources) resources[name] = policy.stats()
    return { resources, unused: Object.keys(this.current).filter((name) => !this.resources.has(name)) }
  }

  private check(document: RulesData, from: string): Prepared {
    const { current, generation } = this
    const faults: RuleFault[] = []
    const commits: Commit[] = []
    let isSame = true
    for (const name of new Set([...Object.keys(current), ...Object.keys(document)])) {
      const rules = document[name]
      if (rules === current[name]) continue
      isSame = false
      const resource = this.resources.get(name)
      if (resource !== undefined) commits.push(resource.prepare(rules, faults))
      else if (rules !== undefined) checkRules(name, rules, current === emptyDocument, faults)
    }
    if (faults.length > 0) throw new RulesError(from, 'invalid', faults)
    return { document, isSame, changes: changesBetween(current, document), commits, generation }
  }

  /** Gives a resource its guards, or the code that comes later than they. */
  private begin(resource: Resource, code: ResourceCode | undefined): void {
    const faults: RuleFault[] = []
    const rules = this.current[resource.name]
    const commit =
      code === undefined ? resource.prepare(rules, faults) : resource.prepareCode(rules, code, faults)
    const [fault] = faults
    if (fault !== undefined)
      throw new ArgumentError(`the rules do not go with the code: ${fault.pointer}: ${fault.detail}`)
    this.generation++
    const [error] = commit()
    if (error !== undefined) throw error
  }
}
