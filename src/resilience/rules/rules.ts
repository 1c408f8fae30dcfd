import { ArgumentError } from '../../runtime/errors.js'
import type { Operation } from '../../runtime/operation.js'
import { wait } from '../../runtime/promise.js'
import { scheduler } from '../../runtime/scheduler.js'
import type { GuardStats } from '../figures.js'
import type { Policy } from '../policy.js'
import { fileSource } from './file-source.js'
import { History, type RulesVersion } from './history.js'
import { rulesSchema } from './kinds.js'
import { mergePatch } from './merge-patch.js'
import type { ResourceCode, RulesDocument } from './resource-rules.js'
import { type Prepared, RuleSet } from './rule-set.js'
import type { ChangeOptions, RulesChange, RulesEvent } from './rules-change.js'
import { RulesError, StaleRulesError } from './rules-error.js'
import { readFrom, type RulesSource, writeTo } from './source.js'

/** What the guards of rules have done, for a page or `GET /guards`. */
export interface RulesStats {
  readonly version: number
  readonly source: string
  /** Why what the source says now is not what is in force; `undefined` where it is. */
  readonly lastError: string | undefined
  /** The guards of each resource that the program has asked for, the outermost first. */
  readonly resources: Readonly<Record<string, readonly GuardStats[]>>
  /** Resources that have rules, and that the program has not asked for: misspelt, perhaps. */
  readonly unused: readonly string[]
}

/**
 * Rules for guards, by the names of what they guard; they may change while the program runs. They come from an object, or
 * from a source, which is read first, and watched from then on: the path of a `.json`, `.yaml` or `.yml` file, or anything
 * that is a `RulesSource`.
 *
 * ```ts
 * const limits = await rules('rules.yaml')
 * const payments = limits.policy('payments', { breaker: { isFailure } })
 * const receipt = yield* payments.run(ctx, (ctx) => charge(ctx, order))
 * ```
 *
 * A change applies to the calls that come after it. Guards that stay keep their counts and their state, and calls under way
 * the guards that they began with. Rules with anything wrong in them are refused as a whole, and those that were there stay.
 * @throws RulesError if the first rules are wrong, or cannot be read.
 */
export function rules(document: RulesDocument): Rules
export function rules(source: string | RulesSource): Operation<Rules>
export function rules(from: RulesDocument | string | RulesSource): Rules | Operation<Rules> {
  if (typeof from === 'string') return wait(open(fileSource(from)))
  if (isSource(from)) return wait(open(from))
  const made = new Rules(undefined)
  made.begin(from)
  return made
}

function isSource(from: RulesDocument | RulesSource): from is RulesSource {
  return typeof (from as Partial<RulesSource> | undefined)?.read === 'function'
}

async function open(source: RulesSource): Promise<Rules> {
  const made = new Rules(source)
  await made.start(source)
  return made
}

/** Rules, and the policies that they make. */
export class Rules implements Disposable {
  private readonly clock = scheduler().clock
  private readonly set = new RuleSet(this.clock)
  private readonly history = new History()
  private readonly listeners = new Set<(event: RulesEvent) => void>()
  private refused: RulesError | undefined = undefined
  private watching: Disposable | undefined = undefined
  private isReadingSoon = false
  /** Who reads the source or writes it does so after those who came before: this is the end of the line. */
  private last: Promise<unknown> = Promise.resolve()

  /** @internal */
  constructor(private readonly from: RulesSource | undefined) {}

  /** Where they come from: a path, or `memory`. */
  get source(): string {
    return this.from?.name ?? 'memory'
  }

  /** 1 at first, one more with each change. */
  get version(): number {
    return this.history.version
  }

  /** The rules in force; frozen. */
  get document(): RulesDocument {
    return this.set.document as RulesDocument
  }

  /** What a document of rules is, as a JSON Schema: for editors, and for programs that write them. */
  get schema(): Readonly<Record<string, unknown>> {
    return rulesSchema()
  }

  /** Why what the source says now is not what is in force; `undefined` where it is. */
  get lastError(): RulesError | undefined {
    return this.refused
  }

  /**
   * The policy of a resource: the same one for a name, whatever becomes of its rules. Without rules it lets all through.
   * Names are kept for ever, so do not make them of what a client sends.
   *
   * @param code what a document cannot say. It goes before what a document says, and is said once.
   * @throws ArgumentError if it is no name, other code was given before, or the rules do not go with the code.
   */
  policy(name: string, code?: ResourceCode): Policy {
    return this.set.policy(name, code)
  }

  /**
   * Has other rules come into force, and writes them to the source first where there is one. It begins at once, and is done
   * whether or not it is waited for.
   * @throws RulesError if something is wrong with them, or the source cannot be written. Nothing has changed then.
   * @throws StaleRulesError if `expectedVersion` is not the version that they have.
   */
  replace(document: unknown, options: ChangeOptions = {}): Operation<RulesChange> {
    return this.change(() => document, options)
  }

