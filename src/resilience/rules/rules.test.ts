import { describe, expect, it } from 'vitest'
import { background } from '../../context/background.js'
import { run } from '../../main.js'
import { chan } from '../../runtime/chan.js'
import { go } from '../../runtime/go.js'
import { sleep, yieldNow } from '../../runtime/sleep.js'
import { bubble } from '../../testing/bubble.js'
import { fallback } from '../fallback.js'
import { policy } from '../policy.js'
import { retryBudget } from '../retry-budget.js'
import type { ResourceCode, RulesDocument } from './resource-rules.js'
import type { RulesEvent } from './rules-change.js'
import { rules, type Rules } from './rules.js'
import type { RulesSource } from './source.js'

const ctx = background()

/** What a call under a resource's guards comes to: its value, or the code of the error. */
function* call(all: Rules, name: string, fn: () => unknown = () => 'called') {
  const { value, error } = yield* go(() => all.policy(name).run(ctx, fn)).outcome()
  return error === undefined ? value : ((error as { code?: string }).code ?? error)
}

/** A source in memory, that is written to and changed by others. */
interface Remote extends RulesSource {
  document: unknown
  reads: number
  changed: () => void
  disposed: boolean
}

function remote(document: unknown): Remote {
  const source: Remote = {
    name: 'remote',
    document,
    reads: 0,
    changed: () => {},
    disposed: false,
    async read() {
      source.reads++
      await Promise.resolve()
      if (source.document instanceof Error) throw source.document
      return source.document
    },
    watch(onChange: () => void) {
      source.changed = onChange
      return {
        [Symbol.dispose]: () => {
          source.disposed = true
        },
      }
    },
    async write(next: RulesDocument) {
      await Promise.resolve()
      source.document = JSON.parse(JSON.stringify(next))
      source.changed()
    },
  }
  return source
}

