import { SluiceError } from '../runtime/errors.js'
import { header, heapAt, heapBytes, type Memory } from './layout.js'
import { lock, unlock } from './spin-lock.js'

/**
 * Blocks of shared memory in sizes of powers of two. Any thread takes and gives back; a block that is given back is used
 * again for the same size, or, when nothing else is left, halved for smaller ones. One lock, single stores that commit, so
 * a thread that dies in between loses a block at most.
 */

/** Smallest and largest block, in bytes, as powers of two. */
const smallest = 6
const largest = 26

/**
 * The word address of a block of at least `bytes`; its content is whatever the last user left. 0 when the heap is used
 * up, or when so large a block does not exist: then the caller goes another way.
 */
export function allocate({ words }: Memory, machine: number, bytes: number): number {
  if (bytes > 2 ** largest) return 0
  const power = powerFor(bytes)
  const free = header.heapFree + power
  lock(words, header.heapLock, machine)
  let block = words[free] as number
  if (block !== 0) {
    words[free] = words[block] as number // the next free one
  } else {
    block = words[header.heapNext] as number
    const end = block + (1 << (power - 2))
    if (end <= heapAt + heapBytes / 4) words[header.heapNext] = end
    else block = halve(words, power)
  }
  unlock(words, header.heapLock)
  return block
}

/** A block made of a larger free one, whose other halves become free ones of their sizes; 0 when there is none. */
function halve(words: Int32Array, power: number): number {
  let larger = power + 1
  while (larger <= largest && words[header.heapFree + larger] === 0) larger++
  if (larger > largest) return 0
  const block = words[header.heapFree + larger] as number
  words[header.heapFree + larger] = words[block] as number
  while (--larger >= power) {
    const half = block + (1 << (larger - 2))
    words[half] = words[header.heapFree + larger] as number
    words[header.heapFree + larger] = half
  }
  return block
}

/** Gives a block back. @param bytes the size it was asked for with. */
export function release({ words }: Memory, machine: number, block: number, bytes: number): void {
  const free = header.heapFree + powerFor(bytes)
  lock(words, header.heapLock, machine)
  words[block] = words[free] as number
  words[free] = block
  unlock(words, header.heapLock)
}

/** Prepares the heap of a new memory. */
export function initHeap({ words }: Memory): void {
  words[header.heapNext] = heapAt
}

function powerFor(bytes: number): number {
  return bytes <= 1 << smallest ? smallest : 32 - Math.clz32(bytes - 1)
}

/** The memory that threads share is used up. */
export class OutOfSharedMemory extends SluiceError {
  readonly code = 'ERR_SLUICE_OUT_OF_SHARED_MEMORY'

  constructor(bytes: number) {
    super(
      `no ${bytes} bytes of shared memory are left: use smaller capacities, and let go of channels that nobody needs`,
    )
  }
}
