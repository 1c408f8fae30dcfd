/**
 * The shared memory map: every offset, unit and owner. One SharedArrayBuffer holds all that crosses threads, so that a
 * channel, a lock or a task is a number which means the same on every thread and never has to be delivered. It is
 * reserved whole at the start; the system gives it pages only where it is touched.
 *
 * Words are 32-bit and are counted in words; what is counted in bytes says so. Whatever two threads touch at once is
 * reached through Atomics, or was published by an Atomics.store after it was written.
 *
 * ```
 * header | processors | global queue | inboxes | arenas of call slots | heap
 * ```
 */

/** Processors that there can be; GOMAXPROCS beyond it is refused. */
export const mostProcs = 64

/** Words of the header. */
export const header = {
  /** Processors that take part: GOMAXPROCS. */
  procs: 0,
  /** Counts the deaths of workers; a processor that sees it change looks after what the dead one left. */
  deaths: 3,
  /** The number that the next worker thread gets; 0 is nobody's. */
  lastMachine: 4,
  /** Rises when the machine is shut down. */
  stopped: 5,
  /** Stalls that the monitor saw. */
  stalls: 6,
  /** Rung to end or to wake the monitor. */
  monitorBell: 7,
  /** 1 while the root sleeps and keeps its process alive, in case somebody who is awake wakes it. */
  rootHolds: 8,
  /** Counts the requests for a dump of all threads. */
  dumpRequest: 11,
  /** Lock of the list of shared objects, and its first, as a word address; see shared-object.ts. */
  objectsLock: 9,
  objects: 10,
  /** Lock, then the first free words of the heap; see heap.ts. */
  heapLock: 16,
  heapNext: 17,
  heapEnd: 18,
  /** First free block of each size class, as a word address. */
  heapFree: 32,
  /** Lock of the table of names, its count, and the word address of its entries; see names.ts. */
  namesLock: 80,
  namesCount: 81,
  names: 82,
  /** The last dead worker threads: pairs of a number and of why, as a number in the table of names. */
  obituaries: 256,
  words: 4096,
} as const

/** Words of one processor; `p` of them follow the header. Written by its own thread unless said otherwise. */
export const proc = {
  /** `awake`, `spinning`, `parked`, `quiet` or `retired`: see doorbell.ts. Changed by wakers too. */
  state: 0,
  /** The number of the worker thread that runs it, which no two threads ever share; 0 for none. */
  machine: 1,
  /** Raised by others, with Atomics, when they left something: a completion, a task of its own, a ready channel. */
  bell: 2,
  /** Last of its finished calls, as a slot number, linked by `slot.next`; 0 when there is none. Pushed by others. */
  completions: 3,
  /** Set by the root to have the processor retire after what it runs. */
  retire: 4,
  /** Tasks that it has taken. */
  taken: 5,
  /** Tasks that it stole from others. */
  stolen: 6,
  /** How often it slept. */
  parks: 7,
  /** Raised by others, with Atomics, when a call that it runs is to stop. */
  cancels: 8,
  /** Node's id of the thread: 0 is the main thread. */
  thread: 9,
  /** Plain writes: the channel in whose ring this thread has begun to change a cell, as a word address, and the position
   * with its lowest bit set for a receive; 0 when it has ended. What a thread that died did not end, the root ends. */
  intent: 10,
  intentPosition: 11,
  /** Plain writes: steps of goroutines and tasks so far. The monitor compares two readings. */
  tick: 16,
  /** Plain write: 1 while a goroutine or task runs, 0 in the event loop. */
  running: 17,
  /** Plain write: id of the goroutine that runs; 0 for a task that is a plain function. */
  goroutine: 18,
  /** Plain write: the name of the task that runs, as its number in the table of names, plus 1; 0 for none. */
  task: 19,
  /** The last request for a dump that it answered, and where the answer lies in the heap. */
  dumpAnswered: 22,
  dump: 23,
  /** Plain write, a float64 (two words, so an even address): when the clock was last read, in ms since the epoch. */
  beat: 20,
  /** Head of the local run queue; moved by whoever takes, with compareExchange. */
  head: 32,
  /** Tail of the local run queue; moved by its owner alone. */
  tail: 48,
  /** Slot that runs next, ahead of the queue; 0 for none. */
  runnext: 49,
  /** Ring of the local run queue. */
  ring: 64,
  words: 64 + 256,
} as const

