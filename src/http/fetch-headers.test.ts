import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type HeadersSource, LightHeaders } from './fetch-headers.js'
import { linkRequest } from './fetch-request.js'
import { RequestHeaders } from './request-headers.js'

linkRequest()

type Step =
  | readonly ['append' | 'set', string, string]
  | readonly ['delete' | 'get' | 'has', string]
  | readonly ['getSetCookie']

type Both = Pick<Headers, 'append' | 'set' | 'delete' | 'get' | 'has' | 'getSetCookie'> &
  Iterable<[string, string]>

/** What a step gives, or the kind of its error. */
function outcome(headers: Both, [method, ...args]: Step): unknown {
  try {
    const run = headers[method] as (...args: readonly string[]) => unknown // as Step says
    return run.apply(headers, args)
  } catch (error) {
    return (error as Error).constructor.name
  }
}

const name = fc.constantFrom(
  'a',
  'A',
  'x-b',
  'Cookie',
  'Set-Cookie',
  'set-cookie',
  'content-type',
  '',
  'b d',
  'ü',
)
const value = fc.oneof(
  fc.constantFrom('1', ' 2\t', '', 'a, b', 'ÿ', '\r\nx: y', 'x\ny', '\0', 'Ā', '\u0001', '\t\n'),
  fc.string({ unit: 'binary', maxLength: 4 }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constantFrom('append' as const, 'set' as const), name, value),
  fc.tuple(fc.constantFrom('delete' as const, 'get' as const, 'has' as const), name),
  fc.constant(['getSetCookie'] as const),
)

describe('LightHeaders', () => {
  it('does what the Headers of the platform do, errors included', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const light = new LightHeaders()
        const real = new Headers()
        for (const each of steps) {
          expect(outcome(light, each)).toEqual(outcome(real, each))
          expect([...light]).toEqual([...real])
        }
      }),
      { numRuns: 500 },
    )
  })

  it('takes what the Headers of the platform take, and refuses the rest alike', () => {
    const inits: unknown[] = [
      undefined,
      {},
      { A: '1', b: '2' },
      [
        ['a', '1'],
        ['A', '2'],
      ],
      [],
      new Map([['x', 'y']]),
      new Headers({ q: 'r' }),
      [
        ['set-cookie', 'a'],
        ['Set-Cookie', 'b'],
      ],
      { n: 7 },
      [['a']],
      [['a', 'b', 'c']],
      ['ab'],
      [7],
      7,
      'ab',
      { 'a b': '' },
      { a: '\n.' },
    ]
    const made = (create: () => Iterable<[string, string]>) => {
      try {
        return [...create()]
      } catch (error) {
        return (error as Error).constructor.name
      }
    }
    for (const init of inits)
      expect(made(() => LightHeaders.of(init as HeadersSource))).toEqual(
        made(() => new Headers(init as HeadersSource)),
      )
  })

  it('is a Headers, and one of the platform can be made of it', () => {
    const light = LightHeaders.of([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x', 'y'],
    ])
    expect(light).toBeInstanceOf(Headers)
    expect([...new Headers(light as unknown as Headers)]).toEqual([...light])
    expect([...LightHeaders.of(light)]).toEqual([...light])
  })

  it('reads the headers of a request where they are, and leaves them as they are when it is changed', () => {
    const incoming = new RequestHeaders([
      'host',
      'a',
      'accept',
      'x',
      'accept',
      'y',
      'cookie',
      'a=1',
      'cookie',
      'b=2',
    ])
    const headers = new LightHeaders(incoming)
    expect([headers.get('Accept'), headers.get('cookie'), headers.has('HOST'), headers.get('none')]).toEqual([
      'x, y',
      'a=1; b=2',
      true,
      null,
    ])
    headers.set('accept', 'z')
    expect([...headers]).toEqual([
      ['accept', 'z'],
      ['cookie', 'a=1; b=2'],
      ['host', 'a'],
    ])
    expect(incoming.get('accept')).toBe('x, y')
  })

  it('shows an iteration what is changed during it, as the platform does', () => {
    const seen = (headers: Both) => {
      const names: string[] = []
      for (const [key] of headers) {
        names.push(key)
        if (key === 'b') headers.append('c', '3')
        if (key === 'c') headers.delete('a')
      }
      return names
    }
    const init = { a: '1', b: '2', d: '4' }
    expect(seen(LightHeaders.of(init))).toEqual(seen(new Headers(init)))
  })

  it('lists keys, values and entries, and calls for each with itself as the last argument', () => {
    const light = LightHeaders.of({ b: '2', A: '1' })
    expect([[...light.keys()], [...light.values()], [...light.entries()]]).toEqual([
      ['a', 'b'],
      ['1', '2'],
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ])
    const calls: unknown[] = []
    light.forEach((...args) => {
      calls.push(args)
    })
    expect(calls).toEqual([
      ['1', 'a', light],
      ['2', 'b', light],
    ])
    expect(() => light.forEach(undefined as never)).toThrow(TypeError)
  })
})
