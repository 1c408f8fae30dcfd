import { Codec } from './codec.js'
import type { Extension } from './extension.js'
import { allocate, OutOfSharedMemory, release } from './heap.js'
import { header, type Memory } from './layout.js'
import { thisProcessor } from './current.js'
import type { Processor } from './processor.js'
import { lock, unlock, unlockDead } from './spin-lock.js'

/** Words at the beginning of every shared object; what follows is its own. 64 bytes, a cache line. */
export const object = {
  lock: 0,
  /** Which class it is of; 0 once it is gone. */
  kind: 1,
  /** Processors whose threads hold it, a bit each; the second word is for those from 32 on. */
  holders: 2,
  /** How often it is on its way between threads, in arguments and values. */
  transit: 4,
  /** Its neighbours in the list of all shared objects. */
  next: 5,
  before: 6,
  bytes: 7,
  /** Processors that are to be rung, a bit each: waiters of the one kind and of the other; two words each. */
  waiters: 8,
  otherWaiters: 10,
  words: 16,
} as const

/** A class of shared objects. */
interface Kind {
  /** Makes a thread's own handle for an object that came from another thread. */
  readonly adopt: (address: number) => SharedObject
  /** Lets go of what is in an object that nobody holds any more. */
  readonly empty?: (processor: Processor, address: number) => void
}
const kinds = new Map<number, Kind>()

/** Defines a class of shared objects; its number is the same on every thread. */
export function defineKind(kind: number, adopt: Kind['adopt'], empty?: Kind['empty']): void {
  kinds.set(kind, { adopt, ...(empty && { empty }) })
}

/**
 * Something in shared memory that every thread knows by the same address, and a handle of this thread for it. The memory
 * is free again when no thread holds a handle and none is on its way.
 */
export abstract class SharedObject {
  readonly address: number
  protected readonly processor: Processor
  protected readonly words: Int32Array<SharedArrayBuffer>

  /** @param address of an object that exists; otherwise `bytes` for a new one are taken. */
  protected constructor(kind: number, address: number | undefined, bytes = 0) {
    this.processor = thisProcessor()
    this.words = this.processor.memory.words
    this.address = address ?? create(this.processor, kind, bytes)
    hold(this.processor, this, address !== undefined)
  }

  /** The thread `machine` of processor `p` died: what it held of this object is to be put right. Called on the root. */
  ownerDied?(machine: number, p: number): void
}

const handles = new Map<number, WeakRef<SharedObject>>()
const collected = new FinalizationRegistry<{ address: number; processor: Processor }>(
  ({ address, processor }) => {
    if (handles.get(address)?.deref() !== undefined) return
    handles.delete(address)
    letGo(processor, address)
  },
)

/** This thread's handle of an object that has arrived. */
function adopt(address: number): SharedObject {
  const known = handles.get(address)?.deref()
  const processor = thisProcessor()
  if (known !== undefined) {
    const { words } = processor.memory
    Atomics.sub(words, address + object.transit, 1) // this thread holds it, so it cannot go meanwhile
    return known
  }
  const kind = kinds.get(processor.memory.words[address + object.kind] as number)
  if (kind === undefined) throw new Error(`there is no shared object at ${address}`)
  return kind.adopt(address)
}

function create({ memory, machine }: Processor, kind: number, bytes: number): number {
  const { words } = memory
  const address = allocate(memory, machine, bytes)
  if (address === 0) throw new OutOfSharedMemory(bytes)
  words.fill(0, address, address + Math.ceil(bytes / 4))
  words[address + object.kind] = kind
  words[address + object.bytes] = bytes
  lock(words, header.objectsLock, machine)
  const first = words[header.objects] as number
  words[address + object.next] = first
  if (first !== 0) words[first + object.before] = address
  words[header.objects] = address
  unlock(words, header.objectsLock)
  return address
}

