import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DistantStore } from '../../../test/resilience/distant-store.js'
import { callOf } from '../../../test/resilience/hand-clock.js'
import { withTimeout } from '../../context/deadline.js'
import { background } from '../../context/background.js'
import { go } from '../../runtime/go.js'
import { type Scheduler, scheduler } from '../../runtime/scheduler.js'
import { sleep } from '../../runtime/sleep.js'
import { bubble } from '../../testing/bubble.js'
import { MUST_WAIT, REFUSED } from '../guard.js'
import { Refused } from '../refused.js'
import { type ClusterLimit, clusterLimit } from './cluster-limit.js'

/** Several instances of a service over one store, and when they let calls in. */
class Cluster {
  readonly store = new DistantStore()
  readonly admittedMs: number[] = []
  readonly on: Scheduler = scheduler()
  readonly limits: ClusterLimit[]

  constructor(
    readonly rate: number,
    readonly burst: number,
    readonly instances: number,
    aheadMs?: number,
  ) {
    const options = {
      store: this.store,
      key: 'total',
      rate,
      burst,
      instances,
      ...(aheadMs !== undefined && { aheadMs }),
    }
    this.limits = Array.from({ length: instances }, () => clusterLimit(options))
  }

  /** A call comes to an instance, and perhaps gives up before long. */
  call(which: number, patienceMs = 1000): void {
    const limit = this.limits[which % this.instances] as ClusterLimit
    const ticket = limit.enter(callOf())
    if (ticket === REFUSED) return
    if (ticket !== MUST_WAIT) this.admit()
    else go(() => this.wait(limit, patienceMs))
  }

  /** How many were let in from one moment on until the other. */
  between(fromMs: number, toMs: number): number {
    return this.admittedMs.filter((atMs) => atMs >= fromMs && atMs <= toMs).length
  }

  /** The most that were let in beyond rate × time from the beginning on. */
  mostFromStart(): number {
    return Math.max(0, ...this.admittedMs.map((atMs, i) => i + 1 - (atMs * this.rate) / 1000))
  }

  /** The most that were let in beyond rate × time between any two moments. */
  mostBeyond(): number {
    let most = 0
    let low = 0
    for (const [i, atMs] of this.admittedMs.entries()) {
      // How many there are up to here less rate × time, against the lowest such number before.
      const level = i - (atMs * this.rate) / 1000
      low = Math.min(low, level)
      most = Math.max(most, level + 1 - low)
    }
    return most
  }

  private *wait(limit: ClusterLimit, patienceMs: number) {
    using patience = withTimeout(background(), patienceMs)
    try {
      yield* limit.wait(callOf()).within(patience)
      this.admit()
    } catch (error) {
      if (!(error instanceof Refused) && patience.err === undefined) throw error
    }
  }

  private admit(): void {
    this.admittedMs.push(this.on.clock.now())
  }
}

const sizes = fc.record({
  rate: fc.constantFrom(10, 100, 1000, 3000),
  burst: fc.constantFrom(1, 5, 20, 100),
  instances: fc.integer({ min: 1, max: 4 }),
  aheadMs: fc.constantFrom(0, 20, 50),
})

const step = fc.record({
  gapMs: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(30), fc.nat(500)),
  calls: fc.integer({ min: 1, max: 30 }),
  which: fc.nat(3),
  patienceMs: fc.constantFrom(1, 3, 1000),
})

