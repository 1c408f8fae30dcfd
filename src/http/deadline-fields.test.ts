import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { givenTimeMs } from './deadline-fields.js'

const hour = 3_600_000
const day = 24 * hour
const came = Date.UTC(2026, 0, 1)

function given(fields: Readonly<Record<string, string>>): number | undefined {
  return givenTimeMs({ header: (name) => fields[name.toLowerCase()] }, came)
}

describe('the time that a request is given', () => {
  it.each([
    [{ 'x-timeout-ms': '250' }, 250],
    [{ 'x-timeout-ms': '0' }, 0],
    [{ 'grpc-timeout': '5S' }, 5000],
    [{ 'grpc-timeout': '2H' }, 2 * hour],
    [{ 'grpc-timeout': '3M' }, 180_000],
    [{ 'grpc-timeout': '70m' }, 70],
    [{ 'grpc-timeout': '1500u' }, 1.5],
    [{ 'grpc-timeout': '2000000n' }, 2],
    [{ 'x-timeout-at': String(came + 250) }, 250],
    [{ 'x-timeout-at': String(came - 250) }, 0],
    [{}, undefined],
  ])('is read from %j', (fields, ms) => {
    const read = given(fields)
    if (ms === undefined) expect(read).toBeUndefined()
    else expect(read).toBeCloseTo(ms, 9)
  })

  it('is the shortest of those that are relative', () => {
    expect(given({ 'x-timeout-ms': '300', 'grpc-timeout': '200m' })).toBe(200)
    expect(given({ 'x-timeout-ms': '100', 'grpc-timeout': '200m' })).toBe(100)
  })

  it.each([-hour, hour])(
    'is not wrong where the clocks differ by %i ms and it is said relatively as well',
    (skew) => {
      expect(given({ 'x-timeout-ms': '300', 'x-timeout-at': String(came + 300 + skew) })).toBe(300)
      expect(given({ 'grpc-timeout': '300m', 'x-timeout-at': String(came + 300 + skew) })).toBe(300)
    },
  )

  it.each(['99999999H', '99999999M'])('is a day where %s is meant to be for ever', (value) => {
    expect(given({ 'grpc-timeout': value })).toBe(day)
  })

  it.each(['2147483648', '9007199254740993', '9999999999999999'])('is a day for %s ms', (value) => {
    expect(given({ 'x-timeout-ms': value })).toBe(Math.min(day, Number(value)))
  })

  it.each([
    ['grpc-timeout', ['-1S', '1x', '123456789S', '', 'S', '1', '1.5S', '1S ', '１S', 'NaNS', '1s', '1SS']],
    [
      'x-timeout-ms',
      ['-1', '1e3', '', 'NaN', 'Infinity', '1.5', '0x10', '+5', ' 5', '99999999999999999', '5, 5'],
    ],
    ['x-timeout-at', ['', 'tomorrow', '-1', '1e12', 'NaN', '2026-01-01T00:00:01Z']],
  ])('is none where %s cannot be understood', (name, values) => {
    for (const value of values) expect([value, given({ [name]: value })]).toEqual([value, undefined])
  })

  it.each([
    ['seconds instead of milliseconds', Math.floor(came / 1000)],
    ['the wrong year', came + 365 * day],
    ['the begin of time', 0],
  ])('is none where the absolute time is absurd: %s', (_, at) => {
    expect(given({ 'x-timeout-at': String(at) })).toBeUndefined()
  })

  it('is a number from 0 to a day, or none, whatever is sent', () => {
    const value = fc.oneof(fc.string(), fc.stringMatching(/^\d{1,20}[HMSmun]?$/))
    fc.assert(
      fc.property(value, value, value, (ms, at, grpc) => {
        const read = given({ 'x-timeout-ms': ms, 'x-timeout-at': at, 'grpc-timeout': grpc })
        expect(read === undefined || (read >= 0 && read <= day)).toBe(true)
      }),
    )
  })
})
