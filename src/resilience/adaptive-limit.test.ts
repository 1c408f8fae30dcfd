import { describe, expect, it } from 'vitest'
import { callOf, HandClock } from '../../test/resilience/hand-clock.js'
import { badQueues, itRefuses } from '../../test/resilience/refuses.js'
import { background } from '../context/background.js'
import { withTimeout } from '../context/deadline.js'
import { Canceled } from '../runtime/errors.js'
import { go } from '../runtime/go.js'
import { SeededRandom } from '../runtime/random.js'
import { sleep } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { type AdaptiveLimit, type AdaptiveLimitOptions, adaptiveLimit } from './adaptive-limit.js'
import { type Call, DONE, FAILED, GIVEN_UP, MUST_WAIT, NEVER_RAN, REFUSED } from './guard.js'
import { policy } from './policy.js'
import { timeout } from './timeout.js'

const ctx = background()
const call = callOf()

/** A server with places for so many calls; the others queue, in order of arrival. */
interface Server {
  places: number
  serviceMs: number
}

type Times = 'constant' | 'exponential'

/**
 * A simulation: calls arrive at random, on average so many as `load` times what the server can do, and queue there. Those
 * that take longer than `patienceMs` run out of time, for the caller: the server does not know.
 */
class Simulation {
  nowMs = 0
  readonly limit: AdaptiveLimit
  /** Another one to be tried in its place. */
  rival: Rival | undefined = undefined
  private readonly random = new SeededRandom(1)
  private readonly events = new Agenda()
  private readonly queue: number[] = []
  private busy = 0
  private latencies: number[] = []

  constructor(
    readonly server: Server,
    private readonly times: Times,
    public load: number,
    options: Parameters<typeof adaptiveLimit>[0] = {},
    private readonly patienceMs = Infinity,
  ) {
    const clock = { now: () => this.nowMs, epochNow: () => this.nowMs, arm: () => {} }
    this.limit = adaptiveLimit({ clock, ...options })
    this.arrive()
  }

  /** Goes on for so long. What it did: goodput as a share of what the server can do, latencies in service times. */
  run(ms: number): { goodput: number; p50: number; p99: number } {
    const { places, serviceMs } = this.server
    const untilMs = this.nowMs + ms
    this.latencies = []
    for (let event = this.events.take(untilMs); event !== undefined; event = this.events.take(untilMs)) {
      this.nowMs = event.atMs
      event.happen()
    }
    this.nowMs = untilMs
    const sorted = this.latencies.sort((a, b) => a - b).map((each) => each / serviceMs)
    const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0
    return { goodput: (sorted.length * serviceMs) / (ms * places), p50: at(0.5), p99: at(0.99) }
  }

  private arrive(): void {
    const { places, serviceMs } = this.server
    this.events.add(this.nowMs + this.exponential(serviceMs / places / this.load), () => {
      this.arrive()
      if ((this.rival ?? this.limit).enter(call) === REFUSED) return
      this.queue.push(this.nowMs)
      this.serve()
    })
  }

  private serve(): void {
    while (this.busy < this.server.places) {
      const arrivedMs = this.queue.shift()
      if (arrivedMs === undefined) return
      this.busy++
      const { serviceMs } = this.server
      const tookMs = this.times === 'constant' ? serviceMs : this.exponential(serviceMs)
      this.events.add(this.nowMs + tookMs, () => {
        this.busy--
        this.end(this.nowMs - arrivedMs)
        this.serve()
      })
    }
  }

  private end(ms: number): void {
    if (ms <= this.patienceMs) {
      this.latencies.push(ms)
      if (this.rival !== undefined) this.rival.leave(this.nowMs, ms)
      else this.limit.leave(0, DONE, undefined, ms)
    } else this.limit.leave(0, FAILED, new DOMException('late', 'TimeoutError'), this.patienceMs)
  }

  private exponential(mean: number): number {
    return -mean * Math.log((this.random.below(2 ** 30) + 1) / 2 ** 30)
  }
}

/** What happens when: a heap of two children a node. */
class Agenda {
  private readonly heap: { atMs: number; happen: () => void }[] = []

