import { slotFlag } from './call-slot.js'
import { needsPort, noRoom, transferListOf } from './codec.js'
import { allocate, release } from './heap.js'
import { inlineBytes, type Memory, slot, slotAt } from './layout.js'
import type { Post } from './post.js'
import type { SharedCodec } from './shared-object.js'

/**
 * Arguments and results on their way through call slots. A small payload lies in the slot, a larger one in a block of the
 * heap, and what shared memory cannot hold goes by message, to the one processor that is to have it.
 */
export class Payloads {
  private readonly words: Int32Array

  constructor(
    private readonly memory: Memory,
    private readonly machine: number,
    private readonly codec: SharedCodec,
    private readonly mail: Post,
  ) {
    this.words = memory.words
  }

  /** Writes a value into a slot; false if only a message can carry it. Throws what the codec refuses. */
  write(number: number, value: unknown): boolean {
    const at = slotAt(number)
    const start = (at + slot.payload) * 4
    this.words[at + slot.block] = 0
    const end = this.codec.encode(value, start, start + inlineBytes, 'args')
    if (end === noRoom) return this.writeBlock(at, value)
    if (end === needsPort) return false
    this.sent(at)
    return true
  }

  /** Sends a value by message, marked in the slot. */
  post(number: number, value: unknown, to: number): void {
    const at = slotAt(number)
    this.words[at + slot.flags] = (this.words[at + slot.flags] as number) | slotFlag.posted
    const message = this.codec.toMessage(value, 'args')
    this.mail.send(to, this.letterKey(number), message, transferListOf(message))
    this.codec.sent()
  }

  /** Writes how a call ended; if its result cannot be carried, why not. */
  writeResult(number: number, failed: boolean, value: unknown, owner: number): void {
    const flags = slotAt(number) + slot.flags
    this.words[flags] = failed ? slotFlag.failed : 0
    try {
      if (!this.write(number, value)) this.post(number, value, owner)
    } catch (error) {
      this.words[flags] = slotFlag.failed
      this.write(number, error)
    }
  }

  /** Gives a payload to `got`: at once, unless it comes by message. Throws nothing; `broken` gets what went wrong. */
  read(number: number, got: (value: unknown) => void, broken: (error: unknown) => void): void {
    const at = slotAt(number)
    if (((this.words[at + slot.flags] as number) & slotFlag.posted) !== 0) {
      this.mail.expect(this.letterKey(number), (message) => got(this.codec.fromMessage(message)))
      return
    }
    const block = this.words[at + slot.block] as number
    this.words[at + slot.flags] = (this.words[at + slot.flags] as number) & ~slotFlag.holds // it arrives now, and once
    let value: unknown
    try {
      value = this.codec.decode((block === 0 ? at + slot.payload : block) * 4)
    } catch (error) {
      this.freeBlock(at)
      broken(error)
      return
    }
    if (block !== 0) this.freeBlock(at)
    got(value)
  }

  /** Nobody will read the payload. */
  drop(number: number): void {
    const at = slotAt(number)
    if (((this.words[at + slot.flags] as number) & slotFlag.holds) !== 0) {
      // What is in it arrives here, and is let go.
      const block = this.words[at + slot.block] as number
      this.codec.decode((block === 0 ? at + slot.payload : block) * 4)
    }
    this.freeBlock(at)
  }

  private writeBlock(at: number, value: unknown): boolean {
    const { memory, machine, codec, words } = this
    const bytes = codec.sizeOf(value)
    const block = allocate(memory, machine, bytes)
    if (block === 0) return false
    words[at + slot.block] = block
    words[at + slot.length] = bytes
    const end = this.encodeOrFree(at, value, block * 4, block * 4 + bytes)
    if (end >= 0) {
      this.sent(at)
      return true
    }
    this.freeBlock(at)
    return false
  }

  private sent(at: number): void {
    if (this.codec.packed.length === 0) return
    this.words[at + slot.flags] = (this.words[at + slot.flags] as number) | slotFlag.holds
    this.codec.sent()
  }

  private encodeOrFree(at: number, value: unknown, from: number, limit: number): number {
    try {
      return this.codec.encode(value, from, limit, 'args')
    } catch (error) {
      this.freeBlock(at)
      throw error
    }
  }

  private freeBlock(at: number): void {
    const block = this.words[at + slot.block] as number
    if (block === 0) return
    this.words[at + slot.block] = 0 // first: a thread that dies in between loses the block, and frees none twice
    release(this.memory, this.machine, block, this.words[at + slot.length] as number)
  }

  private letterKey(number: number): string {
    return `${number}.${this.words[slotAt(number) + slot.serial]}`
  }
}
