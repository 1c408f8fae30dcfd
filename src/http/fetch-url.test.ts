import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BodiedRequest } from '../../test/http/bodied-request.js'
import { requestUrl } from './fetch-url.js'
import { HttpError } from './http-error.js'

const urlOf = (host: string, target: string) => requestUrl(new BodiedRequest(`GET ${target}`, { host }))

/** The URL, or the status that refuses it. */
function outcome(host: string, target: string): string | number {
  try {
    return urlOf(host, target)
  } catch (error) {
    if (error instanceof HttpError) return error.status
    throw error
  }
}

describe('requestUrl', () => {
  it('is the URL that the platform makes of scheme, host and target', () => {
    const host = fc.oneof(
      fc.constantFrom(
        'a.example',
        'A.example',
        'localhost:3000',
        'localhost:80',
        '127.0.0.1:8080',
        '127.0.0.1',
        '1.2.3',
        '0x7f.1',
        '1.2.3.04',
        '[::1]:3000',
        'a_b.c',
        '-a-.b',
        'xn--mnchen-3ya.de',
        'xn--a',
        'a:65535',
        'a:65536',
        'a:99999',
        'a.',
        'ü.de',
        'a..b',
        'a:',
        'x'.repeat(70),
        'a.1',
        '256.1.1.1',
        '9.9.9.9:59999',
      ),
      fc.stringMatching(/^[a-z0-9.:_-]{1,12}$/),
    )
    const path = fc.oneof(
      fc.constantFrom(
        '/',
        '/a/../b',
        '/a/./b',
        '/..',
        '/.%2e/a',
        '/%2E',
        '//x/y',
        '/a?b=../c',
        '/é',
        "/?'",
        '/?a[]=1&b={}',
        '/a|b^c`d',
      ),
      fc.stringMatching(/^\/[!-"$-~]{0,12}$/),
    )
    fc.assert(
      fc.property(host, path, (h, target) => {
        let expected: string | number = 400
        try {
          expected = new Request(`http://${h}${target}`).url
        } catch {
          // refused
        }
        expect(outcome(h, target)).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('does not let a host say more than a host', () => {
    for (const host of ['a/b', 'a?b', 'a#b', 'u@a', 'u:p@a', 'a\\b', 'a b', '/', '?'])
      expect([host, outcome(host, '/x')]).toEqual([host, 400])
  })

  it('is of localhost where HTTP/1.0 sent no host, and has a path where the target has none', () => {
    expect(urlOf('', '/a')).toBe('http://localhost/a')
    expect(urlOf('a.example', '*')).toBe('http://a.example/')
  })
})
