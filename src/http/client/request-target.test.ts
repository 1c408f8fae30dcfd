import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseBase, targetOf } from './request-target.js'

const base = parseBase('http://orders:8080/api/v1/')

describe('a base', () => {
  it.each([
    ['http://orders:8080', 'http://orders:8080', ''],
    ['http://orders:8080/', 'http://orders:8080', ''],
    ['https://a.example/api/v1/', 'https://a.example', '/api/v1'],
    ['HTTP://A.example:80', 'http://a.example', ''],
    ['http://[::1]:8080', 'http://[::1]:8080', ''],
  ])('%s is an origin and a path', (given, origin, target) => {
    expect(parseBase(given)).toEqual({ origin, target })
    expect(parseBase(new URL(given))).toEqual({ origin, target })
  })

  it.each([
    ['orders:8080', /http and https, not orders:/],
    ['/orders', /a whole base/],
    ['', /a whole base/],
    ['ftp://a', /http and https, not ftp:/],
    ['http://me:secret@a', /Authorization/],
    ['http://a?b=c', /an origin and perhaps a path/],
    ['http://a#b', /an origin and perhaps a path/],
  ])('cannot be %j', (given, message) => {
    expect(() => parseBase(given)).toThrow(message)
  })

  it('does not say its password when it refuses it', () => {
    let message = ''
    try {
      parseBase('http://me:secret@a')
    } catch (error) {
      message = String(error)
    }
    expect(message).toMatch(/ArgumentError/)
    expect(message).not.toContain('secret')
  })
})

describe('a path', () => {
  it.each([
    ['/orders/1', '/api/v1/orders/1'],
    ['/', '/api/v1/'],
    ['/orders?full=1', '/api/v1/orders?full=1'],
    ['/a b/ü', '/api/v1/a%20b/%C3%BC'],
    ['/a%2Fb', '/api/v1/a%2Fb'],
    ['/a..b/...', '/api/v1/a..b/...'],
    ['/?to=../x', '/api/v1/?to=../x'],
    ['//evil.example/x', '/api/v1//evil.example/x'],
    ['/http://evil.example/', '/api/v1/http://evil.example/'],
    ['/@evil.example/', '/api/v1/@evil.example/'],
  ])('%s stays below the base', (path, target) => {
    expect(targetOf(base, path)).toEqual({ origin: 'http://orders:8080', target })
  })

  it.each([
    ['', /begin with a slash/],
    ['orders', /begin with a slash/],
    ['http://evil.example/', /begin with a slash/],
    ['@evil.example', /begin with a slash/],
    ['\\\\evil.example', /begin with a slash/],
    ['/..', /segment of dots/],
    ['/../admin', /segment of dots/],
    ['/a/%2e%2E/b', /segment of dots/],
    ['/a/.%2e', /segment of dots/],
    ['/a/./b', /segment of dots/],
    ['/a\\..\\b', /segment of dots/],
    ['/a\r\nX: y', /control character/],
    ['/a\0', /control character/],
    ['/a#b', /fragment/],
    ['/\ud800', /Unicode/],
  ])('cannot be %j', (path, message) => {
    expect(() => targetOf(base, path)).toThrow(message)
  })

  it('never leads to another origin or out of the base, whatever it holds', () => {
    const letter = fc.oneof(fc.constantFrom(...'/\\.@:?#%2eE'), fc.string({ unit: 'binary', maxLength: 1 }))
    fc.assert(
      fc.property(fc.array(letter, { maxLength: 12 }), (letters) => {
        let found: ReturnType<typeof targetOf>
        try {
          found = targetOf(base, `/${letters.join('')}`)
        } catch {
          return
        }
        // As a server or a proxy that resolves it would see it.
        const url = new URL(found.origin + found.target)
        expect([found.origin, url.origin]).toEqual([base.origin, base.origin])
        expect(url.pathname.startsWith('/api/v1/')).toBe(true)
        expect(found.target).toMatch(/^[\x21-\x7e]+$/)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('without a base', () => {
  it('is a whole URL', () => {
    expect(targetOf(undefined, 'http://a.example:81/b c?d=ü')).toEqual({
      origin: 'http://a.example:81',
      target: '/b%20c?d=%C3%BC',
    })
  })

  it.each(['/orders', '//a.example/', 'ftp://a', 'http://me:secret@a/'])('cannot be %j', (path) => {
    expect(() => targetOf(undefined, path)).toThrow(/httpClient\(\)/)
  })
})

describe('a query', () => {
  it.each([
    ['/a', { b: 1, c: 'x y&z', d: true, e: undefined }, '/a?b=1&c=x+y%26z&d=true'],
    ['/a', { b: ['1', '2'], c: [] }, '/a?b=1&b=2'],
    ['/a?b=1', { c: 2 }, '/a?b=1&c=2'],
    ['/a', {}, '/a'],
    ['/a', new URLSearchParams([['b', '1']]), '/a?b=1'],
  ])('is appended to %s: %j', (path, query, target) => {
    expect(targetOf(parseBase('http://a'), path, query).target).toBe(target)
  })
})