describe('rules', () => {
  it('give the policy of a resource, the same one each time, in the order of the guide', () => {
    const all = rules({
      payments: { bulkhead: { limit: 2 }, breaker: {}, timeout: { ms: 100 }, attemptTimeout: { ms: 10 } },
    })
    const payments = all.policy('payments')
    expect(all.policy('payments')).toBe(payments)
    expect(payments.stats().map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'timeout payments',
      'breaker payments',
      'bulkhead payments',
      'timeout payments',
    ])
    expect(all).toMatchObject({ version: 1, source: 'memory', lastError: undefined })
  })

  it('let all through where they say nothing', () =>
    run(function* () {
      const all = rules({})
      expect(yield* call(all, 'search')).toBe('called')
      expect(all.policy('search').stats()).toEqual([])
    }))

  it('apply a change to the next call, and keep what the guards have counted', () =>
    bubble(function* () {
      const all = rules({ orders: { tokenBucket: { rate: 1, burst: 3 } } })
      const orders = all.policy('orders')
      for (const _ of [1, 2]) yield* call(all, 'orders')
      const change = yield* all.replace({ orders: { tokenBucket: { rate: 1000, burst: 3 }, breaker: {} } })
      expect(change).toEqual({
        version: 2,
        changes: [
          { resource: 'orders', guard: 'tokenBucket', what: 'changed' },
          { resource: 'orders', guard: 'breaker', what: 'added' },
        ],
      })
      expect(orders.stats()).toMatchObject([
        { kind: 'token bucket', admitted: 2, tokens: 1, rate: 1000 },
        { kind: 'breaker', admitted: 0 },
      ])
      expect(yield* call(all, 'orders')).toBe('called')
      expect(yield* call(all, 'orders')).toBe('ERR_SLUICE_REFUSED')
      yield* sleep(3)
      expect(yield* call(all, 'orders')).toBe('called')
    }))

  it('take guards away, while calls under way end at those that they began with', () =>
    run(function* () {
      const all = rules({ orders: { bulkhead: { limit: 1 } } })
      const [place] = all.policy('orders').guards
      const mayEnd = chan<void>()
      const g = go(function* () {
        yield* all.policy('orders').run(ctx, () => mayEnd.recv())
      })
      yield* yieldNow()
      expect(place?.stats()).toMatchObject({ inFlight: 1 })
      yield* all.replace({})
      expect(yield* call(all, 'orders')).toBe('called')
      mayEnd.close()
      yield* g
      expect(place?.stats()).toMatchObject({ inFlight: 0, admitted: 1 })
      expect(all.policy('orders').guards).toEqual([])
    }))

  it('keep a guard that is not named in a change as it is', () =>
    run(function* () {
      const all = rules({ a: { breaker: { consecutiveErrors: 1 } }, b: { bulkhead: { limit: 1 } } })
      yield* call(all, 'a', () => {
        throw new RangeError('down')
      })
      const told: unknown[] = []
      using _ = all.policy('a').watch((event) => told.push(event))
      const [breaker] = all.policy('a').guards
      yield* all.patch({ b: { bulkhead: { limit: 2 } }, a: { bulkhead: { limit: 5 } } })
      expect(all.policy('a').guards[0]).toBe(breaker)
      expect(all.policy('a').stats()).toMatchObject([{ state: 'open' }, { limit: 5 }])
      expect(told).toEqual([])
    }))

  it('count each key apart where they say so, and change the limits of all keys', () =>
    run(function* () {
      const all = rules({ api: { tokenBucket: { rate: 1, burst: 1, perKey: { maxKeys: 10 } } } })
      const api = all.policy('api')
      const ask = function* (key: string) {
        return (yield* go(() => api.run(ctx, () => 1, { key })).outcome()).error === undefined
      }
      expect([yield* ask('a'), yield* ask('a'), yield* ask('b')]).toEqual([true, false, true])
      yield* all.patch({ api: { tokenBucket: { rate: 1_000_000_000 } } })
      yield* sleep(1)
      expect([yield* ask('a'), yield* ask('b')]).toEqual([true, true])
      expect(api.stats()).toMatchObject([{ kind: 'keyed', keys: 2, maxKeys: 10, admitted: 4, refused: 1 }])
      yield* all.patch({ api: { tokenBucket: { perKey: null } } })
      expect(api.stats()).toMatchObject([{ kind: 'token bucket', admitted: 0 }])
    }))

  it('live by the clock that was there when they were made, whoever changes them', () =>
    bubble(function* () {
      const all = rules({})
      yield* all.replace({ a: { slidingWindow: { limit: 1, windowMs: 3_600_000 } } })
      expect(yield* call(all, 'a')).toBe('called')
      expect(yield* call(all, 'a')).toBe('ERR_SLUICE_REFUSED')
      yield* sleep(3_960_000)
      expect(yield* call(all, 'a')).toBe('called')
    }))

  it('stand inside of other policies', () =>
    run(function* () {
      const all = rules({})
      const prices = policy(fallback({ value: 'none' }), all.policy('prices'))
      expect(yield* prices.run(ctx, () => 'some')).toBe('some')
      yield* all.replace({ prices: { tokenBucket: { rate: 0, burst: 1 } } })
      yield* prices.run(ctx, () => 'some')
      expect(yield* prices.run(ctx, () => 'some')).toBe('none')
    }))
})

