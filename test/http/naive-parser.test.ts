import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultLimits, type Limits } from '../../src/http/limits.js'
import { bytesOf, cut, drive } from './drive.js'
import { parseNaively } from './naive-parser.js'
import { tokens } from './random-requests.js'
import { rawRequests } from './raw-requests.js'

const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31)
console.log(`SLUICE_SEED=${seed} runs these again`)

/** Limits that small requests reach. */
const smallLimits: Limits = {
  ...defaultLimits,
  headBytes: 120,
  lineBytes: 40,
  headers: 4,
  extensionBytes: 8,
  trailerBytes: 24,
}

const tchar = fc.constantFrom(...'abcGEXTz09-_~!')
const token = fc.string({ unit: tchar, minLength: 1, maxLength: 6 })
const pathByte = fc.oneof(fc.constantFrom(...'abz09-._~/?&=:@[]|'), fc.constantFrom('%41', '%0a', '%'))
const path = fc.string({ unit: pathByte, maxLength: 12 }).map((text) => `/${text}`)
const authority = fc.constantFrom(
  'a',
  'a:80',
  '[::1]',
  '[1::]:1',
  ':1',
  'a%41',
  'a_b.',
  '',
  'a@b',
  '[::1',
  'a:x',
)
const target = fc.oneof(
  { weight: 6, arbitrary: path },
  fc
    .tuple(
      fc.constantFrom('http://', 'https://', 'HTTP://', 'ftp://'),
      authority,
      fc.oneof(path, fc.constantFrom('', '?a')),
    )
    .map((parts) => parts.join('')),
  fc.constantFrom('*', 'a:1', ''),
)
const method = fc.oneof(
  fc.constantFrom('GET', 'POST', 'OPTIONS', 'CONNECT'),
  token,
  fc.constant('M'.repeat(25)),
)
const version = fc.oneof(
  { weight: 8, arbitrary: fc.constant('HTTP/1.1') },
  fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/1.9', 'HTTP/1', 'http/1.1'),
)
const value = fc.string({ unit: fc.constantFrom(...'ab ,;:\t\x80\xff"'), maxLength: 8 })
const options = fc
  .array(fc.constantFrom('close', 'Keep-Alive', 'upgrade', 'te', '', 'close\xa0'), { maxLength: 3 })
  .map((list) => list.join(' ,\t'))
const field = fc.oneof(
  fc.tuple(token, fc.constantFrom(':', ': ', ':\t ', ' :', ''), value).map((parts) => parts.join('')),
  options.map((list) => `Connection: ${list}`),
  fc.constantFrom(
    'Upgrade: x',
    'Expect: 100-Continue',
    'Expect: y',
    'Host: b',
    'Content-Length: 3',
    'Transfer-Encoding: chunked',
  ),
)
const hostField = fc.oneof(
  { weight: 8, arbitrary: fc.constant(['Host: a']) },
  fc.constant([]),
  authority.map((text) => [`Host: ${text}`]),
)
const extension = fc.constantFrom('', ';a', ';a=b', ';a="b\\"c"', ';a=', ';', ' ;a', ';a="', ';abcdef')
const chunk = fc
  .tuple(fc.nat(12), extension, fc.constantFrom('', '0', ' ', '-'))
  .map(
    ([size, ext, before]) =>
      `${before}${size.toString(16)}${ext}\r\n${'y'.repeat(size)}${size === 0 ? '' : '\r\n'}`,
  )
const chunked = fc
  .tuple(fc.array(chunk, { maxLength: 3 }), extension, fc.array(field, { maxLength: 2 }))
  .map(
    ([list, ext, trailers]) =>
      `${list.join('')}0${ext}\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n`,
  )
const body = fc.oneof(
  fc.constant({ lines: [] as string[], text: '' }),
  fc.nat(20).map((length) => ({ lines: [`Content-Length: ${length}`], text: 'x'.repeat(length) })),
  chunked.map((text) => ({ lines: ['Transfer-Encoding: chunked'], text })),
  fc
    .constantFrom('gzip', 'gzip, chunked', 'chunked, chunked', 'chunked, x', ',chunked')
    .map((coding) => ({ lines: [`Transfer-Encoding: ${coding}`], text: '0\r\n\r\n' })),
)
const request = fc
  .tuple(method, target, version, hostField, fc.array(field, { maxLength: 3 }), body)
  .map(([verb, where, protocol, host, fields, { lines, text }]) =>
    [`${verb} ${where} ${protocol}`, ...host, ...fields, ...lines, '', text].join('\r\n'),
  )
const stream = fc.array(request, { minLength: 1, maxLength: 3 }).map((list) => list.join(''))

/** A byte or a piece of framing put in, taken away or doubled; places are parts of the length. */
const fault = fc.record({
  place: fc.double({ min: 0, max: 1, noNaN: true }),
  inserted: fc.oneof(fc.constantFrom('', '\r', '\n', ' ', '\0', ':', '0', '9'), fc.constantFrom(...tokens)),
  removed: fc.nat(3),
  doubled: fc.nat(3),
})
const damaged = fc.tuple(stream, fc.array(fault, { maxLength: 4 })).map(([text, faults]) =>
  faults.reduce((whole, { place, inserted, removed, doubled }) => {
    const at = Math.floor(place * whole.length)
    return whole.slice(0, at + doubled) + inserted + whole.slice(at + removed)
  }, text),
)
const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 })

function outcomes(text: string, parts: readonly number[], limits: Limits) {
  const ends = parts.map((part) => Math.floor(part * text.length)).sort((a, b) => a - b)
  const { reason: _, ...outcome } = drive(cut(bytesOf(text), ...ends), limits)
  return { outcome, expected: parseNaively(text, limits) }
}

describe('the naive twin', () => {
  it.each(rawRequests.map((row) => [row.name, row] as const))('says what the table says: %s', (_, row) => {
    const found = parseNaively(row.text, { ...defaultLimits, ...row.limits })
    expect(found).toMatchObject({ requests: row.requests, end: row.end })
  })

  it('says the same as the parser of the table and of every beginning of its rows', () => {
    for (const row of rawRequests.filter(({ text }) => text.length < 400)) {
      for (let length = 0; length <= row.text.length; length++) {
        const { outcome, expected } = outcomes(row.text.slice(0, length), [], {
          ...defaultLimits,
          ...row.limits,
        })
        expect(outcome, `${row.name}, the first ${length} bytes`).toEqual(expected)
      }
    }
  })

  it('says the same as the parser of requests grown from the grammar and damaged, in every split', {
    timeout: 60_000,
  }, () => {
    fc.assert(
      fc.property(damaged, places, (text, parts) => {
        const { outcome, expected } = outcomes(text, parts, defaultLimits)
        expect(outcome).toEqual(expected)
      }),
      { seed, numRuns: 10_000 },
    )
  })

  it('says the same as the parser at small limits', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(damaged, places, (text, parts) => {
        const { outcome, expected } = outcomes(text, parts, smallLimits)
        expect(outcome).toEqual(expected)
      }),
      { seed, numRuns: 10_000 },
    )
  })

  it('meets both requests that are accepted and requests that are refused, with every status', () => {
    const ends = new Set<unknown>()
    for (const text of fc.sample(damaged, { seed: 1, numRuns: 5000 }))
      for (const limits of [defaultLimits, smallLimits]) ends.add(parseNaively(text, limits).end)
    expect([...ends].map(String).sort()).toEqual(
      ['400', '414', '417', '431', '501', '505', 'between', 'closed', 'incomplete'].sort(),
    )
  })
})