  add(atMs: number, happen: () => void): void {
    const { heap } = this
    let at = heap.push({ atMs, happen }) - 1
    while (at > 0 && this.msOf((at - 1) >> 1) > atMs) {
      this.swap(at, (at - 1) >> 1)
      at = (at - 1) >> 1
    }
  }

  /** The next event before `untilMs`. */
  take(untilMs: number): { atMs: number; happen: () => void } | undefined {
    const { heap } = this
    if (this.msOf(0) >= untilMs) return undefined
    this.swap(0, heap.length - 1)
    const first = heap.pop()
    for (let at = 0; ; ) {
      const child = this.msOf(2 * at + 2) < this.msOf(2 * at + 1) ? 2 * at + 2 : 2 * at + 1
      if (this.msOf(child) >= this.msOf(at)) return first
      this.swap(at, child)
      at = child
    }
  }

  private msOf(at: number): number {
    return this.heap[at]?.atMs ?? Infinity
  }

  private swap(a: number, b: number): void {
    const { heap } = this
    const [x, y] = [heap[a], heap[b]]
    if (x === undefined || y === undefined) return
    heap[a] = y
    heap[b] = x
  }
}

/** The latency in service times that 99 of 100 calls keep where there is no queue. */
const unloadedP99 = { constant: 1, exponential: Math.log(100) }

describe('adaptiveLimit, in a simulation of three times the load that a server can take', () => {
  it.each<[number, number, Times]>([
    [4, 50, 'constant'],
    [20, 50, 'constant'],
    [200, 100, 'constant'],
    [4, 50, 'exponential'],
    [20, 50, 'exponential'],
    [200, 100, 'exponential'],
  ])('finds that it has %i places, at %i ms a call, %s', (places, serviceMs, times) => {
    const simulation = new Simulation({ places, serviceMs }, times, 3)
    simulation.run(15_000)
    for (let minute = 0; minute < 2; minute++) {
      const { goodput, p99 } = simulation.run(60_000)
      expect(goodput).toBeGreaterThan(0.93)
      expect(p99).toBeLessThanOrEqual(2.1 * unloadedP99[times])
      expect(simulation.limit.limit).toBeGreaterThan(0.4 * places) // half of it while it measures
      expect(simulation.limit.limit).toBeLessThan(places + 4 * Math.sqrt(places) + 2)
    }
  })

  it.each<Times>(['constant', 'exponential'])(
    'follows a server that loses half of its places, and gets them back: %s',
    (times) => {
      const simulation = new Simulation({ places: 40, serviceMs: 50 }, times, 3)
      simulation.run(30_000)
      const before = simulation.limit.limit
      expect(before).toBeGreaterThan(35)
      simulation.server.places = 20
      simulation.run(10_000)
      const fewer = simulation.run(60_000)
      expect(simulation.limit.limit).toBeLessThan(0.8 * before)
      expect(fewer.goodput).toBeGreaterThan(0.93)
      expect(fewer.p99).toBeLessThanOrEqual(2 * unloadedP99[times])
      simulation.server.places = 40
      simulation.run(10_000)
      expect(simulation.run(60_000).goodput).toBeGreaterThan(0.93)
    },
  )

  it.each<Times>(['constant', 'exponential'])(
    'learns that calls take twice as long, without any queue: %s',
    (times) => {
      const simulation = new Simulation({ places: 20, serviceMs: 50 }, times, 3)
      simulation.run(30_000)
      simulation.server.serviceMs = 100
      simulation.run(40_000) // until it has measured again
      const { goodput, p99 } = simulation.run(60_000)
      expect(goodput).toBeGreaterThan(0.93)
      expect(p99).toBeLessThanOrEqual(2.1 * unloadedP99[times])
    },
  )

  it('falls when calls run out of time, and comes back when they no longer do', () => {
    const simulation = new Simulation({ places: 20, serviceMs: 50 }, 'constant', 3, { min: 3 }, 200)
    simulation.run(30_000)
    expect(simulation.limit.limit).toBeGreaterThanOrEqual(20)
    simulation.server.serviceMs = 1000
    simulation.run(60_000)
    expect(simulation.limit.limit).toBe(3)
    simulation.server.serviceMs = 50
    simulation.run(60_000)
    expect(simulation.run(30_000).goodput).toBeGreaterThan(0.9)
  })
})

