import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { control, onThreads } from '../../test/parallel/thread-tasks.js'
import {
  createMemory,
  globalAt,
  globalLength,
  inboxLength,
  mostProcs,
  proc,
  procAt,
  slotsPerProc,
} from './layout.js'
import { LockedRing } from './locked-ring.js'
import { RunQueue, StealOrder } from './run-queue.js'

function fixture(count = 2) {
  const memory = createMemory()
  const global = new LockedRing(memory, 1, globalAt, globalLength)
  const queues = Array.from({ length: count }, (_, p) => new RunQueue(memory, p))
  const [own, other] = queues as [RunQueue, RunQueue]
  return { memory, global, own, other }
}

/** Takes until there is nothing. */
function drain(queue: { take(): number }): number[] {
  const numbers: number[] = []
  for (let number = queue.take(); number !== 0; number = queue.take()) {
    numbers.push(number)
    if (numbers.length > 10_000) throw new Error('there is no end')
  }
  return numbers
}

const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, i) => from + i)

describe('a run queue, used by its owner alone', () => {
  it('RT13: gives in the order in which was put, and is empty before and after', () => {
    const { own, global } = fixture()
    for (let count = 0; count <= 256; count++) {
      expect(own.take()).toBe(0)
      for (const number of upTo(count)) own.put(number, global)
      expect(drain(own)).toEqual(upTo(count))
      expect(own.take()).toBe(0)
      own.publish()
      expect([own.length, own.looksEmpty]).toEqual([0, true])
    }
  })

  it('goes on beyond the end of its 32-bit positions', () => {
    const { memory, global } = fixture()
    const at = procAt(0)
    memory.words[at + proc.head] = 2 ** 31 - 5
    memory.words[at + proc.tail] = 2 ** 31 - 5
    const own = new RunQueue(memory, 0)
    for (const number of upTo(256)) own.put(number, global)
    own.publish()
    expect(own.length).toBe(256)
    expect(drain(own)).toEqual(upTo(256))
  })

  it('has a runnext that goes ahead; the one it drives out goes to the tail', () => {
    const { own, global } = fixture()
    own.put(1, global)
    own.putNext(2, global)
    own.putNext(3, global)
    own.publish()
    expect(own.length).toBe(3)
    expect(drain(own)).toEqual([3, 1, 2])
  })

  it('RT19: holds 256; what overflows goes to the global queue, half the queue and the new one', () => {
    const { own, global } = fixture()
    for (const number of upTo(256)) own.put(number, global)
    expect(global.length).toBe(0)
    own.put(257, global)
    expect(drain(global)).toEqual([...upTo(128), 257])
    expect(drain(own)).toEqual(upTo(128, 129))
  })

  it('overflows as often as it has to, and keeps each once', () => {
    const { own, global } = fixture()
    for (const number of upTo(5000)) own.put(number, global)
    own.publish()
    expect([...drain(global), ...drain(own)].sort((a, b) => a - b)).toEqual(upTo(5000))
  })

  it('overflows to a queue that has room for all slots there are, with their doubles', () => {
    const slots = mostProcs * slotsPerProc
    expect(globalLength).toBeGreaterThanOrEqual(2 * slots)
    expect(inboxLength).toBeGreaterThanOrEqual(slots)
  })

  it('is taken over whole by the next thread of its processor', () => {
    const { memory, own, global } = fixture()
    for (const number of upTo(10)) own.put(number, global)
    own.publish()
    own.put(11, global) // not published: the entry dies with its thread
    expect(drain(new RunQueue(memory, 0))).toEqual(upTo(10))
  })

  it('is empty for the next thread when its owner died with a batch that overflowed before it was published', () => {
    const { memory, own, global } = fixture()
    for (const number of upTo(257)) own.put(number, global)
    const next = new RunQueue(memory, 0)
    next.put(1000, global)
    expect(drain(next)).toContain(1000)
  })
})

