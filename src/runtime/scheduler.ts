import { type Clock, HostClock, hostNow } from './clock.js'
import { MisuseError } from './errors.js'
import type { Goroutine } from './goroutine.js'
import type { Operation } from './operation.js'
import { hostRandom, type Random } from './random.js'
import { later } from './host.js'
import { Ring } from './ring.js'
import { Timers } from './timers.js'

/**
 * One run queue a thread and a runnext slot, drained under a time budget, then back to the event loop.
 *
 * - A woken goroutine goes into the runnext slot of its waker and runs when that one parks; it is never run inside
 *   its waker. Whoever was in the slot goes to the tail of the queue. The slot is taken `longestRelay` times in a
 *   row at most, so that two goroutines that wake each other cannot keep the queue waiting.
 * - A started goroutine goes to the tail: goroutines start in the order of their `go`.
 * - The clock is read once every few operations (`fuel`), since a reading costs as much as a whole switch. The tempting
 *   wrong version counts switches only: a goroutine whose operations are always ready would never be stopped.
 * - When the budget is spent the queue goes on behind the event loop's own timers and I/O. Between two goroutines of
 *   one slice only our own timers are looked at.
 *
 * Source: Go's runtime/proc.go (`schedule`, `runqput`, `goready`).
 */

/** How long goroutines may run before the event loop gets its turn. A turn costs 5 µs, so this is 0.25 % of it. */
const budgetMs = 2
/** How often in a row the runnext slot is taken before the queue gets its turn. */
const longestRelay = 32
/** What is collected during a turn is not held back for longer, where goroutines take their time. */
const longestHoldMs = budgetMs / 4
/** Polls in a row, at most, that are asked for more before goroutines run. At some 50 µs for a connection that is 3 ms. */
const mostPolls = 64
/** Operations between two readings of the clock, at most; fewer while goroutines take long between operations. */
const mostFuel = 128

/** How often the coarse clock gives one reading. */
const mostAnswers = 16

/** Under a seed, one in so many operations gives up its turn before it starts. */
const shuffledTurns = 8

/** Phases of a goroutine. */
export const RUNNABLE = 0
export const RUNNING = 1
export const WAITING = 2
export const DEAD = 3

/** Flags of a goroutine. */
export const STARTED_ONCE = 1
export const CANCEL_PENDING = 2
export const HANDLED = 4
export const FAILED_GOROUTINE = 8
export const EXITING = 16
export const EXITED = 32

/** Places of a goroutine in the list of those that have parked: not there, or with the tracker instead. */
export const UNLISTED = -1
const TRACKED = -2

/** What runs on this thread. */
export const thread: {
  current: Goroutine<unknown> | undefined
  /** Operations left until the clock is read again. */
  fuel: number
  /** The environment has been read and the watches started; see debug.ts. */
  prepared: boolean
  /** Where a probed goroutine leaves its stack. */
  probedStack: string | undefined
  lastId: number
  /** Called once every few turns, for what looks at a sample. */
  everyFewTurns: (() => void) | undefined
  /** Takes over the list of goroutines where leaks are looked for; see leaks.ts. */
  tracker: Tracker | undefined
  /** Told of every step where a monitor watches the thread; see parallel/. */
  heartbeat: Heartbeat | undefined
  /** Tenths of a second since the first slice: when a goroutine parked, for dumps. Coarse, so that parking reads no clock. */
  decis: number
} = {
  current: undefined,
  fuel: mostFuel,
  prepared: false,
  probedStack: undefined,
  lastId: 0,
  everyFewTurns: undefined,
  tracker: undefined,
  heartbeat: undefined,
  decis: 0,
}

/** A list of goroutines that keeps none of them alive. */
export interface Tracker {
  parks(g: Goroutine<unknown>): void
  ends(g: Goroutine<unknown>): void
  all(): Iterable<Goroutine<unknown>>
}

/** Runs each step of a goroutine in the async context that it was started in; see locals.ts. */
export const contextSwitch: {
  run: ((g: Goroutine<unknown>) => IteratorResult<unknown, unknown>) | undefined
} = {
  run: undefined,
}