describe('the algorithms of concurrency-limits, with which it was compared in the same simulation', () => {
  it('gradient2 makes a queue as long as the server, and is slow to find a large limit', () => {
    const small = new Simulation({ places: 20, serviceMs: 50 }, 'constant', 3)
    small.rival = new Gradient2()
    small.run(60_000)
    expect(small.run(60_000).p50).toBeGreaterThan(2)
    const large = new Simulation({ places: 200, serviceMs: 100 }, 'constant', 3)
    large.rival = new Gradient2()
    large.run(60_000)
    expect(large.run(30_000).goodput).toBeLessThan(0.5)
  })

  it('Vegas is stuck with a first latency that had a queue in it, and with one of better times', () => {
    const small = new Simulation({ places: 4, serviceMs: 50 }, 'constant', 3)
    small.rival = new Vegas()
    small.run(60_000)
    expect(small.run(60_000).p50).toBeGreaterThan(4)
    const slower = new Simulation({ places: 20, serviceMs: 50 }, 'exponential', 3)
    slower.rival = new Vegas()
    slower.run(30_000)
    slower.server.serviceMs = 100
    slower.run(60_000)
    expect(slower.run(60_000).goodput).toBeLessThan(0.8)
  })
})

describe('adaptiveLimit', () => {
  it.each<Times>(['constant', 'exponential'])('is not raised beyond what is used: %s', (times) => {
    const simulation = new Simulation({ places: 1000, serviceMs: 50 }, times, 0.01)
    const limits = [0, 1, 2, 3, 4, 5].map(() => {
      simulation.run(20_000)
      return simulation.limit.limit
    })
    // Some ten calls are under way, and never more than thirty.
    expect(Math.max(...limits)).toBeLessThanOrEqual(30)
    expect(Math.min(...limits)).toBeGreaterThanOrEqual(14)
    expect(simulation.limit.figures.refused).toBeLessThan(0.01 * simulation.limit.figures.admitted)
  })

  it('stays between min and max', () => {
    const rising = new Simulation({ places: 1000, serviceMs: 50 }, 'constant', 3, { max: 50 })
    rising.run(20_000)
    expect(rising.limit.limit).toBe(50)
    const falling = new Simulation({ places: 1, serviceMs: 50 }, 'constant', 10, { min: 8 })
    falling.run(60_000)
    expect(falling.limit.limit).toBeGreaterThanOrEqual(8)
    expect(adaptiveLimit({ max: 7 }).limit).toBe(7)
    expect(adaptiveLimit({ min: 30 }).limit).toBe(30)
  })

  it('learns nothing from calls that fail otherwise, are given up or never ran', () => {
    const clock = new HandClock()
    const guard = adaptiveLimit({ clock })
    for (const ending of [FAILED, GIVEN_UP, NEVER_RAN]) {
      for (; clock.ms % 10_000 < 9000; clock.ms += 10)
        guard.leave(guard.enter(call), ending, new Error('no'), 10)
      clock.ms += 1000
    }
    expect(guard.stats()).toMatchObject({ limit: 20, inFlight: 0, noLoadMs: undefined, latencyMs: undefined })
  })

  it.each([
    ['one of a timeout guard behind it', 'timeout'],
    ['a deadline of its context', 'deadline'],
  ])('takes for a call that ran out of time: %s', (_, how) =>
    bubble(function* () {
      const guard = adaptiveLimit({ initial: 16, min: 2 })
      const p = how === 'timeout' ? policy(guard, timeout({ ms: 100 })) : policy(guard)
      for (let round = 0; round < 8; round++) {
        const all = Array.from({ length: 20 }, () =>
          go(function* () {
            try {
              yield* p.run(how === 'timeout' ? ctx : withTimeout(ctx, 100), () => sleep(Infinity))
            } catch {}
          }),
        )
        for (const g of all) yield* g
      }
      expect(guard.limit).toBeLessThan(8)
      expect(guard.inFlight).toBe(0)
    }),
  )

  it('knows what else is a timeout: what was canceled for one, and what the caller says', () => {
    const limitAfter = (error: unknown, isTimeout?: (error: unknown) => boolean) => {
      const clock = new HandClock()
      const guard = adaptiveLimit({ clock, ...(isTimeout && { isTimeout }) })
      for (; clock.ms < 1000; clock.ms += 10) guard.leave(guard.enter(call), FAILED, error, 10)
      return guard.limit
    }
    expect(limitAfter(new Canceled(new DOMException('late', 'TimeoutError')))).toBeLessThan(10)
    expect(limitAfter(new Error('late', { cause: { timeout: () => true } }))).toBe(20)
    expect(limitAfter('late')).toBe(20)
    expect(limitAfter('late', (error) => error === 'late')).toBeLessThan(10)
  })

  it('has calls wait where it has a queue, and refuses the others', () =>
    bubble(function* () {
      const guard = adaptiveLimit({ name: 'orders', initial: 1, queue: 1, maxWaitMs: 50 })
      expect(guard.enter(call)).toBe(0)
      expect(guard.enter(call)).toBe(MUST_WAIT)
      const waiting = go(function* () {
        return yield* guard.wait(call)
      })
      yield* waitIdle()
      expect(guard.enter(call)).toBe(REFUSED)
      expect(guard.refusal(call)).toMatchObject({ kind: 'adaptive limit', guard: 'orders' })
      expect(guard.stats()).toMatchObject({ state: 'refusing', waiting: 1, limit: 1 })
      guard.leave(0, DONE, undefined, 1)
      expect(yield* waiting).toBe(0)
      guard.leave(0, DONE, undefined, 1)
      expect(guard.inFlight).toBe(0)
    }))

  it('tells what it has measured', () => {
    const simulation = new Simulation({ places: 20, serviceMs: 50 }, 'constant', 3)
    const told: string[] = []
    simulation.limit.figures.watch(({ what, detail }) => {
      if (what !== 'refused') told.push(`${what} ${(detail as { noLoadMs: number }).noLoadMs.toFixed(0)}`)
    })
    simulation.run(40_000)
    // After 2 s and then 4, 8 and 16, each with the time that it takes to measure.
    expect(told).toEqual(['measured 50', 'measured 50', 'measured 50', 'measured 50'])
    expect(simulation.limit.stats()).toMatchObject({ noLoadMs: expect.closeTo(50, 0) })
  })

  it('takes other bounds at once, and stays where it is inside of them', () => {
    const simulation = new Simulation({ places: 20, serviceMs: 50 }, 'constant', 3, { name: 'orders' })
    simulation.run(30_000)
    const { limit } = simulation
    const found = limit.limit
    expect(found).toBeGreaterThan(15)
    const { noLoadMs, admitted } = limit.stats()
    const told: unknown[] = []
    limit.figures.watch(({ what, detail }) => {
      if (what === 'changed') told.push(detail)
    })
    limit.configure({ initial: 2, max: 500, name: 'other' })
    expect(limit.limit).toBe(found)
    limit.configure({ max: 10 })
    expect(limit.limit).toBe(10)
    expect(limit.stats()).toMatchObject({ name: 'orders', noLoadMs, admitted })
    simulation.run(10_000)
    expect(limit.limit).toBe(10)
    limit.configure({ min: 30 })
    expect(limit.limit).toBe(30)
    limit.configure({})
    simulation.run(60_000)
    expect(simulation.run(30_000).goodput).toBeGreaterThan(0.93)
    expect(limit.limit).toBeLessThan(20 + 4 * Math.sqrt(20) + 2)
    expect(told).toMatchObject([{ max: 500 }, { max: 10 }, { min: 30 }, { min: 1, max: 1000 }])
  })

  it('does not measure anew because its bounds have made it smaller', () => {
    const simulation = new Simulation({ places: 100, serviceMs: 50 }, 'constant', 3)
    simulation.run(45_000)
    const told: string[] = []
    simulation.limit.figures.watch(({ what }) => told.push(what))
    simulation.limit.configure({ max: 10 })
    simulation.run(5000)
    expect(told).toContain('refused')
    expect(told).not.toContain('measured')
  })

  it('measures as often as it says now', () => {
    const measuredIn = (ms: number, measureEveryMs: number) => {
      const simulation = new Simulation({ places: 20, serviceMs: 50 }, 'constant', 3)
      simulation.run(40_000) // the next measurement would come after 30 s
      let measured = 0
      simulation.limit.figures.watch(({ what }) => {
        if (what === 'measured') measured++
      })
      simulation.limit.configure({ measureEveryMs })
      simulation.run(ms)
      return measured
    }
    expect(measuredIn(10_000, 30_000)).toBe(0)
    expect(measuredIn(10_000, 2000)).toBeGreaterThan(2)
  })

  it('has those wait who found a queue, when there is none any more, and lets them in under a larger limit', () =>
    bubble(function* () {
      const guard = adaptiveLimit({ initial: 1, max: 1, queue: 2 })
      guard.enter(call)
      const all = [1, 2].map(() =>
        go(function* () {
          return yield* guard.wait(call)
        }),
      )
      yield* waitIdle()
      guard.configure({ initial: 1, max: 1 })
      expect(guard.enter(call)).toBe(REFUSED)
      expect(guard.stats()).toMatchObject({ waiting: 2 })
      guard.configure({ min: 3 })
      for (const g of all) expect(yield* g).toBe(0)
      expect(guard.inFlight).toBe(3)
    }))

  itRefuses((options: AdaptiveLimitOptions) => adaptiveLimit({ clock: new HandClock(), ...options }), {}, [
    [{ min: 0 }, 'min is a whole number of calls from 1, not 0'],
    [{ max: Infinity }, 'max is a whole number of calls from 1, not Infinity'],
    [{ initial: 1.5 }, 'initial is a whole number of calls from 1, not 1.5'],
    [{ initial: 5, max: 4 }, 'initial lies between min and max, not 5 outside 1 to 4'],
    [{ min: 30, max: 10 }, 'initial lies between min and max'],
    [{ measureEveryMs: 0 }, 'measureEveryMs is a time above 0 ms, not 0'],
    ...badQueues('an adaptive limit', {}),
    [{ maxWaitMs: 0 }, 'the maxWaitMs of an adaptive limit is a time above 0 ms, not 0'],
  ])
})

