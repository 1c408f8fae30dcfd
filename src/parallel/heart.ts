import type { Goroutine } from '../runtime/goroutine.js'
import { type Heartbeat, thread } from '../runtime/scheduler.js'
import { type Memory, proc, procAt } from './layout.js'

/** Readings of the clock are this many tasks apart at most; fewer when tasks take long. */
const mostFuel = 16

/** What this thread is busy with, in plain words of shared memory that the monitor reads; see sysmon.ts. */
export class Heart implements Heartbeat {
  /** When the clock was read last, in ms since the process began. */
  nowMs = performance.now()
  /** For how long the last stretch of tasks without a reading went on, in ms. */
  hasWorkedFor = 0
  private readonly words: Int32Array
  private readonly floats: Float64Array
  private readonly at: number
  private fuel = 1
  private fullTank = 1

  constructor(memory: Memory, p: number) {
    this.words = memory.words
    this.floats = memory.floats
    this.at = procAt(p)
    this.rest()
  }

  /** Watches this thread's goroutines. */
  start(): void {
    thread.heartbeat = this
  }

  stop(): void {
    if (thread.heartbeat === this) thread.heartbeat = undefined
  }

  step(g: Goroutine<unknown>): void {
    const { words, at } = this
    words[at + proc.tick] = ((words[at + proc.tick] as number) + 1) | 0
    words[at + proc.goroutine] = g.id
    words[at + proc.running] = 1
  }

  beat(nowMs: number): void {
    this.floats[(this.at + proc.beat) >> 1] = performance.timeOrigin + nowMs
  }

  rest(): void {
    this.words[this.at + proc.running] = 0
  }

  beginTask(task: number): void {
    const { words, at } = this
    words[at + proc.tick] = ((words[at + proc.tick] as number) + 1) | 0
    words[at + proc.goroutine] = 0
    words[at + proc.task] = task + 1
    words[at + proc.running] = 1
  }

  endTask(): void {
    const { words, at } = this
    words[at + proc.task] = 0
    words[at + proc.running] = 0
    if (--this.fuel > 0) return
    const beforeMs = this.nowMs
    this.hasWorkedFor = this.read() - beforeMs
    if (this.hasWorkedFor < 0.05) this.fullTank = Math.min(this.fullTank * 2, mostFuel)
    else if (this.hasWorkedFor > 0.2) this.fullTank = Math.max(1, this.fullTank >> 2)
    this.fuel = this.fullTank
  }

  /** Reads the clock. */
  read(): number {
    this.nowMs = performance.now()
    this.beat(this.nowMs)
    return this.nowMs
  }
}