describe('what code says of a resource', () => {
  const isFailure = (error: unknown) => error instanceof RangeError
  const broken = () => {
    throw new TypeError('not the fault of what was called')
  }

  it('goes before the document, also where the guard comes later or changes', () =>
    run(function* () {
      const all = rules({})
      all.policy('a', { breaker: { isFailure } })
      yield* all.replace({ a: { breaker: { consecutiveErrors: 1 } } })
      yield* call(all, 'a', broken)
      expect(all.policy('a').stats()).toMatchObject([{ state: 'closed' }])
      yield* all.replace({ a: { breaker: { consecutiveErrors: 2 } } })
      for (const _ of [1, 2, 3]) yield* call(all, 'a', broken)
      expect(all.policy('a').stats()).toMatchObject([{ state: 'closed' }])
    }))

  it('is said once: again the same, or later than the policy was first asked for, but nothing else', () => {
    const all = rules({ a: { breaker: {} } })
    const first = all.policy('a')
    const code: ResourceCode = { breaker: { isFailure } }
    expect(all.policy('a', code)).toBe(first)
    expect(all.policy('a', { breaker: { isFailure } })).toBe(first)
    expect(() => all.policy('a', { breaker: { isFailure: () => true } })).toThrow('say it in one place')
    expect(() => all.policy('a', {})).toThrow('say it in one place')
    expect(() => all.policy('b', { braker: {} } as ResourceCode)).toThrow(
      '/b/braker: is an unknown guard: did you mean breaker?',
    )
  })

  it('gives what is to be called, and rules that lack it are refused', () =>
    run(function* () {
      const all = rules({ a: { fallback: {} }, b: { mirror: { share: 1 } } })
      expect(() => all.policy('a')).toThrow(
        'the rules do not go with the code: /a/fallback: needs what only code can give: rules.policy("a", { fallback: { call } })',
      )
      all.policy('a', { fallback: { call: () => 'instead' } })
      all.policy('c')
      expect(yield* call(all, 'a', broken)).toBe('instead')
      const { error } = yield* go(() => all.patch({ c: { mirror: { share: 0.5 } } })).outcome()
      expect(String(error)).toContain('/c/mirror: needs what only code can give')
      yield* all.patch({ a: { fallback: { value: 'of the document' } } })
      expect(yield* call(all, 'a', broken)).toBe('of the document')
    }))

  it('may be a budget that several resources share; one of the document is as empty after a change as before', () =>
    run(function* () {
      const budget = retryBudget({ maxTokens: 20 })
      const retry = { attempts: 2, initialMs: 0, budget: { maxTokens: 5 } }
      const all = rules({ a: { retry }, b: { retry } })
      all.policy('a', { retry: { budget } })
      const down = () => {
        throw new RangeError('down')
      }
      for (const name of ['a', 'b']) yield* call(all, name, down)
      const tokens = () => ['a', 'b'].map((name) => all.policy(name).stats()[0]?.['budgetTokens'])
      expect(tokens()).toEqual([18, 3])
      yield* all.patch({ a: { retry: { attempts: 3 } }, b: { retry: { attempts: 3 } } })
      expect(tokens()).toEqual([18, 3])
      yield* all.patch({ b: { retry: { budget: { maxTokens: 8 } } } })
      expect(tokens()).toEqual([18, 4.8]) // the same share
    }))
})

