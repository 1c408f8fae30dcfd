import { describe, expect, it } from 'vitest'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { chan } from '../runtime/chan.js'
import { go } from '../runtime/go.js'
import type { Operation } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { yieldNow } from '../runtime/sleep.js'
import { run } from '../main.js'
import { Figures } from './figures.js'
import {
  type Attempt,
  DONE,
  FAILED,
  type Gate,
  GIVEN_UP,
  MUST_WAIT,
  NEVER_RAN,
  REFUSED,
  type Wrapper,
} from './guard.js'
import { changeablePolicy, policy } from './policy.js'
import { Refused } from './refused.js'

const ctx = background()
const endings = new Map([
  [DONE, 'done'],
  [FAILED, 'failed'],
  [GIVEN_UP, 'given up'],
  [NEVER_RAN, 'never ran'],
])

/** A gate that writes down what it sees, and answers as it is told. */
function gate(log: string[], name: string, answer: number | Operation<number> = 0): Gate {
  let hasWaited = false
  return {
    figures: new Figures('test', name),
    stats: () => new Figures('test', name).stats('ok'),
    enter() {
      if (typeof answer === 'number') {
        log.push(`${name} ${answer === REFUSED ? 'refuses' : 'lets in'}`)
        return answer
      }
      return hasWaited ? 7 : MUST_WAIT
    },
    wait() {
      log.push(`${name} has it wait`)
      hasWaited = true
      return answer as Operation<number>
    },
    leave: (ticket, ending) => log.push(`${name} left: ${endings.get(ending)} ${ticket}`),
    refusal: () => new Refused('test', name, 'it says no', 100),
  }
}

/** A wrapper that makes each call twice. */
const twice: Wrapper = {
  figures: new Figures('test', 'twice'),
  stats: () => twice.figures.stats('ok'),
  *wrap<T>(attempt: Attempt<T>) {
    yield* attempt.run(attempt.ctx)
    return yield* attempt.run(attempt.ctx)
  },
}