/** What a scheduler is made with; the defaults are the host's. */
export interface SchedulerOptions {
  clock?: Clock
  random?: Random
  /** Runs goroutines in an order drawn from `random` instead of first in, first out. */
  shuffle?: boolean
  /** Receives a failure that nobody handles, instead of ending the process. */
  onCrash?: (error: unknown, g: Goroutine<unknown> | undefined) => void
  /** Called when nothing is runnable, before control goes back to the event loop; true if it made work. */
  onIdle?: () => boolean
}

/** Who wants to see what a thread is busy with: written so that another thread can read it. */
export interface Heartbeat {
  /** A goroutine takes its turn. */
  step(g: Goroutine<unknown>): void
  /** The clock was read: at least once every few operations. */
  beat(nowMs: number): void
  /** Control goes back to the event loop. */
  rest(): void
}

/** Who collects something during a turn and passes it on: bytes that leave in one write. */
export interface TurnWatcher {
  /** The goroutines have had their turn, or take long for it. Called once for each `atTurnEnd`. */
  turnEnded(): void
}

/** What the scheduler has done so far. */
export interface SchedStats {
  /** Goroutines that are alive. */
  goroutines: number
  /** Of these, those that wait for their turn. */
  runnable: number
  /** Goroutines started since the beginning. */
  started: number
  /** Turns of the run loop, each followed by a turn of the event loop. */
  turns: number
  /** Turns that ended because the budget was spent. */
  preemptions: number
  /** Timers that are armed. */
  timers: number
}

export class Scheduler {
  readonly clock: Clock
  /** Tells a goroutine the time of the last reading, mostly less than a ms ago: for those who ask at every call. */
  readonly coarseClock: Clock
  readonly random: Random
  readonly timers: Timers
  readonly onCrash: SchedulerOptions['onCrash']
  /** Goroutines that have parked at least once and still live. Those that never parked are in the queue. */
  readonly parkedOnce: Goroutine<unknown>[] = []
  /** Promises and other things of the host that goroutines wait for: they hold a virtual clock. */
  externals = 0
  live = 0
  private readonly queue = new Ring<Goroutine<unknown>>(64)
  private runnext: Goroutine<unknown> | undefined = undefined
  private readonly shuffle: boolean
  /** Whether its goroutines live in the time that slices are measured in. */
  private readonly inHostTime: boolean
  /** See `SchedulerOptions`. */
  onIdle: SchedulerOptions['onIdle']
  /** Called at the beginning of every turn. */
  onTurn: (() => void) | undefined = undefined
  private running = false
  /** The run loop is on the stack and uses the runnext slot. */
  private relays = false
  private scheduled = false
  /** Where the last event came from there may be more; and how often that was asked already. */
  private mayHaveMore = false
  private polls = 0
  /** When those who collect during a turn were told last. */
  private toldMs = -Infinity
  private readonly watchers: TurnWatcher[] = []
  private sliceStartMs = -Infinity
  private checkedMs = -Infinity
  /** What the coarse clock says, and how often it may say it still. */
  private recent = -Infinity
  private answers = 0
  /** The budget of this slice is spent. */
  private isOver = false
  /** When the goroutine that runs was first seen at a reading of the clock; 0 before. */
  private turnNotedMs = 0
  private fullTank = 1
  private started = 0
  private turns = 0
  private preemptions = 0

  constructor(options: SchedulerOptions = {}) {
    this.clock = options.clock ?? new HostClock()
    this.inHostTime = this.clock instanceof HostClock
    this.coarseClock = this.inHostTime ? new CoarseClock(this.clock, this) : this.clock
    this.random = options.random ?? hostRandom()
    this.shuffle = options.shuffle ?? false
    this.onCrash = options.onCrash
    this.onIdle = options.onIdle
    this.timers = new Timers(this.clock, () => this.turn(), this.shuffle ? this.random : undefined)
  }

  /** Puts a new goroutine at the tail of the queue. */
  start(g: Goroutine<unknown>): void {
    this.live++
    this.started++
    this.queue.push(g)
    if (!this.running) this.soon()
  }

  /** Makes a parked goroutine runnable: next after the one that wakes it. */
  ready(g: Goroutine<unknown>): void {
    g.phase = RUNNABLE
    if (this.relays) {
      const earlier = this.runnext
      this.runnext = g
      if (earlier !== undefined) this.queue.push(earlier)
    } else {
      this.queue.push(g)
      if (!this.running) this.soon()
    }
  }

