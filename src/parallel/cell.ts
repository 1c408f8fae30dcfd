import { noRoom, NotCarriedError } from './codec.js'
import { allocate, release } from './heap.js'
import type { Processor } from './processor.js'

/**
 * The place of one value in shared memory: a word that names a block for what is large, its size, and room for what is
 * small. Values are encoded before a place is taken, and then copied in: between taking a place in a channel and publishing
 * it nothing may be refused.
 */
export const cell = { block: 0, bytes: 1, value: 2, words: 30 } as const
const roomBytes = (cell.words - cell.value) * 4
const scratchBytes = cell.words * 4

/** A cell of this thread's own in which values are encoded. */
export class Scratch {
  private static readonly ofThread = new WeakMap<Processor, Scratch>()

  /** The one that all channels of this thread use. */
  static of(processor: Processor): Scratch {
    let scratch = Scratch.ofThread.get(processor)
    if (scratch === undefined) {
      scratch = new Scratch(processor)
      Scratch.ofThread.set(processor, scratch)
    }
    return scratch
  }

  private readonly words: Int32Array
  private readonly at: number
  /** Another one, for a value that is copied out of a place that is not this thread's. */
  readonly landing: number
  private used = 0

  constructor(private readonly processor: Processor) {
    this.words = processor.memory.words
    this.at = allocate(processor.memory, processor.machine, scratchBytes)
    this.landing = allocate(processor.memory, processor.machine, scratchBytes)
  }

  /**
   * Encodes a value. A large one goes into a block, which belongs to whoever reads the cell that it is copied to; if it is
   * copied nowhere, `drop` it.
   * @throws NotCarriedError for what cannot cross threads by shared memory.
   */
  write(value: unknown): void {
    const { words, at, processor } = this
    const from = (at + cell.value) * 4
    words[at + cell.block] = 0
    const end = processor.codec.encode(value, from, from + roomBytes)
    if (end >= 0) this.used = end >> 2
    else {
      this.writeBlock(value, end === noRoom ? processor.codec.sizeOf(value) : Number.POSITIVE_INFINITY)
      this.used = at + cell.value
    }
  }

  /** Gives its own memory back. */
  free(): void {
    const { memory, machine } = this.processor
    release(memory, machine, this.at, scratchBytes)
    release(memory, machine, this.landing, scratchBytes)
  }

  /** Copies what was written last to a cell, where somebody will read it. */
  copyTo(to: number): void {
    const { words, at, used } = this
    for (let from = at; from < used; from++) words[to + from - at] = words[from] as number
    this.processor.codec.sent()
  }

  /** What was written last is not copied anywhere. */
  drop(): void {
    const { memory, machine } = this.processor
    const block = this.words[this.at + cell.block] as number
    if (block !== 0) release(memory, machine, block, this.words[this.at + cell.bytes] as number)
    this.words[this.at + cell.block] = 0
  }

  private writeBlock(value: unknown, bytes: number): void {
    const { memory, machine, codec } = this.processor
    const block = allocate(memory, machine, bytes)
    if (block === 0) throw notForChannels(bytes)
    this.words[this.at + cell.block] = block
    this.words[this.at + cell.bytes] = bytes
    try {
      if (codec.encode(value, block * 4, block * 4 + bytes) < 0) throw notForChannels(bytes)
    } catch (error) {
      this.drop()
      throw error
    }
  }
}

/** Reads the value of a cell and frees its block. */
export function readCell({ memory, machine, codec }: Processor, at: number): unknown {
  const { words } = memory
  const block = words[at + cell.block] as number
  if (block === 0) return codec.decode((at + cell.value) * 4)
  const value = codec.decode(block * 4)
  release(memory, machine, block, words[at + cell.bytes] as number)
  return value
}

function notForChannels(bytes: number): NotCarriedError {
  return bytes === Number.POSITIVE_INFINITY
    ? new NotCarriedError('value', {
        what: 'something that only a message can carry',
        remedy: 'a shared channel has no messages: pass it as an argument of a task',
      })
    : new NotCarriedError('value', {
        what: `${bytes} bytes, for which no shared memory is left`,
        remedy: 'send smaller values, or fewer at a time',
      })
}
