import { describe, expect, it } from 'vitest'
import { go, run } from 'sluice'
import { MemoryRequest, through } from '../../test/http/memory-exchange.js'
import type { Routine } from '../runtime/operation.js'
import { cors, type CorsOptions } from './cors.js'
import type { Reply } from './handler.js'
import { HttpError } from './http-error.js'
import { text } from './response.js'

const origin = 'https://a.example'
const lists: CorsOptions = { origins: [origin, 'https://b.example'] }
const answered: () => Reply = () => text('answer', { headers: { Vary: 'Accept' } })

/** Status and header fields of the answer. */
function* ask(
  options: CorsOptions,
  line: `${string} ${string}`,
  headers: Record<string, string>,
  handler = answered,
): Routine<Record<string, unknown>> {
  const response = yield* through(cors(options), new MemoryRequest(line, headers), handler)
  response.headers.delete('content-type')
  return { status: response.status, ...Object.fromEntries(response.headers) }
}

const preflight = { Origin: origin, 'Access-Control-Request-Method': 'PUT' }

describe('cors', () => {
  it('lets a listed origin read the answer', () =>
    run(function* () {
      expect(yield* ask(lists, 'GET /', { Origin: origin })).toEqual({
        status: 200,
        Vary: 'Accept, Origin',
        'Access-Control-Allow-Origin': origin,
      })
    }))

  it('gives the answer to others without a word, but tells caches what it depends on', () =>
    run(function* () {
      const without = { status: 200, Vary: 'Accept, Origin' }
      expect(yield* ask(lists, 'GET /', { Origin: 'https://evil.example' })).toEqual(without)
      expect(yield* ask(lists, 'GET /', { Origin: 'null' })).toEqual(without)
      expect(yield* ask(lists, 'GET /', {})).toEqual(without)
    }))

  it('says * where all may read, which depends on nothing', () =>
    run(function* () {
      const open = { status: 200, Vary: 'Accept', 'Access-Control-Allow-Origin': '*' }
      expect(yield* ask({ origins: '*' }, 'GET /', { Origin: origin })).toEqual(open)
      expect(yield* ask({ origins: '*' }, 'GET /', {})).toEqual(open)
    }))

  it('allows cookies and header fields that scripts read', () =>
    run(function* () {
      const options = { ...lists, credentials: true, exposedHeaders: ['X-Total', 'ETag'] }
      expect(yield* ask(options, 'GET /', { Origin: origin })).toMatchObject({
        'Access-Control-Allow-Credentials': 'true',
        'Access-Control-Expose-Headers': 'X-Total, ETag',
      })
      expect(yield* ask(options, 'GET /', {})).toEqual({ status: 200, Vary: 'Accept, Origin' })
    }))

  it('answers a preflight itself', () =>
    run(function* () {
      const asked = { ...preflight, 'Access-Control-Request-Headers': 'content-type,x-more' }
      const handler = () => {
        throw new Error('not to be reached')
      }
      expect(yield* ask({ ...lists, credentials: true }, 'OPTIONS /', asked, handler)).toEqual({
        status: 204,
        Vary: 'Access-Control-Request-Headers, Origin',
        'Access-Control-Allow-Origin': origin,
        'Access-Control-Allow-Credentials': 'true',
        'Access-Control-Allow-Methods': 'GET, HEAD, PUT, PATCH, POST, DELETE',
        'Access-Control-Allow-Headers': 'content-type,x-more',
        'Access-Control-Max-Age': '600',
      })
    }))

  it('answers a preflight with the methods, fields and time it is told', () =>
    run(function* () {
      const options = { ...lists, methods: ['GET'], allowedHeaders: ['X-A', 'X-B'], maxAgeSeconds: 5 }
      expect(yield* ask(options, 'OPTIONS /', preflight)).toEqual({
        status: 204,
        Vary: 'Origin',
        'Access-Control-Allow-Origin': origin,
        'Access-Control-Allow-Methods': 'GET',
        'Access-Control-Allow-Headers': 'X-A, X-B',
        'Access-Control-Max-Age': '5',
      })
    }))

  it('repeats nothing in a preflight that is no list of names', () =>
    run(function* () {
      const asked = { ...preflight, 'Access-Control-Request-Headers': 'a b, c' }
      expect(yield* ask(lists, 'OPTIONS /', asked)).not.toHaveProperty('Access-Control-Allow-Headers')
    }))

  it('answers the preflight of another origin without permission', () =>
    run(function* () {
      expect(yield* ask(lists, 'OPTIONS /', { ...preflight, Origin: 'https://evil.example' })).toEqual({
        status: 204,
        Vary: 'Access-Control-Request-Headers, Origin',
      })
    }))

  it('passes on what is no preflight', () =>
    run(function* () {
      expect(yield* ask(lists, 'OPTIONS /', { Origin: origin })).toMatchObject({ status: 200 })
      expect(yield* ask(lists, 'OPTIONS /', { 'Access-Control-Request-Method': 'PUT' })).toMatchObject({
        status: 200,
      })
    }))

  it('asks a function, with the request', () =>
    run(function* () {
      const options: CorsOptions = { origins: (_, req) => req.path === '/open' }
      expect(yield* ask(options, 'GET /open', { Origin: origin })).toHaveProperty(
        'Access-Control-Allow-Origin',
        origin,
      )
      expect(yield* ask(options, 'GET /', { Origin: origin })).not.toHaveProperty(
        'Access-Control-Allow-Origin',
      )
    }))

  it('lets the page read what was wrong', () =>
    run(function* () {
      const req = new MemoryRequest('GET /', { Origin: origin })
      const failing = go(function* () {
        yield* through(cors(lists), req, () => {
          throw new HttpError(409, 'shipped')
        })
      })
      expect((yield* failing.outcome()).error).toMatchObject({ status: 409 })
      expect(req.errorHeaders).toEqual({ 'Access-Control-Allow-Origin': origin, Vary: 'Origin' })
    }))

  it('passes on other errors as they are', () =>
    run(function* () {
      const broken = new Error('broken')
      const handler = () => {
        throw broken
      }
      expect((yield* go(ask, lists, 'GET /', { Origin: origin }, handler).outcome()).error).toBe(broken)
    }))

  it.each<[CorsOptions, RegExp]>([
    [{ origins: '*', credentials: true }, /every page act/],
    [{ origins: ['*'], credentials: true }, /alone/],
    [{} as CorsOptions, /needs origins/],
    [{ origins: '*', maxAgeSeconds: -1 }, /maxAgeSeconds/],
    [{ origins: '*', methods: ['GET, PUT'] }, /methods/],
    [{ origins: '*', allowedHeaders: ['a b'] }, /allowedHeaders/],
    [{ origins: '*', exposedHeaders: ['a\r\nb'] }, /exposedHeaders/],
  ])('refuses %j', (options, message) => {
    expect(() => cors(options)).toThrow(message)
  })
})
