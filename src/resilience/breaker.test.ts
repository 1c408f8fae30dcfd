import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callOf, HandClock } from '../../test/resilience/hand-clock.js'
import { itRefuses } from '../../test/resilience/refuses.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { VirtualClock } from '../runtime/clock.js'
import { go } from '../runtime/go.js'
import { sleep, yieldNow } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { type Breaker, type BreakerChange, breaker } from './breaker.js'
import type { BreakerOptions } from './breaker-settings.js'
import { bulkhead } from './bulkhead.js'
import { DONE, FAILED, GIVEN_UP, NEVER_RAN, REFUSED } from './guard.js'
import { policy } from './policy.js'
import { Refused } from './refused.js'
import { timeout } from './timeout.js'

const ctx = background()
const call = callOf()

/** A breaker on a clock that the test turns. */
function breakerAt(options: BreakerOptions = {}) {
  const clock = new HandClock()
  return { guard: breaker({ clock, ...options }), clock }
}

/** Lets in a call and ends it at once. */
function once(guard: Breaker, ending: number, ms = 1): void {
  guard.leave(guard.enter(), ending, undefined, ms)
}

function times(count: number, fn: () => void): void {
  for (let i = 0; i < count; i++) fn()
}

/** What a breaker tells from now on. */
function toldBy(guard: Breaker): string[] {
  const told: string[] = []
  guard.figures.watch(({ what, detail }) => {
    const change = detail as BreakerChange | undefined
    told.push(change === undefined ? what : `${what} from ${change.from}: ${change.why}`)
  })
  return told
}

describe('breaker, closed', () => {
  it('opens when half of at least ten calls have failed', () => {
    const { guard } = breakerAt()
    times(4, () => once(guard, DONE))
    times(5, () => once(guard, FAILED))
    expect(guard.state).toBe('closed')
    once(guard, DONE)
    expect(guard.state).toBe('open') // 5 of 10: at the threshold is enough
    expect(guard.enter()).toBe(REFUSED)
  })

  it('stays closed one failure below its threshold', () => {
    const { guard } = breakerAt()
    times(6, () => once(guard, DONE))
    times(5, () => once(guard, FAILED))
    expect(guard.state).toBe('closed')
    expect(guard.stats()).toMatchObject({ state: 'closed', admitted: 11, calls: 11, failures: 5, opened: 0 })
  })

  it('forgets calls that have left its window', () => {
    const { guard, clock } = breakerAt()
    times(9, () => once(guard, FAILED))
    clock.ms = 10_000
    times(9, () => once(guard, FAILED))
    expect(guard.state).toBe('closed')
    clock.ms = 19_999
    once(guard, DONE)
    expect(guard.state).toBe('open')
  })

  it('opens when too many calls were slow', () => {
    const { guard } = breakerAt({ slowMs: 100, slowThresholdPercentage: 30 })
    times(7, () => once(guard, DONE, 99))
    times(2, () => once(guard, DONE, 100))
    expect(guard.state).toBe('closed')
    once(guard, FAILED, 100)
    expect(guard.state).toBe('open')
    expect(guard.refusal().message).toContain('the breaker is open: 3 of 10 calls were slow')
  })

  it('opens at failures in a row, however few calls there were', () => {
    const { guard } = breakerAt({ consecutiveErrors: 3 })
    times(2, () => once(guard, FAILED))
    once(guard, DONE)
    times(2, () => once(guard, FAILED))
    once(guard, GIVEN_UP)
    once(guard, NEVER_RAN)
    expect(guard.state).toBe('closed')
    once(guard, FAILED)
    expect(guard.refusal().message).toContain('3 calls in a row failed')
  })

  it('counts neither what was given up nor what never ran', () => {
    const { guard } = breakerAt()
    times(9, () => once(guard, FAILED))
    times(20, () => once(guard, GIVEN_UP))
    times(20, () => once(guard, NEVER_RAN))
    expect(guard.stats()).toMatchObject({ state: 'closed', calls: 9, failures: 9 })
  })

  it('takes errors for successes of which the caller says so', () => {
    const { guard } = breakerAt({ isFailure: (error) => error !== 'not found' })
    times(20, () => guard.leave(guard.enter(), FAILED, 'not found', 1))
    expect(guard.stats()).toMatchObject({ state: 'closed', calls: 20, failures: 0 })
    times(20, () => guard.leave(guard.enter(), FAILED, undefined, 1)) // a value that means failure has no error
    expect(guard.state).toBe('open')
  })

  it('opens once for failures that come at once, and becomes half-open after that', () =>
    bubble(function* () {
      const guard = breaker({ requestVolumeThreshold: 5 })
      const told = toldBy(guard)
      const p = policy(guard)
      const all = Array.from({ length: 6 }, () =>
        go(function* () {
          yield* sleep(10)
          const failing = p.run(ctx, function* () {
            yield* sleep(10)
            throw new Error('no')
          })
          try {
            yield* failing
          } catch {}
        }),
      )
      for (const g of all) yield* g
      expect(told).toEqual(['opened from closed: 5 of 5 calls failed'])
      yield* sleep(5000)
      expect(yield* p.run(ctx, () => 'well')).toBe('well')
      expect(told.slice(1)).toEqual([
        'half-open from open: its sleep window is over',
        'closed from half-open: 1 probe succeeded',
      ])
    }))
})

