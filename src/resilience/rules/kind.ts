import type { Gate, Guard } from '../guard.js'
import { keyed, type KeyedOptions } from '../keyed.js'
import { RetryBudget, type RetryBudgetOptions, retryBudget } from '../retry-budget.js'
import { isObject, type RuleOptions } from './document.js'
import { above, from, optionsOf, type OptionsSchema, wholeFrom, yesOrNo } from './schema.js'

/** A kind of guard that rules can name. */
export interface Kind {
  readonly schema: OptionsSchema
  /**
   * Makes the guard with options that the schema allows, and with what code says.
   * @throws ArgumentError if they do not go together.
   */
  make(options: RuleOptions): Made
  /** What a guard gets that is only made to see whether it can be. */
  readonly onTrial?: RuleOptions
  /** What it cannot do without, and only code can give: as a guard gets it that is made for a trial. */
  readonly fromCode?: RuleOptions
  /** Whether it needs that with these options: it does unless said. */
  readonly needsCode?: (options: RuleOptions) => boolean
}

/** A guard that rules have made. */
export interface Made {
  readonly guard: Guard
  /** Whether it can become what these options say; if not, there has to be another one, which begins anew. */
  fits(options: RuleOptions): boolean
  /** From the next call on. Counts stay. */
  configure(options: RuleOptions): void
  /** It comes into force: what it does beside the calls begins only now. */
  readonly begin?: () => void
  /** It is in force no more. */
  readonly end?: () => void
}

/** A guard whose options may change while it runs. */
type Changeable<G extends Guard> = G & { configure(options: never): void }

/** What makes one. That options are of its type has been seen to by the schema, so they are `never` to the compiler. */
type Maker<G extends Guard = Guard> = (options: never) => Changeable<G>

/** A guard that takes its options as they are. */
export function kind(maker: Maker, schema: OptionsSchema, more: Omit<Kind, 'schema' | 'make'> = {}): Kind {
  return { ...more, schema, make: (options) => plain(maker, options) }
}

function plain(maker: Maker, options: RuleOptions): Made {
  const guard = maker(options as never)
  return {
    guard,
    fits: () => true,
    configure: (next) => guard.configure(next as never),
  }
}

/** A gate that may count each key apart. */
export function gateKind(maker: Maker<Gate>, { properties, required }: OptionsSchema): Kind {
  return {
    schema: optionsOf({ ...properties, perKey }, required),
    make: (options) => (isPerKey(options) ? perKeyed(maker, options) : unkeyed(maker, options)),
  }
}

const perKey = {
  ...optionsOf({ maxKeys: wholeFrom(1), idleMs: above(0) }),
  type: [yesOrNo['type'], 'object'],
}

function isPerKey({ perKey }: RuleOptions): boolean {
  return perKey !== undefined && perKey !== false
}

function unkeyed(maker: Maker<Gate>, options: RuleOptions): Made {
  const { guard, configure } = plain(maker, ownOf(options))
  return { guard, fits: (next) => !isPerKey(next), configure: (next) => configure(ownOf(next)) }
}

function perKeyed(maker: Maker<Gate>, options: RuleOptions): Made {
  const own = ownOf(options) as never
  maker(own) // what is wrong is to be told now, and not when the first key comes
  const guard = keyed(() => maker(own), keyedOptions(options))
  return {
    guard,
    fits: isPerKey,
    configure(next) {
      const own = ownOf(next) as never
      guard.configure(keyedOptions(next))
      guard.configureGates(
        () => maker(own),
        (gate) => gate.configure(own),
      )
    },
  }
}

/** Those of the gate of one key. */
function ownOf({ perKey: _, ...own }: RuleOptions): RuleOptions {
  return own
}

function keyedOptions({ perKey, name, clock }: RuleOptions): KeyedOptions {
  return { ...(isObject(perKey) && perKey), name, clock } as KeyedOptions
}

/** A guard that may have a budget: its own, from the document, or one that code shares among several. */
export function budgetKind(maker: Maker, { properties, required }: OptionsSchema): Kind {
  return {
    schema: optionsOf({ ...properties, budget: budgetSchema }, required),
    make: (options) => budgeted(maker, options),
  }
}

const budgetSchema = optionsOf({ maxTokens: wholeFrom(1), tokenRatio: from(0.001) })

function budgeted(maker: Maker, options: RuleOptions): Made {
  /** The one that the document asks for, which is this guard's alone. */
  let own: RetryBudget | undefined
  const withBudget = ({ budget, ...others }: RuleOptions): RuleOptions => {
    if (budget instanceof RetryBudget || budget === undefined) own = undefined
    else if (own === undefined) own = retryBudget(budget as RetryBudgetOptions)
    else own.configure(budget as RetryBudgetOptions)
    const given = own ?? budget
    return { ...others, ...(given !== undefined && { budget: given }) }
  }
  const guard = maker(withBudget(options) as never)
  return {
    guard,
    fits: () => true,
    configure: (next) => guard.configure(withBudget(next) as never),
  }
}