function hold(processor: Processor, handle: SharedObject, arrives: boolean): void {
  const { memory, machine, p } = processor
  const { words } = memory
  const { address } = handle
  lock(words, address + object.lock, machine)
  Atomics.or(words, address + object.holders + (p >> 5), 1 << (p & 31))
  if (arrives) Atomics.sub(words, address + object.transit, 1)
  unlock(words, address + object.lock)
  handles.set(address, new WeakRef(handle))
  collected.register(handle, { address, processor })
}

/** This thread holds the object no more; the last one who does so frees it. */
function letGo(processor: Processor, address: number): void {
  const { memory, machine, p } = processor
  const { words } = memory
  lock(words, address + object.lock, machine)
  Atomics.and(words, address + object.holders + (p >> 5), ~(1 << (p & 31)))
  const kind = endIfUnheld(words, address)
  unlock(words, address + object.lock)
  if (kind !== 0) destroy(processor, address, kind)
}

/** Marks an object as gone that nobody holds and that is not on its way; its kind then, 0 otherwise. Under its lock. */
function endIfUnheld(words: Int32Array, address: number): number {
  const kind = words[address + object.kind] as number
  const isHeld = words[address + object.holders] !== 0 || words[address + object.holders + 1] !== 0
  if (isHeld || Atomics.load(words, address + object.transit) !== 0) return 0
  words[address + object.kind] = 0
  return kind
}

function destroy(processor: Processor, address: number, kind: number): void {
  const { memory, machine } = processor
  const { words } = memory
  kinds.get(kind)?.empty?.(processor, address)
  lock(words, header.objectsLock, machine)
  const next = words[address + object.next] as number
  const before = words[address + object.before] as number
  if (before === 0) words[header.objects] = next
  else words[before + object.next] = next
  if (next !== 0) words[next + object.before] = before
  unlock(words, header.objectsLock)
  release(memory, machine, address, words[address + object.bytes] as number)
}

/** After the death of a thread: it holds no object and waits for none any more; what else it had is put right. On the root. */
export function repairObjects(processor: Processor, p: number, deadMachine: number): void {
  const { memory, machine } = processor
  const { words } = memory
  unlockDead(words, header.objectsLock, deadMachine)
  const all: number[] = []
  lock(words, header.objectsLock, machine)
  for (let at = words[header.objects] as number; at !== 0; at = words[at + object.next] as number)
    all.push(at)
  unlock(words, header.objectsLock)
  for (const address of all) {
    unlockDead(words, address + object.lock, deadMachine)
    // Made while the dead one's bit is set, so that the object cannot go, and so that it is seen who held it.
    handleAt(processor, address).ownerDied?.(deadMachine, p)
    for (const waiters of [object.waiters, object.otherWaiters])
      Atomics.and(words, address + waiters + (p >> 5), ~(1 << (p & 31)))
    Atomics.and(words, address + object.holders + (p >> 5), ~(1 << (p & 31)))
  }
}

/** The handle of an object, made on this thread if need be; it counts as one that has arrived. */
export function handleAt(processor: Processor, address: number): SharedObject {
  Atomics.add(processor.memory.words, address + object.transit, 1)
  return adopt(address)
}

const sharedObjects: Extension = {
  tag: 0,
  matches: (value) => value instanceof SharedObject,
  pack: (value) => (value as SharedObject).address,
  unpack: (address) => adopt(address as number),
}

/** Further kinds of objects that cross threads. */
const extensions: Extension[] = [sharedObjects]
export function defineExtension(extension: Extension): void {
  if (!extensions.some(({ tag }) => tag === extension.tag)) extensions.push(extension)
}

/** The codec of this machine's memory: it also carries shared objects, which stay where they are. */
export class SharedCodec extends Codec {
  constructor(private readonly shared: Memory) {
    super(shared, extensions)
  }

  /** What was encoded last is on its way: the objects in it have to last until they arrive. */
  sent(): void {
    if (this.packed.length === 0) return
    for (const value of this.packed)
      if (value instanceof SharedObject) Atomics.add(this.shared.words, value.address + object.transit, 1)
  }
}

export { OutOfSharedMemory }
