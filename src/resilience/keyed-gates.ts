import type { Clock } from '../runtime/clock.js'
import type { Gate } from './guard.js'

/** Hits between two looks at the clock, which costs as much as a hit. */
const hitsPerLook = 256
/** How many keys are looked at for one that may leave, so that a new key costs no more than this. */
const mostLooks = 8
/** How many gates a change goes through at once, and how many more with each call: a millisecond, and a few µs. */
const changesAtOnce = 1000
const changesPerCall = 4
/** Slices of a string that are shorter are copies in V8; a longer one keeps the whole string that it was cut from. */
const shortestSlice = 13

/** A gate, or the place of one that has to know who is in. A bucket per client, a million of them, pays for no place. */
export type Entry<G extends Gate> = G | Place<G>

/** The gate of a key that calls are in, or wait for. */
export class Place<G extends Gate> {
  /** Calls that hold it: its key stays meanwhile. */
  inside = 0

  constructor(
    readonly gate: G,
    readonly key: string,
  ) {}
}

export function gateOf<G extends Gate>(entry: Entry<G>): G {
  return entry instanceof Place ? entry.gate : entry
}

export interface KeyBounds {
  readonly maxKeys: number
  readonly idleMs: number
}

/** A change that is not through with all gates yet. */
interface Change<G extends Gate> {
  each(gate: G, key: string): void
  readonly left: Iterator<[string, Entry<G>]>
}

/**
 * Gates by key, in two generations: `young` holds what was used since the last turn, `old` what was not. What is used moves
 * from the old into the young ones. Every `idleMs` what is still in the old generation goes, all at once, and the young
 * becomes the old one; so a key carries no time of its own, nobody walks through a million of them, and no timer runs.
 * At `maxKeys` the old ones go one by one, first come first.
 *
 * It is the clock algorithm with second chance, the bit being in which map a key is.
 */
export class KeyedGates<G extends Gate> {
  evicted = 0
  expired = 0
  private young = new Map<string, Entry<G>>()
  private old = new Map<string, Entry<G>>()
  /**
   * Walks through the old ones once: what leaves them is skipped, and nothing is added to them. Made when it is needed,
   * since a map that shrinks is kept at its old size by an iterator that stands still.
   */
  private hand: IterableIterator<[string, Entry<G>]> | undefined = undefined
  private turnedMs: number
  private untilLook = hitsPerLook
  // Calls that hold a place; a ticket is an index into both. What is free is used again, so that a call allocates nothing.
  private readonly holders: (Place<G> | undefined)[] = []
  private readonly tickets: number[] = []
  private readonly free: number[] = []
  private change: Change<G> | undefined = undefined

  constructor(
    /** May be changed; those who are too many then leave when new ones come. */
    public bounds: KeyBounds,
    private readonly clock: Clock,
  ) {
    this.turnedMs = clock.now()
  }

  get maxKeys(): number {
    return this.bounds.maxKeys
  }

  /**
   * Puts every gate through `each`: a thousand at once and the others with the next calls, so that a million keys hold nobody
   * up; one that is used before all others. Some go through it more than once. A change that has not ended gives way.
   */
  changeAll(each: (gate: G, key: string) => void): void {
    this.change = { each, left: entriesOf(this.young, this.old) }
    this.goOn(changesAtOnce)
  }

  get size(): number {
    return this.young.size + this.old.size
  }

  find(key: string): Entry<G> | undefined {
    if (this.change !== undefined) this.goOn(changesPerCall)
    const entry = this.young.get(key)
    if (entry === undefined) return this.findOld(key)
    this.change?.each(gateOf(entry), key)
    if (--this.untilLook <= 0) this.look()
    return entry
  }

  peek(key: string): Entry<G> | undefined {
    return this.young.get(key) ?? this.old.get(key)
  }

  /** Makes room for a key, and has its gate made; `undefined` where there is no room. */
  make(key: string, create: (key: string) => Entry<G>): Entry<G> | undefined {
    if (this.size >= this.maxKeys && !this.evict()) return undefined
    const own = copyOf(key)
    const entry = create(own)
    this.young.set(own, entry)
    return entry
  }

