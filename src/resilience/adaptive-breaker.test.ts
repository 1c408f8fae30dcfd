import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callOf, HandClock } from '../../test/resilience/hand-clock.js'
import { itRefuses } from '../../test/resilience/refuses.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { go } from '../runtime/go.js'
import { SeededRandom } from '../runtime/random.js'
import { sleep } from '../runtime/sleep.js'
import { bubble } from '../testing/bubble.js'
import { type AdaptiveBreakerOptions, adaptiveBreaker } from './adaptive-breaker.js'
import { DONE, FAILED, GIVEN_UP, NEVER_RAN, REFUSED } from './guard.js'
import { policy } from './policy.js'
import { Refused } from './refused.js'

const ctx = background()

/** Numbers from 0 to below 1, the same for the same seed. */
function seeded(seed: number): () => number {
  const random = new SeededRandom(seed)
  return () => random.below(2 ** 31) / 2 ** 31
}

/** A breaker on a clock that the test turns; `send` lets a call in, ends it at once and says whether it was let in. */
function breakerAt(options: AdaptiveBreakerOptions = {}) {
  const clock = new HandClock()
  const guard = adaptiveBreaker({ clock, random: seeded(1), ...options })
  const send = (ending: number, error?: unknown) => {
    const ticket = guard.enter()
    if (ticket !== REFUSED) guard.leave(ticket, ending, error)
    return ticket !== REFUSED
  }
  return { guard, clock, send }
}

/** Refuses whatever it may. */
const harsh = () => 0

