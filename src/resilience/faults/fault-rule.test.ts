import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../runtime/errors.js'
import { checkRules } from './fault-rule.js'

const forMs = 1000
const twins = [
  { forMs, cpuLoad: 0.1 },
  { cpuLoad: 0.1, forMs },
]

/** What is wrong with a rule, and what the message has to say. */
const badRules: readonly [why: string, rule: unknown, message: RegExp][] = [
  ['no rule', 7, /rules\[0\] is an object, not 7/],
  ['null', null, /rules\[0\] is an object/],
  ['a list', [], /rules\[0\] is an object, not a list/],
  ['nothing to do', { forMs }, /rules\[0\] does nothing: give it one of latency, error/],
  ['an unknown field', { forMs, cpuLoad: 1, cpuload: 1 }, /rules\[0\] has no field "cpuload"/],
  ['a poisoned prototype', JSON.parse('{"__proto__": {"cpuLoad": 1}, "forMs": 1}'), /no field "__proto__"/],
  ['inherited fields', Object.create({ forMs, cpuLoad: 1 }), /rules\[0\] does nothing/],
  ['no end', { cpuLoad: 1 }, /rules\[0\]\.forMs is a number above 0, to 3600000 ms, not undefined/],
  ['an end at once', { cpuLoad: 1, forMs: 0 }, /forMs is a number above 0, to 3600000 ms, not 0/],
  ['an end beyond an hour', { cpuLoad: 1, forMs: 3_600_001 }, /forMs .* not 3600001/],
  ['an end that never comes', { cpuLoad: 1, forMs: Infinity }, /forMs .* not Infinity/],
  ['an end that is no number', { cpuLoad: 1, forMs: '1000' }, /forMs .* not "1000"/],
  ['NaN', { cpuLoad: Number.NaN, forMs }, /cpuLoad is a number above 0, to 1, not NaN/],
  ['a share above 1', { share: 1.1, abort: 'request', forMs }, /share is a number from 0, to 1, not 1.1/],
  ['a share below 0', { share: -0.1, abort: 'request', forMs }, /share .* not -0.1/],
  ['a share of no calls', { share: 0.5, memoryMiB: 1, forMs }, /share is of calls.*leave it out/],
  ['a name with a line break', { name: 'a\nb', cpuLoad: 1, forMs }, /name is a name in a line, not "a\\nb"/],
  ['an empty resource', { resource: '', cpuLoad: 1, forMs }, /resource is a guard's name/],
  ['an abort somewhere else', { abort: 'body', forMs }, /abort is request or answer, not "body"/],
  ['two ends of a call', { abort: 'answer', error: {}, forMs }, /has an error and an abort/],
  ['an error that is none', { error: 'no', forMs }, /rules\[0\]\.error is an object, not "no"/],
  ['a code in small letters', { error: { code: 'no' }, forMs }, /error\.code is a code in capital letters/],
  ['a message that is none', { error: { message: 3 }, forMs }, /error\.message is a text of 1 to 500/],
  [
    'a status that is no error',
    { error: { status: 204 }, forMs },
    /error\.status .* from 400, to 599, not 204/,
  ],
  ['half a status', { error: { status: 500.5 }, forMs }, /error\.status is a whole number/],
  ['an unknown field of an error', { error: { stack: '' }, forMs }, /rules\[0\]\.error has no field "stack"/],
  ['no bytes', { bytesPerSecond: 0.5, forMs }, /bytesPerSecond is a number from 1/],
  ['half a mebibyte', { memoryMiB: 0.5, forMs }, /memoryMiB is a whole number from 1, to 4096/],
  ['too much memory', { memoryMiB: 4097, forMs }, /memoryMiB .* not 4097/],
  ['too much load', { cpuLoad: 1.5, forMs }, /cpuLoad .* not 1.5/],
  ['two years', { skewMs: 2 * 366 * 86_400_000, forMs }, /skewMs is a number from -31622400000/],
  [
    'no distribution',
    { latency: { ms: 1 }, forMs },
    /latency\.distribution is fixed, normal or pareto, not u/,
  ],
  [
    'an unknown distribution',
    { latency: { distribution: 'uniform' }, forMs },
    /latency\.distribution .* not "uniform"/,
  ],
  ['no time', { latency: { distribution: 'fixed' }, forMs }, /rules\[0\]\.latency\.ms is a number from 0/],
  ['a negative time', { latency: { distribution: 'fixed', ms: -1 }, forMs }, /latency\.ms .* not -1/],
  ['a long time', { latency: { distribution: 'fixed', ms: 600_001 }, forMs }, /latency\.ms .* to 600000 ms/],
  [
    'a maximum of what is fixed',
    { latency: { distribution: 'fixed', ms: 1, maxMs: 1 }, forMs },
    /latency has no field "maxMs"/,
  ],
  ['no deviation', { latency: { distribution: 'normal', meanMs: 1 }, forMs }, /deviationMs .* not undefined/],
  [
    'a negative deviation',
    { latency: { distribution: 'normal', meanMs: 1, deviationMs: -1 }, forMs },
    /latency\.deviationMs .* not -1/,
  ],
  [
    'a maximum of nothing',
    { latency: { distribution: 'normal', meanMs: 1, deviationMs: 1, maxMs: 0 }, forMs },
    /latency\.maxMs is a number above 0/,
  ],
  [
    'no scale',
    { latency: { distribution: 'pareto', scaleMs: 0, shape: 1 }, forMs },
    /latency\.scaleMs is a number above 0/,
  ],
  [
    'no shape',
    { latency: { distribution: 'pareto', scaleMs: 1, shape: 0 }, forMs },
    /latency\.shape is a number above 0/,
  ],
  [
    'a maximum below the scale',
    { latency: { distribution: 'pareto', scaleMs: 10, shape: 1, maxMs: 9 }, forMs },
    /latency\.maxMs is a number from 10/,
  ],
]

function messageOf(rules: unknown): string {
  try {
    checkRules(rules)
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError)
    return (error as ArgumentError).message
  }
  return 'nothing is wrong'
}