describe('breaker, open', () => {
  it('refuses without a call, and says when to come back', () =>
    bubble(function* () {
      const guard = breaker({ name: 'payments', consecutiveErrors: 1 })
      once(guard, FAILED)
      yield* sleep(1500)
      let called = false
      const outcome = yield* go(function* () {
        yield* policy(guard).run(ctx, () => {
          called = true
        })
      }).outcome()
      expect(called).toBe(false)
      expect(outcome.error).toBeInstanceOf(Refused)
      expect(outcome.error).toMatchObject({ kind: 'breaker', guard: 'payments', retryAfterMs: 3500 })
      expect(guard.stats()).toMatchObject({ state: 'open', admitted: 1, refused: 1, opened: 1 })
    }))

  it('lets a probe through when its sleep window is over, and not a moment earlier', () => {
    const { guard, clock } = breakerAt({ consecutiveErrors: 1, sleepWindowMs: 100 })
    once(guard, FAILED)
    clock.ms = 99.9
    expect(guard.enter()).toBe(REFUSED)
    clock.ms = 100
    expect(guard.state).toBe('open')
    expect(guard.enter()).toBeGreaterThan(0)
    expect(guard.state).toBe('half-open')
  })

  it('does not count a call from before, however it ends', () => {
    const { guard } = breakerAt({ consecutiveErrors: 1 })
    const before = guard.enter()
    once(guard, FAILED)
    guard.leave(before, DONE, undefined, 1)
    expect(guard.stats()).toMatchObject({ state: 'open', calls: 1 })
  })
})