  /**
   * Begins to handle an event of the host; after `endEvent` what it made ready runs, in one turn with what the events
   * made ready that came with it. False inside a turn, where goroutines run anyhow.
   */
  beginEvent(): boolean {
    if (this.running) return false
    this.running = true
    return true
  }

  endEvent(): void {
    this.running = false
    if (!this.isIdle || this.watchers.length > 0) this.afterEventLoop()
  }

  /** Handles an event of the host: `beginEvent`, and `endEvent` whatever becomes of it. */
  inEvent(event: () => void): void {
    const isTurn = this.beginEvent()
    try {
      event()
    } finally {
      if (isTurn) this.endEvent()
    }
  }

  /**
   * More may wait where this event came from, of which the host gives one a poll: connections to accept. Goroutines that
   * are ready wait for the next poll then, a bounded number of times. Otherwise each would cost a whole turn, and those who
   * come faster would wait in the kernel, where nobody sees how many there are.
   */
  expectMore(): void {
    this.mayHaveMore = true
  }

  /** Calls `watcher` at the end of this turn, or at the beginning of the next one where none runs. */
  atTurnEnd(watcher: TurnWatcher): void {
    this.watchers.push(watcher)
    if (!this.running) this.soon()
  }

  /** Puts a goroutine that gives up its turn at the tail of the queue. Source: Go's `goschedImpl`. */
  requeue(g: Goroutine<unknown>): void {
    g.phase = RUNNABLE
    this.queue.push(g)
    if (!this.running) this.soon()
  }

  /** Called by an operation when the fuel is used up: true if its goroutine had to give up its turn before it starts. */
  preempt(g: Goroutine<unknown>, operation: Operation<unknown>): boolean {
    // One whose operations are always ready never parks; here it notices that it was told to stop.
    if ((g.flags & CANCEL_PENDING) !== 0) throw g.takeCancel()
    // Under a seed no clock decides: each operation is a place where the turn may change.
    if (this.shuffle ? this.random.below(shuffledTurns) !== 0 : !this.hasHadItsTurn()) return false
    g.slot = operation
    this.requeue(g)
    thread.fuel = 0
    return true
  }

  /**
   * Whether the goroutine that runs has done so for a whole budget. The slice alone does not decide: what is left of it
   * when a goroutine begins is a matter of luck, and most go on to park by themselves long before.
   */
  private hasHadItsTurn(): boolean {
    const over = this.sliceIsOver()
    if (this.turnNotedMs === 0) {
      this.turnNotedMs = this.checkedMs
      return false
    }
    return over && this.checkedMs - this.turnNotedMs >= budgetMs
  }

  /**
   * Has `g` go on with what `from`, which runs, has just parked or given up its turn in: `from` runs on. Its own place in
   * the queue, if it has one, is passed over.
   */
  handOver(from: Goroutine<unknown>, g: Goroutine<unknown>): void {
    this.live++
    this.started++
    g.slot = from.slot
    g.sinceDecis = from.sinceDecis
    g.flags |= from.flags & EXITING
    from.flags &= ~EXITING
    if (from.phase === WAITING) {
      g.phase = WAITING
      this.register(g)
    } else {
      this.requeue(g)
    }
    from.phase = RUNNING
  }

  /** Takes note of a goroutine that parks for the first time, so that a dump finds it. */
  register(g: Goroutine<unknown>): void {
    if (thread.tracker === undefined && g.index === UNLISTED) g.index = this.parkedOnce.push(g) - 1
    else {
      g.index = TRACKED
      thread.tracker?.parks(g)
    }
  }

  /** All goroutines of this scheduler that are alive, in order of their ids. */
  goroutines(): Goroutine<unknown>[] {
    const all = new Set(this.parkedOnce)
    for (const g of thread.tracker?.all() ?? []) if (g.scheduler === this) all.add(g)
    for (let i = 0; i < this.queue.length; i++) {
      const g = this.queue.at(i)
      if (g !== undefined && g.phase !== DEAD) all.add(g)
    }
    if (this.runnext !== undefined) all.add(this.runnext)
    if (thread.current?.scheduler === this) all.add(thread.current)
    return [...all].sort((a, b) => a.id - b.id)
  }

