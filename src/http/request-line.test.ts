import { describe, expect, it } from 'vitest'
import { parsedRequest } from '../../test/serving/parsed-request.js'
import { isSafe, RequestLine } from './request-line.js'

const request = (method: string, ...fields: string[]) =>
  parsedRequest([`${method} / HTTP/1.1`, 'Host: a', ...fields].join('\r\n')).req

describe('a RequestLine', () => {
  it('is gone through in the order in which they came', () => {
    const line = new RequestLine()
    const all = [request('GET'), request('HEAD'), request('OPTIONS')]
    for (const req of all) line.push(req)
    expect([...line]).toEqual(all)
    expect(line.count).toBe(3)
    line.shift()
    expect(line.first).toBe(all[1])
    line.shift()
    line.shift()
    expect([line.isEmpty, line.count, line.first]).toEqual([true, 0, undefined])
    line.push(all[2] ?? request('GET'))
    expect(line.count).toBe(1)
  })

  it.each([
    ['an unsafe one', request('POST')],
    ['one of an unknown method', request('PURGE')],
    ['one for another protocol', request('GET', 'Upgrade: a', 'Connection: upgrade')],
  ])('is exclusive from %s on, until it is empty', (_kind, req) => {
    const line = new RequestLine()
    line.push(request('GET'))
    expect(line.isExclusive).toBe(false)
    line.push(req)
    expect(line.isExclusive).toBe(true)
    line.shift()
    expect(line.isExclusive).toBe(true)
    line.shift()
    expect(line.isExclusive).toBe(false)
  })

  it('may lose its first while it is gone through', () => {
    const line = new RequestLine()
    const all = [request('GET'), request('GET')]
    for (const req of all) line.push(req)
    const seen: unknown[] = []
    for (const req of line) {
      seen.push(req)
      line.shift()
    }
    expect(seen).toEqual(all)
  })
})

describe('isSafe', () => {
  it.each([
    ...(['GET', 'HEAD', 'OPTIONS'].map((method) => [method, true]) as [string, boolean][]),
    ...(['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'get', ''].map((method) => [method, false]) as [
      string,
      boolean,
    ][]),
  ])('of %s is %s', (method, safe) => {
    expect(isSafe(method)).toBe(safe)
  })
})