describe('breaker, half-open', () => {
  /** One whose next call is a probe. */
  function ready(options: BreakerOptions = {}) {
    const { guard, clock } = breakerAt({ consecutiveErrors: 1, ...options })
    once(guard, FAILED)
    clock.ms += 5000
    return { guard, clock }
  }

  it.each([1, 3])('lets exactly %i of a thousand calls through, and refuses the others at once', (probes) =>
    bubble(function* () {
      const guard = breaker({ consecutiveErrors: 1, probes })
      once(guard, FAILED)
      yield* sleep(5000)
      let running = 0
      const p = policy(guard)
      const all = Array.from({ length: 1000 }, () =>
        go(function* () {
          try {
            yield* p.run(ctx, function* () {
              running++
              yield* sleep(100)
            })
          } catch (error) {
            return (error as Refused).retryAfterMs
          }
          return 'well'
        }),
      )
      yield* waitIdle()
      expect(running).toBe(probes)
      expect(guard.stats()).toMatchObject({ state: 'half-open', probing: probes, refused: 1000 - probes })
      const values = []
      for (const g of all) values.push(yield* g)
      expect(values.filter((value) => value === 'well')).toHaveLength(probes)
      expect(values.filter((value) => value === undefined)).toHaveLength(1000 - probes)
      expect(guard.state).toBe('closed')
    }),
  )

  it('counts a probe that is done against its number, so that no more come in', () => {
    const { guard } = ready({ probes: 3 })
    once(guard, DONE)
    once(guard, DONE)
    const third = guard.enter()
    expect(third).toBeGreaterThan(0)
    expect(guard.enter()).toBe(REFUSED)
    expect(guard.refusal().message).toContain('half-open, and its probes are under way')
    expect(guard.state).toBe('half-open')
    guard.leave(third, DONE, undefined, 1)
    expect(guard.state).toBe('closed')
  })

  it('closes with an empty window', () => {
    const { guard, clock } = breakerAt({ requestVolumeThreshold: 10, sleepWindowMs: 100 })
    times(10, () => once(guard, FAILED))
    clock.ms = 100
    once(guard, DONE)
    expect(guard.stats()).toMatchObject({ state: 'closed', calls: 0, failures: 0 })
    times(9, () => once(guard, FAILED))
    expect(guard.state).toBe('closed')
  })

  it('opens again at the first failure, for a whole sleep window, though its window has emptied', () => {
    const { guard, clock } = breakerAt({ probes: 2 })
    times(10, () => once(guard, FAILED))
    clock.ms = 60_000
    expect(guard.stats()).toMatchObject({ calls: 0 })
    once(guard, DONE)
    once(guard, FAILED)
    expect(guard.state).toBe('open')
    expect(guard.refusal()).toMatchObject({ retryAfterMs: 5000 })
    expect(guard.refusal().message).toContain('a probe failed')
    expect(guard.stats()).toMatchObject({ opened: 2 })
  })

  it('opens again at a slow probe', () => {
    const { guard } = ready({ slowMs: 100 })
    once(guard, DONE, 250.4)
    expect(guard.refusal().message).toContain('a probe took 250 ms')
  })

  it('closes after a probe whose error is none', () => {
    const { guard } = ready({ isFailure: (error) => error === undefined })
    guard.leave(guard.enter(), FAILED, 'not found', 1)
    expect(guard.state).toBe('closed')
  })

  it.each([
    ['succeeds', DONE],
    ['fails', FAILED],
    ['is given up', GIVEN_UP],
    ['never ran', NEVER_RAN],
  ])('is not changed by a call from the closed state that %s', (_, ending) => {
    const { guard, clock } = breakerAt({ consecutiveErrors: 1 })
    const before = guard.enter()
    once(guard, FAILED)
    clock.ms = 5000
    guard.enter()
    const stats = guard.stats()
    guard.leave(before, ending, undefined, 1)
    expect(guard.stats()).toEqual(stats)
    expect(guard.enter()).toBe(REFUSED)
  })

  it('is not changed by a probe of the time before', () => {
    const { guard, clock } = ready({ probes: 2 })
    const slow = guard.enter()
    once(guard, FAILED)
    clock.ms += 5000
    once(guard, DONE)
    guard.leave(slow, FAILED, undefined, 5001)
    expect(guard.state).toBe('half-open')
    once(guard, DONE)
    expect(guard.state).toBe('closed')
    guard.leave(slow, FAILED, undefined, 5002)
    expect(guard.state).toBe('closed')
  })

  it.each([
    ['never ran', NEVER_RAN],
    ['was given up', GIVEN_UP],
  ])('gives the permit of a probe back that %s: it is open, and the next call is the probe', (_, ending) => {
    const { guard } = ready()
    const told = toldBy(guard)
    once(guard, ending)
    expect(guard.stats()).toMatchObject({ state: 'open', probing: 0, opened: 1 })
    expect(guard.refusal()).toMatchObject({ retryAfterMs: 0 })
    once(guard, DONE)
    expect(told).toEqual([
      'half-open from open: its sleep window is over',
      'opened from half-open: a call failed',
      'half-open from open: its sleep window is over',
      'closed from half-open: 1 probe succeeded',
    ])
  })

  it('stays half-open when one of several probes never ran', () => {
    const { guard } = ready({ probes: 2 })
    const first = guard.enter()
    const second = guard.enter()
    guard.leave(second, NEVER_RAN, undefined, 0)
    expect(guard.stats()).toMatchObject({ state: 'half-open', probing: 1 })
    const third = guard.enter()
    expect(guard.enter()).toBe(REFUSED)
    guard.leave(first, DONE, undefined, 1)
    guard.leave(third, DONE, undefined, 1)
    expect(guard.state).toBe('closed')
  })

  it('does not count a probe that a bulkhead behind it refuses', () =>
    bubble(function* () {
      const guard = breaker({ consecutiveErrors: 1 })
      const inner = bulkhead({ limit: 1 })
      const p = policy(guard, inner)
      once(guard, FAILED)
      yield* sleep(5000)
      const place = inner.enter(call)
      const outcome = yield* go(function* () {
        yield* p.run(ctx, () => 1)
      }).outcome()
      expect(outcome.error).toMatchObject({ kind: 'bulkhead' })
      expect(guard.stats()).toMatchObject({ state: 'open', probing: 0, opened: 1 })
      inner.leave(place)
      expect(yield* p.run(ctx, () => 1)).toBe(1)
      expect(guard.state).toBe('closed')
    }))

  it('opens again when a probe that hangs has run into its timeout', () =>
    bubble(function* () {
      for (const order of ['outside', 'inside']) {
        const guard = breaker({ consecutiveErrors: 1 })
        const limit = timeout({ ms: 200 })
        const p = order === 'outside' ? policy(limit, guard) : policy(guard, limit)
        once(guard, FAILED)
        yield* sleep(5000)
        const outcome = yield* go(function* () {
          yield* p.run(ctx, () => sleep(Infinity))
        }).outcome()
        expect(outcome.error).toMatchObject({ code: 'ERR_SLUICE_TIMED_OUT' })
        expect(guard.stats()).toMatchObject({ state: 'open', probing: 0 })
        yield* sleep(5000)
        expect(yield* p.run(ctx, () => 1)).toBe(1)
        expect(guard.state).toBe('closed')
      }
    }))

  it('gives the permit back of a probe that hangs until its caller gives it up', () =>
    bubble(function* () {
      const guard = breaker({ consecutiveErrors: 1 })
      once(guard, FAILED)
      yield* sleep(5000)
      const mine = withCancel(ctx)
      const g = go(function* () {
        yield* policy(guard).run(mine, () => sleep(Infinity))
      })
      yield* yieldNow()
      expect(guard.state).toBe('half-open')
      mine.cancel()
      yield* g.outcome()
      expect(guard.state).toBe('open')
      expect(yield* policy(guard).run(ctx, () => 1)).toBe(1)
    }))

  it('is not stuck with a probe that never ends', () => {
    const { guard, clock } = ready({ probeTimeoutMs: 1000 })
    const lost = guard.enter()
    clock.ms += 999
    expect(guard.enter()).toBe(REFUSED)
    expect(guard.state).toBe('half-open')
    clock.ms += 1
    expect(guard.enter()).toBe(REFUSED)
    expect(guard.state).toBe('open')
    expect(guard.refusal().message).toContain('a probe did not end within 1000 ms')
    clock.ms += 5000
    once(guard, DONE)
    guard.leave(lost, FAILED, undefined, 6001)
    expect(guard.state).toBe('closed')
  })
})

