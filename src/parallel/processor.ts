import type { Goroutine } from '../runtime/goroutine.js'
import { later } from '../runtime/host.js'
import { type Scheduler, threadScheduler } from '../runtime/scheduler.js'
import { type Call, Calls } from './calls.js'
import { closed, Doorbell, parked, quiet } from './doorbell.js'
import { Everybody } from './everybody.js'
import { Heart } from './heart.js'
import { inspectAll, inspectNone, writeDump } from './inspection.js'
import { header, type Memory, proc, procAt } from './layout.js'
import { type Names, taskName } from './names.js'
import { Payloads } from './payloads.js'
import type { Post } from './post.js'
import { RunQueue } from './run-queue.js'
import { Runner } from './runner.js'
import type { SharedCodec } from './shared-object.js'
import { SpinTime } from './spin-time.js'
import { globalEvery, TaskFinder } from './task-finder.js'

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

/** A thread whose goroutines are rung again and again looks for tasks first so often. */
const tasksFirstEvery = 8
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
 * What it calls is in calls.ts, what it runs in runner.ts, where it has that from in task-finder.ts; here is what it does when,
 * and how it sleeps and wakes.
 *
 * Source: Go's runtime/proc.go (`schedule`, `wakep`, `stopm`).
 */
export class Processor {
  readonly scheduler: Scheduler = threadScheduler()
  readonly heart: Heart
  /** All processors, this one among them. */
  readonly all: Everybody
  /** The calls that this thread makes. */
  readonly calls: Calls
  /** Says whether the process has to go on while this processor sleeps; the root's holds the process. */
  hold: ((on: boolean) => void) | undefined = undefined
  /** Ends this thread, on a worker. */
  leave: (() => void) | undefined = undefined
  /** Set while a goroutine has the thread for itself: no other task begins; see lock-thread.ts. */
  lockedBy: Goroutine<unknown> | undefined = undefined
  private readonly words: Int32Array
  private readonly at: number
  private readonly bell: Doorbell
  private readonly runner: Runner
  private readonly finder: TaskFinder
  private readonly spinTime: SpinTime
  private readonly watches = new Set<Watch>()
  /** No task begins on this thread any more. */
  private isSpoilt = false
  private scheduled = false
  private sleepsSoft = false
  private looks = 0
  private heardBell = 0
  private heardCancels = 0
  private heardDeaths: number
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
    this.bell = new Doorbell(memory, p)
    this.heart = new Heart(memory, p)
    const queue = new RunQueue(memory, p)
    this.all = new Everybody(memory, p, machine, names, queue, this.bell)
    this.finder = new TaskFinder(memory, p, queue, this.all)
    const payloads = new Payloads(memory, machine, codec, post)
    this.calls = new Calls(memory, p, names, payloads, this.all, this)
    this.runner = new Runner(this, payloads, this.all)
    this.spinTime = new SpinTime(patience.spinMs)
    this.heardDeaths = Atomics.load(this.words, header.deaths)
    this.heardBell = Atomics.load(this.words, this.at + proc.bell) - 1 // what came before this thread did
  }

  get isRoot(): boolean {
    return this.p === 0
  }

  get procs(): number {
    return this.all.procs
  }

  /** Joins the thread's scheduler: from now on it asks here for work when it has none. */
  attach(): void {
    this.refresh()
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

  /** Takes note of how many processors there are. */
  refresh(): void {
    if (this.all.refresh()) this.finder.refresh()
  }

  // ---- what others of this thread ask of it

  /** Starts a call, once there is room for it. */
  start(call: Call): void {
    this.calls.start(call)
  }

  /** The caller waits no more. */
  abandon(call: Call): void {
    this.calls.abandon(call)
  }

  /** Rings another processor: something that it will find by looking. */
  ring(p: number): void {
    Atomics.add(this.words, procAt(p) + proc.bell, 1)
    if (p === this.p) this.schedule()
    else this.all.bellOf(p).ring()
  }

  watch(watch: Watch): void {
    this.watches.add(watch)
    this.schedule()
  }

  unwatch(watch: Watch): void {
    this.watches.delete(watch)
  }

  /** Has this processor look around soon. */
  schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.getUp()
    later(this.turn)
  }

  taskName(task: number): string {
    return taskName(this.names, task)
  }

  /** Writes this thread's dump if somebody has asked for it. */
  answerDump(): void {
    if (this.words[header.dumpRequest] !== this.words[this.at + proc.dumpAnswered]) writeDump(this)
  }

  // ---- what its calls and tasks ask of it

  enqueue(number: number, pin: number): void {
    this.hasDozed = false
    this.schedule()
    if (pin !== -1) {
      this.all.inboxOf(pin).push([number])
      this.ring(pin)
      return
    }
    this.finder.put(number)
  }

  finishedHere(number: number): void {
    this.calls.finishedHere(number)
  }

  goroutineEnded(g: Goroutine<unknown>): void {
    if (g === this.lockedBy) {
      // It leaves the thread in a state that nobody else should meet: another one takes its place.
      if (this.isRoot) this.lockedBy = undefined
      else this.isSpoilt = true
    }
    if (this.isSpoilt && this.runner.goroutines === 0) this.leave?.()
  }

  // ---- looking for work

  /** Runs tasks for a while, until one goes on as a goroutine that is ready; false if there were none. */
  private work(): boolean {
    let count = 0
    for (; count < globalEvery && this.isOpen && this.scheduler.isIdle; count++) {
      const number = this.finder.take()
      if (number === 0) break
      if (this.bell.isPolling) this.stopPolling()
      else this.finder.publish()
      this.runner.run(number)
      this.runner.tellIfDue()
      if (this.heart.hasWorkedFor > 1) {
        count++
        break
      }
    }
    return count > 0
  }

  /** Whether another task may begin on this thread now. */
  private get isOpen(): boolean {
    return this.lockedBy === undefined && this.runner.loading === 0 && !this.isSpoilt
  }

  /** It found work. Whoever counted on this one to look has to look elsewhere, since there may be more. */
  private stopPolling(): void {
    this.bell.isPolling = false
    this.finder.offer()
  }

  // ---- idling, sleeping, waking

  /** The scheduler has nothing to run: true if there may be something now. */
  private idle(): boolean {
    if (this.findSomething()) return true
    this.runner.tell()
    this.finder.offer()
    if (this.spin()) return true
    this.schedule()
    return false
  }

  /** The thread was woken by something else than a bell: by its own timers and sockets, say. */
  private beginTurn(): void {
    this.getUp()
    this.poll()
    if (!this.scheduler.isIdle && this.isOpen) this.beginOne()
  }

  /** Goroutines go first, but those that are always ready must not keep out the tasks that only this thread may run. */
  private beginOne(): void {
    const number = this.finder.takeOwn()
    if (number !== 0) this.runner.run(number)
  }

  private getUp(): void {
    if (!this.bell.sleeps) return
    this.sleepsSoft = false
    this.bell.getUp()
  }

  /** Looks after what others have left for this thread; true if there was anything. */
  private poll(): boolean {
    const { words, at } = this
    let found = this.calls.settleAll()
    if (words[at + proc.bell] !== this.heardBell) found = this.answer() || found
    if (words[header.deaths] !== this.heardDeaths) {
      this.heardDeaths = Atomics.load(words, header.deaths)
      this.calls.recover()
      for (const watch of this.watches) watch.look()
      found = true
    }
    return found
  }

  private answer(): boolean {
    const { words, at } = this
    this.heardBell = Atomics.load(words, at + proc.bell)
    this.refresh()
    let found = this.post.receive()
    this.answerDump()
    const cancels = Atomics.load(words, at + proc.cancels)
    if (cancels !== this.heardCancels) {
      this.heardCancels = cancels
      this.runner.cancelAbandoned()
      found = true
    }
    for (const watch of this.watches) found = watch.look() || found
    return found
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
        if (this.isOpen && this.scheduler.isIdle && this.finder.seesTasks) return true
      }
    } while (this.heart.read() < untilMs)
    return false
  }

  private get expectsSomething(): boolean {
    return this.calls.outstanding > 0 || this.watches.size > 0
  }

  /** A turn of its own, behind the event loop's. */
  private readonly turn = (): void => {
    this.scheduled = false
    if (this.words[header.stopped] !== 0) return
    this.getUp()
    if (!this.lookAround()) {
      if (!this.park()) return
      this.lookAround() // at once: a turn of the event loop costs as much as half a wake
    }
    this.schedule()
  }

  /** Does what there is to do; true if it has to look around again soon. */
  private lookAround(): boolean {
    this.runner.tell()
    this.finder.offer()
    return this.findSomething() || this.spin()
  }

  /** Looks after what came for this thread, and for tasks; by turns, so that much of the one does not keep out the other. */
  private findSomething(): boolean {
    const tasksFirst = ++this.looks % tasksFirstEvery === 0
    const found = tasksFirst ? this.work() || this.poll() : this.poll() || this.work()
    if (found) this.hasDozed = false
    return found
  }

  /** Goes to sleep; true when it is awake again, or had better stay awake, false while it sleeps softly. */
  private park(): boolean {
    const { words, at } = this
    this.runner.tell()
    if (words[at + proc.retire] !== 0 && this.isIdle && this.leave !== undefined) {
      this.finder.handOver()
      this.leave()
      return false
    }
    const own = this.isRoot ? [] : this.ownResources
    if (own.includes('Immediate')) return true // something of its own comes in this very turn of the event loop
    const { isIdle } = this.scheduler
    const dozes = this.isRoot && isIdle && !this.hasDozed && this.expectsSomething
    const hard = dozes || (!this.isRoot && isIdle && own.length === 0)
    const how = !this.isOpen ? closed : hard ? quiet : parked
    if (this.bell.lieDown(how, () => this.hasWork)) return true
    words[at + proc.parks] = (words[at + proc.parks] as number) + 1
    if (how !== quiet) {
      this.sleepSoft()
      return false
    }
    if (words[header.rootHolds] === 1) this.ring(0)
    this.hasDozed = true
    this.bell.sleep(dozes ? this.patience.dozeMs : hardSleepMs)
    return true
  }

  private sleepSoft(): void {
    this.hold?.(this.expectsSomething && !this.all.othersAreQuiet)
    this.sleepsSoft = true
    this.bell.listen(this.heard)
  }

  private readonly heard = (): void => {
    if (!this.sleepsSoft) return // it had got up by itself
    // A notify that was meant for an earlier sleep ends none.
    if (this.bell.sleeps) this.bell.listen(this.heard)
    else this.wokeUp()
  }

  private wokeUp(): void {
    this.sleepsSoft = false
    this.hold?.(false)
    this.schedule()
  }

  private get hasWork(): boolean {
    const { words, at } = this
    if (this.calls.hasResults) return true
    if (Atomics.load(words, at + proc.bell) !== this.heardBell) return true
    if (Atomics.load(words, header.deaths) !== this.heardDeaths) return true
    if (Atomics.load(words, header.stopped) !== 0) return true
    return this.isOpen && this.finder.hasTasks
  }

  /** What of this thread's own may happen beside the root's messages: timers, sockets, files. */
  private get ownResources(): string[] {
    const all = process.getActiveResourcesInfo()
    const others = all.filter((name) => name !== port)
    return all.length - others.length > this.ownPorts ? [...others, port] : others
  }

  /** Nothing that it runs or has called is under way. */
  private get isIdle(): boolean {
    const { runner, calls } = this
    return runner.underWay === 0 && runner.goroutines === 0 && calls.outstanding === 0
  }
}
