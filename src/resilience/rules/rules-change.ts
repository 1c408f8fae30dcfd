import type { RuleChange, RulesVersion } from './history.js'
import type { RulesError } from './rules-error.js'

/** How rules are to be changed. */
export interface ChangeOptions {
  /** The version that the change is meant for: if there is another one by now, nothing is changed. */
  readonly expectedVersion?: number
  /** Only says what would change. */
  readonly dryRun?: boolean
  /** Who changes them, for the history: `program` unless said. */
  readonly by?: string
}

/** What has been changed, or would be. */
export interface RulesChange {
  /** Of the rules now: the one that they had where nothing is different, or it was a dry run. */
  readonly version: number
  readonly changes: readonly RuleChange[]
}

/** Rules are others now, or others were refused. */
export type RulesEvent =
  | { readonly what: 'changed'; readonly version: RulesVersion }
  | { readonly what: 'refused'; readonly error: RulesError }