describe('breaker, configured', () => {
  it('keeps what it has counted, and opens by the new thresholds when the next call is counted', () => {
    const { guard } = breakerAt({ name: 'payments' })
    times(3, () => once(guard, FAILED))
    guard.configure({ requestVolumeThreshold: 4, name: 'other' })
    expect(guard.stats()).toMatchObject({ name: 'payments', state: 'closed', admitted: 3, failures: 3 })
    once(guard, DONE)
    expect(guard.refusal().message).toContain('the breaker is open: 3 of 4 calls failed')
  })

  it('counts failures in a row on', () => {
    const { guard } = breakerAt()
    times(3, () => once(guard, FAILED))
    guard.configure({ consecutiveErrors: 2 })
    expect(guard.state).toBe('closed')
    once(guard, FAILED)
    expect(guard.refusal().message).toContain('4 calls in a row failed')
  })

  it('counts a call by the settings that there are when it ends, unless it has opened since', () => {
    const { guard } = breakerAt({ consecutiveErrors: 1 })
    const [one, two] = [guard.enter(), guard.enter()]
    guard.configure({ consecutiveErrors: 1, isFailure: (error) => error !== 'not found' })
    guard.leave(one, FAILED, 'not found', 1)
    expect(guard.state).toBe('closed')
    guard.configure({ consecutiveErrors: 1 })
    guard.leave(two, FAILED, 'not found', 1)
    expect(guard.state).toBe('open')
  })

  it('is open for as long as its sleep window says now', () => {
    const { guard, clock } = breakerAt({ consecutiveErrors: 1 })
    once(guard, FAILED)
    clock.ms = 1000
    guard.configure({ consecutiveErrors: 1, sleepWindowMs: 20_000 })
    expect(guard.refusal()).toMatchObject({ retryAfterMs: 19_000 })
    clock.ms = 19_999
    expect(guard.enter()).toBe(REFUSED)
    guard.configure({ consecutiveErrors: 1, sleepWindowMs: 2000 })
    expect(guard.enter(), 'over long ago').toBeGreaterThan(0)
  })

  it('stays open when it is forced to', () => {
    const { guard, clock } = breakerAt()
    guard.forceOpen()
    guard.configure({ sleepWindowMs: 1 })
    clock.ms = 1e9
    expect(guard.enter()).toBe(REFUSED)
    expect(guard.stats()).toMatchObject({ state: 'open', forced: 'yes' })
  })

  it('lets no more probes in than it may by now, and has them all succeed', () => {
    const { guard, clock } = breakerAt({ consecutiveErrors: 1, probes: 3 })
    once(guard, FAILED)
    clock.ms = 5000
    const tickets = [guard.enter(), guard.enter(), guard.enter()]
    guard.configure({ consecutiveErrors: 1, probes: 2 })
    expect(guard.enter()).toBe(REFUSED)
    guard.configure({ consecutiveErrors: 1, probes: 4 })
    tickets.push(guard.enter())
    expect(guard.enter()).toBe(REFUSED)
    for (const ticket of tickets) {
      expect(guard.state).toBe('half-open')
      guard.leave(ticket, DONE, undefined, 1)
    }
    expect(guard.state).toBe('closed')
  })

  it('closes at once if as many probes have succeeded as have to by now: nobody else would find that out', () => {
    const { guard, clock } = breakerAt({ consecutiveErrors: 1, probes: 4 })
    once(guard, FAILED)
    clock.ms = 5000
    times(2, () => once(guard, DONE))
    const third = guard.enter()
    const told = toldBy(guard)
    guard.configure({ consecutiveErrors: 1, probes: 2 })
    expect(guard.state).toBe('closed')
    guard.leave(third, FAILED, undefined, 1)
    expect(guard.state, 'a probe of the time before').toBe('closed')
    expect(told[0]).toBe('closed from half-open: 2 probes succeeded')
    expect(told[1]).toMatch('changed')
  })

  it('gives up on a probe after as long as it says now', () => {
    const { guard, clock } = breakerAt({ consecutiveErrors: 1 })
    once(guard, FAILED)
    clock.ms = 5000
    guard.enter()
    guard.configure({ consecutiveErrors: 1, probeTimeoutMs: 100 })
    clock.ms = 5100
    expect(guard.enter()).toBe(REFUSED)
    expect(guard.state).toBe('open')
  })

  it('keeps of what it has counted what lies in a shorter window, and all of it in a longer one', () => {
    const { guard, clock } = breakerAt()
    times(4, () => once(guard, FAILED))
    clock.ms = 5000
    times(5, () => once(guard, FAILED))
    clock.ms = 5500
    guard.configure({ windowMs: 60_000 })
    expect(guard.stats()).toMatchObject({ calls: 9, failures: 9 })
    clock.ms = 59_999
    expect(guard.stats()).toMatchObject({ calls: 9 })
    const { guard: other, clock: then } = breakerAt()
    times(4, () => once(other, FAILED))
    then.ms = 5000
    times(5, () => once(other, FAILED))
    then.ms = 5500
    other.configure({ windowMs: 2000 })
    expect(other.stats()).toMatchObject({ calls: 5, failures: 5 })
    then.ms = 7000
    expect(other.stats()).toMatchObject({ calls: 0 })
  })

  it('tells of what is new', () => {
    const { guard } = breakerAt({ name: 'a' })
    const told: unknown[] = []
    guard.figures.watch((event) => told.push(event))
    guard.configure({})
    guard.configure({ probes: 2 })
    expect(told).toEqual([
      {
        kind: 'breaker',
        name: 'a',
        what: 'changed',
        detail: expect.objectContaining({ probes: 2, windowMs: 10_000 }),
      },
    ])
    expect(told).not.toHaveProperty('[0].detail.name')
  })
})

