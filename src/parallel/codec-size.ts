import { carriedError } from './carried-errors.js'
import { mostDepth, toCell } from './codec-format.js'
import { bytesKind, isError, kind, kindOf } from './codec-kinds.js'
import { isWide } from './codec-write.js'
import type { GraphRules } from './graph.js'

/** No block of shared memory is larger. A value whose parts are held over and over would be counted for ever. */
const mostBytes = 2 ** 28

/**
 * Bytes that the writer needs at most, Infinity beyond `mostBytes`. For a value that is too deep, those it needs until
 * it finds that out: with less room it would never get so far.
 */
export function sizeOf(value: unknown, rules: GraphRules): { bytes: number; isTooDeep: boolean } {
  const count = new Count(rules)
  count.add(value, 0)
  return { bytes: count.isOver ? Infinity : count.bytes, isTooDeep: count.isTooDeep }
}

class Count {
  bytes = 0
  isTooDeep = false

  constructor(private readonly rules: GraphRules) {}

  get isOver(): boolean {
    return this.bytes > mostBytes
  }

  add(value: unknown, depth: number): void {
    if (typeof value === 'string') this.#string(value)
    else if (typeof value === 'bigint') this.#string(value.toString(16))
    else {
      this.bytes += 16
      if (typeof value === 'object' && value !== null) this.#object(value, depth)
    }
  }

  #string(text: string): void {
    this.bytes += 16 + toCell(isWide(text) ? text.length * 2 : text.length)
  }

  #object(value: object, depth: number): void {
    if (depth > mostDepth) this.isTooDeep = true
    if (this.isTooDeep || this.isOver) return
    const what = kindOf(value)
    if (what === kind.plain || what === kind.bare) this.#properties(value, depth)
    else if (what === kind.array) for (const each of value as unknown[]) this.add(each, depth + 1)
    else if (what === kind.set) for (const each of value as Set<unknown>) this.add(each, depth + 1)
    else if (what === kind.map) {
      for (const [key, each] of value as Map<unknown, unknown>) {
        this.add(key, depth + 1)
        this.add(each, depth + 1)
      }
    } else if (what === kind.regexp) this.#string((value as RegExp).source)
    else if (what === kind.other) this.#other(value, depth)
    else if (what >= bytesKind) this.bytes += toCell((value as ArrayBuffer | ArrayBufferView).byteLength)
    // Room for the flags of a regular expression.
    this.bytes += 16
  }

  #properties(value: object, depth: number): void {
    for (const key of Object.keys(value)) {
      this.#string(key)
      this.add((value as Record<string, unknown>)[key], depth + 1)
    }
  }

  #other(value: object, depth: number): void {
    const extension = this.rules.extensions.find((each) => each.matches(value))
    if (extension !== undefined) this.add(extension.pack(value), depth + 1)
    else if (isError(value)) this.add(carriedError(value, this.rules.carries), depth + 1)
  }
}
