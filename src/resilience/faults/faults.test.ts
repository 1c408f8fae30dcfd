import { describe, expect, it } from 'vitest'
import { background } from '../../context/background.js'
import { DeadlineExceeded, withTimeout } from '../../context/deadline.js'
import { ArgumentError } from '../../runtime/errors.js'
import { hostNow } from '../../runtime/clock.js'
import { go } from '../../runtime/go.js'
import { wait } from '../../runtime/promise.js'
import { run } from '../../main.js'
import type { Routine } from '../../runtime/operation.js'
import { SeededRandom } from '../../runtime/random.js'
import { scheduler } from '../../runtime/scheduler.js'
import { now, sleep } from '../../runtime/sleep.js'
import { bubble, waitIdle } from '../../testing/bubble.js'
import { breaker } from '../breaker.js'
import { policy } from '../policy.js'
import { retry } from '../retry.js'
import { ConnectionReset, FaultError } from './fault-error.js'
import type { FaultRule } from './fault-rule.js'
import { type Faults, faults, type FaultsOptions, type FaultSwitch } from './faults.js'
import { skewed } from './skewed-clock.js'

const ctx = background()
const epochMs = Date.UTC(2000, 0, 1)
const enabled = true
const minute = { forMs: 60_000 }
const slow = { latency: { distribution: 'fixed', ms: 200 }, ...minute } as const

function seeded(seed: number): () => number {
  const random = new SeededRandom(seed)
  return () => random.below(2 ** 32) / 2 ** 32
}

/** How a call under the guard ends, and when. */
function* call(guard: Faults, fn: () => unknown = () => 'value', within = ctx): Routine<Called> {
  const outcome = yield* go(function* () {
    return yield* policy(guard).run(within, fn)
  }).outcome()
  return { ...outcome, atMs: now() - epochMs }
}
type Called = { readonly error?: unknown; readonly value?: unknown; readonly atMs: number }

function codeOf({ error, value }: Called): unknown {
  return error === undefined ? value : (error as { code?: string }).code
}

