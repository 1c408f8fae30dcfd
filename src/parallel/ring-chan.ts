import { cell, readCell, type Scratch } from './cell.js'
import { type Memory, ordersLoads, proc, procAt } from './layout.js'
import type { Processor } from './processor.js'

/** Words of a buffered channel, behind those of every shared object; each line is written by one side. */
const ring = {
  capacity: 12,
  /** Cells, a power of two. */
  cells: 13,
  /** Twice the position of the next send, plus 1 once closed: so what a send commits by is what close changes. */
  tail: 16,
  /** Twice the position of the next receive. */
  head: 32,
  first: 48,
  /** A cell is a sequence number, then the value. */
  cell: 32,
  value: 2,
} as const

export const ended = Symbol('ended')
export const nothing = Symbol('nothing')

/** How a send went. */
export const sent = 0
export const full = 1
export const refused = 2

/**
 * The buffer of a channel between threads: D. Vyukov's bounded queue for any number of producers and consumers.
 *
 * A cell's sequence number is twice the position it is free for, or that plus 1 once the value is there. (With Vyukov's own
 * numbers, a full cell of a channel of capacity 1 looks free.) Whoever moves the head or the tail by compareExchange owns
 * the cell until it stores the next sequence number. Checked in test/model/buffered-channel.ts.
 *
 * Source: 1024cores.net, "Bounded MPMC queue".
 */
export class RingBuffer {
  private readonly words: Int32Array
  private readonly capacity: number
  private readonly cells: number
  private readonly intent: number
  private readonly scratch: Scratch

  constructor(
    private readonly processor: Processor,
    private readonly address: number,
    scratch: Scratch,
  ) {
    this.words = processor.memory.words
    this.capacity = this.words[address + ring.capacity] as number
    this.cells = this.words[address + ring.cells] as number
    this.intent = procAt(processor.p) + proc.intent
    this.scratch = scratch
  }

  static bytesFor(capacity: number): number {
    return (ring.first + cellsFor(capacity) * ring.cell) * 4
  }

  /** Prepares a new buffer. */
  static init({ words }: Memory, address: number, capacity: number): void {
    const cells = cellsFor(capacity)
    words[address + ring.capacity] = capacity
    words[address + ring.cells] = cells
    for (let i = 0; i < cells; i++) words[address + ring.first + i * ring.cell] = i * 2
  }

  static capacityOf({ words }: Memory, address: number): number {
    return words[address + ring.capacity] as number
  }

  get length(): number {
    const { words, address } = this
    const tail = Atomics.load(words, address + ring.tail) & ~1
    return Math.max(0, ((tail - Atomics.load(words, address + ring.head)) | 0) / 2)
  }

  get isClosed(): boolean {
    return (Atomics.load(this.words, this.address + ring.tail) & 1) === 1
  }

  /** @throws NotCarriedError for what cannot be sent. */
  push(value: unknown): typeof sent | typeof full | typeof refused {
    const { words, address, intent } = this
    const isNumber = typeof value === 'number'
    if (!isNumber) this.scratch.write(value)
    words[intent] = address
    for (;;) {
      const tail = words[address + ring.tail] as number // what is stale, compareExchange refuses
      const at = address + ring.first + ((tail >>> 1) & (this.cells - 1)) * ring.cell
      const ahead = ((words[at] as number) - tail) | 0
      if (ahead < 0 && tail !== Atomics.load(words, address + ring.tail)) continue
      if ((tail & 1) === 1 || ahead < 0 || (ahead === 0 && this.isFull(tail))) {
        words[intent] = 0
        if (!isNumber) this.scratch.drop()
        return (tail & 1) === 1 ? refused : full
      }
      if (ahead > 0) continue // another thread has taken this position
      words[intent + 1] = tail
      if (Atomics.compareExchange(words, address + ring.tail, tail, (tail + 2) | 0) !== tail) continue
      if (isNumber) {
        words[at + ring.value + cell.block] = 0
        this.processor.codec.encode(value, (at + ring.value + cell.value) * 4, (at + ring.cell) * 4)
      } else this.scratch.copyTo(at + ring.value)
      Atomics.store(words, at, (tail + 1) | 0)
      words[intent] = 0
      return sent
    }
  }

  /** The next value; `ended` once closed and drained; `nothing` when there is none now. */
  shift(): unknown {
    const { words, address, intent } = this
    for (;;) {
      const head = words[address + ring.head] as number // what is stale, compareExchange refuses
      const at = address + ring.first + ((head >>> 1) & (this.cells - 1)) * ring.cell
      const sequence = ordersLoads ? (words[at] as number) : Atomics.load(words, at)
      const ahead = (sequence - head - 1) | 0
      if (ahead < 0 && head !== Atomics.load(words, address + ring.head)) continue
      if (ahead < 0) return Atomics.load(words, address + ring.tail) === (head | 1) ? ended : nothing
      if (ahead > 0) continue
      words[intent] = address
      words[intent + 1] = head | 1
      if (Atomics.compareExchange(words, address + ring.head, head, (head + 2) | 0) !== head) {
        words[intent] = 0
        continue
      }
      const isVoid = words[at + ring.value + cell.block] === voided
      const value = isVoid ? nothing : readCell(this.processor, at + ring.value)
      Atomics.store(words, at, (head + 2 * this.cells) | 0)
      words[intent] = 0
      if (!isVoid) return value
    }
  }

  /** After it returned, no send succeeds that had not before. False if it was closed already. */
  close(): boolean {
    return (Atomics.or(this.words, this.address + ring.tail, 1) & 1) === 0
  }

  /** Whether a receive would find something: a value, or the end. */
  get hasValue(): boolean {
    return this.length > 0 || this.isClosed
  }

  /** Whether a send would end: by room, or by an error. */
  get hasRoom(): boolean {
    return this.length < this.capacity || this.isClosed
  }

  private isFull(tail: number): boolean {
    if (this.cells === this.capacity) return false // then a cell is free only if there is room
    const head = Atomics.load(this.words, this.address + ring.head)
    return ((tail - head) | 0) >= this.capacity * 2
  }
}

/** Marks the cell of a sender that died before its value was there. */
const voided = -1

/**
 * Ends what a thread that died had begun: a cell that it took and did not publish, or did not free, would hold up the
 * channel for ever. True if there was something to end.
 */
export function endIntent({ words }: Memory, address: number, position: number): boolean {
  const isReceive = (position & 1) === 1
  const place = position & ~1
  const at =
    address + ring.first + ((place >>> 1) & ((words[address + ring.cells] as number) - 1)) * ring.cell
  const passed = Atomics.load(words, address + (isReceive ? ring.head : ring.tail))
  const isTaken = ((passed - place) | 0) > 0
  const sequence = Atomics.load(words, at)
  if (!isTaken || sequence !== (isReceive ? (place + 1) | 0 : place)) return false
  if (isReceive) Atomics.store(words, at, (place + 2 * (words[address + ring.cells] as number)) | 0)
  else {
    words[at + ring.value + cell.block] = voided
    Atomics.store(words, at, (place + 1) | 0)
  }
  return true
}

function cellsFor(capacity: number): number {
  return 2 ** Math.ceil(Math.log2(capacity))
}
