import { describe, expect, it } from 'vitest'
import { go, run } from 'sluice'
import { MemoryRequest, through } from '../../test/http/memory-exchange.js'
import type { Routine } from '../runtime/operation.js'
import { HttpError } from './http-error.js'
import { requestId, requestIdKey, type RequestIdOptions, requestIdOf } from './request-id.js'
import { text } from './response.js'
import { traceKey } from './trace-context.js'

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function* ask(sent: string | undefined, options?: RequestIdOptions): Routine<string | undefined> {
  const req = new MemoryRequest('GET /', sent === undefined ? {} : { 'X-Request-Id': sent })
  const response = yield* through(requestId(options), req, () => text(`${requestIdOf(req)}`))
  expect(response.body).toBe(response.headers.get('x-request-id'))
  return response.headers.get('x-request-id')
}

describe('requestId', () => {
  it('gives each request an id of its own', () =>
    run(function* () {
      const one = yield* ask(undefined)
      expect(one).toMatch(uuid)
      expect(yield* ask(undefined)).not.toBe(one)
    }))

  it('keeps an id that came only where it is trusted, and is one', () =>
    run(function* () {
      expect(yield* ask('abc-1')).toMatch(uuid)
      expect(yield* ask('abc-1', { trusted: true })).toBe('abc-1')
      expect(yield* ask('a b', { trusted: true })).toMatch(uuid)
      expect(yield* ask('a'.repeat(129), { trusted: true })).toMatch(uuid)
    }))

  it.each(['a b', '', 'a'.repeat(129), 'a:b', 'a/b', 'a"b', 'ä', '../a'])('does not keep %j', (sent) =>
    run(function* () {
      expect(yield* ask(sent, { trusted: true })).toMatch(uuid)
    }),
  )

  it('puts it into the context, for what the handler calls', () =>
    run(function* () {
      const req = new MemoryRequest('GET /', { 'X-Request-Id': 'abc-1' })
      yield* through(requestId({ trusted: true }), req, () => text(''))
      expect(req.ctx.value(requestIdKey)).toBe('abc-1')
    }))

  it('puts the trace there that it came with, where that is trusted', () =>
    run(function* () {
      const traceId = '0af7651916cd43dd8448eb211c80319c'
      for (const trusted of [true, false]) {
        const req = new MemoryRequest('GET /', { traceparent: `00-${traceId}-b7ad6b7169203331-01` })
        yield* through(requestId({ trusted }), req, () => text(''))
        expect(req.ctx.value(traceKey)?.traceId).toBe(trusted ? traceId : undefined)
      }
    }))

  it('says it with an error as well', () =>
    run(function* () {
      const req = new MemoryRequest('GET /')
      const failing = go(function* () {
        yield* through(requestId({ header: 'X-Trace' }), req, () => {
          throw new HttpError(404)
        })
      })
      expect((yield* failing.outcome()).error).toMatchObject({ status: 404 })
      expect(req.errorHeaders).toEqual({ 'X-Trace': requestIdOf(req) })
    }))

  it('knows no id of a request that it has not seen', () => {
    expect(requestIdOf(new MemoryRequest('GET /'))).toBeUndefined()
  })
})
