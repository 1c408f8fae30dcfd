import { deserialize, serialize } from 'node:v8'
import { type CodecMemory, needsPort, refused, toCell } from './codec-format.js'
import { Reader } from './codec-read.js'
import { sizeOf } from './codec-size.js'
import { Writer } from './codec-write.js'
import type { Extension } from './extension.js'
import { fromGraph, type Graph, type GraphOutcome, type GraphRules, toGraph } from './graph.js'
import { depthFault, explain, NotCarriedError, unsteadyFault } from './not-carried.js'

export { type CodecMemory, needsPort, noRoom } from './codec-format.js'
export type { Extension } from './extension.js'
export { move, transferListOf } from './move.js'
export { NotCarriedError } from './not-carried.js'

/**
 * Writes values into memory that threads share, and reads them from it: arguments and results of tasks, values of
 * channels. What comes out is a copy with nothing left in the memory.
 *
 * It carries data: what JSON has, also undefined, bigints, every number and string, dates, regular expressions, maps,
 * sets, bytes of every kind, errors, and the objects of its extensions. Like `structuredClone`, but:
 * - an object with a class of its own is refused, and not stripped of its class;
 * - an object without a prototype and a Buffer come back as such, an error with its class and properties;
 * - an object that is held twice comes back as two, unless the value holds itself or is deeper than `mostDepth`;
 * - holes in arrays become undefined, properties of arrays that are no items are left out.
 */
export class Codec {
  /** Objects of extensions that the last `encode` or `toMessage` met; an object that is held twice may be there twice. */
  readonly packed: object[]
  readonly #writer: Writer
  readonly #reader: Reader
  readonly #rules: GraphRules

  constructor(
    memory: CodecMemory,
    private readonly extensions: readonly Extension[] = [],
  ) {
    const carries = (value: unknown): boolean => {
      try {
        return explain(value, '', extensions) === undefined
      } catch {
        return false // a getter throws, or it is too deep: then an error goes without it
      }
    }
    this.#writer = new Writer(memory, extensions, carries)
    this.packed = this.#writer.packed
    this.#rules = { extensions, packed: this.packed, carries }
    this.#reader = new Reader(memory, extensions, (bytes) =>
      fromGraph(deserialize(bytes) as Graph, extensions),
    )
  }

  /**
   * Writes `value` from byte `at` on, which 8 divides; nothing at or behind `limit` is touched. `root` is what an
   * error calls the value.
   *
   * @returns the address behind it, a multiple of 8; `noRoom`; or `needsPort`: send `toMessage(value)`.
   * @throws NotCarriedError if it holds something that cannot cross.
   */
  encode(value: unknown, at: number, limit: number, root = 'value'): number {
    if (this.packed.length > 0) this.packed.length = 0
    const end = this.#writer.write(value, at, limit, 0)
    return end >= needsPort ? end : this.#encodeOtherwise(end, value, at, limit, root)
  }

  /** Reads the value that was written at byte `at`. */
  decode(at: number): unknown {
    return this.#reader.readAt(at)
  }

  /**
   * Bytes that suffice for `value`; asked for after `noRoom`, since it walks everything. Infinity for more than any
   * block of shared memory has: a port has to carry that.
   */
  sizeOf(value: unknown): number {
    const { bytes, isTooDeep } = sizeOf(value, this.#rules)
    if (!isTooDeep) return bytes
    const { graph } = this.#graphOf(value, 'value')
    return Math.max(bytes, 8 + toCell(withinStack('value', () => serialize(graph)).length))
  }

  /**
   * The value as `postMessage` takes it: `port.postMessage(message, transferListOf(message))`.
   *
   * @throws NotCarriedError as `encode` does.
   */
  toMessage(value: unknown, root = 'value'): unknown {
    return this.#graphOf(value, root).graph
  }

  /** The value that `toMessage` was given on the other thread. */
  fromMessage(message: unknown): unknown {
    return fromGraph(message as Graph, this.extensions)
  }

  #encodeOtherwise(outcome: number, value: unknown, at: number, limit: number, root: string): number {
    if (outcome === refused) throw this.#faultOf(value, root)
    const { graph, needsPort: isForPort } = this.#graphOf(value, root)
    return isForPort
      ? needsPort
      : this.#writer.writeGraph(
          withinStack(root, () => serialize(graph)),
          at,
          limit,
        )
  }

  #graphOf(value: unknown, root: string): GraphOutcome {
    this.packed.length = 0
    const outcome = withinStack(root, () => toGraph(value, this.#rules))
    if (outcome.isRefused) throw this.#faultOf(value, root)
    return outcome
  }

  #faultOf(value: unknown, root: string): NotCarriedError {
    return explain(value, root, this.extensions) ?? new NotCarriedError(root, unsteadyFault)
  }
}

/** Both this and V8 go into values by recursion: a list linked by a hundred thousand objects ends the stack. */
function withinStack<T>(root: string, walk: () => T): T {
  try {
    return walk()
  } catch (error) {
    if (error instanceof RangeError && error.message.includes('call stack')) {
      throw new NotCarriedError(root, depthFault)
    }
    throw error
  }
}