describe('adaptiveBreaker', () => {
  it('refuses nothing while nothing fails', () => {
    const { guard, clock, send } = breakerAt({ random: harsh })
    for (; clock.ms < 30_000; clock.ms++) send(DONE)
    expect(guard.stats()).toMatchObject({ state: 'ok', dropRatio: 0, admitted: 30_000, refused: 0 })
  })

  it('refuses nothing of up to five calls', () => {
    const { guard, send } = breakerAt({ random: harsh })
    for (let i = 0; i < 5; i++) expect(send(FAILED)).toBe(true)
    expect(guard.dropRatio).toBe(0)
    expect(send(FAILED)).toBe(true)
    expect(guard.dropRatio).toBe(1 / 7)
    expect(send(FAILED)).toBe(false)
  })

  it('refuses the share that the formula says, to the last digit', () => {
    const event = fc.record({ atMs: fc.nat(15_000), isFailure: fc.boolean() })
    let refusing = 0
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300, size: 'max' }), fc.nat(3), (events, scarcity) => {
        const { guard, clock } = breakerAt({ random: () => guess, forcePassMs: 1e9 })
        let guess = 1
        events.sort((a, b) => a.atMs - b.atMs)
        for (const [i, each] of events.entries()) {
          // Now and then a stretch in which all calls end alike, for the runs.
          const isFailure = scarcity === 0 ? each.isFailure : each.isFailure || i > events.length / scarcity
          events[i] = { ...each, isFailure }
          clock.ms = each.atMs
          guard.leave(0, isFailure ? FAILED : DONE, undefined)
        }
        clock.ms = 15_000
        const ratio = naiveRatio(events, 15_000)
        expect(Math.abs(guard.dropRatio - ratio)).toBeLessThan(1e-9)
        guess = ratio
        expect(guard.enter()).toBe(0)
        if (ratio < 1e-9) return
        refusing++
        guess = ratio - 1e-9
        expect(guard.enter()).toBe(REFUSED)
      }),
      { numRuns: 300, seed: 3 },
    )
    expect(refusing).toBeGreaterThan(100)
  })

  it('refuses that share of many calls', () => {
    const { guard, clock, send } = breakerAt({ requestVolumeThreshold: 0, forcePassMs: 1e9 })
    for (let i = 0; i < 600; i++) guard.leave(0, i % 3 === 0 ? DONE : FAILED, undefined)
    // Half of what counts as asked for is refused: 600 calls, 200 of them well, and w = 1.5.
    expect(guard.dropRatio).toBeCloseTo(0.5, 2)
    let refused = 0
    for (let i = 0; i < 10_000; i++) if (!send(GIVEN_UP)) refused++
    expect(clock.ms).toBe(0)
    // What it refuses counts as asked for, so the share rises: p = (600 + r - 300) / (601 + r).
    expect(guard.dropRatio).toBeCloseTo((300 + refused) / (601 + refused), 12)
  })

  it.each([0.5, 1, 1.5, 10, 1000])(
    'lets one call a second in however much fails, at %d calls a second',
    (rate) => {
      const { clock, send } = breakerAt({ random: harsh })
      const passes: number[] = []
      for (; clock.ms < 60_000; clock.ms += 1000 / rate) if (send(FAILED)) passes.push(clock.ms)
      const gaps = passes.slice(1).map((ms, i) => ms - (passes[i] ?? 0))
      expect(Math.max(...gaps)).toBeLessThanOrEqual(Math.max(1000 + 1000 / rate, 2000 / rate))
      if (rate >= 10) expect(gaps.slice(5).every((ms) => Math.abs(ms - 1000) < 1e-6)).toBe(true)
    },
  )

  it.each([20, 100, 1000])(
    'refuses nothing ten seconds after all is well again, at %d calls a second',
    (rate) => {
      for (const seed of [1, 2, 3]) {
        const { guard, clock, send } = breakerAt({ random: seeded(seed) })
        const stepMs = 1000 / rate
        for (; clock.ms < 30_000; clock.ms += stepMs) send(FAILED)
        expect(guard.dropRatio).toBeGreaterThan(0.9)
        for (; clock.ms < 40_000; clock.ms += stepMs) send(DONE)
        let refused = 0
        for (; clock.ms < 50_000; clock.ms += stepMs) if (!send(DONE)) refused++
        expect(refused).toBe(0)
        expect(guard.stats()).toMatchObject({ state: 'ok' })
      }
    },
  )

  it('keeps what fails under a trickle: less than a twentieth of the load arrives', () => {
    const { clock, send } = breakerAt()
    for (; clock.ms < 10_000; clock.ms++) send(FAILED)
    let arrived = 0
    for (; clock.ms < 30_000; clock.ms++) if (send(FAILED)) arrived++
    expect(arrived / 20_000).toBeLessThan(0.05)
    expect(arrived).toBeGreaterThanOrEqual(19)
  })

  it('counts what throws as a failure, and what the caller gave up or never ran as neither', () =>
    bubble(function* () {
      const guard = adaptiveBreaker({ random: harsh })
      const p = policy(guard)
      const thrown = go(function* () {
        yield* p.run(ctx, () => {
          throw new Error('no')
        })
      })
      yield* thrown.outcome()
      expect(guard.stats()).toMatchObject({ failures: 1, accepts: 0 })
      const mine = withCancel(ctx)
      const given = go(function* () {
        yield* p.run(mine, () => sleep(1000))
      })
      yield* sleep(1)
      mine.cancel()
      yield* given.outcome()
      guard.leave(guard.enter(), NEVER_RAN, undefined)
      expect(guard.stats()).toMatchObject({ admitted: 3, failures: 1, accepts: 0, drops: 0 })
    }))

  it('takes errors for successes of which the caller says so', () => {
    const { guard, send } = breakerAt({ isFailure: (error) => error !== 'not found' })
    send(FAILED, 'not found')
    send(FAILED, 'broken')
    send(FAILED)
    expect(guard.stats()).toMatchObject({ failures: 2, accepts: 1 })
  })

  it('says why it refuses, and when it begins and stops to', () => {
    const { guard, clock, send } = breakerAt({ random: harsh, name: 'search' })
    const told: unknown[] = []
    guard.figures.watch(({ what, detail }) => told.push(detail === undefined ? what : [what, detail]))
    for (let i = 0; i < 99; i++) guard.leave(0, FAILED, undefined)
    expect(send(DONE)).toBe(false)
    expect(send(DONE)).toBe(false)
    expect(guard.refusal()).toBeInstanceOf(Refused)
    expect(guard.refusal().message).toBe(
      'search refused the call: too many calls fail, so 94 % of them are refused',
    )
    expect(guard.stats()).toMatchObject({ kind: 'adaptive breaker', state: 'refusing', drops: 2, refused: 2 })
    clock.ms = 10_000
    expect(send(DONE)).toBe(true)
    expect(told).toEqual(['refused', ['refusing', expect.closeTo(0.94)], 'refused', 'ok'])
  })

  it('has nobody wait', () =>
    bubble(function* () {
      const guard = adaptiveBreaker({ random: harsh })
      expect(yield* guard.wait(callOf())).toBe(0)
    }))

  it('is as strict as it is told to from now on, with the counts that it has', () => {
    const { guard, clock, send } = breakerAt({ random: harsh, name: 'search' })
    const told: unknown[] = []
    guard.figures.watch(({ what, detail }) => told.push([what, detail]))
    for (let i = 0; i < 60; i++) guard.leave(0, i % 3 === 0 ? FAILED : DONE, undefined)
    expect(guard.dropRatio).toBe(0)
    guard.configure({ k: 1.2, requestVolumeThreshold: 0, random: harsh, name: 'other' })
    expect(guard.dropRatio).toBeCloseTo((60 - 1.2 * 40) / 61)
    expect(send(DONE)).toBe(false)
    expect(told[0]).toEqual(['changed', expect.objectContaining({ k: 1.2, windowMs: 10_000 })])
    expect(guard.stats()).toMatchObject({ name: 'search', accepts: 40, failures: 20, drops: 1 })
    clock.ms = 5000
    guard.leave(0, FAILED, undefined)
    guard.configure({ windowMs: 2000 })
    expect(guard.stats()).toMatchObject({ accepts: 0, failures: 1, drops: 0 })
  })

  it('lets one in after as long as it says now', () => {
    const { guard, clock, send } = breakerAt({ random: harsh })
    for (let i = 0; i < 60; i++) guard.leave(0, FAILED, undefined)
    clock.ms = 100
    expect(send(FAILED)).toBe(false)
    guard.configure({ forcePassMs: 100, random: harsh })
    expect(send(FAILED)).toBe(true)
  })

  itRefuses((options: AdaptiveBreakerOptions) => breakerAt(options).guard, {}, [
    [{ k: 1 }, 'k is a number from 1.1, not 1'],
    [{ k: Number.NaN }, 'not NaN'],
    [{ requestVolumeThreshold: -1 }, 'requestVolumeThreshold is a number from 0, not -1'],
    [{ windowMs: 0 }, 'windowMs is a time above 0 ms, not 0'],
    [{ forcePassMs: Infinity }, 'forcePassMs is a time above 0 ms, not Infinity'],
  ])
})

/** go-zero's formula over a list of what happened. */
function naiveRatio(events: readonly { atMs: number; isFailure: boolean }[], nowMs: number): number {
  const bucketOf = (ms: number) => Math.floor(ms / 250)
  const recent = events.filter(({ atMs }) => bucketOf(atMs) > bucketOf(nowMs) - 40)
  const accepts = recent.filter(({ isFailure }) => !isFailure).length
  let failing = 0
  let working = 0
  for (let bucket = bucketOf(nowMs) - 39; bucket <= bucketOf(nowMs); bucket++) {
    const here = recent.filter(({ atMs }) => bucketOf(atMs) === bucket)
    const hasFailed = here.some(({ isFailure }) => isFailure)
    const hasWorked = here.some(({ isFailure }) => !isFailure)
    if (hasFailed) working = 0
    else if (hasWorked) working++
    if (hasWorked) failing = 0
    else if (hasFailed) failing++
  }
  const weight = Math.max(1.1, 1.5 - (0.4 * failing) / 40)
  const ratio = (recent.length - 5 - weight * accepts) / (recent.length + 1)
  return ratio <= 0 ? 0 : (ratio * (40 - working)) / 40
}