  stats(): SchedStats {
    return {
      goroutines: this.live,
      runnable: this.queue.length + (this.runnext === undefined ? 0 : 1),
      started: this.started,
      turns: this.turns,
      preemptions: this.preemptions,
      timers: this.timers.size,
    }
  }

  /** Ends a goroutine that is not running. */
  finish(g: Goroutine<unknown>, failed: boolean, value: unknown): void {
    this.live--
    const index = g.index
    if (index === TRACKED) thread.tracker?.ends(g)
    else if (index !== UNLISTED) {
      const last = this.parkedOnce.pop()
      if (last !== undefined && last !== g) {
        this.parkedOnce[index] = last
        last.index = index
      }
    }
    g.end(failed, value)
  }

  /** A turn that the event loop gave: the slice begins anew. */
  private turn(): void {
    if (this.running) return
    this.sliceStartMs = -Infinity
    this.drain()
  }

  private drain(): void {
    const now = this.readClock()
    if (this.sliceStartMs === -Infinity) this.sliceStartMs = now
    else if (now - this.sliceStartMs >= budgetMs) {
      // Woken by a microtask in an old slice: nobody knows whether the event loop had its turn since, so give it one.
      this.afterEventLoop()
      return
    }
    if ((++this.turns & 63) === 0) thread.everyFewTurns?.()
    this.onTurn?.()
    this.running = true
    this.isOver = false
    this.toldMs = now
    thread.fuel = Math.min(thread.fuel, this.fullTank)
    let more = true
    try {
      if (this.watchers.length > 0) this.tellWatchers() // what events have done has no need to wait for goroutines
      do {
        this.relays = !this.shuffle
        this.runQueue()
        this.relays = false // nobody runs: those that the clock wakes queue up in the order of their time
        // What it does may make a goroutine ready without its knowing.
        more = !this.isIdle || this.onIdle?.() === true || !this.isIdle
      } while (more && !this.sliceIsOver())
      if (this.watchers.length > 0) this.tellWatchers()
    } finally {
      this.running = false // what throws here is a broken program, but must not stand still as well
    }
    thread.heartbeat?.rest()
    if (more || !this.isIdle) this.afterEventLoop()
  }

  private tellInBetween(): void {
    const { relays } = this
    this.relays = false
    this.toldMs = this.checkedMs
    this.tellWatchers()
    this.relays = relays
  }

  private tellWatchers(): void {
    // One that asks again while it is told is told again: a write that fails ends what waited for it.
    for (let i = 0; i < this.watchers.length; i++) this.watchers[i]?.turnEnded()
    this.watchers.length = 0
  }

  /** No goroutine is ready to run. */
  get isIdle(): boolean {
    return this.queue.length === 0 && this.runnext === undefined
  }

  private runQueue(): void {
    let relay = 0
    for (;;) {
      let g = this.runnext
      if (g !== undefined && relay < longestRelay) {
        this.runnext = undefined
        relay++
      } else {
        if (g !== undefined) {
          this.runnext = undefined
          this.queue.push(g)
        }
        relay = 0
        g = this.shuffle ? this.drawn() : this.queue.shift()
        if (g === undefined) return
      }
      this.step(g)
      // Where a goroutine saw that the slice is over, but had not had its own turn yet, it ends here, behind it.
      if (--thread.fuel >= 0) {
        if (this.isOver) return
      } else if (this.sliceIsOver()) return
      else if (this.watchers.length > 0 && this.checkedMs - this.toldMs > longestHoldMs) this.tellInBetween()
    }
  }

  // From an empty queue nothing is drawn, so that a slice that ends early leaves the random numbers where they were.
  private drawn(): Goroutine<unknown> | undefined {
    const { length } = this.queue
    return length === 0 ? undefined : this.queue.take(this.random.below(length))
  }

