import type { Contest } from '../runtime/operation.js'
import { cell, readCell, type Scratch } from './cell.js'
import { allocate, OutOfSharedMemory, release } from './heap.js'
import type { Processor } from './processor.js'
import { nothing } from './ring-chan.js'
import { object } from './shared-object.js'
import { lock, unlock } from './spin-lock.js'

/** Words of an unbuffered channel, behind those of every shared object. */
const board = { closed: 16, first: 17, last: 18, words: 32 } as const
export const boardBytes = board.words * 4

/** Words of an offer. */
const offer = { next: 0, before: 1, claim: 2, p: 3, linked: 4, value: 8, words: 8 + cell.words } as const
const offerBytes = offer.words * 4

/**
 * What a claim word says: `open`, `won` by the sender's own thread, or the address of the offer that was taken. Whoever changes
 * it from `open` has decided what becomes of the send.
 */
const open = 0
const won = 1
const claimBytes = 64

/**
 * What a sender, or a select with several sends, may be committed by: a receiver on any thread that takes one of its
 * offers, or this thread itself, when another case is ready, the channel closes or the wait is given up.
 */
export class Claim implements Contest {
  readonly address: number
  private offers = 0
  private isMine = false
  private readonly reopened: (() => void)[] = []

  constructor(private readonly processor: Processor) {
    const { memory, machine } = processor
    this.address = allocate(memory, machine, claimBytes)
    if (this.address === 0) throw new OutOfSharedMemory(claimBytes)
    Atomics.store(memory.words, this.address, open)
  }

  /** This thread decides it; true also when it had. */
  win(): boolean {
    const { words } = this.processor.memory
    this.isMine ||= Atomics.compareExchange(words, this.address, open, won) === open
    return this.isMine
  }

  /** It was won for nothing: the offers stand again, and those who passed them over have to look once more. */
  giveBack(): void {
    this.isMine = false
    Atomics.store(this.processor.memory.words, this.address, open)
    for (const announce of this.reopened) announce()
  }

  /** Whether a receiver took the offer at `address`. From then on it is decided for this thread as well. */
  hasTaken(address: number): boolean {
    const { words } = this.processor.memory
    if (Atomics.load(words, this.address) !== address) return false
    this.isMine = true
    return true
  }

  enter(announce: () => void): void {
    this.offers++
    this.reopened.push(announce)
  }

  leave(): void {
    if (--this.offers === 0) release(this.processor.memory, this.processor.machine, this.address, claimBytes)
  }
}

/**
 * The offers of an unbuffered channel, in the order in which they were made. A sender posts one and waits; a receiver takes
 * the first whose claim it gets. Everything but the claim word is touched under the channel's lock. Checked in
 * test/model/rendezvous.ts and mixed-select.ts.
 */
export class OfferBoard {
  private readonly words: Int32Array

  constructor(
    private readonly processor: Processor,
    private readonly address: number,
    private readonly scratch: Scratch,
  ) {
    this.words = processor.memory.words
  }

  get isClosed(): boolean {
    return Atomics.load(this.words, this.address + board.closed) === 1
  }

  get looksEmpty(): boolean {
    return this.words[this.address + board.first] === 0
  }

  /** Posts an offer; 0 when the channel is closed. @throws NotCarriedError */
  post(value: unknown, claim: Claim): number {
    const { words, address, processor } = this
    const { memory, machine } = processor
    this.scratch.write(value)
    const at = allocate(memory, machine, offerBytes)
    if (at === 0) {
      this.scratch.drop()
      throw new OutOfSharedMemory(offerBytes)
    }
    words[at + offer.claim] = claim.address
    words[at + offer.p] = processor.p
    words[at + offer.next] = 0
    this.scratch.copyTo(at + offer.value)
    lock(words, address + object.lock, machine)
    const closed = words[address + board.closed] === 1
    if (!closed) {
      const last = words[address + board.last] as number
      words[at + offer.before] = last
      words[at + offer.linked] = 1
      if (last === 0) words[address + board.first] = at
      else words[last + offer.next] = at
      words[address + board.last] = at
    }
    unlock(words, address + object.lock)
    if (!closed) return at
    this.discard(at)
    return 0
  }

  /** Takes the first offer that can be had, but none of `own` claim: the value, or `nothing`. */
  take(own: Claim | undefined, tell: (p: number) => void): unknown {
    if (this.looksEmpty) return nothing
    const { words, address, processor } = this
    const landing = this.scratch.landing
    lock(words, address + object.lock, processor.machine)
    let at = words[address + board.closed] === 1 ? 0 : (words[address + board.first] as number)
    for (; at !== 0; at = words[at + offer.next] as number) {
      const claim = words[at + offer.claim] as number
      if (claim === own?.address || words[claim] !== open) continue
      for (let i = 0; i < cell.words; i++) words[landing + i] = words[at + offer.value + i] as number
      if (Atomics.compareExchange(words, claim, open, at) === open) break
    }
    if (at !== 0) this.unlink(at)
    const p = at === 0 ? -1 : (words[at + offer.p] as number)
    unlock(words, address + object.lock)
    if (at === 0) return nothing
    const value = readCell(processor, landing)
    tell(p)
    return value
  }

  /** Whether there is an offer that could be taken. */
  hasOffer(own: Claim | undefined): boolean {
    if (this.looksEmpty) return false
    const { words, address } = this
    lock(words, address + object.lock, this.processor.machine)
    let at = words[address + board.first] as number
    while (at !== 0) {
      const claim = words[at + offer.claim] as number
      if (claim !== own?.address && Atomics.load(words, claim) === open) break
      at = words[at + offer.next] as number
    }
    unlock(words, address + object.lock)
    return at !== 0
  }

  /** The sender takes its offer back, or is done with it. @param wasTaken then the value belongs to the receiver. */
  remove(at: number, wasTaken: boolean): void {
    const { words, address, processor } = this
    lock(words, address + object.lock, processor.machine)
    if (words[at + offer.linked] === 1) this.unlink(at)
    unlock(words, address + object.lock)
    if (wasTaken) release(processor.memory, processor.machine, at, offerBytes)
    else this.discard(at)
  }

  /** The thread of processor `p` died: nobody is there to send what it offered. */
  withdrawAll(p: number): void {
    const { words, address, processor } = this
    const left: number[] = []
    lock(words, address + object.lock, processor.machine)
    for (let at = words[address + board.first] as number; at !== 0; at = words[at + offer.next] as number)
      if (words[at + offer.p] === p) left.push(at)
    for (const at of left) {
      Atomics.compareExchange(words, words[at + offer.claim] as number, open, won)
      this.unlink(at)
    }
    unlock(words, address + object.lock)
    for (const at of left) this.discard(at)
  }

  /** False if it was closed already. */
  close(): boolean {
    return Atomics.exchange(this.words, this.address + board.closed, 1) === 0
  }

  private unlink(at: number): void {
    const { words, address } = this
    const next = words[at + offer.next] as number
    const before = words[at + offer.before] as number
    if (before === 0) words[address + board.first] = next
    else words[before + offer.next] = next
    if (next === 0) words[address + board.last] = before
    else words[next + offer.before] = before
    words[at + offer.linked] = 0
  }

  /** Frees an offer with a value that nobody reads. */
  private discard(at: number): void {
    readCell(this.processor, at + offer.value) // what travels in it arrives here, and is let go
    release(this.processor.memory, this.processor.machine, at, offerBytes)
  }
}
