import { Doorbell, quiet, retired } from './doorbell.js'
import {
  globalAt,
  globalLength,
  header,
  inboxAt,
  inboxLength,
  type Memory,
  mostObituaries,
  proc,
  procAt,
} from './layout.js'
import { LockedRing } from './locked-ring.js'
import type { Names } from './names.js'
import { RunQueue } from './run-queue.js'

/** All processors, as one of them sees them: their queues, their bells, who runs them and why who did so died. */
export class Everybody {
  /** Those that there are, or were before `procs(n)` took some away. */
  readonly queues: RunQueue[] = []
  readonly global: LockedRing
  private readonly bells: Doorbell[] = []
  private readonly inboxes: LockedRing[] = []
  private readonly words: Int32Array
  private turn = 0

  constructor(
    private readonly memory: Memory,
    private readonly p: number,
    private readonly machine: number,
    private readonly names: Names,
    private readonly queue: RunQueue,
    private readonly bell: Doorbell,
  ) {
    this.words = memory.words
    this.global = new LockedRing(memory, machine, globalAt, globalLength)
  }

  /** How many there are: GOMAXPROCS. */
  get procs(): number {
    return this.words[header.procs] as number
  }

  /** Takes note of new ones; true if there are some. */
  refresh(): boolean {
    const known = this.queues.length
    for (let p = known; p < this.procs; p++) {
      this.queues.push(p === this.p ? this.queue : new RunQueue(this.memory, p))
      this.bells.push(p === this.p ? this.bell : new Doorbell(this.memory, p))
    }
    return this.queues.length > known
  }

  bellOf(p: number): Doorbell {
    return this.bells[p] ?? new Doorbell(this.memory, p)
  }

  inboxOf(p: number): LockedRing {
    this.inboxes[p] ??= new LockedRing(this.memory, this.machine, inboxAt(p), inboxLength)
    return this.inboxes[p]
  }

  /** Whether another one has tasks queued. */
  get othersLookEmpty(): boolean {
    for (const queue of this.queues) if (queue !== this.queue && !queue.looksEmpty) return false
    return true
  }

  /** Whether a worker has nothing to do; the root does not count, since it takes tasks only while no other can. */
  get anotherIsFree(): boolean {
    const { bells } = this
    for (let p = bells.length - 1; p > 0; p--) if (p !== this.p && (bells[p] as Doorbell).isFree) return true
    return false
  }

  /** Wakes somebody for work, if nobody is looking for some: the root last, since it has other things to do. */
  wakeOne(): void {
    const { bells } = this
    for (let p = bells.length - 1; p > 0; p--) if (p !== this.p && (bells[p] as Doorbell).isPolling) return
    for (let p = bells.length - 1; p >= 0; p--)
      if (p !== this.p && (bells[p] as Doorbell).ringForWork()) return
  }

  /** Another one: one that has nothing to do if there is one, else each in turn; the root's only if there is no other. */
  another(): number {
    const { procs, p } = this
    for (let other = procs - 1; other > 0; other--) if (other !== p && this.bellOf(other).isFree) return other
    if (procs <= 2) return procs - 1 === p ? 0 : procs - 1
    const turn = 1 + (this.turn++ % (procs - 1))
    return turn !== p ? turn : 1 + (turn % (procs - 1))
  }

  /** True when no other one does anything, or will without being told to. */
  get othersAreQuiet(): boolean {
    if (!this.global.looksEmpty) return false
    for (let p = 0; p < this.queues.length; p++) {
      if (p === this.p) continue
      const state = Atomics.load(this.words, procAt(p) + proc.state)
      const isAsleep = state === quiet || state === retired
      if (!isAsleep || (this.queues[p] as RunQueue).length > 0 || this.inboxOf(p).length > 0) return false
    }
    return this.queues.length > 1 || this.queue.length === 0
  }

  /** The processor that a thread runs; -1 when it is dead. */
  processorOf(machine: number): number {
    for (let p = 0; p < this.queues.length; p++) if (this.machineOf(p) === machine) return p
    return -1
  }

  /** The thread that runs a processor; 0 for none. */
  machineOf(p: number): number {
    return Atomics.load(this.words, procAt(p) + proc.machine)
  }

  /** The thread of a processor ended before it could begin, and is not started again; see workers.ts. */
  cannotStart(p: number): boolean {
    const at = procAt(p)
    return (
      Atomics.load(this.words, at + proc.state) === retired &&
      this.machineOf(p) === 0 &&
      Atomics.load(this.words, at + proc.retire) === 0
    )
  }

  /** Why a thread died. */
  causeOfDeath(machine: number): string {
    const { words } = this
    for (let i = 0; i < mostObituaries; i++) {
      const at = header.obituaries + i * 2
      if (words[at] === machine) return this.names.textOf(words[at + 1] as number) ?? ''
    }
    return 'it ended'
  }

  get lastCauseOfDeath(): string {
    const last = (Atomics.load(this.words, header.deaths) - 1) % mostObituaries
    return this.names.textOf(this.words[header.obituaries + last * 2 + 1] as number) ?? ''
  }
}