describe('rules that are wrong', () => {
  const good = { payments: { breaker: {}, tokenBucket: { rate: 10, burst: 5 } } }

  const wrong: readonly (readonly [document: unknown, message: string])[] = [
    [
      { payments: { breaker: { sleepWindowMs: -1 } } },
      '/payments/breaker/sleepWindowMs: must be above 0, not -1',
    ],
    [
      { payments: { breaker: { sleepWindow: 1 } } },
      '/payments/breaker/sleepWindow: is an unknown option: did you mean sleepWindowMs?',
    ],
    [{ payments: { braker: {} } }, '/payments/braker: is an unknown guard: did you mean breaker?'],
    [{ payments: { xyzzy: {} } }, '/payments/xyzzy: is an unknown guard: there are fallback, cached,'],
    [{ 'GET /a~b': { tokenBucket: { rate: 1 } } }, '/GET ~1a~0b/tokenBucket/burst: is missing'],
    [
      { a: { tokenBucket: { rat: 1, burst: 1 } } },
      '/a/tokenBucket/rat: is an unknown option: did you mean rate? (and 1 more)',
    ],
    [{ a: { bulkhead: { limit: 1.5 } } }, '/a/bulkhead/limit: must be a whole number, not 1.5'],
    [{ a: { bulkhead: { limit: '1' } } }, '/a/bulkhead/limit: must be a whole number, not "1"'],
    [{ a: { timeout: { ms: Infinity } } }, '/a/timeout/ms: must be a finite number, not Infinity'],
    [{ a: { retry: { budget: { maxTokens: 0 } } } }, '/a/retry/budget/maxTokens: must be at least 1, not 0'],
    [
      { a: { retry: { budget: { maxToken: 1 } } } },
      '/a/retry/budget/maxToken: is an unknown option: did you mean maxTokens?',
    ],
    [
      { a: { tokenBucket: { rate: 1, burst: 1, perKey: 1 } } },
      '/a/tokenBucket/perKey: must be true or false or an object, not 1',
    ],
    [
      { a: { retry: { initialMs: 10, maxMs: 5 } } },
      '/a/retry: maxMs is a finite time of at least initialMs (10)',
    ],
    [
      { a: { breaker: { slowThresholdPercentage: 5 } } },
      '/a/breaker: breaker: slowThresholdPercentage needs slowMs',
    ],
    [{ a: { fallback: { value: 1, lastGood: true } } }, '/a/fallback: a fallback gives exactly one of'],
    [{ a: { fallback: { lastGood: 1, maxAgeMs: 5 } } }, '/a/fallback/lastGood: must be true, not 1'],
    [{ a: { breaker: null } }, '/a/breaker: must be an object of options, not null: {} has the defaults'],
    [{ a: { breaker: [] } }, '/a/breaker: must be an object of options, not an array'],
    [{ a: 7 }, '/a: must be an object of guards, not 7'],
    [[], 'must be an object of resources, not an array'],
    [null, 'must be an object of resources, not null'],
    [new Map(), 'must be JSON data, not an object of Map'],
    [{ '': {} }, '/: is no name of a resource: it is empty'],
    [{ 'a\nb': {} }, 'it has a control character'],
    [{ ['x'.repeat(257)]: {} }, 'it has more than 256 characters'],
    [{ constructor: {} }, '/constructor: is no name of a resource: code that merges it changes prototypes'],
    [JSON.parse('{"__proto__": {"breaker": {}}}'), '/__proto__: is not allowed'],
    [JSON.parse('{"a": {"__proto__": {}}}'), '/a/__proto__: is not allowed'],
    [
      JSON.parse('{"a": {"fallback": {"value": {"__proto__": 1}}}}'),
      '/a/fallback/value/__proto__: is not allowed',
    ],
    [{ a: { constructor: {} } }, '/a/constructor: is an unknown guard'],
    [{ a: { toString: {} } }, '/a/toString: is an unknown guard'],
    [{ a: { breaker: { hasOwnProperty: 1 } } }, '/a/breaker/hasOwnProperty: is an unknown option'],
    [{ a: { fallback: { value: () => 1 } } }, '/a/fallback/value: must be JSON data, not a function'],
    [
      { a: { fallback: { value: new Date(0) } } },
      '/a/fallback/value: must be JSON data, not an object of Date',
    ],
    [{ a: { fallback: { value: { big: 1n } } } }, '/a/fallback/value/big: must be JSON data, not a bigint'],
  ]
  it.each(wrong.map(([document, message]) => [message, document]))(
    'are refused: %s',
    async (message, document) => {
      expect(() => rules(document as RulesDocument)).toThrow(message as string)
      const all = rules(good)
      const { guards } = all.policy('payments')
      const before = all.document
      const error: unknown = await all.replace(document).then(undefined, (error: unknown) => error)
      expect(error).toMatchObject({ code: 'ERR_SLUICE_RULES', reason: 'invalid' })
      expect(String(error)).toContain(message)
      expect(all.document).toBe(before)
      expect(all.policy('payments').guards).toEqual(guards)
      expect(all.version).toBe(1)
    },
  )

  it('change nothing of any resource when one guard of one of them cannot be', () =>
    run(function* () {
      const all = rules({ a: { tokenBucket: { rate: 1, burst: 1 } }, b: { retry: {} } })
      for (const name of ['a', 'b']) all.policy(name)
      const before = JSON.stringify(all.stats().resources)
      const { error } = yield* go(() =>
        all.patch({ a: { tokenBucket: { rate: 5 }, breaker: {} }, b: { retry: { initialMs: 9, maxMs: 1 } } }),
      ).outcome()
      expect(error).toMatchObject({ errors: [{ pointer: '/b/retry' }] })
      expect(JSON.stringify(all.stats().resources)).toBe(before)
      expect(all.version).toBe(1)
    }))

  it('may be no more than can be looked at', () => {
    const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`r${i}`, {}]))
    expect(() => rules(many)).toThrow('names 10001 resources: 10000 are the limit')
    expect(() => rules({ a: { fallback: { value: 'x'.repeat(1024 * 1024) } } })).toThrow(
      'is longer than 1048576 bytes',
    )
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = { deep }
    expect(() => rules({ a: { fallback: { value: deep } } })).toThrow('is nested deeper than 32 levels')
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    expect(() => rules({ a: { fallback: { value: cycle } } })).toThrow('is nested deeper than 32 levels')
  })

  it('are told of with no more than a hundred faults', () => {
    const many = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [`r${i}`, { breaker: { probes: 0 } }]),
    )
    let error: unknown
    try {
      rules(many)
    } catch (caught) {
      error = caught
    }
    expect(error).toMatchObject({ errors: { length: 100 } })
    expect(String(error)).toBe(
      'RulesError: memory: /r0/breaker/probes: must be at least 1, not 0 (and 499 more)',
    )
  })
})

