/**
 * A first-in, first-out queue over a circular array that grows by doubling: the run queue and the buffer of a channel.
 * Taking clears the slot, so that the queue keeps nothing alive that has left it.
 */
export class Ring<T> {
  length = 0
  private slots: (T | undefined)[]
  private head = 0

  /** @param size a power of two: the slots to begin with. */
  constructor(size = 8) {
    this.slots = new Array<T | undefined>(size).fill(undefined)
  }

  push(value: T): void {
    if (this.length === this.slots.length) this.grow()
    this.slots[(this.head + this.length) & (this.slots.length - 1)] = value
    this.length++
  }

  /** Takes the oldest value; `undefined` when there is none. */
  shift(): T | undefined {
    if (this.length === 0) return undefined
    const value = this.slots[this.head]
    this.slots[this.head] = undefined
    this.head = (this.head + 1) & (this.slots.length - 1)
    this.length--
    return value
  }

  /** The value at `index`, counted from the oldest. */
  at(index: number): T | undefined {
    return index < this.length ? this.slots[(this.head + index) & (this.slots.length - 1)] : undefined
  }

  /** Takes the value at `index`; the oldest moves into its place, so the order of the rest is not kept. */
  take(index: number): T | undefined {
    if (index >= this.length) return undefined
    const at = (this.head + index) & (this.slots.length - 1)
    const value = this.slots[at]
    this.slots[at] = this.slots[this.head]
    this.shift()
    return value
  }

  private grow(): void {
    const old = this.slots
    const slots = new Array<T | undefined>(old.length * 2)
    for (let i = 0; i < old.length; i++) slots[i] = old[(this.head + i) & (old.length - 1)]
    slots.fill(undefined, old.length)
    this.slots = slots
    this.head = 0
  }
}
