import type { Clock } from '../runtime/clock.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Operation } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { Figures, type GuardStats } from './figures.js'
import { type Call, type Gate, MUST_WAIT, REFUSED } from './guard.js'
import { KeyedTurn } from './keyed-turn.js'
import { type Entry, gateOf, type KeyBounds, KeyedGates, Place } from './keyed-gates.js'
import { Refused } from './refused.js'

export interface KeyedOptions {
  /** How many keys there may be. 100,000 unless said: some 20 MB of token buckets. */
  readonly maxKeys?: number
  /**
   * A key that nobody has used for so many milliseconds leaves, at the latest after twice as many: no timer runs, it is seen
   * to when a new key comes, or every few hundred calls. It comes back as a new one, so take no less than a limit needs to be
   * full again. Ten minutes unless said.
   */
  readonly idleMs?: number
  /** What it protects. */
  readonly name?: string
  readonly clock?: Clock
}

const kind = 'keyed'
const defaults = { maxKeys: 100_000, idleMs: 600_000 }

/** A Map holds 2^24 entries at most, and those that were deleted since it grew count. */
const mostKeys = 2 ** 23

/**
 * A gate per key of the call, each made by `create` when its key first comes: a limit per client, a bulkhead per tenant.
 *
 * ```ts
 * const perClient = keyed(() => tokenBucket({ rate: 10, burst: 20 }), { maxKeys: 1_000_000, idleMs: 60_000 })
 * yield* policy(perClient).run(ctx, fn, { key: apiKey })
 * ```
 *
 * Memory is bounded: idle keys leave, and at `maxKeys` one that was not used lately makes room for a new one (second
 * chance: of those unused since the last round the one that came first). A key with calls under way or waiting stays; where
 * that is so of all that are looked at, the new key is refused. So whoever makes up keys can push out those of quiet
 * clients, who then start anew: choose keys that cost something to get, and limit the total in front.
 *
 * A call without a key is an error: one shared limit for all of them would let one client refuse the others, and none at
 * all would be a hole. Give those whose name nobody knows a key in common where that is wanted.
 * @throws ArgumentError if `create` is no function, `maxKeys` is not a whole number from 1, or `idleMs` is not above 0.
 */
export function keyed<G extends Gate>(create: (key: string) => G, options: KeyedOptions = {}): Keyed<G> {
  const { name = kind, clock = scheduler().coarseClock } = options
  checkCreate(create)
  return new Keyed(new Figures(kind, name), create, new KeyedGates(boundsOf(options), clock))
}

function checkCreate(create: unknown): void {
  if (typeof create === 'function') return
  throw new ArgumentError(`keyed() needs a function that makes the gate of a key, not ${String(create)}`)
}

function boundsOf(options: KeyedOptions): KeyBounds {
  const { maxKeys = defaults.maxKeys, idleMs = defaults.idleMs } = options
  if (!Number.isInteger(maxKeys) || maxKeys < 1 || maxKeys > mostKeys) {
    throw new ArgumentError(
      `the option maxKeys of keyed() is a whole number from 1 to ${mostKeys}, not ${String(maxKeys)}`,
    )
  }
  if (typeof idleMs !== 'number' || !(idleMs > 0)) {
    throw new ArgumentError(
      `the option idleMs of keyed() is a number of milliseconds above 0, not ${String(idleMs)}; Infinity keeps idle keys`,
    )
  }
  return { maxKeys, idleMs }
}

/** Passes each call to the gate of its key. Figures are those of all keys together. */
export class Keyed<G extends Gate> implements Gate {
  /** Whose refusal it was; `undefined` when there was no room for the key. */
  private refusing: Gate | undefined = undefined

  /** @internal */
  constructor(
    readonly figures: Figures,
    private create: (key: string) => G,
    private readonly gates: KeyedGates<G>,
  ) {}

  /** Of its gates some may. */
  get needsExactMs(): true {
    return true
  }

  /** Keys that there are now. */
  get size(): number {
    return this.gates.size
  }

  /** @throws ArgumentError if the call has no key, or `create` made no gate for it. */
  enter(call: Call): number {
    const entry = this.find(call)
    if (entry === undefined) return this.refuse(undefined)
    const gate = gateOf(entry)
    const ticket = gate.enter(call)
    if (ticket === MUST_WAIT) return ticket
    return ticket === REFUSED ? this.refuse(gate) : this.admit(entry, ticket)
  }

