import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** How long the event loop may let things wait before that alone means that a thread has enough to do. */
const delayOfFullMs = 100
const resolutionMs = 10
/** A look at the counters is taken so often at most, and weighs as much as the time since the last one. */
const everyMs = 250
const memoryMs = 1000

/**
 * How busy this thread is: 0 idle, 1 or more as busy as it can be. The greater of the share of the time in which its event
 * loop had something to do, and of the 99th percentile of that loop's delay in parts of 100 ms. Both are averages of the
 * last second or so. Nothing runs for it but the host's own counters: it looks at them when it is asked.
 */
export class HostLoad {
  private readonly delay = monitorEventLoopDelay({ resolution: resolutionMs })
  private utilization = performance.eventLoopUtilization()
  private lookedMs = performance.now()
  private load = 0

  constructor() {
    this.delay.enable()
  }

  now(): number {
    const elapsedMs = performance.now() - this.lookedMs
    if (elapsedMs >= everyMs) this.look(elapsedMs)
    return this.load
  }

  private look(elapsedMs: number): void {
    const before = this.utilization
    this.utilization = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(this.utilization, before)
    // The histogram holds how far apart its timer's calls were: what is beyond their resolution is delay.
    const delayMs = Math.max(0, this.delay.percentile(99) / 1e6 - resolutionMs)
    this.delay.reset()
    this.lookedMs += elapsedMs
    const weight = 1 - Math.exp(-elapsedMs / memoryMs)
    this.load += (Math.max(utilization, delayMs / delayOfFullMs) - this.load) * weight
  }
}
