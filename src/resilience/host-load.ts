import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { launch } from '../runtime/go.js'
import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'

/** How long things may wait for the thread before that alone means that it has enough to do. */
const delayOfFullMs = 100
const resolutionMs = 10
/** A look at the counters is taken so often at most, and weighs as much as the time since the last one. */
const everyMs = 250
/** How long the averages remember, while they rise and while they fall. */
const riseMs = 250
const fallMs = 1000
/** So often at most a goroutine is sent through the run queue. */
const probeEveryMs = 20

/**
 * How busy this thread is: 0 idle, 1 or more as busy as it can be. The greatest of
 *
 * - the share of the time in which its event loop had something to do, and the 99th percentile of that loop's delay in parts
 *   of 100 ms: averages of the last second or so, from the host's own counters;
 * - how long a goroutine waits for its turn now, in parts of 100 ms. This one rises at once when more comes than can be done,
 *   long before the averages do, and the queue that grows meanwhile is what callers would wait for.
 *
 * Nothing runs for it while nobody asks.
 */
export class HostLoad {
  private readonly delay = monitorEventLoopDelay({ resolution: resolutionMs })
  private utilization = performance.eventLoopUtilization()
  private lookedMs = performance.now()
  private average = 0
  /** When the goroutine started that is under way, or the last one. */
  private probedMs = -Infinity
  private isProbing = false
  private waitedMs = 0

  constructor() {
    this.delay.enable()
  }

  now(): number {
    const nowMs = performance.now()
    if (nowMs - this.lookedMs >= everyMs) this.look(nowMs - this.lookedMs)
    if (!this.isProbing && nowMs - this.probedMs >= probeEveryMs) this.probe(nowMs)
    const waitMs = this.isProbing ? Math.max(this.waitedMs, nowMs - this.probedMs) : this.waitedMs
    return Math.max(this.average, waitMs / delayOfFullMs)
  }

  private look(elapsedMs: number): void {
    const before = this.utilization
    this.utilization = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(this.utilization, before)
    // The histogram holds how far apart its timer's calls were: what is beyond their resolution is delay.
    const delayMs = Math.max(0, this.delay.percentile(99) / 1e6 - resolutionMs)
    this.delay.reset()
    this.lookedMs += elapsedMs
    const now = Math.max(utilization, delayMs / delayOfFullMs)
    const weight = 1 - Math.exp(-elapsedMs / (now > this.average ? riseMs : fallMs))
    this.average += (now - this.average) * weight
  }

  /** Sends a goroutine through the run queue. */
  private probe(nowMs: number): void {
    this.isProbing = true
    this.probedMs = nowMs
    launch(scheduler(), this.arrive(), HostLoad as unknown as GoFunction, HostLoad as unknown as GoFunction)
  }

  private *arrive(): Routine<void> {
    this.isProbing = false
    this.waitedMs = performance.now() - this.probedMs
  }
}
