import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseHttpDate } from './http-date.js'

const ms = Date.UTC(1994, 10, 6, 8, 49, 37)

describe('parseHttpDate', () => {
  it.each(['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    'reads the form %j',
    (text) => {
      expect(parseHttpDate(text)).toBe(ms)
    },
  )

  it('takes two digits for the year that is nearest', () => {
    const next = (new Date().getUTCFullYear() + 1) % 100
    const text = `Sunday, 06-Nov-${String(next).padStart(2, '0')} 08:49:37 GMT`
    expect(new Date(parseHttpDate(text) ?? 0).getUTCFullYear()).toBe(new Date().getUTCFullYear() + 1)
  })

  it('reads a leap second', () => {
    expect(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT')).toBe(Date.UTC(2017, 0, 1))
  })

  it.each([
    '',
    '0',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37 +0100',
    'Sun, 31 Jun 1994 08:49:37 GMT',
    'Sun, 00 Jun 1994 08:49:37 GMT',
    'Sun, 06 Now 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT; length=3',
  ])('takes %j for no date', (text) => {
    expect(parseHttpDate(text)).toBeUndefined()
  })

  it('reads every date that is written for a header', () => {
    const seconds = fc.integer({ min: 0, max: 253_402_300_799 })
    fc.assert(
      fc.property(seconds, (each) => {
        expect(parseHttpDate(new Date(each * 1000).toUTCString())).toBe(each * 1000)
      }),
    )
  })
})
