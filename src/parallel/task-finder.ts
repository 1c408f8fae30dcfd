import type { Everybody } from './everybody.js'
import { type Memory, proc, procAt } from './layout.js'
import type { LockedRing } from './locked-ring.js'
import { type RunQueue, StealOrder } from './run-queue.js'

/** Source: Go's runtime/proc.go, `schedtick%61`. */
export const globalEvery = 61

/**
 * Where a processor has its tasks from: its inbox of those that only it may run, its own queue, its share of the global one,
 * half of another one's; and every 61st time the global one first, so that nobody waits there for ever.
 *
 * Source: Go's runtime/proc.go (`findRunnable`, `stealWork`).
 */
export class TaskFinder {
  private readonly words: Int32Array
  private readonly stolenAt: number
  private readonly inbox: LockedRing
  private readonly global: LockedRing
  private readonly isRoot: boolean
  private order = new StealOrder(1)
  private tick = 0
  private random = (Math.random() * 0x7fffffff) | 0

  constructor(
    memory: Memory,
    private readonly p: number,
    private readonly queue: RunQueue,
    private readonly all: Everybody,
  ) {
    this.words = memory.words
    this.stolenAt = procAt(p) + proc.stolen
    this.inbox = all.inboxOf(p)
    this.global = all.global
    this.isRoot = p === 0
  }

  /** There are more processors than before. */
  refresh(): void {
    this.order = new StealOrder(this.all.queues.length)
  }

  /** Queues a task, for this processor or whoever takes it. */
  put(number: number): void {
    // A worker runs what it has called last next, as Go does; the root leaves its own to others.
    if (this.isRoot) this.queue.put(number, this.global)
    else this.queue.putNext(number, this.global)
    // While all are busy nobody would see it: it is published with the rest of the batch.
    if (this.all.anotherIsFree) this.offer()
  }

  /** Lets others see what was put. */
  publish(): void {
    this.queue.publish()
  }

  /** Publishes what is queued; if there is work anywhere and nobody looks for some, wakes somebody. */
  offer(): void {
    this.queue.publish()
    if (this.isWork) this.all.wakeOne()
  }

  /** The next task; 0 when there is none for this processor. */
  take(): number {
    if (++this.tick % globalEvery === 0) {
      const number = this.mayTake ? this.global.take() : 0
      if (number !== 0) return number
    }
    let number = this.inbox.take()
    if (number !== 0) return number
    if (!this.mayTake) return 0
    number = this.queue.take()
    if (number !== 0) return number
    if (!this.global.looksEmpty) number = this.takeFromGlobal()
    return number === 0 && !this.all.othersLookEmpty ? this.steal() : number
  }

  /** The root leaves tasks to those who look for some. */
  private get mayTake(): boolean {
    return !this.isRoot || !this.all.anotherIsFree
  }

  /** A fair share of the global queue, of which the first is returned. Source: Go's `globrunqget`. */
  private takeFromGlobal(): number {
    const share = Math.min(Math.floor(this.global.length / this.all.procs) + 1, 128)
    const first = this.global.take()
    for (let i = 1; i < share && first !== 0; i++) {
      const number = this.global.take()
      if (number === 0) break
      this.queue.put(number, this.global)
    }
    this.queue.publish()
    return first
  }

  /** Half of what another one has. Its runnext only in the fourth round: its owner is about to run that. */
  private steal(): number {
    for (let round = 1; round <= 4; round++) {
      if (round === 4) pause(0.003)
      this.random = (Math.imul(this.random, 1103515245) + 12345) & 0x7fffffff
      const number = this.order.visit(this.random, (p) => {
        const victim = this.all.queues[p] as RunQueue
        return p === this.p || victim.looksEmpty ? 0 : this.queue.stealFrom(victim, round === 4)
      })
      if (number !== 0) {
        this.words[this.stolenAt] = (this.words[this.stolenAt] as number) + 1
        return number
      }
      if (this.all.othersLookEmpty) return 0
    }
    return 0
  }

  /** A task of a thread whose goroutines are always ready: one that only it may run, or now and then any other. */
  takeOwn(): number {
    return (this.tick + 1) % globalEvery === 0 ? this.take() : this.takePinned()
  }

  private takePinned(): number {
    this.tick++
    return this.inbox.take()
  }

  /** A look that costs little: whether `take` would probably give something. */
  get seesTasks(): boolean {
    return !this.inbox.looksEmpty || (this.mayTake && this.isWork)
  }

  /** The same for sure, for one who is about to sleep. */
  get hasTasks(): boolean {
    if (this.inbox.length > 0) return true
    return this.mayTake && (this.global.length > 0 || this.all.queues.some((queue) => queue.length > 0))
  }

  /** Leaves all tasks to others. */
  handOver(): void {
    const left: number[] = []
    for (let number = this.queue.take(); number !== 0; number = this.queue.take()) left.push(number)
    if (left.length > 0) this.global.push(left)
    this.offer()
  }

  private get isWork(): boolean {
    return !this.queue.looksEmpty || !this.global.looksEmpty || !this.all.othersLookEmpty
  }
}

function pause(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}