describe('breaker, by hand', () => {
  it('stays open when it is forced to, without probes', () => {
    const { guard, clock } = breakerAt()
    guard.forceOpen()
    clock.ms = 1e9
    expect(guard.enter()).toBe(REFUSED)
    expect(guard.refusal()).toMatchObject({ retryAfterMs: undefined })
    expect(guard.refusal().message).toContain('it was opened by hand')
    expect(guard.stats()).toMatchObject({ state: 'open', forced: 'yes' })
    guard.reset()
    once(guard, DONE)
    expect(guard.stats()).toMatchObject({ state: 'closed', forced: 'no', calls: 1 })
  })

  it('stays open when it is forced to while it is', () => {
    const { guard, clock } = breakerAt({ consecutiveErrors: 1 })
    once(guard, FAILED)
    const told = toldBy(guard)
    guard.forceOpen()
    clock.ms = 1e9
    expect(guard.enter()).toBe(REFUSED)
    expect(told).toEqual(['refused'])
  })

  it('stays closed when it is forced to, and counts', () => {
    const { guard } = breakerAt({ consecutiveErrors: 1 })
    once(guard, FAILED)
    guard.forceClose()
    times(20, () => once(guard, FAILED))
    expect(guard.stats()).toMatchObject({ state: 'closed', forced: 'yes', calls: 20, failures: 20 })
    guard.reset()
    expect(guard.stats()).toMatchObject({ forced: 'no', calls: 0 })
    once(guard, FAILED)
    expect(guard.state).toBe('open')
  })

  it('forgets the calls that were under way when it was reset', () => {
    const { guard } = breakerAt({ consecutiveErrors: 1 })
    const told = toldBy(guard)
    const before = guard.enter()
    guard.reset()
    guard.leave(before, FAILED, undefined, 1)
    expect(guard.state).toBe('closed')
    expect(told).toEqual([])
  })

  it('can be forced by the one who is told', () => {
    for (const force of ['forceOpen', 'forceClose'] as const) {
      const { guard, clock } = breakerAt({ consecutiveErrors: 1 })
      once(guard, FAILED)
      clock.ms = 5000
      guard.figures.watch(({ what }) => {
        if (what === 'half-open') guard[force]()
      })
      expect(guard.enter() === REFUSED).toBe(force === 'forceOpen')
      expect(guard.state).toBe(force === 'forceOpen' ? 'open' : 'closed')
    }
  })
})

