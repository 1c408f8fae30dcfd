import { ArgumentError } from '../runtime/errors.js'
import { defineKind, object, SharedObject } from './shared-object.js'

const atomicKind = 6
const valueWord = object.words
const atomicBytes = (object.words + 16) * 4

/**
 * A whole number of 32 bits that all threads change without a lock; it can be an argument of tasks and a value of shared
 * channels. What would not fit wraps around. As with `Atomics`, whatever changes it gives the number that was there before,
 * and all threads see all changes in one order.
 *
 * ```ts
 * const hits = new AtomicInt()
 * hits.add(1)
 * ```
 *
 * Source: Go's `atomic.Int32`.
 */
export class AtomicInt extends SharedObject {
  private readonly at: number

  /** @throws ArgumentError if `value` is not a whole number of 32 bits. So do all that take a number. */
  constructor(value?: number)
  /** @internal */
  constructor(value: number, address: number | undefined)
  constructor(value = 0, address?: number) {
    check(value)
    super(atomicKind, address, atomicBytes)
    this.at = this.address + valueWord
    if (address === undefined) Atomics.store(this.words, this.at, value)
  }

  static {
    defineKind(atomicKind, (address) => new AtomicInt(0, address))
  }

  load(): number {
    return Atomics.load(this.words, this.at)
  }

  store(value: number): void {
    Atomics.store(this.words, this.at, check(value))
  }

  add(delta: number): number {
    return Atomics.add(this.words, this.at, check(delta))
  }

  sub(delta: number): number {
    return Atomics.sub(this.words, this.at, check(delta))
  }

  exchange(value: number): number {
    return Atomics.exchange(this.words, this.at, check(value))
  }

  /** Becomes `replacement` if it is `expected`; it was if that is what is returned. */
  compareExchange(expected: number, replacement: number): number {
    return Atomics.compareExchange(this.words, this.at, check(expected), check(replacement))
  }

  and(mask: number): number {
    return Atomics.and(this.words, this.at, check(mask))
  }

  or(mask: number): number {
    return Atomics.or(this.words, this.at, check(mask))
  }

  xor(mask: number): number {
    return Atomics.xor(this.words, this.at, check(mask))
  }
}

/** A mask may be written without its sign: 0xffffffff is -1. */
function check(value: number): number {
  if (Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32) return value | 0
  throw new ArgumentError(`an AtomicInt is a whole number of 32 bits, not ${value}`)
}
