import type { Clock } from '../../runtime/clock.js'
import { ArgumentError } from '../../runtime/errors.js'
import type { Guard } from '../guard.js'
import { changeablePolicy } from '../policy.js'
import { emptyDocument, type GuardRules, type RuleOptions } from './document.js'
import type { Kind, Made } from './kind.js'
import { kindList, kindsByName } from './kinds.js'
import type { ResourceCode } from './resource-rules.js'
import { pointer, type RuleFault } from './rules-error.js'
import { optionFaults, unknownName } from './schema.js'

/** What code says, by kind. */
type Code = Readonly<Record<string, RuleOptions | undefined>>

/** A guard as it is, or is to be. */
interface Part {
  readonly made: Made
  /** What the document and the code say of it: another object if one of them has changed. */
  readonly options: RuleOptions
  readonly code: RuleOptions | undefined
}

/** A change that has been checked, and can be made. Gives what those who watch the guards have thrown at it. */
export type Commit = () => unknown[]

/** What has a name in a document: its guards, and the policy that they make. */
export class Resource {
  readonly policy = changeablePolicy()
  private code: Code | undefined = undefined
  private readonly parts = new Map<string, Part>()

  constructor(
    readonly name: string,
    private readonly clock: Clock,
  ) {}

  /** Whether this says the same as what has been said before. */
  isSameCode(code: ResourceCode): boolean {
    return isSame(this.code ?? {}, code as Code, (a, b) => isSame(a ?? {}, b ?? {}, Object.is))
  }

  get hasCode(): boolean {
    return this.code !== undefined
  }

  /** As `prepare`, with what code says from now on. */
  prepareCode(rules: GuardRules | undefined, code: ResourceCode, faults: RuleFault[]): Commit {
    for (const kind of Object.keys(code)) {
      if (!kindsByName.has(kind))
        faults.push({ pointer: pointer(this.name, kind), detail: unknownKind(kind) })
    }
    const commit = this.prepareWith(rules, code as Code, faults)
    return () => {
      this.code = code as Code
      return commit()
    }
  }

  /**
   * Looks whether the guards can become what `rules` say, and changes nothing yet. New ones are made, and those that are
   * there are tried on others, so that what comes out can be done without anything going wrong in the middle.
   * @param faults what is wrong is added here.
   */
  prepare(rules: GuardRules | undefined, faults: RuleFault[]): Commit {
    return this.prepareWith(rules, this.code, faults)
  }

  private prepareWith(
    rules: GuardRules = emptyDocument,
    code: Code | undefined,
    faults: RuleFault[],
  ): Commit {
    const before = faults.length
    checkKinds(this.name, rules, this.parts, faults)
    if (faults.length > before) return () => []
    const next = new Map<string, Part>()
    const changed: (() => void)[] = []
    const begun: (() => void)[] = []
    for (const [name, kind] of kindList) {
      const options = rules[name]
      if (options === undefined) continue
      const known = this.parts.get(name)
      if (known !== undefined && known.options === options && known.code === code?.[name]) {
        next.set(name, known)
        continue
      }
      const whole = this.wholeOf(kind, options, code?.[name])
      const stays = known?.made.fits(whole) === true
      const made = attempt(this.name, name, faults, () => {
        checkCode(kind, whole, this.name, name)
        return kind.make(stays ? { ...whole, ...kind.onTrial } : whole)
      })
      if (made === undefined) continue
      if (stays) changed.push(() => known.made.configure(whole))
      else if (made.begin !== undefined) begun.push(made.begin)
      next.set(name, { made: stays ? known.made : made, options, code: code?.[name] })
    }
    return () => this.become(next, [...changed, ...begun])
  }

  /** What the document says, under what code says: a function that code gives is left out where the document has a value. */
  private wholeOf(kind: Kind, options: RuleOptions, code: RuleOptions | undefined): RuleOptions {
    // The clock is said here, since a change may come from outside of the goroutines that live by it.
    const whole: Record<string, unknown> = { clock: this.clock, ...options, ...code, name: this.name }
    if (!needsCode(kind, options)) for (const option of Object.keys(kind.fromCode ?? {})) delete whole[option]
    return whole
  }

  private become(next: ReadonlyMap<string, Part>, changes: readonly (() => void)[]): unknown[] {
    const guards = [...next.values()].map(({ made }) => made.guard)
    const ends = [...this.parts.values()].flatMap(({ made }) =>
      made.end === undefined || guards.includes(made.guard) ? [] : made.end,
    )
    this.parts.clear()
    for (const [name, part] of next) this.parts.set(name, part)
    if (!isSameList(guards, this.policy.guards)) this.policy.replace(guards)
    const thrown: unknown[] = []
    for (const change of [...ends, ...changes]) {
      try {
        change()
      } catch (error) {
        thrown.push(error) // the others have to change all the same
      }
    }
    return thrown
  }
}

/**
 * Looks whether rules of a resource that nobody has asked for could be those of one.
 * @param canAsk code may still say what only it can say: so it is of the first document, before the program goes on.
 */
export function checkRules(name: string, rules: GuardRules, canAsk: boolean, faults: RuleFault[]): void {
  const before = faults.length
  checkKinds(name, rules, undefined, faults)
  if (faults.length > before) return
  for (const [kindName, options] of Object.entries(rules)) {
    const kind = kindsByName.get(kindName) as Kind
    const fromCode = needsCode(kind, options) ? kind.fromCode : {}
    attempt(name, kindName, faults, () => {
      if (!canAsk) checkCode(kind, { ...options }, name, kindName)
      return kind.make({ ...options, ...fromCode, ...kind.onTrial, name })
    })
  }
}

/** Looks at the names and the options of guards, those that have not been looked at. */
function checkKinds(
  name: string,
  rules: GuardRules,
  known: ReadonlyMap<string, Part> | undefined,
  faults: RuleFault[],
): void {
  for (const [kindName, options] of Object.entries(rules)) {
    if (known?.get(kindName)?.options === options) continue
    const at = pointer(name, kindName)
    const kind = kindsByName.get(kindName)
    if (kind === undefined) faults.push({ pointer: at, detail: unknownKind(kindName) })
    else faults.push(...optionFaults(kind.schema, options, at))
  }
}

function unknownKind(name: string): string {
  return unknownName('guard', name, [...kindsByName.keys()])
}

function needsCode({ fromCode, needsCode }: Kind, options: RuleOptions): boolean {
  return fromCode !== undefined && needsCode?.(options) !== false
}

/** @throws ArgumentError if it lacks what only code can give. */
function checkCode(kind: Kind, whole: RuleOptions, name: string, kindName: string): void {
  if (!needsCode(kind, whole)) return
  const missing = Object.keys(kind.fromCode ?? {}).filter((option) => whole[option] === undefined)
  if (missing.length === 0) return
  throw new ArgumentError(
    `needs what only code can give: rules.policy(${JSON.stringify(name)}, { ${kindName}: { ${missing.join(', ')} } })`,
  )
}

/** Makes a guard; what is wrong with its options becomes a fault of the rules. */
function attempt(name: string, kindName: string, faults: RuleFault[], make: () => Made): Made | undefined {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    faults.push({ pointer: pointer(name, kindName), detail: error.message })
    return undefined
  }
}

function isSameList(some: readonly Guard[], others: readonly Guard[]): boolean {
  return some.length === others.length && some.every((each, i) => each === others[i])
}

function isSame<T>(
  one: Readonly<Record<string, T>>,
  other: Readonly<Record<string, T>>,
  isEqual: (a: T, b: T) => boolean,
): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...keys].every((key) => isEqual(one[key] as T, other[key] as T))
}