describe('breaker, made and waited for', () => {
  itRefuses((options: BreakerOptions) => breakerAt(options).guard, {}, [
    [{ requestVolumeThreshold: 0 }, 'requestVolumeThreshold is a whole number from 1, not 0'],
    [{ consecutiveErrors: 1.5 }, 'consecutiveErrors is a whole number from 1, not 1.5'],
    [{ probes: Infinity }, 'probes is a whole number from 1, not Infinity'],
    [{ errorThresholdPercentage: 0 }, 'errorThresholdPercentage is above 0 and at most 100, not 0'],
    [{ errorThresholdPercentage: 101 }, 'not 101'],
    [{ slowMs: 1, slowThresholdPercentage: -1 }, 'slowThresholdPercentage is above 0 and at most 100'],
    [{ slowThresholdPercentage: 50 }, 'slowThresholdPercentage needs slowMs'],
    [{ slowMs: 0 }, 'slowMs is a time above 0 ms, not 0'],
    [{ sleepWindowMs: Infinity }, 'sleepWindowMs is a time above 0 ms, not Infinity'],
    [{ windowMs: Number.NaN }, 'windowMs is a time above 0 ms, not NaN'],
    [{ probeTimeoutMs: -1 }, 'probeTimeoutMs is a time above 0 ms, not -1'],
  ])

  it('has nobody wait', () =>
    bubble(function* () {
      const guard = breaker({ consecutiveErrors: 1 })
      expect(yield* guard.wait(call)).toBe(0)
      once(guard, FAILED)
      const outcome = yield* go(function* () {
        yield* guard.wait(call)
      }).outcome()
      expect(outcome.error).toBeInstanceOf(Refused)
    }))

  it('lives in the time of the clock that it is given', () => {
    const clock = new VirtualClock()
    const guard = breaker({ clock, consecutiveErrors: 1 })
    once(guard, FAILED)
    clock.arm(5000, () => {})
    clock.advance()
    expect(guard.enter()).not.toBe(REFUSED)
  })
})

