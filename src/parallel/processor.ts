import { Dependent } from '../context/cancel.js'
import type { Context } from '../context/context.js'
import type { Ending as ContextEnding } from '../context/ending.js'
import { Canceled, MisuseError } from '../runtime/errors.js'
import { isThenable, launch } from '../runtime/go.js'
import type { Goroutine, Joiner } from '../runtime/goroutine.js'
import { later } from '../runtime/host.js'
import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { wait } from '../runtime/promise.js'
import { HANDLED, type Scheduler, threadScheduler } from '../runtime/scheduler.js'
import { type Linked, WaitList } from '../runtime/wait-list.js'
import { type Body, knownBody, loadBody, TaskNotFoundError } from './bodies.js'
import {
  canceled,
  claim,
  done,
  finish,
  kindOf,
  machineOf,
  queued,
  running,
  SlotArena,
  slotFlag,
  unqueue,
} from './call-slot.js'
import { closed, Doorbell, parked, quiet, retired } from './doorbell.js'
import { Heart } from './heart.js'
import { NotCarriedError } from './not-carried.js'
import { inspectAll, inspectNone, writeDump } from './inspection.js'
import {
  globalAt,
  globalLength,
  header,
  inboxAt,
  inboxLength,
  type Memory,
  mostObituaries,
  ownerOf,
  proc,
  procAt,
  slot,
  slotAt,
  slotNumber,
} from './layout.js'
import { LockedRing } from './locked-ring.js'
import type { Names } from './names.js'
import { Payloads } from './payloads.js'
import type { Post } from './post.js'
import { contextsAmong } from './remote-context.js'
import { RunQueue, StealOrder } from './run-queue.js'
import type { SharedCodec } from './shared-object.js'
import { SpinTime } from './spin-time.js'
import { WorkerDied } from './worker-died.js'

/** The caller's side of a call: an operation of the thread that called. It is itself the node in the list of waiters. */
export interface Call extends Linked {
  /** The task, as its number in the table of names. */
  readonly task: number
  readonly args: unknown
  /** The only processor that may run it; -1 for any, or `elsewhere`. */
  readonly pin: number
  readonly flags: number
  /** Its slot; 0 while it waits for one. */
  number: number
  settle(failed: boolean, value: unknown): void
}

/** Any processor but that of the caller, if there is another one. */
export const elsewhere = -2

/** Something of this thread that waits for what other threads do, and looks again whenever one of them rings. */
export interface Watch {
  /** True if it found what it waited for. */
  look(): boolean
}

/** How a processor behaves while it has nothing to do. */
export interface Patience {
  /** The longest it looks without a break: an answer from a thread that is awake comes within a microsecond or two. */
  readonly spinMs: number
  /**
   * How long the root, while it waits for answers, sleeps hard before it sleeps so that its event loop goes on: from that
   * it is woken in 15 µs instead of 50.
   */
  readonly dozeMs: number
}

/** Source: Go's runtime/proc.go, `schedtick%61`. */
const globalEvery = 61
/** Finished calls that wait at most for their caller to be told. */
const mostUntold = 16
const mostUntoldMs = 0.05
const port = 'MessagePort'
/** A thread that sleeps hard turns its event loop so often, for what does not keep it alive. */
const hardSleepMs = 100

/**
 * One processor: a thread's run queue of tasks beside its scheduler of goroutines. Goroutines that are ready go first; when
 * there are none it takes tasks: its own, then the global queue's, then half of another processor's.
 *
 * The root's processor, that of the thread which holds the program's sockets and timers, takes tasks only while no other is
 * free for them, so that a program that calls one task goes on with its own work; see docs/decisions/0010.
 *
 * Source: Go's runtime/proc.go (`findRunnable`, `wakep`, `stopm`).
 */