describe('policy', () => {
  it('runs generator functions, async and plain ones, and operations', () =>
    run(function* () {
      const p = policy(gate([], 'a'))
      expect(
        yield* p.run(ctx, function* () {
          yield* yieldNow()
          return 1
        }),
      ).toBe(1)
      expect(yield* p.run(ctx, async () => Promise.resolve(2))).toBe(2)
      expect(yield* p.run(ctx, () => 3)).toBe(3)
      expect(yield* p.run(ctx, () => ({ four: 4 }))).toEqual({ four: 4 })
      const ch = chan<number>(1)
      ch.trySend(5)
      expect(yield* p.run(ctx, () => ch.recv())).toBe(5)
      expect(yield* p.run(ctx, () => go(() => 6))).toBe(6)
      expect(yield* p.run(ctx, () => undefined)).toBe(undefined)
    }))

  it('is awaited in async code', async () => {
    expect(await policy().run(ctx, async () => Promise.resolve(1))).toBe(1)
    await expect(policy(gate([], 'a', REFUSED)).run(ctx, () => 1)).rejects.toThrow(Refused)
  })

  it('passes gates in their order and leaves them in the reverse one, with what each of them gave', () =>
    run(function* () {
      const log: string[] = []
      yield* policy(gate(log, 'a', 3), gate(log, 'b'), gate(log, 'c', 5)).run(ctx, () => log.push('call'))
      expect(log).toEqual([
        'a lets in',
        'b lets in',
        'c lets in',
        'call',
        'c left: done 5',
        'b left: done 0',
        'a left: done 3',
      ])
    }))

  it('gives back what the outer ones gave when an inner one refuses, and does not make the call', () =>
    run(function* () {
      const log: string[] = []
      const p = policy(gate(log, 'a', 3), gate(log, 'b', REFUSED), gate(log, 'c'))
      const outcome = yield* go(function* () {
        yield* p.run(ctx, () => log.push('call'))
      }).outcome()
      expect(outcome.error).toMatchObject({ code: 'ERR_SLUICE_REFUSED', guard: 'b', retryAfterMs: 100 })
      expect(String(outcome.error)).toBe('Refused: b refused the call: it says no; come back in 100 ms')
      expect(log).toEqual(['a lets in', 'b refuses', 'a left: never ran 3'])
    }))

  it('waits where a gate says so, and goes on with the next one', () =>
    run(function* () {
      const log: string[] = []
      const places = chan<number>()
      const p = policy(gate(log, 'a'), gate(log, 'b', places.recv() as Operation<number>), gate(log, 'c'))
      const g = go(function* () {
        return yield* p.run(ctx, function* () {
          yield* yieldNow()
          return 'value'
        })
      })
      yield* places.send(9)
      expect(yield* g).toBe('value')
      expect(log).toEqual([
        'a lets in',
        'b has it wait',
        'c lets in',
        'c left: done 0',
        'b left: done 9',
        'a left: done 0',
      ])
    }))

  it('leaves the queue when the context ends: nothing was called', () =>
    run(function* () {
      const log: string[] = []
      const waiting = withCancel(ctx)
      const p = policy(gate(log, 'a'), gate(log, 'b', chan<number>().recv() as Operation<number>))
      const g = go(function* () {
        yield* p.run(waiting, () => log.push('call'))
      })
      yield* yieldNow()
      waiting.cancel()
      expect((yield* g.outcome()).error).toMatchObject({ code: 'ERR_SLUICE_CANCELED' })
      expect(log).toEqual(['a lets in', 'b has it wait', 'a left: never ran 0'])
    }))

  it.each([
    ['throws', () => Promise.reject(new Error('no')), 'failed'],
    ['gives a value that means failure', () => Promise.resolve({ status: 503 }), 'failed'],
    ['gives a value', () => Promise.resolve({ status: 200 }), 'done'],
  ])('tells the gates of a call that %s', async (_, fn, ending) => {
    const log: string[] = []
    await policy(gate(log, 'a'))
      .run(ctx, fn, { isFailure: ({ status }) => status === 503 })
      .then(undefined, () => {})
    expect(log.at(-1)).toBe(`a left: ${ending} 0`)
  })

  it('does not hold it against what was called that the caller gave up', () =>
    run(function* () {
      for (const giveUp of ['goroutine', 'context']) {
        const log: string[] = []
        const mine = withCancel(ctx)
        const g = go(function* () {
          yield* policy(gate(log, 'a')).run(mine, () => new Promise(() => {}))
        })
        yield* yieldNow()
        if (giveUp === 'goroutine') g.cancel()
        else mine.cancel()
        yield* g.outcome()
        expect(log).toEqual(['a lets in', 'a left: given up 0'])
      }
    }))

  it('makes no call for a context that has ended', async () => {
    const ended = withCancel(ctx)
    ended.cancel()
    const log: string[] = []
    await expect(policy(gate(log, 'a')).run(ended, () => 1)).rejects.toMatchObject({
      code: 'ERR_SLUICE_CANCELED',
    })
    expect(log).toEqual([])
  })

  it('lets a wrapper make the call, each time past the gates behind it', () =>
    run(function* () {
      const log: string[] = []
      const p = policy(gate(log, 'a'), twice, gate(log, 'b'))
      expect(yield* p.run(ctx, () => log.push('call'))).toBe(6)
      expect(log.map((each) => each.replace(/ 0$/, ''))).toEqual([
        'a lets in',
        ...['b lets in', 'call', 'b left: done'],
        ...['b lets in', 'call', 'b left: done'],
        'a left: done',
      ])
    }))

  it('tells all gates of the end, also when one of them fails at it', async () => {
    const log: string[] = []
    const broken: Gate = {
      ...gate(log, 'b'),
      leave: () => {
        throw new RangeError('a listener failed')
      },
    }
    await expect(policy(gate(log, 'a', 3), broken, gate(log, 'c', 5)).run(ctx, () => 1)).rejects.toThrow(
      RangeError,
    )
    expect(log.slice(3)).toEqual(['c left: done 5', 'a left: done 3'])
  })

  it('runs a call once', () =>
    run(function* () {
      const once = policy().run(ctx, () => 1)
      expect(yield* once).toBe(1)
      const outcome = yield* go(function* () {
        yield* once
      }).outcome()
      expect(outcome.error).toMatchObject({ code: 'ERR_SLUICE_MISUSE' })
    }))

  it('tells what its guards do, until it is asked no more', () => {
    const told: unknown[] = []
    const a = gate([], 'a')
    const watched = policy(a, twice).watch((event) => told.push(event))
    a.figures.refuse()
    twice.figures.tell('retried', 2)
    watched[Symbol.dispose]()
    a.figures.refuse()
    expect(told).toEqual([
      { kind: 'test', name: 'a', what: 'refused' },
      { kind: 'test', name: 'twice', what: 'retried', detail: 2 },
    ])
    expect(policy(a, twice).stats()).toHaveLength(2)
  })

  it('composes guards, and nothing else', () => {
    expect(() => policy({} as Gate)).toThrow('number 1 is none')
    expect(() => policy(undefined as unknown as Gate)).toThrow(
      'policy() composes guards, and number 1 is none: undefined',
    )
  })

  it('can be waited for by a promise of the host as well', () =>
    run(function* () {
      expect(yield* wait(policy().run(ctx, () => 1))).toBe(1)
    }))

  it('may stand among the guards of another one, and its guards are passed there', () =>
    run(function* () {
      const log: string[] = []
      const p = policy(gate(log, 'a'), policy(gate(log, 'b'), policy(twice)), gate(log, 'c'))
      expect(yield* p.run(ctx, () => log.push('call'))).toBe(7)
      expect(log.map((each) => each.replace(/ 0$/, ''))).toEqual([
        ...['a lets in', 'b lets in'],
        ...['c lets in', 'call', 'c left: done'],
        ...['c lets in', 'call', 'c left: done'],
        ...['b left: done', 'a left: done'],
      ])
      expect(p.guards).toHaveLength(4)
      expect(p.stats().map(({ name }) => name)).toEqual(['a', 'b', 'twice', 'c'])
    }))
})

