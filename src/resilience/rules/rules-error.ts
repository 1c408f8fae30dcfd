import { SluiceError } from '../../runtime/errors.js'

/** One thing that is wrong with rules. */
export interface RuleFault {
  /** Where, as a JSON Pointer (RFC 6901): `/payments/breaker/sleepWindowMs`; empty for the whole document. */
  readonly pointer: string
  /** `must be above 0, not -1` */
  readonly detail: string
}

/** `invalid`: what it says is wrong; `unreadable`, `unwritable`: it could not be fetched, or changed. */
export type RulesErrorReason = 'invalid' | 'unreadable' | 'unwritable'

/** More of them help nobody, and a small document could ask for a large answer. */
const mostFaults = 100
const longestDetail = 300

/** Rules that cannot be used, as a whole: those that were there before stay. */
export class RulesError extends SluiceError {
  readonly code = 'ERR_SLUICE_RULES'
  /** What is wrong, the first 100. */
  readonly errors: readonly RuleFault[]

  /** @param source where they come from: a path. */
  constructor(
    readonly source: string,
    readonly reason: RulesErrorReason,
    errors: readonly RuleFault[],
    cause?: unknown,
  ) {
    const told = errors.slice(0, mostFaults).map(shortened)
    super(`${source}: ${sentence(told[0], errors.length - 1)}`, cause === undefined ? undefined : { cause })
    this.errors = told
  }
}

/** Rules were to be changed by one who has seen others: somebody has changed them since. */
export class StaleRulesError extends SluiceError {
  readonly code = 'ERR_SLUICE_RULES_STALE'

  constructor(
    readonly expectedVersion: number,
    readonly version: number,
  ) {
    super(`the rules are at version ${version}, not ${expectedVersion}: read them again, and change those`)
  }
}

/** The JSON Pointer of keys, from the outermost. */
export function pointer(...keys: readonly string[]): string {
  // In this order: the tempting other one makes ~1 of a slash, and then ~01 of that.
  return keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

function sentence(first: RuleFault | undefined, others: number): string {
  if (first === undefined) return 'the rules are wrong'
  const more = others === 0 ? '' : ` (and ${others} more)`
  return (first.pointer === '' ? first.detail : `${first.pointer}: ${first.detail}`) + more
}

function shortened({ pointer, detail }: RuleFault): RuleFault {
  return { pointer: cut(pointer), detail: cut(detail) }
}

function cut(text: string): string {
  return text.length > longestDetail ? `${text.slice(0, longestDetail - 1)}…` : text
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