describe('faults', () => {
  it('harms nobody without rules', () =>
    bubble(function* () {
      const guard = faults({ name: 'payments', enabled })
      expect(yield* call(guard)).toEqual({ value: 'value', atMs: 0 })
      expect(guard.stats()).toEqual({
        kind: 'faults',
        name: 'payments',
        state: 'ok',
        admitted: 1,
        refused: 0,
        waited: 0,
        waiting: 0,
        delayed: 0,
        failed: 0,
        aborted: 0,
        slowed: 0,
        active: 0,
        skewMs: 0,
        heldMiB: 0,
        cpuLoad: 0,
      })
    }))

  it('holds calls up, by all rules that hit them, one after the other', () =>
    bubble(function* () {
      using guard = faults({
        enabled,
        rules: [slow, { latency: { distribution: 'fixed', ms: 50 }, share: 1, ...minute }],
      })
      let calledAtMs = 0
      const calling = go(() => call(guard, () => (calledAtMs = now() - epochMs)))
      yield* sleep(100)
      expect(guard.stats()).toMatchObject({ state: 'faulty', active: 2, waiting: 1, delayed: 1 })
      expect(yield* calling).toEqual({ value: 250, atMs: 250 })
      expect(calledAtMs).toBe(250)
      expect(guard.stats()).toMatchObject({ waiting: 0, waited: 2, delayed: 2, admitted: 1 })
    }))

  it('draws latencies and shares from its own random source', () =>
    bubble(function* () {
      const random = [0.2, 0.5, 0.31]
      using guard = faults({
        enabled,
        random: () => random.shift() ?? Number.NaN,
        rules: [{ latency: { distribution: 'pareto', scaleMs: 10, shape: 1 }, share: 0.3, ...minute }],
      })
      expect((yield* call(guard)).atMs).toBe(20)
      expect((yield* call(guard)).atMs).toBe(20) // 0.31 is no call of 30 %
      expect(random).toEqual([])
    }))

  it('draws nothing for a rule that is over, and hits no call of a share of 0', () =>
    bubble(function* () {
      let draws = 0
      const random = () => {
        draws++
        return 0
      }
      using guard = faults({
        enabled,
        random,
        rules: [
          { error: {}, share: 0, ...minute },
          { error: {}, share: 0.5, forMs: 10 },
        ],
      })
      yield* sleep(11)
      expect(codeOf(yield* call(guard))).toBe('value')
      expect(draws).toBe(1)
    }))

  it('does not hold a call up by a rule that ends while another one does', () =>
    bubble(function* () {
      using guard = faults({ enabled, rules: [slow, { ...slow, forMs: 100 }] })
      expect((yield* call(guard)).atMs).toBe(200)
      expect(guard.stats()).toMatchObject({ delayed: 1, waited: 1 })
    }))

  it('has calls fail with the code and the message of the rule, without making them', () =>
    bubble(function* () {
      let made = 0
      const error = { code: 'ETIMEDOUT', message: 'no answer', status: 504 }
      using guard = faults({ name: 'payments', enabled, rules: [{ name: 'drill', error, ...minute }] })
      const { error: thrown } = yield* call(guard, () => made++)
      expect(thrown).toBeInstanceOf(FaultError)
      expect(thrown).toMatchObject({ ...error, guard: 'payments', fault: 'drill' })
      expect(made).toBe(0)
      guard.configure({ rules: [{ error: {}, ...minute }] })
      expect((yield* call(guard)).error).toMatchObject({
        code: 'ERR_SLUICE_FAULT',
        message: 'a fault on purpose',
        status: 500,
        fault: 'rule 1',
      })
      expect(guard.stats()).toMatchObject({ failed: 2, admitted: 2 })
    }))

  it.each([
    ['request', 0],
    ['answer', 1],
  ] as const)(
    'resets the connection of a call with its %s, which has been made %i times by then',
    (abort, times) =>
      bubble(function* () {
        let made = 0
        using guard = faults({ enabled, rules: [{ abort, ...minute }] })
        const { error } = yield* call(guard, () => made++)
        expect(error).toBeInstanceOf(ConnectionReset)
        expect(error).toMatchObject({ code: 'ECONNRESET', message: 'read ECONNRESET' })
        expect(made).toBe(times)
        expect(guard.stats()).toMatchObject({ aborted: 1 })
      }),
  )

  it('leaves the error of a call alone whose answer it would have lost', () =>
    bubble(function* () {
      using guard = faults({ enabled, rules: [{ abort: 'answer', ...minute }] })
      const own = new Error('its own')
      const { error } = yield* call(guard, () => {
        throw own
      })
      expect(error).toBe(own)
    }))

  it('hits the share of the calls that is given, the same ones for the same seed', () =>
    bubble(function* () {
      const count = 20_000
      const hitsOf = function* (share: number, seed: number): Routine<boolean[]> {
        using guard = faults({ enabled, random: seeded(seed), rules: [{ error: {}, share, ...minute }] })
        const hits: boolean[] = []
        for (let i = 0; i < count; i++) hits.push(guard.strike()?.failure() !== undefined)
        expect(guard.stats()['failed']).toBe(hits.filter(Boolean).length)
        return hits
      }
      for (const share of [0, 0.01, 0.3, 0.9, 1]) {
        const hits = yield* hitsOf(share, 42)
        const found = hits.filter(Boolean).length / count
        expect(Math.abs(found - share)).toBeLessThanOrEqual(4 * Math.sqrt((share * (1 - share)) / count))
        expect(yield* hitsOf(share, 42)).toEqual(hits)
      }
      expect(yield* hitsOf(0.3, 43)).not.toEqual(yield* hitsOf(0.3, 42))
    }))

  it('is what other guards take for the failure of what they protect', () =>
    bubble(function* () {
      using guard = faults({ enabled, rules: [{ abort: 'request', forMs: 1000 }] })
      const door = breaker({ consecutiveErrors: 3, sleepWindowMs: 500 })
      const p = policy(retry({ attempts: 2, initialMs: 10, maxMs: 10 }), door, guard)
      for (let i = 0; i < 2; i++) expect(codeOf(yield* caught(p))).toMatch(/ECONNRESET|ERR_SLUICE_REFUSED/)
      expect(door.state).toBe('open')
      yield* sleep(1500)
      expect(yield* caught(p)).toMatchObject({ value: 'made' })
      expect(door.state).toBe('closed')
    }))

  it('takes the rules that are for it, or for all', () =>
    bubble(function* () {
      const rules = [
        { resource: 'payments', error: { code: 'EPAY' }, ...minute },
        { resource: 'stock', error: { code: 'ESTOCK' }, ...minute },
        { abort: 'request', ...minute },
      ] as const
      const codes: unknown[] = []
      for (const name of ['payments', 'stock', 'mail']) {
        using guard = faults({ name, enabled, rules })
        codes.push(codeOf(yield* call(guard)))
        expect(guard.stats()['active']).toBe(name === 'mail' ? 1 : 2)
      }
      expect(codes).toEqual(['EPAY', 'ESTOCK', 'ECONNRESET'])
    }))

  it('watches a call only for as long as its context lasts', () =>
    bubble(function* () {
      using guard = faults({ enabled, rules: [slow] })
      using limit = withTimeout(ctx, 80)
      expect(yield* call(guard, () => 'too late', limit)).toEqual({
        error: expect.any(DeadlineExceeded),
        atMs: 80,
      })
      expect(guard.stats()).toMatchObject({ waiting: 0, waited: 1 })
      expect(scheduler().timers.size).toBe(1) // of the rule's end
    }))
})