export class Processor {
  readonly scheduler: Scheduler = threadScheduler()
  readonly arena: SlotArena
  readonly bell: Doorbell
  readonly queue: RunQueue
  /** Says whether the process has to go on while this processor sleeps; the root's holds the process. */
  hold: ((on: boolean) => void) | undefined = undefined
  /** Set while a goroutine has the thread for itself: no other task begins; see lock-thread.ts. */
  lockedBy: Goroutine<unknown> | undefined = undefined
  /** Ends this thread, on a worker. */
  leave: (() => void) | undefined = undefined
  /** No task begins on this thread any more. */
  private isSpoilt = false
  private readonly words: Int32Array
  private readonly at: number
  private readonly payloads: Payloads
  private readonly inbox: LockedRing
  private readonly global: LockedRing
  private readonly heart: Heart
  private readonly queues: RunQueue[] = []
  private readonly bells: Doorbell[] = []
  private readonly inboxes: LockedRing[] = []
  private order = new StealOrder(1)
  private readonly calls: (Call | undefined)[] = []
  /** The thread that a call's arguments were sent to by message, by the index of its slot. */
  private readonly postedTo: number[] = []
  private readonly waiting = new WaitList<Call>()
  private readonly bodies: (Body | undefined)[] = []
  private readonly running = new Map<number, Goroutine<unknown>>()
  /** Finished calls whose callers have not been told yet, by processor. */
  private readonly untold: number[] = []
  private untoldCount = 0
  private untoldSinceMs = 0
  /** Finished calls of this very thread. */
  private readonly own: number[] = []
  private readonly watches = new Set<Watch>()
  private scheduled = false
  private listening = 0
  /** Modules that are being loaded for a task. */
  private loading = 0
  private tick = 0
  /** Calls that it has claimed and not ended; also those whose body is being loaded, or whose arguments are on the way. */
  private underWay = 0
  private random = (Math.random() * 0x7fffffff) | 0
  private heardBell = 0
  private heardCancels = 0
  private heardDeaths: number
  private readonly spinTime: SpinTime
  /** It has slept hard since it last had something to do. */
  private hasDozed = false
  /** The ports by which the root reaches this thread. */
  private ownPorts = 0

  constructor(
    readonly memory: Memory,
    readonly p: number,
    /** The number of this thread among all that ever were. */
    readonly machine: number,
    readonly names: Names,
    readonly post: Post,
    readonly codec: SharedCodec,
    private readonly patience: Patience,
  ) {
    this.words = memory.words
    this.at = procAt(p)
    this.arena = new SlotArena(memory, p)
    this.bell = new Doorbell(memory, p)
    this.queue = new RunQueue(memory, p)
    this.inbox = this.inboxOf(p)
    this.global = new LockedRing(memory, machine, globalAt, globalLength)
    this.payloads = new Payloads(memory, machine, codec, post)
    this.heart = new Heart(memory, p)
    this.spinTime = new SpinTime(patience.spinMs)
    this.heardDeaths = Atomics.load(this.words, header.deaths)
    this.heardBell = Atomics.load(this.words, this.at + proc.bell) - 1 // what came before this thread did
  }

  /** Joins the thread's scheduler: from now on it asks here for work when it has none. */
  attach(): void {
    this.scheduler.onIdle = () => this.idle()
    this.scheduler.onTurn = () => this.beginTurn()
    this.heart.start()
    this.ownPorts = process.getActiveResourcesInfo().filter((name) => name === port).length
    inspectAll(this)
    this.schedule()
  }

  /** Leaves the thread's scheduler again. */
  detach(): void {
    this.scheduler.onIdle = undefined
    this.scheduler.onTurn = undefined
    this.heart.stop()
    inspectNone()
    this.bell.getUp()
  }

  /** Nothing that it runs or has called is under way. */
  get isIdle(): boolean {
    return this.underWay === 0 && this.running.size === 0 && this.arena.outstanding === 0
  }

  /** Leaves its tasks to others. */
  handOver(): void {
    const left: number[] = []
    for (let number = this.queue.take(); number !== 0; number = this.queue.take()) left.push(number)
    if (left.length > 0) this.global.push(left)
    this.offer()
  }

  get isRoot(): boolean {
    return this.p === 0
  }

  // ---- the caller's side

  /** Starts a call, once one of this processor's slots is free. */
  start(call: Call): void {
    const number = this.waiting.isEmpty ? this.arena.take() : 0
    if (number === 0) {
      call.number = 0
      this.waiting.push(call)
      this.schedule()
    } else this.launch(call, number)
  }

  /** The caller waits no more: a call that has not begun never does, one that runs is told to stop. */
  abandon(call: Call): void {
    const { number } = call
    if (number === 0) {
      this.waiting.remove(call)
      return
    }
    this.calls[this.indexOf(number)] = undefined
    if (unqueue(this.memory, number)) {
      this.payloads.drop(number)
      this.give(number)
      return
    }
    Atomics.store(this.words, slotAt(number) + slot.cancel, canceled)
    const runner = this.processorOf(machineOf(Atomics.load(this.words, slotAt(number) + slot.state)))
    if (runner === -1) return
    Atomics.add(this.words, procAt(runner) + proc.cancels, 1)
    this.ring(runner)
  }

