import { parentPort } from 'node:worker_threads'
import { attachMemory, header, mostProcs, proc, procAt, type Memory } from './layout.js'
import { schedTraceEvery } from './sched-trace.js'
import { stacksOf } from './thread-stack.js'

/**
 * The monitor: a thread of its own that looks at the heartbeat of each processor and tells of those that are stuck in
 * one step, with the stack that they are stuck in. It cannot take the step away from them, as Go's sysmon can: JavaScript
 * is not preempted.
 *
 * - A processor is stuck when it runs, its clock was last read longer ago than the threshold, and looks that are a
 *   threshold apart saw the same step. The tempting wrong version looks once: a thread that is quick to step and slow
 *   to read its clock, or that begins after a rest, would be a stall.
 * - A stack counts only if the step is still the same after it was taken: else it is that of another one.
 * - Between looks the thread sleeps in Atomics.wait, which costs nothing and can be rung out of. Its event loop turns
 *   only while it waits for a stack; so it hears no messages, and is spoken to through shared words.
 *
 * Source: Go's runtime/proc.go (`sysmon`, `retake`).
 */

/** A step of a goroutine or task that kept its thread, and everybody else on it, for too long. */
export interface Stall {
  readonly processor: number
  /** Id of the goroutine; `undefined` for a plain function. */
  readonly goroutine: number | undefined
  /** The task, as its number in the table of names. */
  readonly task: number | undefined
  /** How long it lasted, to a few milliseconds; so far, when it is going on. */
  readonly durationMs: number
  /** The frames of the thread, as V8 writes them; `undefined` when it did not answer or had gone on. */
  readonly stack: string | undefined
  readonly ongoing: boolean
}

export interface MonitorOptions {
  readonly memory: SharedArrayBuffer
  /** Node's threadId of the thread that runs a processor: 0 is the main thread. `undefined` takes no stack. */
  readonly threadOf: (processor: number) => number | undefined
  /** Receives each stall once when it is over, and those that go on for long once before. */
  readonly onStall?: (stall: Stall) => void
  /** From when on a step is a stall. */
  readonly thresholdMs?: number
  /** From when on a stall is told of while it goes on. */
  readonly ongoingMs?: number
  /** How often a line of the scheduler's state goes to standard error; never by default. */
  readonly schedTraceMs?: number | undefined
}

const defaults = {
  onStall: (stall: Stall) => parentPort?.postMessage({ stall }),
  // As long as a goroutine may run in Go before it is preempted.
  thresholdMs: 10,
  ongoingMs: 1000,
}

/** Between two looks: while something runs, and at most when nothing does. */
const lookMs = 20
const idleLookMs = 100
/** A thread in a long native call does not answer before it ends. */
const stackTimeoutMs = 200

/**
 * Watches until `header.stopped` is set and the bell rung. Called in a worker thread of its own, which it keeps for
 * itself: it comes back only to wait for a stack, and at the end.
 */
export async function startMonitor(options: MonitorOptions): Promise<void> {
  const { threadOf, schedTraceMs, ...rest } = options
  const settings = { ...defaults, ...rest }
  const memory = attachMemory(options.memory)
  const { words } = memory
  const startedMs = epochNow()
  const watches: Watch[] = []
  const trace = isPeriod(schedTraceMs) ? schedTraceEvery(memory, schedTraceMs, { startedMs }) : undefined
  const stopped = () => Atomics.load(words, header.stopped) !== 0
  let pauseMs = lookMs

  for (;;) {
    // Read before the look, so that a ring during the look ends the sleep after it.
    const bell = Atomics.load(words, header.monitorBell)
    while (watches.length < Math.min(mostProcs, Atomics.load(words, header.procs)))
      watches.push(new Watch(memory, watches.length, startedMs, settings))
    const wants = watches.map((watch) => watch.look(epochNow()))
    if (stopped()) break
    const toldMs = trace?.printWhenDue(epochNow()) ?? Infinity
    if (wants.includes('stack')) {
      await takeStacks(
        watches.filter((_, p) => wants[p] === 'stack'),
        threadOf,
        stopped,
      )
      continue
    }
    if (wants.includes('soon')) pauseMs = settings.thresholdMs / 2
    else if (wants.includes('later')) pauseMs = lookMs
    else pauseMs = Math.min(Math.max(pauseMs, lookMs / 2) * 2, idleLookMs)
    if (Atomics.wait(words, header.monitorBell, bell, Math.min(pauseMs, toldMs)) !== 'timed-out')
      pauseMs = lookMs
  }
  for (const watch of watches) watch.close(epochNow())
}

/** Has the monitor look at once; after `header.stopped` was set, has it end. */
export function ringMonitor({ words }: Memory): void {
  Atomics.add(words, header.monitorBell, 1)
  Atomics.notify(words, header.monitorBell)
}

/** What is a number of milliseconds, whatever came out of the environment. */
function isPeriod(ms: number | undefined): ms is number {
  return ms !== undefined && ms > 0 && ms < Infinity
}

