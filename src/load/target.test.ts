import { ArgumentError } from 'sluice'
import { describe, expect, it } from 'vitest'
import { type RequestParts, targetFor } from './target.js'

function requestText(url: string, parts: Partial<RequestParts> = {}): string {
  return Buffer.from(target(url, parts).request).toString()
}

function target(url: string, parts: Partial<RequestParts> = {}) {
  return targetFor(url, { method: 'GET', headers: [], keepAlive: true, ...parts })
}

describe('a target', () => {
  it.each([
    ['http://localhost:8080/a?b=c#d', 'localhost', 8080, false],
    ['http://example.org', 'example.org', 80, false],
    ['https://example.org/', 'example.org', 443, true],
    ['http://[::1]:3000/', '::1', 3000, false],
  ])('%s leads to host %s, port %d', (url, host, port, tls) => {
    expect(target(url)).toMatchObject({ host, port, tls })
  })

  it('sends the path and the query, and what every request needs', () => {
    expect(requestText('http://localhost:8080/a?b=c#d')).toBe(
      'GET /a?b=c HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: sluice-bench\r\nAccept: */*\r\n\r\n',
    )
  })

  it('sends the headers that were given instead of its own', () => {
    const headers = [
      ['host', 'other'],
      ['X-A', '1'],
      ['X-A', '2'],
    ] as const
    const text = requestText('http://localhost/', { headers })
    expect(text).toMatch(/^GET \/ HTTP\/1\.1\r\nhost: other\r\nX-A: 1\r\nX-A: 2\r\n/)
    expect(text).not.toContain('localhost')
  })

  it('sends a body with its length in bytes', () => {
    expect(requestText('http://localhost/', { method: 'POST', body: Buffer.from('ü') })).toMatch(
      /\r\nContent-Length: 2\r\n\r\nü$/,
    )
  })

  it('says so when a POST has no body', () => {
    expect(requestText('http://localhost/', { method: 'POST' })).toContain('\r\nContent-Length: 0\r\n')
  })

  it('asks the server to close where connections are not kept', () => {
    expect(requestText('http://localhost/', { keepAlive: false })).toContain('\r\nConnection: close\r\n')
  })

  it('sends the name and password of the URL as basic authentication', () => {
    const credentials = Buffer.from('me:p@ss').toString('base64')
    expect(requestText('http://me:p%40ss@localhost/')).toContain(
      `\r\nAuthorization: Basic ${credentials}\r\n`,
    )
    expect(requestText('http://me:100%@localhost/')).toContain(
      `Basic ${Buffer.from('me:100%').toString('base64')}`,
    )
  })

  it.each([
    ['nonsense', {}, "'nonsense' is not a URL: write it like http://localhost:8080/path"],
    ['localhost:8080', {}, "'localhost:8080' does not begin with http:// or https://"],
    ['ftp://host/', {}, "'ftp://host/' does not begin with http:// or https://"],
    ['http://host/', { method: 'GE T' }, "'GE T' is not an HTTP method"],
    ['http://host/', { headers: [['a b', 'c']] }, "'a b: c' is not a header"],
    ['http://host/', { headers: [['a', 'b\r\nc: d']] }, 'is not a header'],
  ] as [string, Partial<RequestParts>, string][])('refuses %s with %j', (url, parts, message) => {
    expect(() => target(url, parts)).toThrow(ArgumentError)
    expect(() => target(url, parts)).toThrow(message)
  })
})