  /** Rings another processor: something that it will find by looking. */
  ring(p: number): void {
    Atomics.add(this.words, procAt(p) + proc.bell, 1)
    if (p === this.p) this.schedule()
    else this.bellOf(p).ring()
  }

  watch(watch: Watch): void {
    this.watches.add(watch)
    this.schedule()
  }

  unwatch(watch: Watch): void {
    this.watches.delete(watch)
  }

  private launch(call: Call, number: number): void {
    const { words } = this
    const at = slotAt(number)
    if (call.pin > 0 && (call.pin >= this.procs || this.cannotStart(call.pin))) {
      this.give(number)
      call.settle(true, call.pin >= this.procs ? takenAway(call.pin) : this.notStarted(call))
      return
    }
    words[at + slot.task] = call.task
    words[at + slot.pin] = (call.pin === elsewhere ? this.someProcessor() : call.pin) + 1
    words[at + slot.flags] = call.flags
    words[at + slot.cancel] = 0
    words[at + slot.serial] = ((words[at + slot.serial] as number) + 1) | 0
    try {
      if (!this.payloads.write(number, call.args)) this.postArgs(call, number)
    } catch (error) {
      this.give(number)
      if (error instanceof NotCarriedError) error.message = `task '${this.taskName(call.task)}': ${error.message}`
      call.settle(true, error)
      return
    }
    call.number = number
    this.calls[this.indexOf(number)] = call
    Atomics.store(words, at + slot.state, queued)
    this.enqueue(number, (words[at + slot.pin] as number) - 1)
  }

  /** What only a message can carry goes to one processor, chosen now. */
  private postArgs(call: Call, number: number): void {
    const target = call.pin < 0 ? this.someProcessor() : call.pin
    this.words[slotAt(number) + slot.pin] = target + 1
    this.postedTo[this.indexOf(number)] = Atomics.load(this.words, procAt(target) + proc.machine)
    this.payloads.post(number, call.args, target)
  }

  private enqueue(number: number, pin: number): void {
    this.hasDozed = false
    this.schedule()
    if (pin !== -1) {
      this.inboxOf(pin).push([number])
      this.ring(pin)
      return
    }
    if (this.isRoot) this.queue.put(number, this.global)
    else this.queue.putNext(number, this.global)
    // While all are busy nobody would see it: it is published with the rest of the batch.
    if (this.anotherIsFree) this.offer()
  }

  /** Publishes what this processor has put into its queue, and wakes somebody for it if nobody is looking for work. */
  private offer(): void {
    this.queue.publish()
    if (this.queue.looksEmpty && this.global.looksEmpty && this.othersLookEmpty) return
    const { bells } = this
    for (let p = bells.length - 1; p > 0; p--)
      if (p !== this.p && (bells[p] as Doorbell).isPolling) return
    // The root last, since it has other things to do.
    for (let p = bells.length - 1; p >= 0; p--)
      if (p !== this.p && (bells[p] as Doorbell).ringForWork()) return
  }

  /** Whether a worker has nothing to do; the root does not count, since it takes tasks only while no other can. */
  private get anotherIsFree(): boolean {
    const { bells } = this
    for (let p = bells.length - 1; p > 0; p--) if (p !== this.p && (bells[p] as Doorbell).isFree) return true
    return false
  }

  private settleAll(): boolean {
    const { words, at, own } = this
    let found = false
    if (own.length > 0) {
      found = true
      for (const number of own.splice(0)) this.settle(number)
    }
    if (words[at + proc.completions] === 0) return found
    const numbers: number[] = []
    let number = Atomics.exchange(words, at + proc.completions, 0)
    for (; number !== 0; number = words[slotAt(number) + slot.next] as number) numbers.push(number)
    for (let i = numbers.length - 1; i >= 0; i--) this.settle(numbers[i] as number)
    return true
  }

