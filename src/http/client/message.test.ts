import { describe, expect, it } from 'vitest'
import { messageOf, type RequestInit } from './message.js'
import { parseBase } from './request-target.js'

const base = parseBase('http://orders:8080')
const message = (init: Partial<RequestInit>, always?: Record<string, string>) =>
  messageOf(base, always, { path: '/', ...init })

describe('a request', () => {
  it('is a GET without a body unless it says otherwise', () => {
    expect(message({ path: '/orders/1?key=secret' })).toEqual({
      method: 'GET',
      origin: 'http://orders:8080',
      target: '/orders/1?key=secret',
      fields: [],
      body: undefined,
      what: 'GET http://orders:8080/orders/1',
      isIdempotent: true,
      isReplayable: true,
    })
  })

  it.each([
    [{ json: { a: 1 } }, '{"a":1}', 'application/json'],
    [{ json: null }, 'null', 'application/json'],
    [{ body: 'ü' }, 'ü', 'text/plain; charset=utf-8'],
    [{ body: new Uint8Array(1) }, new Uint8Array(1), 'application/octet-stream'],
    [{ body: 'a=b', headers: { 'content-type': 'text/csv' } }, 'a=b', undefined],
  ])('with %j says what it is', (init, body, type) => {
    const { fields, ...rest } = message({ method: 'POST', ...init })
    expect(rest.body).toEqual(body)
    expect(fields).toEqual(type === undefined ? ['content-type', 'text/csv'] : ['Content-Type', type])
  })

  it('has the fields of all requests, which its own replace in any case', () => {
    const { fields } = message({ headers: { 'x-a': '2', c: ['3', '4'] } }, { 'X-A': '1', 'X-B': '1' })
    expect(fields).toEqual(['X-B', '1', 'x-a', '2', 'c', '3', 'c', '4'])
  })

  it.each([
    [{ headers: { a: 'b\r\nc: d' } }, /header a has/],
    [{ headers: { 'a b': 'c' } }, /not the name of a header/],
    [{ headers: { a: 'ā' } }, /header a has/],
    [{ headers: { Host: 'evil' } }, /Host is the client's own/],
    [{ headers: { 'transfer-encoding': 'chunked' } }, /the client's own/],
    [{ headers: { 'Content-Length': '1' } }, /the client's own/],
    [{ headers: { Connection: 'close' } }, /the client's own/],
    [{ method: 'GET /x HTTP/1.1\r\n' }, /cannot send the method/],
    [{ method: '' }, /cannot send the method/],
    [{ method: 'CONNECT' }, /cannot send the method/],
    [{ json: 1, body: 'a' }, /json or body, not both/],
    [{ json: () => 1 }, /JSON cannot express/],
    [{ json: Symbol('a') }, /JSON cannot express/],
  ])('cannot be sent with %j', (init, error) => {
    expect(() => message(init)).toThrow(error)
  })

  it.each([
    ['GET', true],
    ['HEAD', true],
    ['OPTIONS', true],
    ['TRACE', true],
    ['PUT', true],
    ['DELETE', true],
    ['POST', false],
    ['PATCH', false],
    ['get', false],
  ])('%s has the same effect twice: %s', (method, isIdempotent) => {
    expect(message({ method }).isIdempotent).toBe(isIdempotent)
  })

  it('can be sent twice only if its body is still there then', () => {
    async function* once() {
      yield 'a'
    }
    const put = (body: RequestInit['body']) => message({ method: 'PUT', ...(body !== undefined && { body }) })
    expect(put('a').isReplayable).toBe(true)
    expect(put(once()).isReplayable).toBe(false)
    expect(put((out) => out.send('a')).isReplayable).toBe(true)
  })
})