  forget(key: string): void {
    if (!this.young.delete(key)) this.old.delete(key)
  }

  *[Symbol.iterator](): Generator<[string, Entry<G>], void> {
    yield* this.young
    yield* this.old
  }

  /** A call is in: gives the slot that keeps its gate's ticket until it leaves. */
  enter(place: Place<G>, ticket: number): number {
    const slot = this.free.pop() ?? this.holders.length
    this.holders[slot] = place
    this.tickets[slot] = ticket
    place.inside++
    return slot
  }

  leave(slot: number, ending: number, error: unknown, ms: number): void {
    const gate = this.holders[slot]?.gate
    const ticket = this.tickets[slot] ?? 0
    this.letGo(slot)
    gate?.leave(ticket, ending, error, ms)
  }

  /** A call waits: its gate stays, and so does who waits behind it. */
  hold(entry: Entry<G>, key: string): number {
    return this.enter(entry instanceof Place ? entry : this.promote(entry, key), 0)
  }

  letGo(slot: number): void {
    const place = this.holders[slot]
    if (place === undefined) return
    place.inside--
    this.holders[slot] = undefined
    this.free.push(slot)
  }

  private promote(gate: G, key: string): Place<G> {
    const known = this.peek(key)
    if (known instanceof Place && known.gate === gate) return known
    const place = new Place(gate, copyOf(key))
    const generation = this.young.has(key) ? this.young : this.old
    if (known === gate) generation.set(key, place) // otherwise the key has been forgotten since
    return place
  }

  private findOld(key: string): Entry<G> | undefined {
    this.look()
    const entry = this.old.get(key)
    if (entry === undefined) return this.young.get(key) // a look may have brought it there, as one that calls are in
    this.old.delete(key)
    this.rejuvenate(key, entry)
    return entry
  }

  private look(): void {
    this.untilLook = hitsPerLook
    const nowMs = this.clock.now()
    if (nowMs - this.turnedMs < this.bounds.idleMs) return
    const left = this.old
    this.turn(nowMs)
    for (const place of this.holders) {
      if (place === undefined || left.get(place.key) !== place) continue
      left.delete(place.key)
      this.rejuvenate(place.key, place)
    }
    this.expired += left.size
  }

  /** Brings one that is used, or held, among the young ones. A change has passed these, perhaps. */
  private rejuvenate(key: string, entry: Entry<G>): void {
    this.young.set(key, entry)
    this.change?.each(gateOf(entry), key)
  }

  private goOn(most: number): void {
    const { change } = this
    for (let i = 0; i < most && change !== undefined; i++) {
      const next = change.left.next()
      if (next.done === true) {
        this.change = undefined
        return
      }
      const [key, entry] = next.value
      change.each(gateOf(entry), key)
    }
  }

  private turn(nowMs: number): void {
    this.turnedMs = nowMs
    this.old = this.young
    this.young = new Map()
    this.hand = undefined
  }

  /** Makes room for one more as far as a few looks go: true if one has left, so that there are no more for it. */
  private evict(): boolean {
    const { evicted } = this
    for (let looks = 0; looks < mostLooks && this.size >= this.maxKeys; looks++) {
      if (this.old.size === 0) this.turn(this.clock.now())
      this.hand ??= this.old.entries()
      const next = this.hand.next()
      if (next.done === true) break
      const [key, entry] = next.value
      this.old.delete(key)
      if (!(entry instanceof Place) || entry.inside === 0) this.evicted++
      else this.rejuvenate(key, entry)
    }
    return this.evicted > evicted
  }
}

function* entriesOf<G extends Gate>(
  ...maps: readonly Map<string, Entry<G>>[]
): Generator<[string, Entry<G>]> {
  for (const entries of maps) yield* entries
}

/** A key that was cut out of a request would keep all of the request for as long as it is here. */
function copyOf(key: string): string {
  return key.length < shortestSlice ? key : (JSON.parse(JSON.stringify(key)) as string)
}