describe('the total of several instances', () => {
  it('is at most burst + rate × time from the beginning on, and half a burst more between any two moments', () =>
    fc.assert(
      fc.asyncProperty(sizes, fc.nat(20), fc.array(step, { maxLength: 60 }), (size, roundTripMs, steps) =>
        bubble(function* () {
          const { rate, burst, instances, aheadMs } = size
          const cluster = new Cluster(rate, burst, instances, aheadMs)
          cluster.store.roundTripMs = roundTripMs
          for (const { gapMs, calls, which, patienceMs } of steps) {
            yield* sleep(gapMs)
            for (let i = 0; i < calls; i++) cluster.call(which, patienceMs)
          }
          yield* sleep(2000)
          expect(cluster.mostFromStart()).toBeLessThanOrEqual(burst + 1e-6)
          const abandoned = steps.some(({ patienceMs }) => patienceMs < roundTripMs * 2) ? burst : 0
          expect(cluster.mostBeyond()).toBeLessThanOrEqual(1.5 * burst + abandoned + 1e-6)
          for (const limit of cluster.limits)
            expect(limit.stats()).toMatchObject({ waiting: 0, held: 0, mode: 'shared' })
        }),
      ),
      { numRuns: 60 },
    ))

  it.each([
    { rate: 100, burst: 10, instances: 3 },
    { rate: 100, burst: 2, instances: 3 },
    { rate: 1000, burst: 20, instances: 3 },
    { rate: 1000, burst: 1000, instances: 3 },
    { rate: 3000, burst: 300, instances: 5 },
    { rate: 20_000, burst: 500, instances: 4 },
  ])('is within 2 % of the limit while there is more than enough to do: %o', ({ rate, burst, instances }) =>
    bubble(function* () {
      const cluster = new Cluster(rate, burst, instances)
      const everyMs = Math.min(1, 500 / rate)
      for (let nowMs = 0; nowMs < 4000; nowMs += everyMs) {
        for (let i = 0; i < instances; i++) cluster.call(i)
        yield* sleep(everyMs)
      }
      yield* sleep(1000)
      const total = cluster.between(1000, 4000)
      expect(total).toBeGreaterThanOrEqual(rate * 3 * 0.98)
      expect(total).toBeLessThanOrEqual(rate * 3 * 1.02 + 1)
      expect(cluster.store.asked.length, 'questions a second').toBeLessThan(instances * 4 * 450)
    }),
  )

  it('is the limit although one instance has nearly all to do', () =>
    bubble(function* () {
      const cluster = new Cluster(1000, 100, 4)
      for (let nowMs = 0; nowMs < 4000; nowMs++) {
        cluster.call(0)
        cluster.call(0)
        if (nowMs % 100 === 0) cluster.call(1 + (nowMs % 3))
        yield* sleep(1)
      }
      yield* sleep(1000)
      expect(cluster.between(1000, 4000)).toBeGreaterThanOrEqual(3000 * 0.98)
    }))

  it('is no less than the calls where they stay under the limit', () =>
    bubble(function* () {
      const cluster = new Cluster(1000, 100, 3)
      for (let i = 0; i < 2700; i++) {
        cluster.call(i)
        yield* sleep(10 / 9)
      }
      yield* sleep(1000)
      expect(cluster.admittedMs.length).toBeGreaterThanOrEqual(2700 * 0.98)
    }))

  const trouble = fc.constantFrom('fails', 'is slow', 'comes back', 'comes back with nothing known')

  it('is at most the limit and a burst an instance, whatever happens to a store that loses what it knows once', () =>
    fc.assert(
      fc.asyncProperty(
        sizes,
        fc.array(fc.tuple(trouble, fc.integer({ min: 1, max: 800 })), { minLength: 1, maxLength: 6 }),
        (size, troubles) =>
          bubble(function* () {
            const { rate, burst, instances, aheadMs } = size
            const cluster = new Cluster(rate, burst, instances, aheadMs)
            const { store } = cluster
            const losses = troubles.filter(([what]) => what === 'comes back with nothing known').length
            for (const [what, ms] of troubles) {
              store.error = what === 'fails' ? new Error('ECONNREFUSED') : undefined
              store.roundTripMs = what === 'is slow' ? 400 : 2
              if (what === 'comes back with nothing known') store.restart()
              for (let passed = 0; passed < ms; passed += 2) {
                for (let i = 0; i < instances; i++) cluster.call(i)
                yield* sleep(2)
              }
            }
            yield* sleep(5000)
            // A store that nobody sees losing what it knows gives a burst each time.
            const bursts = 1 + Math.max(instances, losses)
            expect(cluster.mostFromStart()).toBeLessThanOrEqual(bursts * burst + 1e-6)
          }),
      ),
      { numRuns: 40 },
    ))
})