function* caught(p: ReturnType<typeof policy>): Routine<Called> {
  const outcome = yield* go(function* () {
    return yield* p.run(ctx, () => 'made')
  }).outcome()
  return { ...outcome, atMs: now() - epochMs }
}

/** What a guard tells, and when. */
function watched(options: FaultsOptions) {
  const guard = faults({ enabled, ...options })
  const told: string[] = []
  guard.figures.watch(({ what, detail }) => {
    const { fault, why } = detail as FaultSwitch
    told.push(`${now() - epochMs}: ${fault} ${what}${why === undefined ? '' : `, ${why}`}`)
  })
  return { guard, told }
}

describe('the end of a fault', () => {
  it('comes by itself, also when nobody calls', () =>
    bubble(function* () {
      const { guard, told } = watched({})
      guard.configure({ rules: [{ name: 'drill', error: {}, forMs: 1500 }] })
      expect(told).toEqual(['0: drill switched on'])
      yield* sleep(1499)
      expect(guard.stats()).toMatchObject({ state: 'faulty', active: 1 })
      yield* sleep(2)
      expect(told).toEqual(['0: drill switched on', '1500: drill ended, its time is over'])
      expect(guard.stats()).toMatchObject({ state: 'ok', active: 0 })
      expect(scheduler().timers.size).toBe(0)
      expect(codeOf(yield* call(guard))).toBe('value')
    }))

  it('is seen by a call of the same moment, whichever timer rings first', () => {
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8]
    return Promise.all(
      seeds.map((seed) =>
        bubble(
          function* () {
            const waiting = go(function* () {
              yield* sleep(1500)
              return yield* call(guard)
            })
            yield* sleep(0)
            const guard = faults({ enabled, rules: [{ error: {}, forMs: 1500 }] })
            expect(codeOf(yield* waiting)).toBe('value')
          },
          { seed },
        ),
      ),
    )
  })

  it('lets a call go on that it holds up', () =>
    bubble(function* () {
      const guard = faults({ enabled, rules: [{ ...slow, forMs: 150 }] })
      expect(yield* call(guard)).toEqual({ value: 'value', atMs: 150 })
      expect(scheduler().timers.size).toBe(0)
    }))

  it('comes at once where it is switched off, and spares a call that was held up what else the rule says', () =>
    bubble(function* () {
      const { guard, told } = watched({ rules: [{ ...slow, error: {} }] })
      const calling = go(() => call(guard))
      yield* sleep(70)
      guard.configure({})
      expect(guard.stats()).toMatchObject({ state: 'ok', active: 0 })
      expect(yield* calling).toEqual({ value: 'value', atMs: 70 })
      expect(told.slice(-1)).toEqual(['70: rule 1 ended, it was switched off'])
      expect(scheduler().timers.size).toBe(0)
    }))

  it('spares a call its answer’s reset, if it comes while the call is under way', () =>
    bubble(function* () {
      const guard = faults({ enabled, rules: [{ abort: 'answer', forMs: 100 }] })
      const calling = function* () {
        yield* sleep(100)
        return 'answer'
      }
      expect(codeOf(yield* call(guard, calling))).toBe('answer')
    }))

  it('gives back the memory that the fault holds', () =>
    bubble(function* () {
      const before = collectedMiB()
      const guard = faults({ enabled, rules: [{ memoryMiB: 64, forMs: 5000 }] })
      yield* waitIdle()
      expect(guard.stats()).toMatchObject({ state: 'faulty', heldMiB: 64 })
      expect(collectedMiB() - before).toBeGreaterThan(63)
      yield* sleep(5001)
      expect(guard.stats()).toMatchObject({ state: 'ok', heldMiB: 0 })
      expect(collectedMiB() - before).toBeLessThan(5)
    }))

  it('ends what keeps the thread busy', () =>
    bubble(function* () {
      const guard = faults({ enabled, rules: [{ cpuLoad: 0.5, forMs: 100 }] })
      expect(guard.stats()).toMatchObject({ cpuLoad: 0.5 })
      const beginMs = hostNow()
      yield* sleep(101)
      expect(hostNow() - beginMs).toBeGreaterThanOrEqual(45) // of 100 ms of virtual time
      yield* waitIdle()
      expect(scheduler().live).toBe(1)
      expect(scheduler().timers.size).toBe(0)
      expect(guard.stats()).toMatchObject({ cpuLoad: 0 })
    }))

  it('puts the clock right', () =>
    bubble(function* () {
      const clock = skewed(scheduler().clock, 5)
      const guard = faults({
        enabled,
        clock,
        rules: [
          { skewMs: 3_600_000, forMs: 1000 },
          { skewMs: -1_800_000, forMs: 2000 },
        ],
      })
      expect(clock.skewMs).toBe(1_800_005)
      expect(clock.epochNow() - scheduler().clock.epochNow()).toBe(1_800_005)
      expect(guard.stats()).toMatchObject({ skewMs: 1_800_000 })
      yield* sleep(1001)
      expect(clock.skewMs).toBe(-1_799_995)
      guard[Symbol.dispose]()
      expect(clock.skewMs).toBe(5)
    }))
})