async function takeStacks(
  watches: readonly Watch[],
  threadOf: MonitorOptions['threadOf'],
  stopped: () => boolean,
): Promise<void> {
  const asked = watches.map((watch) => ({ watch, threadId: threadOf(watch.processor) }))
  const threadIds = asked.flatMap(({ threadId }) => threadId ?? [])
  const stacks = await stacksOf(threadIds, { timeoutMs: stackTimeoutMs, stopped })
  for (const { watch, threadId } of asked) {
    watch.takeStack(threadId === undefined ? undefined : stacks.get(threadId))
  }
}

/** What a look at a processor asks for: nothing while it is idle, a look later or soon, or a stack. */
type Want = 'nothing' | 'later' | 'soon' | 'stack'

/** What a processor says of the step that it is in. While none of it changes, the step is the same. */
interface Beat {
  readonly machine: number
  readonly tick: number
  readonly beatMs: number
}

interface OpenStall {
  readonly sinceMs: number
  readonly goroutine: number
  readonly task: number
  stack: string | undefined
  askedAgain: boolean
  /** It has been told of as one that goes on. */
  told: boolean
}

/** What the monitor knows of one processor. */
class Watch {
  private readonly at: number
  private beat: Beat | undefined = undefined
  /** The last look that saw another step, and the first that saw this one. */
  private otherMs: number
  private firstMs: number
  private lookedMs: number
  private stall: OpenStall | undefined = undefined

  constructor(
    private readonly memory: Memory,
    readonly processor: number,
    nowMs: number,
    private readonly settings: Required<Pick<MonitorOptions, keyof typeof defaults>>,
  ) {
    this.at = procAt(processor)
    this.otherMs = nowMs
    this.firstMs = nowMs
    this.lookedMs = nowMs
  }

  look(nowMs: number): Want {
    const beat = this.read()
    if (!same(beat, this.beat)) {
      if (this.stall !== undefined) this.end(this.stall, this.endOf(beat, nowMs))
      this.beat = beat
      this.otherMs = this.lookedMs
      this.firstMs = nowMs
    }
    this.lookedMs = nowMs
    if (beat === undefined) return 'nothing'
    return this.stall === undefined ? this.suspect(beat, nowMs) : this.goOn(this.stall, nowMs)
  }

  private suspect({ beatMs }: Beat, nowMs: number): Want {
    const { thresholdMs } = this.settings
    // Whichever is later: the clock may not have been read at the step's beginning, and the step was not there then.
    const sinceMs = Math.max(beatMs, this.otherMs)
    if (nowMs - sinceMs < thresholdMs) return 'later'
    if (nowMs - this.firstMs < thresholdMs) return 'soon'
    const { words } = this.memory
    const goroutine = words[this.at + proc.goroutine] as number
    const task = words[this.at + proc.task] as number
    if (!same(this.read(), this.beat)) return 'soon'
    this.stall = { sinceMs, goroutine, task, stack: undefined, askedAgain: false, told: false }
    Atomics.add(words, header.stalls, 1)
    return 'stack'
  }

  /** A stall that was looked at before. Where there is no stack yet, it is asked for once more before it is told. */
  private goOn(stall: OpenStall, nowMs: number): Want {
    const { ongoingMs } = this.settings
    if (nowMs - stall.sinceMs < ongoingMs) return 'soon'
    if (stall.told) return 'later'
    if (stall.stack === undefined && !stall.askedAgain) {
      stall.askedAgain = true
      return 'stack'
    }
    this.tell(stall, nowMs, true)
    return 'later'
  }

  /** The answer to a look that wanted a stack. */
  takeStack(stack: string | undefined): void {
    if (this.stall !== undefined && same(this.read(), this.beat)) this.stall.stack = stack
  }

  /** Tells of a stall that nobody will look at any more. */
  close(nowMs: number): void {
    if (this.stall !== undefined && !this.stall.told) this.tell(this.stall, nowMs, true)
  }

  /** When a stall ended, of which this is the first look after it: where the clock was read since, it was about then. */
  private endOf(beat: Beat | undefined, nowMs: number): number {
    return beat !== undefined && beat.beatMs > this.lookedMs ? Math.min(beat.beatMs, nowMs) : nowMs
  }

  private end(stall: OpenStall, endMs: number): void {
    this.tell(stall, endMs, false)
    this.stall = undefined
  }

  private tell(stall: OpenStall, nowMs: number, ongoing: boolean): void {
    stall.told = true
    this.settings.onStall({
      processor: this.processor,
      goroutine: stall.goroutine === 0 ? undefined : stall.goroutine,
      task: stall.task === 0 ? undefined : stall.task - 1,
      durationMs: Math.max(0, nowMs - stall.sinceMs),
      stack: stall.stack,
      ongoing,
    })
  }

  /** `undefined` while nothing runs. */
  private read(): Beat | undefined {
    const { words, floats } = this.memory
    // An atomic load first, so that the plain ones after it are not older.
    const machine = Atomics.load(words, this.at + proc.machine)
    if (words[this.at + proc.running] !== 1) return undefined
    return {
      machine,
      tick: words[this.at + proc.tick] as number,
      beatMs: floats[(this.at + proc.beat) / 2] as number,
    }
  }
}

function same(a: Beat | undefined, b: Beat | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.tick === b.tick && a.beatMs === b.beatMs && a.machine === b.machine
}

/** Milliseconds since the epoch on the clock that does not jump: the same on every thread to a hundredth. */
function epochNow(): number {
  return performance.timeOrigin + performance.now()
}