  private settle(number: number): void {
    const state = Atomics.load(this.words, slotAt(number) + slot.state)
    if (kindOf(state) !== done) return
    const index = this.indexOf(number)
    const call = this.calls[index]
    if (call === undefined) {
      this.payloads.drop(number)
      this.give(number)
      return
    }
    const failed = ((this.words[slotAt(number) + slot.flags] as number) & slotFlag.failed) !== 0
    const settle = (value: unknown) => {
      const isWanted = this.calls[index] === call // it may have been abandoned while its result was under way
      this.calls[index] = undefined
      this.give(number)
      if (isWanted) call.settle(failed, value)
    }
    this.payloads.read(number, this.processorOf(machineOf(state)), settle, (error) => {
      this.calls[index] = undefined
      this.give(number)
      call.settle(true, error)
    })
  }

  private give(number: number): void {
    this.arena.give(number)
    const call = this.waiting.first
    if (call === undefined) return
    this.waiting.remove(call)
    const next = this.arena.take()
    if (next !== 0) this.launch(call, next)
  }

  // ---- the side of who runs it

  /** Runs tasks for a while; false if there were none. */
  private work(): boolean {
    let count = 0
    for (; count < globalEvery && this.isOpen; count++) {
      const number = this.findTask()
      if (number === 0) break
      if (this.bell.isPolling) this.stopPolling()
      else this.queue.publish()
      this.run(number)
      if (this.untoldCount > 0) this.tellIfDue()
      if (this.heart.hasWorkedFor > 1) {
        count++
        break
      }
    }
    return count > 0
  }

  /** Whether another task may begin on this thread now. */
  private get isOpen(): boolean {
    return this.lockedBy === undefined && this.loading === 0 && !this.isSpoilt
  }

  private findTask(): number {
    const { words } = this
    if (++this.tick % globalEvery === 0) {
      const number = this.mayTake ? this.global.take() : 0
      if (number !== 0) return number
    }
    let number = this.inbox.take()
    if (number !== 0) return number
    if (!this.mayTake) return 0
    number = this.queue.take()
    if (number !== 0) return number
    if (words[globalAt + 1] !== words[globalAt + 2]) number = this.takeFromGlobal()
    return number === 0 && this.queues.length > 1 ? this.steal() : number
  }

  /** The root leaves tasks to those who look for some. */
  private get mayTake(): boolean {
    return !this.isRoot || !this.anotherIsFree
  }

