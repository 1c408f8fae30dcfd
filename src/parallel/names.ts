import { allocate, OutOfSharedMemory, release } from './heap.js'
import { header, type Memory } from './layout.js'
import { lock, unlock } from './spin-lock.js'

/**
 * Strings that every thread knows by the same small number: the tasks, and why workers died. The table only grows. An
 * entry is the word address of a heap block that begins with the length in bytes.
 */
export class Names {
  private readonly numbers = new Map<string, number>()
  private readonly known: string[] = []

  constructor(
    private readonly memory: Memory,
    private readonly machine: number,
  ) {}

  static init(memory: Memory, machine: number): void {
    memory.words[header.names] = allocate(memory, machine, mostNames * 4)
  }

  /** The number of a string; the same on every thread. */
  numberOf(text: string): number {
    const number = this.numbers.get(text) ?? this.find(text) ?? this.append(text)
    this.numbers.set(text, number)
    return number
  }

  /** The string that has a number, if one has. */
  textOf(number: number): string | undefined {
    this.readNew()
    return this.known[number]
  }

  private find(text: string): number | undefined {
    this.readNew()
    return this.numbers.get(text)
  }

  private readNew(): void {
    const { words, bytes } = this.memory
    const count = Atomics.load(words, header.namesCount)
    for (let i = this.known.length; i < count; i++) {
      const block = words[(words[header.names] as number) + i] as number
      const text = bytes.toString('utf8', (block + 1) * 4, (block + 1) * 4 + (words[block] as number))
      this.known.push(text)
      this.numbers.set(text, i)
    }
  }

  private append(text: string): number {
    const { memory, machine } = this
    const { words, bytes } = memory
    const length = Buffer.byteLength(text)
    const block = allocate(memory, machine, length + 4)
    if (block === 0) throw new OutOfSharedMemory(length + 4)
    words[block] = length
    bytes.write(text, (block + 1) * 4, 'utf8')
    for (;;) {
      const count = this.known.length
      lock(words, header.namesLock, machine)
      const isNext = words[header.namesCount] === count
      const fits = count < mostNames
      if (isNext && fits) {
        words[(words[header.names] as number) + count] = block
        Atomics.store(words, header.namesCount, count + 1)
      }
      unlock(words, header.namesLock)
      if (!fits) throw new RangeError(`there are more than ${mostNames} tasks`)
      if (isNext) return count
      const found = this.find(text) // another thread was faster: with this one, or with another
      if (found !== undefined) {
        release(memory, machine, block, length + 4)
        return found
      }
    }
  }
}

const mostNames = 1 << 14

/** The name of a task, by its number in the table. */
export function taskName(names: Names, task: number): string {
  return (names.textOf(task) ?? '').split('\0')[1] ?? ''
}