describe('breaker, against a naive twin', () => {
  it('has the same state, lets in the same calls, and never more probes than it may', () => {
    const ending = fc.constantFrom(DONE, DONE, FAILED, FAILED, GIVEN_UP, NEVER_RAN)
    const settings = fc.record({
      probes: fc.integer({ min: 1, max: 4 }),
      requestVolumeThreshold: fc.integer({ min: 1, max: 6 }),
      consecutiveErrors: fc.constantFrom(2, 3, Infinity),
      errorThresholdPercentage: fc.constantFrom(30, 50, 100),
      sleepWindowMs: fc.constantFrom(50, 100, 200),
    })
    const rest = { probeTimeoutMs: 1e12, windowMs: 1e12 }
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ what: fc.constant('enter' as const) }) },
      { weight: 8, arbitrary: fc.record({ what: fc.constant('leave' as const), at: fc.nat(6), ending }) },
      { weight: 4, arbitrary: fc.record({ what: fc.constant('pass' as const), ms: fc.nat(150) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          what: fc.constantFrom('forceOpen', 'forceClose', 'reset', 'reset', 'reset', 'reset'),
        }),
      },
      { weight: 2, arbitrary: fc.record({ what: fc.constant('configure' as const), settings }) },
    )
    let halfOpened = 0
    let closed = 0
    fc.assert(
      fc.property(
        settings,
        fc.array(step, { minLength: 50, maxLength: 200, size: 'max' }),
        (options, steps) => {
          const { guard, clock } = breakerAt({ ...options, ...rest })
          let { probes } = options
          const twin = new NaiveBreaker(options)
          guard.figures.watch(({ what }) => {
            if (what === 'half-open') halfOpened++
            if (what === 'closed') closed++
          })
          const running: { ticket: number; id: number }[] = []
          steps.forEach((step, id) => {
            if (step.what === 'enter') {
              const ticket = guard.enter()
              if ((ticket === REFUSED) === twin.enter(id, clock.ms)) expect.fail(`call ${id} got ${ticket}`)
              if (ticket !== REFUSED) running.push({ ticket, id })
            } else if ('at' in step) {
              const [leaving] = running.splice(step.at % Math.max(1, running.length), 1)
              if (leaving === undefined) return
              guard.leave(leaving.ticket, step.ending, undefined, 1)
              twin.leave(leaving.id, step.ending, clock.ms)
            } else if ('ms' in step) clock.ms += step.ms
            else if ('settings' in step) {
              guard.configure({ ...step.settings, ...rest })
              twin.configure(step.settings)
              probes = step.settings.probes
            } else {
              guard[step.what as 'reset']()
              twin[step.what as 'reset']()
            }
            if (guard.state !== twin.state) expect(guard.state).toBe(twin.state)
            const { probing } = guard.stats()
            if (guard.state === 'half-open' && probing !== twin.members.size)
              expect(probing).toBe(twin.members.size)
            const came = twin.members.size + twin.results.length
            if (
              step.what === 'enter' &&
              running.at(-1)?.id === id &&
              twin.state === 'half-open' &&
              came > probes
            )
              expect.fail('too many probes')
          })
        },
      ),
      { numRuns: 1000, seed: 4 },
    )
    expect(halfOpened).toBeGreaterThan(1000)
    expect(closed).toBeGreaterThan(500)
  })
})