  /** A fair share of the global queue, of which the first is returned. Source: Go's `globrunqget`. */
  private takeFromGlobal(): number {
    const share = Math.min(Math.floor(this.global.length / this.procs) + 1, 128)
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
        const victim = this.queues[p] as RunQueue
        return p === this.p || victim.looksEmpty ? 0 : this.queue.stealFrom(victim, round === 4)
      })
      if (number !== 0) {
        this.words[this.at + proc.stolen] = (this.words[this.at + proc.stolen] as number) + 1
        return number
      }
      if (this.othersLookEmpty) return 0
    }
    return 0
  }

  private get othersLookEmpty(): boolean {
    for (const queue of this.queues) if (queue !== this.queue && !queue.looksEmpty) return false
    return true
  }

  private run(number: number): void {
    const { words } = this
    const at = slotAt(number)
    if (!claim(this.memory, number, this.machine)) return
    const pin = (words[at + slot.pin] as number) - 1
    if (pin !== -1 && pin !== this.p) {
      // An entry that was left over from an earlier use of the slot.
      Atomics.store(words, at + slot.state, queued)
      this.inboxOf(pin).push([number])
      this.ring(pin)
      return
    }
    this.underWay++
    words[this.at + proc.taken] = (words[this.at + proc.taken] as number) + 1
    const task = words[at + slot.task] as number
    const body = this.bodies[task] ?? this.remember(task)
    if (body === undefined) this.load(number, task)
    else this.prepare(number, body)
  }

  private remember(task: number): Body | undefined {
    const body = knownBody(this.names.textOf(task) ?? '')
    if (body !== undefined) this.bodies[task] = body
    return body
  }

  /** Loads the module of a task. Meanwhile this processor takes no other: it would only hold them back from others. */
  private load(number: number, task: number): void {
    this.loading++
    const loaded = (then: () => void) => {
      this.loading--
      then()
      this.tell()
      this.schedule()
    }
    loadBody(this.names.textOf(task) ?? '').then(
      (body) => loaded(() => this.prepare(number, body)),
      (error) =>
        loaded(() => {
          this.payloads.drop(number)
          this.end(number, true, error)
        }),
    )
  }

  private prepare(number: number, body: Body): void {
    if (Atomics.load(this.words, slotAt(number) + slot.cancel) !== 0) {
      this.payloads.drop(number)
      this.end(number, true, new Canceled())
      return
    }
    this.payloads.read(
      number,
      ownerOf(number),
      (args) => this.execute(number, body, args as unknown[]),
      (error) => this.end(number, true, error),
    )
  }

  private execute(number: number, body: Body, args: unknown[]): void {
    const { heart } = this
    heart.beginTask(this.words[slotAt(number) + slot.task] as number)
    let result: unknown
    try {
      result = (body as (...args: unknown[]) => unknown)(...args)
    } catch (error) {
      heart.endTask()
      this.end(number, true, error)
      return
    }
    heart.endTask()
    if (typeof result === 'object' && result !== null && (isRoutine(result) || isThenable(result)))
      this.goOn(number, body, result, args)
    else this.end(number, false, result)
  }

  /** The body waits: it goes on as a goroutine of this thread. */
  private goOn(
    number: number,
    body: Body,
    result: Routine<unknown> | PromiseLike<unknown>,
    args: readonly unknown[],
  ): void {
    // The goroutine begins later, perhaps after the promise was rejected: somebody has to listen from now on.
    if (!isRoutine(result)) result.then(undefined, () => undefined)
    const routine = isRoutine(result) ? result : waitFor(result)
    const g = launch(this.scheduler, routine, body as GoFunction, goOnAbove)
    const bounds = contextsAmong(args).map((ctx) => new CancelWith(g, ctx))
    g.flags |= HANDLED
    g.addJoiner(
      new Ending(() => {
        for (const bound of bounds) bound.stop()
        this.ended(number, g)
      }),
    )
    this.running.set(number, g)
  }

  private ended(number: number, g: Goroutine<unknown>): void {
    this.running.delete(number)
    const { result } = g
    if ('error' in result) this.end(number, true, result.error)
    else this.end(number, false, result.value)
    this.schedule()
    this.tell()
    if (g === this.lockedBy) {
      // It leaves the thread in a state that nobody else should meet: another one takes its place.
      if (this.isRoot) this.lockedBy = undefined
      else this.isSpoilt = true
    }
    if (this.isSpoilt && this.running.size === 0) this.leave?.()
  }

  private end(number: number, failed: boolean, value: unknown): void {
    const { words } = this
    const at = slotAt(number)
    const owner = ownerOf(number)
    this.underWay--
    this.payloads.writeResult(number, failed, value, owner)
    finish(this.memory, number, this.machine)
    if (owner === this.p) {
      this.own.push(number)
      return
    }
    words[at + slot.next] = this.untold[owner] ?? 0
    this.untold[owner] = number
    if (this.untoldCount++ === 0) this.untoldSinceMs = this.heart.nowMs
  }

  /** Callers that wait for nothing else are told at once; those who are busy in batches. */
  private tellIfDue(): void {
    if (this.untoldCount >= mostUntold || this.heart.nowMs - this.untoldSinceMs > mostUntoldMs) {
      this.tell()
      return
    }
    for (let p = 0; p < this.untold.length; p++) {
      if ((this.untold[p] ?? 0) !== 0 && this.words[procAt(p) + proc.state] !== 0) this.tellTo(p)
    }
  }

  private tell(): void {
    if (this.untoldCount === 0) return
    for (let p = 0; p < this.untold.length; p++) if ((this.untold[p] ?? 0) !== 0) this.tellTo(p)
  }

  /** Hands a chain of finished calls to their caller, by one compareExchange. */
  private tellTo(p: number): void {
    const { words, untold } = this
    const newest = untold[p] as number
    let oldest = newest
    let count = 1
    for (let next = words[slotAt(oldest) + slot.next] as number; next !== 0; count++) {
      oldest = next
      next = words[slotAt(next) + slot.next] as number
    }
    const head = procAt(p) + proc.completions
    for (;;) {
      const first = Atomics.load(words, head)
      words[slotAt(oldest) + slot.next] = first
      if (Atomics.compareExchange(words, head, first, newest) === first) break
    }
    untold[p] = 0
    this.untoldCount -= count
    this.bellOf(p).ring()
  }

  // ---- idling, sleeping, waking

  /** The scheduler has nothing to run: true if there may be something now. */
  private idle(): boolean {
    if (this.poll() || this.work()) {
      this.hasDozed = false
      return true
    }
    this.tell()
    this.offer()
    if (this.spin()) return true
    this.schedule()
    return false
  }

  /** The thread was woken by something else than a bell: by its own timers and sockets, say. */
  private beginTurn(): void {
    if (this.bell.sleeps) this.bell.getUp()
    this.poll()
  }

  /** Looks after what others have left for this thread; true if there was anything. */
  private poll(): boolean {
    const { words, at } = this
    let found = this.settleAll()
    if (words[at + proc.bell] !== this.heardBell) found = this.answer() || found
    if (words[header.deaths] !== this.heardDeaths) {
      this.recover()
      found = true
    }
    return found
  }

  private answer(): boolean {
    const { words, at } = this
    this.heardBell = Atomics.load(words, at + proc.bell)
    if (this.queues.length < this.procs) this.refresh()
    let found = this.post.receive()
    this.answerDump()
    const cancels = Atomics.load(words, at + proc.cancels)
    if (cancels !== this.heardCancels) {
      this.heardCancels = cancels
      for (const [number, g] of this.running)
        if (Atomics.load(words, slotAt(number) + slot.cancel) !== 0) g.cancel()
      found = true
    }
    for (const watch of this.watches) found = watch.look() || found
    return found
  }

  /** Writes this thread's dump if somebody has asked for it. */
  answerDump(): void {
    if (this.words[header.dumpRequest] !== this.words[this.at + proc.dumpAnswered]) writeDump(this)
  }

  /** Looks for a while without giving the event loop its turn; true if something came. */
  private spin(): boolean {
    if (this.patience.spinMs === 0 || (this.isRoot && !this.expectsSomething)) return false
    this.bell.isPolling = this.isOpen
    const found = this.lookUntil(this.heart.read() + this.spinTime.nextMs())
    this.spinTime.note(found)
    return found
  }

  private lookUntil(untilMs: number): boolean {
    const { words, at } = this
    do {
      for (let i = 0; i < 20; i++) {
        if (Atomics.load(words, at + proc.completions) !== 0) return true
        if (words[at + proc.bell] !== this.heardBell || words[header.deaths] !== this.heardDeaths) return true
        if (this.seesTasks) return true
      }
    } while (this.heart.read() < untilMs)
    return false
  }

  private get seesTasks(): boolean {
    if (!this.isOpen) return false
    if (!this.inbox.looksEmpty) return true
    if (!this.mayTake) return false
    return !this.queue.looksEmpty || !this.global.looksEmpty || !this.othersLookEmpty
  }

  private get expectsSomething(): boolean {
    return this.arena.outstanding > 0 || this.watches.size > 0
  }

  /** It found work. Whoever counted on this one to look has to look elsewhere, since there may be more. */
  private stopPolling(): void {
    this.bell.isPolling = false
    this.offer()
  }

  /** A turn of its own, behind the event loop's. */
  private readonly turn = (): void => {
    this.scheduled = false
    if (this.words[header.stopped] !== 0) return
    if (this.bell.sleeps) this.bell.getUp()
    this.tell()
    this.offer()
    if (this.poll() || this.work()) this.hasDozed = false
    else if (!this.spin()) {
      this.park()
      return
    }
    this.schedule()
  }

  /** Has this processor look around soon. */
  schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    if (this.bell.sleeps) this.bell.getUp()
    later(this.turn)
  }

  private park(): void {
    const { words, at } = this
    this.tell()
    if (words[at + proc.retire] !== 0 && this.isIdle && this.leave !== undefined) {
      this.handOver()
      this.leave()
      return
    }
    const dozes = this.isRoot && !this.hasDozed && this.expectsSomething && this.scheduler.stats().runnable === 0
    const hard = dozes || (!this.isRoot && this.hasNothingOfItsOwn)
    const how = !this.isOpen ? closed : hard ? quiet : parked
    if (this.bell.lieDown(how, () => this.hasWork)) {
      this.schedule()
      return
    }
    words[at + proc.parks] = (words[at + proc.parks] as number) + 1
    if (how === quiet) this.sleepHard(dozes ? this.patience.dozeMs : hardSleepMs)
    else this.sleepSoft(how)
  }

  private sleepHard(ms: number): void {
    if (this.words[header.rootHolds] === 1) this.ring(0)
    this.hasDozed = true
    this.bell.sleep(ms)
    this.wokeUp()
  }

  private sleepSoft(how: number): void {
    this.hold?.(this.expectsSomething && !this.allOthersQuiet)
    this.listen(how, ++this.listening)
  }

  private listen(how: number, listening: number): void {
    this.bell.listen(how, () => {
      if (listening !== this.listening) return
      if (this.bell.sleeps) this.listen(how, listening) // a notify that was meant for an earlier sleep
      else this.wokeUp()
    })
  }

  private wokeUp(): void {
    this.listening++
    this.hold?.(false)
    this.schedule()
  }

  private get hasWork(): boolean {
    const { words, at } = this
    if (Atomics.load(words, at + proc.completions) !== 0 || this.own.length > 0) return true
    if (Atomics.load(words, at + proc.bell) !== this.heardBell) return true
    if (Atomics.load(words, header.deaths) !== this.heardDeaths) return true
    if (Atomics.load(words, header.stopped) !== 0) return true
    return this.isOpen && (this.inbox.length > 0 || (this.mayTake && this.seesTasksForSure))
  }

  private get seesTasksForSure(): boolean {
    return this.global.length > 0 || this.queues.some((queue) => queue.length > 0)
  }

  /** True when nothing of this thread's own can happen: no timer, no socket, no goroutine that is ready. */
  private get hasNothingOfItsOwn(): boolean {
    const resources = process.getActiveResourcesInfo()
    return (
      resources.length <= this.ownPorts &&
      resources.every((name) => name === port) &&
      this.scheduler.stats().runnable === 0
    )
  }

  get allOthersQuiet(): boolean {
    const { words } = this
    if (!this.global.looksEmpty) return false
    for (let p = 0; p < this.queues.length; p++) {
      if (p === this.p) continue
      const state = Atomics.load(words, procAt(p) + proc.state)
      if (state !== quiet || (this.queues[p] as RunQueue).length > 0 || this.inboxOf(p).length > 0) return false
    }
    return this.queues.length > 1 || this.queue.length === 0
  }

  // ---- after a death

  /** Saves what a dead thread left of this processor's calls: what it ran has failed, everything else goes on. */
  private recover(): void {
    const { words } = this
    this.heardDeaths = Atomics.load(words, header.deaths)
    this.settleAll()
    const alive = new Set<number>()
    for (let p = 0; p < this.queues.length; p++) alive.add(Atomics.load(words, procAt(p) + proc.machine))
    const lost: number[] = []
    for (const { number, state } of this.arena.entries()) {
      const kind = kindOf(state)
      if (kind === queued) {
        if (!this.postAgain(number, alive)) lost.push(number)
      }
      else if (kind === running && !alive.has(machineOf(state))) this.lose(number, machineOf(state))
      else if (kind === done && !alive.has(machineOf(state))) this.settle(number)
    }
    for (const number of lost) if (!this.isOutOfReach(number)) this.enqueueAgain(number)
    for (const watch of this.watches) watch.look()
  }

  /** Fails a queued call whose processor could not be started, so that nobody else may take it. */
  private isOutOfReach(number: number): boolean {
    const pin = (this.words[slotAt(number) + slot.pin] as number) - 1
    const index = this.indexOf(number)
    const call = this.calls[index]
    if (call === undefined || pin < 1 || !this.cannotStart(pin) || !unqueue(this.memory, number)) return false
    this.calls[index] = undefined
    this.payloads.drop(number)
    this.give(number)
    call.settle(true, this.notStarted(call))
    return true
  }

  /** Its thread ended before it could begin, and is not started again; see workers.ts. */
  private cannotStart(p: number): boolean {
    const { words } = this
    const at = procAt(p)
    return (
      Atomics.load(words, at + proc.state) === retired &&
      Atomics.load(words, at + proc.machine) === 0 &&
      Atomics.load(words, at + proc.retire) === 0
    )
  }

  private notStarted(call: Call): TaskNotFoundError {
    const { words } = this
    const last = (Atomics.load(words, header.deaths) - 1) % mostObituaries
    const reason = this.names.textOf(words[header.obituaries + last * 2 + 1] as number) ?? ''
    return new TaskNotFoundError(
      `task '${this.taskName(call.task)}': ${reason}. A worker thread loads the module of its first task, or the bundle, which must not fail there: its top level runs in every worker thread`,
    )
  }

  /** Arguments that went by message to a thread that died before it took the call: they are sent once more. */
  private postAgain(number: number, alive: ReadonlySet<number>): boolean {
    const index = this.indexOf(number)
    const call = this.calls[index]
    const isPosted = ((this.words[slotAt(number) + slot.flags] as number) & slotFlag.posted) !== 0
    if (call === undefined || !isPosted || alive.has(this.postedTo[index] as number)) return false
    if (!unqueue(this.memory, number)) return false
    this.calls[index] = undefined
    this.give(number)
    this.start(call)
    return true
  }

  /** The thread that ran a call has died. */
  private lose(number: number, machine: number): void {
    const index = this.indexOf(number)
    const call = this.calls[index]
    this.calls[index] = undefined
    this.payloads.drop(number)
    this.give(number)
    if (call === undefined) return
    if ((call.flags & slotFlag.idempotent) !== 0) this.start(call)
    else call.settle(true, new WorkerDied(this.taskName(call.task), machine, this.causeOfDeath(machine)))
  }

  /** The entry of a queued call may have been in the dead one's hands. A second one does no harm: see `claim`. */
  private enqueueAgain(number: number): void {
    const pin = (this.words[slotAt(number) + slot.pin] as number) - 1
    if (pin === -1) this.global.push([number])
    else {
      this.inboxOf(pin).push([number])
      this.ring(pin)
    }
  }

  taskName(task: number): string {
    return (this.names.textOf(task) ?? '').split('\0')[1] ?? ''
  }

  private causeOfDeath(machine: number): string {
    const { words } = this
    for (let i = 0; i < mostObituaries; i++) {
      const at = header.obituaries + i * 2
      if (words[at] === machine) return this.names.textOf(words[at + 1] as number) ?? ''
    }
    return 'it ended'
  }

  // ---- who is who

  get procs(): number {
    return this.words[header.procs] as number
  }

  /** Takes note of how many processors there are. */
  refresh(): void {
    const most = this.procs
    for (let p = this.queues.length; p < most; p++) {
      this.queues.push(p === this.p ? this.queue : new RunQueue(this.memory, p))
      this.bells.push(p === this.p ? this.bell : new Doorbell(this.memory, p))
      this.inboxes.push(this.inboxOf(p))
    }
    this.order = new StealOrder(this.queues.length)
  }

  /** Tasks in the global queue. */
  get globalLength(): number {
    return this.global.length
  }

  get queuesOfAll(): readonly RunQueue[] {
    return this.queues
  }

  private processorOf(machine: number): number {
    for (let p = 0; p < this.queues.length; p++)
      if (Atomics.load(this.words, procAt(p) + proc.machine) === machine) return p
    return -1
  }

  /** Another processor: one that has nothing to do if there is one, else each in turn; the root's only if there is no other. */
  private someProcessor(): number {
    const { procs, p } = this
    for (let other = procs - 1; other > 0; other--) if (other !== p && this.bellOf(other).isFree) return other
    if (procs <= 2) return procs - 1 === p ? 0 : procs - 1
    const turn = 1 + (this.random++ % (procs - 1))
    return turn !== p ? turn : 1 + (turn % (procs - 1))
  }

  private indexOf(number: number): number {
    return number - slotNumber(this.p, 0)
  }

  private inboxOf(p: number): LockedRing {
    return this.inboxes[p] ?? new LockedRing(this.memory, this.machine, inboxAt(p), inboxLength)
  }

  private bellOf(p: number): Doorbell {
    return this.bells[p] ?? new Doorbell(this.memory, p)
  }
}

const goOnAbove: GoFunction = () => undefined

class Ending implements Joiner {
  before: Linked | undefined = undefined
  after: Linked | undefined = undefined

  constructor(readonly settle: () => void) {}
}

/** Cancels a task that waits when a context among its arguments ends, unless that very end is what it waited for. */
class CancelWith extends Dependent {
  constructor(
    private readonly goroutine: Goroutine<unknown>,
    ctx: Context,
  ) {
    super()
    this.follow(ctx)
  }

  override end(ending: ContextEnding): void {
    // Those who wait for the context are told first: a goroutine among them is runnable by now.
    if (this.goroutine.state === 'waiting') this.goroutine.cancel(ending.cause)
  }

  stop(): void {
    this.leave()
  }
}

function takenAway(p: number): MisuseError {
  return new MisuseError(`a task for processor ${p}, which procs() has taken away: ask for another one, or for none`)
}

function isRoutine(value: object): value is Routine<unknown> {
  return 'next' in value && Object.prototype.toString.call(value) === '[object Generator]'
}

function* waitFor(promise: PromiseLike<unknown>): Routine<unknown> {
  return yield* wait(promise)
}

function pause(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}
