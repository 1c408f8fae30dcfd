import { type Linked, WaitList } from '../runtime/wait-list.js'

/**
 * A map of at most so many keys: the one that was not used for longest goes first.
 *
 * The order of use is a list of its own. A `Map` keeps the order of its insertions, but putting a key in anew at each use has
 * it build its table anew every few times: a hit would cost ten times as much.
 */
export class LruMap<K, V> {
  private readonly entries = new Map<K, Entry<K, V>>()
  private readonly order = new WaitList<Entry<K, V>>()

  constructor(private maxKeys: number) {}

  get size(): number {
    return this.entries.size
  }

  /** The value of a key, which counts as used. */
  get(key: K): V | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined) return undefined
    this.use(entry)
    return entry.value
  }

  /** True if another key had to go. */
  set(key: K, value: V): boolean {
    const entry = this.entries.get(key)
    if (entry !== undefined) {
      entry.value = value
      this.use(entry)
      return false
    }
    const added = new Entry(key, value)
    this.entries.set(key, added)
    this.order.push(added)
    return this.drop() > 0
  }

  /** Holds so many keys from now on. How many have to go for it. */
  resize(maxKeys: number): number {
    this.maxKeys = maxKeys
    return this.drop()
  }

  delete(key: K): boolean {
    const entry = this.entries.get(key)
    return entry !== undefined && this.order.remove(entry) && this.entries.delete(key)
  }

  clear(): void {
    for (const entry of this.entries.values()) this.order.remove(entry)
    this.entries.clear()
  }

  private drop(): number {
    let dropped = 0
    for (; this.entries.size > this.maxKeys; dropped++) {
      const oldest = this.order.shift()
      if (oldest === undefined) break
      this.entries.delete(oldest.key)
    }
    return dropped
  }

  private use(entry: Entry<K, V>): void {
    this.order.remove(entry)
    this.order.push(entry)
  }
}

class Entry<K, V> implements Linked {
  before: Linked | undefined
  after: Linked | undefined

  constructor(
    readonly key: K,
    public value: V,
  ) {
    this.before = undefined
    this.after = undefined
  }
}