/** Slots of the local run queue. Source: Go's `p.runq`. */
export const runQueueLength = 256

/** A ring of slot numbers under a lock: the global queue, and the inbox of each processor. */
export const lockedRing = { lock: 0, head: 1, tail: 2, ring: 16 } as const
export const globalLength = 1 << 18
export const inboxLength = 1 << 17

/** Words of a call slot: one task on its way there and back. It belongs to the processor that called. */
export const slot = {
  /** `free`, `queued`, `running` or `done`, and from bit 3 on the machine that runs or ran it. */
  state: 0,
  /** The next one in a list of completions, as a slot number. */
  next: 1,
  /** The task, as its number in the table of names. */
  task: 2,
  /** The only processor that may run it, plus 1; 0 for any. */
  pin: 3,
  /** What the payload is: see `slotFlag`. */
  flags: 4,
  /** Set by the caller: the task is to stop. See `cancel` in call.ts. */
  cancel: 5,
  /** Word address of a heap block with the payload; 0 when it lies in the slot itself. */
  block: 6,
  /** Length of the payload in bytes. */
  length: 7,
  /** Counts the uses of this slot, so that a message can name the one it belongs to. */
  serial: 8,
  /** Where the payload begins; 8-byte aligned. */
  payload: 16,
  words: 128,
} as const
export const slotsPerProc = 2048
/** How many dead workers are remembered. */
export const mostObituaries = 128
/** Room for a payload in the slot itself, in bytes. */
export const inlineBytes = (slot.words - slot.payload) * 4

/** Where things begin, as word addresses. */
export const procsAt = header.words
export const globalAt = procsAt + mostProcs * proc.words
export const inboxesAt = globalAt + lockedRing.ring + globalLength
const inboxWords = lockedRing.ring + inboxLength
export const arenasAt = align(inboxesAt + mostProcs * inboxWords, 1024)
export const heapAt = arenasAt + mostProcs * slotsPerProc * slot.words
/** The heap's end, which is the end of it all. */
export const heapBytes = 128 * 2 ** 20
export const totalBytes = heapAt * 4 + heapBytes

/** Word address of processor `p`. */
export function procAt(p: number): number {
  return procsAt + p * proc.words
}

export function inboxAt(p: number): number {
  return inboxesAt + p * inboxWords
}

/** Slots are numbered from 1 across all processors, so that 0 can mean none. */
export function slotNumber(p: number, index: number): number {
  return p * slotsPerProc + index + 1
}

/** Word address of a slot. */
export function slotAt(number: number): number {
  return arenasAt + (number - 1) * slot.words
}

/** The processor that a slot belongs to. */
export function ownerOf(number: number): number {
  return Math.floor((number - 1) / slotsPerProc)
}

/** Where the hardware keeps the order of loads, a plain one is enough to see what was published before. */
export const ordersLoads = process.arch === 'x64'

/** The ways to look at the shared memory. */
export interface Memory {
  readonly buffer: SharedArrayBuffer
  readonly words: Int32Array<SharedArrayBuffer>
  readonly floats: Float64Array<SharedArrayBuffer>
  readonly bytes: Buffer<SharedArrayBuffer>
}

export function createMemory(): Memory {
  return attachMemory(new SharedArrayBuffer(totalBytes))
}

export function attachMemory(buffer: SharedArrayBuffer): Memory {
  return {
    buffer,
    words: new Int32Array(buffer),
    floats: new Float64Array(buffer),
    bytes: Buffer.from(buffer),
  }
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to
}