/** A limit as concurrency-limits has it: windows of a second, and a new limit after each from its mean latency. */
abstract class Rival {
  protected limit = 20
  private inFlight = 0
  private peak = 0
  private sinceMs = 0
  private sumMs = 0
  private calls = 0

  protected abstract next(rttMs: number): number

  enter(_call: Call): number {
    if (this.inFlight >= Math.floor(this.limit)) return REFUSED
    this.inFlight++
    this.peak = Math.max(this.peak, this.inFlight)
    return 0
  }

  leave(nowMs: number, ms: number): void {
    this.inFlight--
    this.calls++
    this.sumMs += ms
    if (nowMs - this.sinceMs < 1000 || this.calls < 10) return
    const next = this.next(this.sumMs / this.calls)
    if (this.peak >= this.limit / 2) this.limit = Math.max(1, Math.min(1000, next))
    this.sinceMs = nowMs
    this.peak = this.inFlight
    this.sumMs = 0
    this.calls = 0
  }
}

class Gradient2 extends Rival {
  private longMs = 0
  private windows = 0

  protected next(rttMs: number): number {
    this.windows++
    const weight = this.windows <= 10 ? 1 / this.windows : 2 / 601
    this.longMs += (rttMs - this.longMs) * weight
    if (this.longMs > 2 * rttMs) this.longMs *= 0.95
    const gradient = Math.max(0.5, Math.min(1, (1.5 * this.longMs) / rttMs))
    return 0.8 * this.limit + 0.2 * (this.limit * gradient + 4)
  }
}

class Vegas extends Rival {
  private noLoadMs = Infinity

  protected next(rttMs: number): number {
    const { limit } = this
    if (rttMs < this.noLoadMs) {
      this.noLoadMs = rttMs
      return limit
    }
    const log = Math.max(1, Math.log10(limit))
    const queue = Math.ceil(limit * (1 - this.noLoadMs / rttMs))
    if (queue <= log) return limit + 6 * log
    if (queue < 3 * log) return limit + log
    return queue > 6 * log ? limit - log : limit
  }
}