/** Knows its calls by name: those of the present state are members of it, all others are strangers. */
class NaiveBreaker {
  state = 'closed'
  members = new Set<number>()
  results: boolean[] = []
  private openedMs = 0
  private forced = false

  constructor(
    private options: {
      probes: number
      requestVolumeThreshold: number
      consecutiveErrors: number
      errorThresholdPercentage: number
      sleepWindowMs: number
    },
  ) {}

  configure(options: NaiveBreaker['options']): void {
    this.options = options
    if (this.state === 'half-open' && this.results.length >= options.probes) this.become('closed')
  }

  /** True if the call comes in. */
  enter(id: number, nowMs: number): boolean {
    if (this.state === 'open' && nowMs >= this.openUntilMs()) this.become('half-open')
    if (this.state === 'open') return false
    if (this.state === 'half-open' && this.members.size + this.results.length >= this.options.probes)
      return false
    this.members.add(id)
    return true
  }

  leave(id: number, ending: number, nowMs: number): void {
    if (!this.members.delete(id)) return
    const counts = ending === DONE || ending === FAILED
    if (counts) this.results.push(ending === FAILED)
    if (this.state === 'half-open') this.judge(nowMs)
    else if (counts && !this.forced && this.isTooMuch()) this.open(nowMs)
  }

  forceOpen(): void {
    this.forced = true
    this.open(Infinity)
  }

  forceClose(): void {
    this.forced = true
    this.become('closed')
  }

  reset(): void {
    this.forced = false
    this.become('closed')
  }

  private judge(nowMs: number): void {
    if (this.results.includes(true)) this.open(nowMs)
    else if (this.results.length === this.options.probes) this.become('closed')
    else if (this.members.size + this.results.length === 0) this.become('open')
  }

  private isTooMuch(): boolean {
    const { results } = this
    const inRow = results.length - 1 - results.lastIndexOf(false)
    const failed = results.filter((each) => each).length
    if (inRow >= this.options.consecutiveErrors) return true
    if (results.length < this.options.requestVolumeThreshold) return false
    return failed / results.length >= this.options.errorThresholdPercentage / 100
  }

  private openUntilMs(): number {
    return this.openedMs + this.options.sleepWindowMs
  }

  private open(nowMs: number): void {
    this.openedMs = nowMs
    this.become('open')
  }

  private become(state: string): void {
    this.state = state
    this.members = new Set()
    this.results = []
  }
}