describe('a run queue and a thief', () => {
  it('RT14: half is stolen, rounded up, and each is had exactly once', () => {
    for (let count = 0; count <= 256; count++) {
      const { own, other, global } = fixture()
      for (const number of upTo(count)) own.put(number, global)
      own.publish()
      const first = other.stealFrom(own, false)
      const stolen = first === 0 ? [] : [...drain(other), first]
      expect([Math.floor(count / 2), Math.floor(count / 2) + 1]).toContain(stolen.length)
      expect(stolen).toEqual(upTo(stolen.length))
      expect(drain(own)).toEqual(upTo(count - stolen.length, stolen.length + 1))
    }
  })

  it('RT19: runnext is stolen only when asked for, and only when there is nothing else', () => {
    const { own, other, global } = fixture()
    own.putNext(7, global)
    expect(other.stealFrom(own, false)).toBe(0)
    own.put(8, global)
    own.publish()
    expect(other.stealFrom(own, true)).toBe(8)
    expect(other.stealFrom(own, true)).toBe(7)
    expect(own.take()).toBe(0)
    expect(other.take()).toBe(0)
  })

  it('what was not published is not stolen', () => {
    const { own, other, global } = fixture()
    for (const number of upTo(200)) own.put(number, global)
    expect(other.stealFrom(own, true)).toBe(0)
    own.publish()
    expect(other.stealFrom(own, true)).not.toBe(0)
  })
})

describe('a run queue among threads', () => {
  it.each([1, 3, 9])(
    'PO6: an owner that puts and takes, and thieves on threads: every value exactly once (%i thieves)',
    { timeout: 60_000 },
    async (thieves) => {
      const { memory, own, global } = fixture()
      const total = 200_000
      const block = new SharedArrayBuffer((control.counts + total + 1) * 4)
      let byOwner = 0
      const got = await onThreads(
        memory,
        block,
        Array.from({ length: thieves }, () => ['thief'] as const),
        async (words) => {
          const take = () => {
            const number = own.take()
            if (number === 0) return false
            Atomics.add(words, control.counts + number, 1)
            Atomics.add(words, control.count, 1)
            byOwner++
            return true
          }
          for (let number = 1; number <= total; number++) {
            if (number % 3 === 0) own.putNext(number, global)
            else own.put(number, global)
            if (number % 4 === 0) own.publish()
            if (number % 5 === 0) take()
          }
          own.publish()
          while (take());
          const untilMs = performance.now() + 20_000
          while (Atomics.load(words, control.count) < total && performance.now() < untilMs) await delay(1)
          Atomics.store(words, control.stop, 1)
        },
      )
      const counts = new Int32Array(block).subarray(control.counts + 1)
      const wrong = [...counts.entries()].filter(([, count]) => count !== 1)
      expect(wrong.slice(0, 5)).toEqual([])
      expect(byOwner).toBeGreaterThan(0)
      expect((got as number[]).reduce((sum, taken) => sum + taken, byOwner)).toBe(total)
    },
  )

  it('RT15: a queue that is never empty is never seen empty', { timeout: 30_000 }, async () => {
    const { memory, own, other, global } = fixture()
    const block = new SharedArrayBuffer(1024)
    own.putNext(1, global)
    const [looks] = await onThreads(memory, block, [['observer']], (words) => {
      const untilMs = performance.now() + 1500
      for (let i = 0; performance.now() < untilMs; i++) {
        own.putNext(2 + (i & 1), global) // the earlier one goes to the tail
        own.publish()
        own.take() // runnext is empty, the earlier one is at the tail
        own.putNext(2 + (i & 1), global)
        other.stealFrom(own, false) // the tail is empty, runnext is not
      }
      Atomics.store(words, control.stop, 1)
    })
    const words = new Int32Array(block)
    expect(looks).toBeGreaterThan(1000)
    expect(words[control.faults]).toBe(0)
  })
})

describe('the order in which processors are looked at', () => {
  it('RT16: visits each exactly once, whatever the seed', () => {
    for (let count = 1; count <= 64; count++) {
      const order = new StealOrder(count)
      for (let seed = 0; seed < 200; seed++) {
        const visited: number[] = []
        order.visit(seed, (p) => {
          visited.push(p)
          return 0
        })
        expect(visited.slice().sort((a, b) => a - b)).toEqual(upTo(count, 0))
      }
    }
  })

  it('RT16: begins anywhere, and goes on in steps of several sizes', () => {
    const order = new StealOrder(8)
    const starts = new Set<number>()
    const steps = new Set<number>()
    for (let seed = 0; seed < 64; seed++) {
      const visited: number[] = []
      order.visit(seed, (p) => {
        visited.push(p)
        return 0
      })
      const [first = 0, second = 0] = visited
      starts.add(first)
      steps.add((second - first + 8) % 8)
    }
    expect([...starts].sort()).toEqual(upTo(8, 0))
    expect([...steps].sort()).toEqual([1, 3, 5, 7])
  })

  it('ends at the first that gives something', () => {
    const visited: number[] = []
    const found = new StealOrder(5).visit(2, (p) => {
      visited.push(p)
      return p === 2 ? 99 : 0
    })
    expect([found, visited]).toEqual([99, [2]])
  })
})