describe('a policy whose guards change', () => {
  const option = { key: 'k', priority: 'high', cost: 3 } as const

  it('has calls pass the guards that it has when they come, also inside of another one', () =>
    run(function* () {
      const log: string[] = []
      const inner = changeablePolicy()
      const outer = policy(gate(log, 'a'), inner, gate(log, 'c'))
      yield* outer.run(ctx, () => log.push('call'))
      inner.replace([gate(log, 'b', 5), twice])
      yield* outer.run(ctx, () => log.push('call'))
      inner.replace([])
      yield* inner.run(ctx, () => log.push('call'))
      expect(log.map((each) => each.replace(/ 0$/, ''))).toEqual([
        ...['a lets in', 'c lets in', 'call', 'c left: done', 'a left: done'],
        ...['a lets in', 'b lets in'],
        ...['c lets in', 'call', 'c left: done'],
        ...['c lets in', 'call', 'c left: done'],
        ...['b left: done 5', 'a left: done'],
        'call',
      ])
    }))

  it('lets a call that is under way leave the guards that it began with', () =>
    run(function* () {
      const log: string[] = []
      const p = changeablePolicy()
      p.replace([gate(log, 'old', 3)])
      const g = go(function* () {
        yield* p.run(ctx, function* () {
          yield* yieldNow()
        })
      })
      yield* yieldNow()
      p.replace([gate(log, 'new')])
      yield* g
      expect(log).toEqual(['old lets in', 'old left: done 3'])
    }))

  it('gives the guards inside what the call says of itself, and them the end that it had', () =>
    run(function* () {
      const seen: unknown[] = []
      const inner = changeablePolicy()
      const last = gate([], 'last')
      inner.replace([
        {
          ...last,
          enter: ({ key, priority, cost }) => {
            seen.push({ key, priority, cost })
            return 0
          },
          leave: (_, ending) => seen.push(endings.get(ending)),
        },
      ])
      const isFailure = (value: number) => value === 503
      yield* policy(inner).run(ctx, () => 503, { ...option, isFailure })
      const refusing = policy(inner, gate([], 'x', REFUSED))
      yield* go(() => refusing.run(ctx, () => 1, option)).outcome()
      expect(seen).toEqual([option, 'failed', option, 'never ran'])
    }))

  it('tells of the guards that it has, of those that come, and no more of those that went', () => {
    const told: string[] = []
    const [a, b, c] = [gate([], 'a'), gate([], 'b'), gate([], 'c')]
    const inner = changeablePolicy()
    inner.replace([a, b])
    const watched = policy(inner).watch(({ name }) => told.push(name))
    const tell = () => {
      for (const { figures } of [a, b, c]) figures.tell('something')
      return told.splice(0)
    }
    expect(tell()).toEqual(['a', 'b'])
    inner.replace([b, c])
    expect(tell()).toEqual(['b', 'c'])
    watched[Symbol.dispose]()
    expect(tell()).toEqual([])
    inner.replace([a])
    expect(tell()).toEqual([])
  })
})
