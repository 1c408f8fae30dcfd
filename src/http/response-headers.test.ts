import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redirect } from './response.js'
import { ResponseHeaders } from './response-headers.js'

const linesOf = (headers: ResponseHeaders) => headers.linesWithout(new Set())

describe('ResponseHeaders', () => {
  it('finds names in any case and sends them as they were written', () => {
    const headers = new ResponseHeaders({ 'X-One': '1' }).append('x-one', '2').set('Two', '3')
    expect(headers.get('X-ONE')).toBe('1, 2')
    expect(headers.getAll('x-One')).toEqual(['1', '2'])
    expect(headers.has('two')).toBe(true)
    expect(linesOf(headers)).toBe('X-One: 1\r\nx-one: 2\r\nTwo: 3\r\n')
    expect(headers.delete('x-ONE')).toBe(true)
    expect([...headers]).toEqual([['Two', '3']])
    expect(headers.delete('x-one')).toBe(false)
    expect(headers.get('x-one')).toBeUndefined()
  })

  it('takes several values for a name', () => {
    expect([...new ResponseHeaders({ 'Set-Cookie': ['a=1', 'b=2'] })]).toEqual([
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ])
  })

  it('keeps what was there when the new value is refused', () => {
    const headers = new ResponseHeaders({ A: '1' })
    expect(() => headers.set('A', 'x\r\ny')).toThrow('the value of the header A has "\\r" at 1')
    expect(headers.get('a')).toBe('1')
  })

  it.each(['', ' A', 'A ', 'A:', 'A\r\nB', 'Ä', 'a b', '(a)'])('refuses the name %j', (name) => {
    expect(() => new ResponseHeaders().set(name, 'x')).toThrow(/is not the name of a header/)
    expect(() => new ResponseHeaders().append(name, 'x')).toThrow(/is not the name of a header/)
    expect(() => new ResponseHeaders({ [name]: 'x' })).toThrow(/is not the name of a header/)
  })

  it('is one line a field, in latin-1, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, value) => {
        const headers = new ResponseHeaders()
        try {
          headers.append(name, value)
        } catch {
          return linesOf(headers) === ''
        }
        const lines = linesOf(headers)
        return lines.split(/[\r\n]/).length === 3 && Buffer.from(lines, 'latin1').toString('latin1') === lines
      }),
    )
  })
})

describe('redirect', () => {
  it('is one Location, or none, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (location) => {
        try {
          return /^Location: [\x21-\x7e]*\r\n$/.test(linesOf(redirect(location).headers))
        } catch {
          return true
        }
      }),
    )
  })
})