const collectedMiB = (): number => {
  for (let i = 0; i < 3; i++) globalThis.gc?.() // what it has found it frees beside, and counts the next time
  return process.memoryUsage().arrayBuffers / 2 ** 20
}

describe('faults.configure', () => {
  it('leaves a rule alone that was there already, wherever it stands, and ends those that are gone', () =>
    bubble(function* () {
      const a: FaultRule = { name: 'a', error: {}, forMs: 1000 }
      const b: FaultRule = { name: 'b', abort: 'request', forMs: 1000 }
      const { guard, told } = watched({})
      guard.configure({ rules: [a] })
      yield* sleep(600)
      guard.configure({ rules: [b, { forMs: 1000, error: {}, name: 'a' }] })
      yield* sleep(300)
      guard.configure({ rules: [a] })
      yield* sleep(200)
      expect(told).toEqual([
        '0: a switched on',
        '600: b switched on',
        '900: b ended, it was switched off',
        '1000: a ended, its time is over',
      ])
    }))

  it('does not begin a rule anew that is over, unless it was away', () =>
    bubble(function* () {
      const rules: FaultRule[] = [{ error: {}, forMs: 1000 }]
      const { guard, told } = watched({ rules })
      yield* sleep(1001)
      guard.configure({ rules })
      expect(guard.stats()['active']).toBe(0)
      guard.configure({})
      guard.configure({ rules })
      expect(guard.stats()['active']).toBe(1)
      guard[Symbol.dispose]()
      expect(told).toEqual([
        '1000: rule 1 ended, its time is over',
        '1001: rule 1 switched on',
        '1001: rule 1 ended, it was switched off',
      ])
      expect(scheduler().timers.size).toBe(0)
    }))

  it('takes all of the rules or none', () =>
    bubble(function* () {
      const { guard, told } = watched({ rules: [slow] })
      const bad = [
        { error: {}, ...minute },
        { cpuLoad: 2, ...minute },
      ]
      expect(() => guard.configure({ rules: bad })).toThrow('faults: rules[1].cpuLoad')
      expect(guard.stats()).toMatchObject({ active: 1 })
      expect(told).toEqual([])
      guard[Symbol.dispose]()
    }))

  it('keeps what it counted, and its name', () =>
    bubble(function* () {
      using guard = faults({ name: 'payments', enabled, rules: [{ error: {}, ...minute }] })
      yield* call(guard)
      const options = { name: 'other', rules: [{ abort: 'request', ...minute }] } satisfies FaultsOptions
      guard.configure(options)
      yield* call(guard)
      expect(guard.stats()).toMatchObject({ name: 'payments', failed: 1, aborted: 1, admitted: 2 })
    }))

  it.each<[string, unknown]>([
    ['a document that would disable them', { enabled: false, rules: [] }],
    ['another enabled', { enabled: 'true', rules: [] }],
    ['a wrong field', { rule: [] }],
    ['no object', [slow]],
    ['null', null],
  ])('refuses %s', (_, options) => {
    const guard = faults({ enabled })
    expect(() => guard.configure(options as FaultsOptions)).toThrow(ArgumentError)
  })
})