describe('versions of rules', () => {
  it('are counted, kept with who made them, and brought back', () =>
    bubble(function* () {
      const all = rules({ a: { bulkhead: { limit: 1 } } })
      yield* sleep(1000)
      yield* all.replace({ a: { bulkhead: { limit: 2 } } }, { by: 'ann' })
      yield* sleep(1000)
      yield* all.patch({ a: null, b: { breaker: {} } }, { by: 'bob', expectedVersion: 2 })
      yield* all.rollback(1, { by: 'ann' })
      expect(all.document).toEqual({ a: { bulkhead: { limit: 1 } } })
      const [first, second, third, fourth] = all.versions()
      expect(first).toMatchObject({ version: 1, by: 'memory' })
      expect(second).toEqual({
        version: 2,
        atMs: (first?.atMs ?? 0) + 1000,
        by: 'ann',
        changes: [{ resource: 'a', guard: 'bulkhead', what: 'changed' }],
        moreChanges: 0,
      })
      expect(third).toMatchObject({
        by: 'bob',
        changes: [
          { resource: 'a', guard: 'bulkhead', what: 'removed' },
          { resource: 'b', guard: 'breaker', what: 'added' },
        ],
      })
      expect(fourth).toMatchObject({ version: 4, by: 'ann, rollback to 1' })
      expect(all.documentOf(3)).toEqual({ b: { breaker: {} } })
      expect(() => all.documentOf(5)).toThrow('there is no version 5 of the rules: there are 1 to 4')
    }))

  it('are refused to one who has not seen the last one, of two at once to the second', async () => {
    const all = rules({})
    const outcomes = await Promise.allSettled([
      all.replace({ a: {} }, { expectedVersion: 1 }),
      all.replace({ b: {} }, { expectedVersion: 1 }),
    ])
    expect(outcomes).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'ERR_SLUICE_RULES_STALE', version: 2, expectedVersion: 1 } },
    ])
    expect(all.document).toEqual({ a: {} })
  })

  it('are not made by a dry run, nor by rules that are the same', () =>
    run(function* () {
      const all = rules({ a: { bulkhead: { limit: 1 } } })
      const change = yield* all.patch({ a: { breaker: {} } }, { dryRun: true })
      expect(change).toEqual({ version: 1, changes: [{ resource: 'a', guard: 'breaker', what: 'added' }] })
      yield* all.replace({ a: { bulkhead: { limit: 1 } } })
      expect(all.version).toBe(1)
      expect(all.document).toEqual({ a: { bulkhead: { limit: 1 } } })
    }))

  it('are kept up to fifty, and of each at most a hundred changes', () =>
    run(function* () {
      const many = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`r${i}`, { breaker: {} }]))
      const all = rules(many)
      for (let i = 0; i < 60; i++) yield* all.patch({ r0: { breaker: { probes: i + 2 } } })
      expect(all.versions().map(({ version }) => version)).toEqual(
        Array.from({ length: 50 }, (_, i) => i + 12),
      )
      yield* all.replace({})
      expect(all.versions().at(-1)).toMatchObject({ changes: { length: 100 }, moreChanges: 20 })
    }))

  it('are told of', () =>
    run(function* () {
      const all = rules({})
      const told: RulesEvent[] = []
      const watched = all.watch((event) => told.push(event))
      yield* all.replace({ a: { breaker: {} } }, { by: 'ann' })
      watched[Symbol.dispose]()
      yield* all.replace({})
      expect(told).toMatchObject([{ what: 'changed', version: { version: 2, by: 'ann' } }])
    }))

  it('cannot be changed by those who read them', () => {
    const mine = { a: { bulkhead: { limit: 1 } } }
    const all = rules(mine)
    mine.a.bulkhead.limit = 9
    const seen = all.document as Record<string, { bulkhead: { limit: number } }>
    expect(() => {
      const { a } = seen
      if (a !== undefined) a.bulkhead.limit = 5
    }).toThrow(TypeError)
    expect(all.document).toEqual({ a: { bulkhead: { limit: 1 } } })
    expect(Object.getPrototypeOf(all.document)).toBe(null)
  })
})

