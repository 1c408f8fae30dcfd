import { describe, expect, it } from 'vitest'
import { parseCookies } from './cookies.js'

describe('parseCookies', () => {
  it.each([
    [undefined, {}],
    ['', {}],
    ['a=1', { a: '1' }],
    ['a=1; b=2;c=3', { a: '1', b: '2', c: '3' }],
    ['a=1=2', { a: '1=2' }],
    ['a="b c"', { a: 'b c' }],
    ['a="', { a: '"' }],
    ['a=k%C3%A4se', { a: 'käse' }],
    ['a=100%', { a: '100%' }],
    ['a=%ff', { a: '%ff' }],
    ['a=; =b; c; ;', { a: '' }],
  ])('reads %s', (header, cookies) => {
    expect({ ...parseCookies(header) }).toEqual(cookies)
  })

  it('keeps the first of two with one name, which a cookie of a wider path cannot replace', () => {
    expect(parseCookies('id=mine; id=theirs')['id']).toBe('mine')
  })

  it('knows no name that nobody has sent', () => {
    const cookies = parseCookies('__proto__=x; a=1')
    expect(cookies['toString']).toBeUndefined()
    expect(Object.keys(cookies)).toEqual(['__proto__', 'a'])
    expect(Object.getPrototypeOf(cookies)).toBeNull()
  })
})