  /** Waits in the queue of the key's own gate. */
  wait(call: Call): Operation<number> {
    return new KeyedTurn(this, call)
  }

  /** Told to the gate that let the call in, and to no other that has its key by now. */
  leave(ticket: number, ending: number, error: unknown, ms: number): void {
    if (ticket > 0) this.gates.leave(ticket - 1, ending, error, ms)
  }

  refusal(call: Call): Refused {
    if (this.refusing !== undefined) return this.refusing.refusal(call)
    const why = `${this.gates.maxKeys} keys are the limit, and they are in use`
    return new Refused(kind, this.figures.name, why, undefined)
  }

  /** The gate of a key, to look at it: that is no use of the key. */
  peek(key: string): G | undefined {
    const entry = this.gates.peek(key)
    return entry && gateOf(entry)
  }

  /** Forgets a key: its next call begins anew. Calls under way end at the gate that they came in by. */
  forget(key: string): void {
    this.gates.forget(key)
  }

  /** All keys with their gates, to look at them. */
  *[Symbol.iterator](): Generator<[key: string, gate: G], void> {
    for (const [key, entry] of this.gates) yield [key, gateOf(entry)]
  }

  /**
   * Changes how many keys there may be, and how long they stay. If there are too many now, some leave with each new key that
   * comes, and idle ones in time; the gates stay as they are.
   * @throws ArgumentError as `keyed` does; nothing is changed then.
   */
  configure(options: KeyedOptions): void {
    const before = this.gates.bounds
    const bounds = boundsOf(options)
    this.gates.bounds = bounds
    this.figures.changed(before, bounds)
  }

  /**
   * Changes the gates of all keys: those of new keys are made by `create`, and those that there are have it from `each`, which
   * should be as good the second time as the first. No later than when their key is used the next time: of many keys a
   * thousand are changed at once, and the others with the next calls, so that nobody has to wait for a million of them.
   *
   * ```ts
   * const options = { rate: 20, burst: 40 }
   * perClient.configureGates(() => tokenBucket(options), (bucket) => bucket.configure(options))
   * ```
   * Make a gate with new options first, so that you hear what is wrong with them: what `each` throws the next calls throw.
   * @throws ArgumentError if `create` is no function.
   */
  configureGates(create: (key: string) => G, each: (gate: G, key: string) => void): void {
    checkCreate(create)
    this.create = create
    this.gates.changeAll(each)
    this.figures.tell('gates changed')
  }

  stats(): GuardStats {
    const { size, maxKeys, evicted, expired } = this.gates
    return this.figures.stats('ok', { keys: size, maxKeys, evicted, expired })
  }

  /** @internal The gate of the call's key; `undefined` where there is no room for it. */
  find({ key }: Call): Entry<G> | undefined {
    if (key === undefined) {
      throw new ArgumentError(
        `${this.figures.name} counts each key apart, and this call has none: policy.run(ctx, fn, { key: 'client 7' })`,
      )
    }
    return this.gates.find(key) ?? this.gates.make(key, this.made)
  }

  /** @internal */
  hold(entry: Entry<G>, key: string): number {
    return this.gates.hold(entry, key)
  }

  /** @internal */
  letGo(slot: number): void {
    this.gates.letGo(slot)
  }

  /** @internal */
  admit(entry: Entry<G>, ticket: number): number {
    this.figures.admitted++
    if (!(entry instanceof Place) || entry.gate.ignoresLeave === true) return 0
    return this.gates.enter(entry, ticket) + 1
  }

  /** @internal */
  refuse(gate: Gate | undefined): number {
    this.refusing = gate
    this.figures.refuse()
    return REFUSED
  }

  private readonly made = (key: string): Entry<G> => {
    const gate = this.create(key)
    if (typeof (gate as Partial<Gate> | undefined)?.enter !== 'function') {
      throw new ArgumentError(
        `the function of keyed() makes a gate: a limit, a bulkhead, a breaker; for this key it made ${String(gate)}`,
      )
    }
    if (gate.ignoresLeave === true) return gate
    gate.figures.watch(({ what, detail }) => {
      // Those are told of all keys together.
      if (what !== 'refused' && what !== 'waited' && what !== 'changed')
        this.figures.tell(what, { key, detail })
    })
    return new Place(gate, key)
  }
}