describe('rules of a source', () => {
  it('are read first, and again whenever it has changed', async () => {
    const source = remote({ a: { bulkhead: { limit: 1 } } })
    const all = await rules(source)
    const told: RulesEvent[] = []
    const next = () => new Promise<RulesEvent>((resolve) => all.watch(resolve))
    all.watch((event) => told.push(event))
    source.document = { a: { bulkhead: { limit: 2 } } }
    const changed = next()
    for (const _ of [1, 2, 3]) source.changed()
    await changed
    expect(all.document).toEqual({ a: { bulkhead: { limit: 2 } } })
    expect(told).toMatchObject([{ what: 'changed', version: { version: 2, by: 'remote' } }])
    expect(source.reads).toBe(2)
    all.close()
    expect(source.disposed).toBe(true)
  })

  it('stay as they are while it is wrong or away, which is told once and shown', async () => {
    const source = remote({ a: { bulkhead: { limit: 1 } } })
    using all = await rules(source)
    const told: RulesEvent[] = []
    all.watch((event) => told.push(event))
    const settled = () => all.patch({}, { dryRun: true })
    source.document = { a: { bulkhead: { limit: 0 } } }
    await settled()
    source.changed()
    await settled()
    const message = 'remote: /a/bulkhead/limit: must be at least 1, not 0'
    expect(told).toMatchObject([{ what: 'refused', error: { message } }])
    expect(all.stats().lastError).toBe(message)
    source.document = new Error('no connection')
    await settled()
    expect(all.lastError).toMatchObject({
      message: 'remote: cannot be read: no connection',
      reason: 'unreadable',
    })
    expect(all.document).toEqual({ a: { bulkhead: { limit: 1 } } })
    source.document = { a: { bulkhead: { limit: 1 } } }
    await settled()
    expect(all).toMatchObject({ version: 1, lastError: undefined })
  })

  it('are not there at all if the first ones are wrong', async () => {
    const source = remote({ a: { bulkhead: {} } })
    await expect(rules(source)).rejects.toThrow('remote: /a/bulkhead/limit: is missing')
    expect(source.disposed).toBe(true)
    await expect(rules(remote(new Error('away')))).rejects.toMatchObject({ reason: 'unreadable' })
  })

  it('are written to it before they apply, and their echo is no new version', async () => {
    const source = remote({})
    using all = await rules(source)
    await all.replace({ a: { breaker: {} } })
    await all.patch({}, { dryRun: true })
    expect(source.document).toEqual({ a: { breaker: {} } })
    expect(all.version).toBe(2)
    source.write = () => Promise.reject(new Error('read-only file system'))
    await expect(all.replace({ b: {} })).rejects.toMatchObject({
      message: 'remote: cannot be written: read-only file system',
      reason: 'unwritable',
    })
    expect(all.document).toEqual({ a: { breaker: {} } })
  })

  it('heal what is wrong in it when they are written, even if they are the same', async () => {
    const source = remote({})
    using all = await rules(source)
    source.document = 'rubbish'
    await all.replace({})
    expect(source.document).toEqual({})
    expect(all).toMatchObject({ version: 1, lastError: undefined })
  })

  it('are not changed over what somebody else has changed since', async () => {
    const source = remote({})
    using all = await rules(source)
    source.document = { theirs: {} }
    await expect(all.replace({ mine: {} }, { expectedVersion: 1 })).rejects.toMatchObject({
      code: 'ERR_SLUICE_RULES_STALE',
    })
    await all.patch({ mine: {} }, { expectedVersion: 2 })
    expect(source.document).toEqual({ theirs: {}, mine: {} })
  })

  it('change only where they come from, if it cannot be written', async () => {
    const { write: _, ...source } = remote({})
    using all = await rules(source as RulesSource)
    await expect(all.replace({ a: {} })).rejects.toMatchObject({ reason: 'unwritable' })
    expect(await all.replace({ a: { breaker: {} } }, { dryRun: true })).toMatchObject({
      changes: { length: 1 },
    })
  })
})

describe('the figures of rules', () => {
  it('are those of the guards by resource, and the names that nobody uses', () => {
    const all = rules({ a: { breaker: {} }, typo: { breaker: {} } })
    all.policy('a')
    all.policy('free')
    expect(JSON.parse(JSON.stringify(all.stats()))).toMatchObject({
      version: 1,
      source: 'memory',
      resources: { a: [{ kind: 'breaker', name: 'a', state: 'closed' }], free: [] },
      unused: ['typo'],
    })
  })
})