  /** Runs one goroutine until it parks, ends or is preempted. The only place that resumes a generator. */
  private step(g: Goroutine<unknown>): void {
    if (g.phase !== RUNNABLE) return // canceled before it started
    g.phase = RUNNING
    thread.current = g
    if (thread.heartbeat !== undefined) thread.heartbeat.step(g)
    this.turnNotedMs = 0
    let result: IteratorResult<unknown, unknown>
    try {
      result = contextSwitch.run === undefined ? resume(g) : contextSwitch.run(g)
      while (result !== g.slot && result.done !== true) result = g.generator.throw(strayYield(result.value))
    } catch (error) {
      thread.current = undefined
      this.finish(g, true, error)
      return
    }
    thread.current = undefined
    if (result !== g.slot) this.finish(g, false, result.value)
  }

  /** Reads the clock, fires due timers and refills the fuel; true when the budget is spent. */
  private sliceIsOver(): boolean {
    const now = this.readClock()
    // Those whose time has come queue up in that order: nobody woke them to run next.
    const { relays } = this
    this.relays = false
    this.timers.fire(this.inHostTime ? now : this.clock.now())
    this.relays = relays
    if (now - this.sliceStartMs < budgetMs) return false
    if (!this.isOver) this.preemptions++
    this.isOver = true
    return true
  }

  /** @internal What the clock said when it was last read, where that was in this turn and not many questions ago. */
  recentMs(): number {
    if (thread.current?.scheduler !== this) return hostNow()
    if (--this.answers < 0) {
      this.recent = hostNow()
      this.answers = mostAnswers
    }
    return this.recent
  }

  private readClock(): number {
    const now = hostNow()
    const passedMs = now - this.checkedMs
    this.checkedMs = now
    this.recent = now
    this.answers = Math.min(this.fullTank, mostAnswers)
    // Only of a tank that was driven: what passes between two turns says nothing about how long goroutines take.
    if (this.running) {
      if (passedMs < budgetMs / 8) this.fullTank = Math.min(this.fullTank * 2 || 1, mostFuel)
      else if (passedMs > budgetMs / 2) this.fullTank >>= 3
    }
    thread.fuel = this.shuffle ? 0 : this.fullTank
    thread.decis = Math.floor(now / 100)
    if (thread.heartbeat !== undefined) thread.heartbeat.beat(now)
    return now
  }

  /** Drains after the host's present call, before the event loop goes on. */
  private soon(): void {
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => {
      this.scheduled = false
      if (!this.running) this.drain()
    })
  }

  private afterEventLoop(): void {
    if (this.scheduled) return
    this.scheduled = true
    later(() => {
      this.scheduled = false
      if (this.mayHaveMore && this.polls++ < mostPolls) {
        this.mayHaveMore = false
        this.afterEventLoop()
        return
      }
      this.mayHaveMore = false
      this.polls = 0
      this.turn()
    })
  }
}

/** Source: Linux's CLOCK_MONOTONIC_COARSE. */
class CoarseClock implements Clock {
  constructor(
    private readonly clock: Clock,
    private readonly on: Scheduler,
  ) {}

  now(): number {
    return this.on.recentMs()
  }

  epochNow(): number {
    return this.clock.epochNow()
  }

  arm(atMs: number, ring: () => void): void {
    this.clock.arm(atMs, ring)
  }
}

let ofThread: Scheduler | undefined

/** The scheduler of the goroutine that runs, or the thread's own. */
export function scheduler(): Scheduler {
  return thread.current?.scheduler ?? threadScheduler()
}

/** The one scheduler of this thread. Tests and bubbles have their own beside it. */
export function threadScheduler(): Scheduler {
  ofThread ??= new Scheduler()
  return ofThread
}

/** Runs a goroutine's generator to its next stop. */
export function resume(g: Goroutine<unknown>): IteratorResult<unknown, unknown> {
  if ((g.flags & EXITING) === 0) return g.generator.next()
  // goexit: `return()` runs every `finally` and `using` on the way out and no `catch`, as Go's Goexit does.
  g.flags = (g.flags & ~EXITING) | EXITED
  return g.generator.return(undefined)
}

function strayYield(value: unknown): MisuseError {
  const waitReason = (value as { waitReason?: string } | undefined)?.waitReason
  const what =
    waitReason === undefined
      ? `a goroutine yielded ${String(value)}`
      : `\`yield\` of an operation (${waitReason})`
  return new MisuseError(`${what} without the star: write \`yield* operation\``)
}