describe('faults that are not enabled', () => {
  it.each([undefined, false, 'true', 1])(
    'refuse any rule, from code as well as from data: enabled %o',
    (given) => {
      const options = { enabled: given } as FaultsOptions // which JavaScript and environments may give
      const guard = faults(options)
      expect(() => guard.configure({ rules: [{ cpuLoad: 0.5, forMs: 1 }] })).toThrow(
        /^faults: rules is empty where faults are not enabled/,
      )
      expect(() => faults({ ...options, rules: [slow] })).toThrow(ArgumentError)
      guard.configure({ rules: [] })
      expect(guard.stats()).toMatchObject({ state: 'ok', active: 0 })
    },
  )

  it('say first what is wrong with a rule', () => {
    expect(() => faults().configure({ rules: [{ cpuLoad: 5, forMs: 1 }] })).toThrow('rules[0].cpuLoad')
  })
})

describe('faults(options)', () => {
  it('needs a clock that can be wrong for a skew', () =>
    bubble(function* () {
      const rules = [slow, { skewMs: 5, forMs: 5 }]
      expect(() => faults({ enabled, rules })).toThrow(/rules\[1\]\.skewMs needs a clock/)
      expect(() => faults({ enabled, rules, clock: scheduler().clock })).toThrow(/skewMs needs a clock/)
    }))

  it('finds the clock that the program runs on', () => {
    const clock = skewed()
    return run(
      function* () {
        using _ = faults({ enabled, rules: [{ skewMs: 3_600_000, forMs: 5000 }] })
        expect(Math.abs(now() - Date.now() - 3_600_000)).toBeLessThan(1000)
      },
      { clock },
    )
  })

  it('refuses an option that there is not', () => {
    expect(() => faults({ enable: true } as FaultsOptions)).toThrow(
      /no field "enable": there are rules, enabled/,
    )
  })

  it('has its rules live by the time in which it was made, whoever switches them', async () => {
    const made: Faults[] = []
    const told: string[] = []
    let goOn = () => {}
    const switched = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const ended = bubble(function* () {
      const guard = faults({ enabled })
      guard.figures.watch(({ what }) => told.push(`${guard.on.clock.now()} ${what}`))
      made.push(guard)
      yield* wait(switched)
      yield* sleep(3_000_000)
    })
    while (made.length === 0) await Promise.resolve()
    made[0]?.configure({ rules: [{ error: {}, memoryMiB: 1, cpuLoad: 1e-6, forMs: 2_000_000 }] })
    goOn()
    await ended
    expect(told).toEqual(['0 switched on', '2000000 ended'])
  })
})

describe('faults.check', () => {
  it('says what configure would, and switches nothing', () =>
    bubble(function* () {
      const { guard, told } = watched({})
      expect(guard.check({ name: 'other', enabled, rules: [slow] })).toEqual([slow])
      expect(() => guard.check({ rules: [{ cpuLoad: 2, forMs: 1 }] })).toThrow('rules[0].cpuLoad')
      expect(guard.stats()).toMatchObject({ active: 0 })
      expect(told).toEqual([])
    }))
})

describe('faults.slowed', () => {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(500)
    yield new Uint8Array(700)
  }

  it('passes bytes on as slowly as a rule says', async () => {
    using guard = faults({ enabled, rules: [{ bytesPerSecond: 10_000, ...minute }] })
    const beginMs = hostNow()
    let bytes = 0
    for await (const piece of guard.slowed(chunks())) bytes += piece.length
    expect(bytes).toBe(1200)
    expect(hostNow() - beginMs).toBeGreaterThanOrEqual(119)
    expect(guard.stats()).toMatchObject({ slowed: 1 })
  })

  it('passes them on as they are where none does', async () => {
    const lengths: number[] = []
    for await (const piece of faults().slowed(chunks())) lengths.push(piece.length)
    expect(lengths).toEqual([500, 700])
  })
})