  /** Changes rules by a merge patch: `{ payments: { breaker: null, timeout: { ms: 500 } } }`. Throws as `replace`. Source: RFC 7396. */
  patch(patch: unknown, options: ChangeOptions = {}): Operation<RulesChange> {
    return this.change(() => mergePatch(this.document, patch), options)
  }

  /**
   * Has the rules of an earlier version come into force again, as a new version. Throws as `replace` and `documentOf`.
   */
  rollback(version: number, options: ChangeOptions = {}): Operation<RulesChange> {
    const { by = 'program' } = options
    return this.change(() => this.documentOf(version), { ...options, by: `${by}, rollback to ${version}` })
  }

  /** The last 50 versions, the newest one last. */
  versions(): readonly RulesVersion[] {
    return this.history.versions
  }

  /** The rules of a version. @throws ArgumentError if it is none of the last 50. */
  documentOf(version: number): RulesDocument {
    const document = this.history.documentOf(version)
    if (document !== undefined) return document as RulesDocument
    const oldest = this.history.versions[0]?.version
    throw new ArgumentError(
      `there is no version ${version} of the rules: there are ${oldest} to ${this.version}`,
    )
  }

  /** Tells `listener` of what happens to the rules, until it is disposed of. What it throws ends the process. */
  watch(listener: (event: RulesEvent) => void): Disposable {
    const own = (event: RulesEvent) => listener(event)
    this.listeners.add(own)
    return { [Symbol.dispose]: () => this.listeners.delete(own) }
  }

  stats(): RulesStats {
    const { version, source, refused } = this
    return { version, source, lastError: refused?.message, ...this.set.stats() }
  }

  /** Watches the source no more. The rules stay as they are. */
  close(): void {
    this.watching?.[Symbol.dispose]()
    this.watching = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal The first rules. @throws RulesError */
  begin(document: unknown): void {
    this.apply(this.set.prepare(document, this.source), this.source)
  }

  /** @internal Reads the source for the first time, and watches it from then on. @throws RulesError */
  start(from: RulesSource): Promise<void> {
    return this.inTurn(async () => {
      // Watched before it is read, so that no change comes between the two.
      this.watching = from.watch(() => this.readSoon(from))
      try {
        this.begin(await readFrom(from))
      } catch (error) {
        this.close()
        throw error
      }
    })
  }

  private change(next: () => unknown, options: ChangeOptions): Operation<RulesChange> {
    return wait(this.inTurn(() => this.changeNow(next, options)))
  }

  private async changeNow(
    next: () => unknown,
    { expectedVersion, dryRun = false, by = 'program' }: ChangeOptions,
  ): Promise<RulesChange> {
    const { from } = this
    if (from !== undefined) await this.catchUp(from)
    if (expectedVersion !== undefined && expectedVersion !== this.version)
      throw new StaleRulesError(expectedVersion, this.version)
    const prepared = this.set.prepare(next(), 'the new rules')
    const { document, changes, isSame } = prepared
    // Also what is in force is written, in place of what is wrong in the source.
    if (dryRun || (isSame && this.refused === undefined)) return { version: this.version, changes }
    if (from !== undefined) await writeTo(from, document as RulesDocument)
    this.refused = undefined
    if (!isSame) this.apply(prepared, by)
    return { version: this.version, changes }
  }

  /** The source may have changed: it is read once for all that tell so meanwhile. */
  private readSoon(from: RulesSource): void {
    if (this.isReadingSoon) return
    this.isReadingSoon = true
    void this.inTurn(async () => {
      this.isReadingSoon = false
      if (this.watching !== undefined) await this.catchUp(from)
    })
  }

  /** Has come into force what the source says by now, unless it is wrong. */
  private async catchUp(from: RulesSource): Promise<void> {
    try {
      const prepared = this.set.prepare(await readFrom(from), from.name)
      this.refused = undefined
      if (!prepared.isSame) this.apply(prepared, from.name)
    } catch (error) {
      if (!(error instanceof RulesError)) throw error
      const isKnown = error.message === this.refused?.message
      this.refused = error
      if (!isKnown) this.tell({ what: 'refused', error })
    }
  }

  private apply(prepared: Prepared, by: string): void {
    const thrown = this.set.apply(prepared, this.source)
    const version = this.history.add(prepared.document, prepared.changes, by, this.clock.epochNow())
    for (const error of thrown) crash(error)
    if (version.version > 1) this.tell({ what: 'changed', version })
  }

  private tell(event: RulesEvent): void {
    for (const listener of this.listeners) {
      try {
        listener(event)
      } catch (error) {
        crash(error)
      }
    }
  }

  private async inTurn<T>(step: () => Promise<T>): Promise<T> {
    const before = this.last
    let done = () => {}
    this.last = new Promise<void>((resolve) => {
      done = resolve
    })
    await before
    try {
      return await step()
    } finally {
      done()
    }
  }
}

/** What a listener throws is nobody's to catch, and must not make what has happened look as if it had not. */
function crash(error: unknown): void {
  void Promise.reject(error)
}