describe('checkRules', () => {
  it.each(badRules)('refuses %s, and names the path', (_, rule, message) => {
    expect(messageOf([rule])).toMatch(message)
    expect(messageOf([{ cpuLoad: 0.01, forMs }, rule])).toContain('rules[1]')
  })

  it.each<[string, unknown, RegExp]>([
    ['what is no list', { 0: {} }, /rules is a list of up to 100 rules, not an object/],
    ['null', null, /rules is a list/],
    ['a long list', Array(101).fill({}), /not of 101/],
    ['twins, whatever the order of their fields', twins, /rules\[1\] is the same as rules\[0\]/],
    [
      'memory that is too much together',
      [1, 2, 3].map((i) => ({ memoryMiB: 1400, forMs: i })),
      /rules\[2\]\.memoryMiB makes 4200 .* of 4096/,
    ],
    [
      'load that is too much together',
      [0.6, 0.5].map((cpuLoad) => ({ cpuLoad, forMs })),
      /rules\[1\]\.cpuLoad/,
    ],
  ])('refuses %s', (_, rules, message) => expect(messageOf(rules)).toMatch(message))

  it('takes rules as they are, but for the order of their fields, and keeps no part of what it was given', () => {
    const given = [
      {
        forMs: 3_600_000,
        name: 'slow',
        resource: 'GET /orders',
        share: 0,
        latency: { ms: 0, distribution: 'fixed' },
      },
      {
        latency: { distribution: 'normal', meanMs: 1, deviationMs: 0, maxMs: 5 },
        error: { status: 503 },
        forMs,
      },
      { latency: { distribution: 'pareto', scaleMs: 10, shape: 1.5, maxMs: 10 }, abort: 'answer', forMs },
      { bytesPerSecond: 1, skewMs: -1, memoryMiB: 4096, cpuLoad: 1, forMs: 0.5 },
      { error: {}, forMs },
      { error: { code: 'ETIMEDOUT', message: 'no\nanswer' }, forMs },
    ]
    const checked = checkRules(given)
    expect(checked).toEqual(given)
    for (const rule of given) Object.assign(rule, { forMs: -1 })
    expect(checked.some((rule) => rule.forMs === -1)).toBe(false)
    expect(checkRules(checked)).toEqual(checked)
    expect(checkRules([])).toEqual([])
  })

  it('takes tenths that are one together', () => {
    expect(checkRules([0.7, 0.1, 0.2].map((cpuLoad, i) => ({ cpuLoad, forMs: i + 1 }))).length).toBe(3)
  })

  it('throws an ArgumentError that is short, and nothing else, whatever it is given', () => {
    const field = fc.oneof(fc.anything(), fc.constantFrom('fixed', 'answer', 1, {}))
    const rule = fc.record(
      Object.fromEntries(
        ['name', 'resource', 'share', 'forMs', 'latency', 'error', 'abort', 'cpuLoad'].map((name) => [
          name,
          field,
        ]),
      ),
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.array(rule)), (rules) => {
        expect(messageOf(rules).length).toBeLessThan(400)
      }),
      { numRuns: 2000 },
    )
  })
})
