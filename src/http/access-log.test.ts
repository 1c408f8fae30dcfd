import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { go, run, sleep, wait } from 'sluice'
import { Canceled } from 'sluice/context'
import { bubble } from 'sluice/testing'
import { MemoryRequest, through } from '../../test/http/memory-exchange.js'
import type { Routine } from '../runtime/operation.js'
import { accessLog, type AccessLogOptions } from './access-log.js'
import { ClientGone } from './body.js'
import type { Reply } from './handler.js'
import { HttpError } from './http-error.js'
import type { HttpRequest } from './request.js'
import { requestId } from './request-id.js'
import { bytes, empty, stream, text } from './response.js'

type Line = `${string} ${string}`

/** The lines that are logged of a request. */
function* logged(
  handler: (req: HttpRequest) => Reply,
  {
    line = 'GET /orders?full=1',
    headers = {},
    ...options
  }: AccessLogOptions & { line?: Line; headers?: Record<string, string> } = {},
): Routine<string> {
  let lines = ''
  const log = accessLog({
    write: (more) => {
      lines += more
    },
    ...options,
  })
  yield* go(through, log, new MemoryRequest(line, headers), handler).outcome()
  yield* wait(Promise.resolve()) // the turn is over
  return lines
}

const agent = { 'User-Agent': 'curl/8', Referer: 'https://example.com/' }

describe('accessLog', () => {
  it('writes a line of JSON with all that is known of a request', () =>
    bubble(function* () {
      const lines = yield* logged(
        function* () {
          yield* sleep(12.5)
          return text('grün')
        },
        { headers: agent },
      )
      expect(lines).toMatch(/^[^\n]+\n$/)
      expect(JSON.parse(lines)).toEqual({
        time: '2000-01-01T00:00:00.000Z',
        remoteAddress: '192.0.2.1',
        method: 'GET',
        target: '/orders?full=1',
        httpVersion: '1.1',
        status: 200,
        bytes: 5,
        durationMs: 12.5,
        referer: 'https://example.com/',
        userAgent: 'curl/8',
      })
    }))

  it("writes Apache's formats", () =>
    bubble(function* () {
      const handler = () => text('ok')
      expect(yield* logged(handler, { format: 'common', headers: agent })).toBe(
        '192.0.2.1 - - [01/Jan/2000:00:00:00 +0000] "GET /orders?full=1 HTTP/1.1" 200 2\n',
      )
      expect(yield* logged(handler, { format: 'combined', headers: agent })).toMatch(
        / 200 2 "https:\/\/example.com\/" "curl\/8"\n$/,
      )
      expect(yield* logged(() => empty(), { format: 'combined' })).toMatch(/ 204 - "-" "-"\n$/)
    }))

  it('writes a format of the program', () =>
    run(function* () {
      const format = ({ method, status }: { method: string; status: number }) => `${method} ${status}`
      expect(yield* logged(() => empty(), { format })).toBe('GET 204\n')
    }))

  it.each<[string, () => Reply, number, number | undefined]>([
    ['bytes', () => bytes(new Uint8Array(7)), 200, 7],
    ['no body', () => empty(), 204, 0],
    ['a stream', () => stream(function* () {}), 200, undefined],
    [
      'a stream of known length',
      () => stream(function* () {}, { headers: { 'Content-Length': '9' } }),
      200,
      9,
    ],
    [
      'an HttpError',
      () => {
        throw new HttpError(418)
      },
      418,
      undefined,
    ],
    [
      'another error',
      () => {
        throw new TypeError('x')
      },
      500,
      undefined,
    ],
    [
      'a client that has gone',
      () => {
        throw new ClientGone()
      },
      499,
      undefined,
    ],
    [
      'a request that was given up',
      () => {
        throw new Canceled()
      },
      499,
      undefined,
    ],
  ])('tells the status and the length of %s', (_, handler, status, length) =>
    run(function* () {
      const entry: unknown = JSON.parse(yield* logged(handler))
      expect(entry).toMatchObject({ status, ...(length !== undefined && { bytes: length }) })
      if (length === undefined) expect(entry).not.toHaveProperty('bytes')
    }),
  )

  it('claims no bytes for HEAD', () =>
    run(function* () {
      expect(JSON.parse(yield* logged(() => text('ok'), { line: 'HEAD /' }))).not.toHaveProperty('bytes')
    }))

  it('passes the error on', () =>
    run(function* () {
      const error = new TypeError('x')
      const asking = go(through, accessLog({ write() {} }), new MemoryRequest('GET /'), () => {
        throw error
      })
      expect((yield* asking.outcome()).error).toBe(error)
    }))

  it('leaves out the query, and requests, where it is told to', () =>
    run(function* () {
      expect(JSON.parse(yield* logged(() => empty(), { query: false })).target).toBe('/orders')
      expect(yield* logged(() => empty(), { skip: ({ path }) => path === '/orders' })).toBe('')
    }))

  it('has the id that requestId gave', () =>
    run(function* () {
      let id: string | undefined
      const lines = yield* logged(function* (req) {
        const response = yield* through(requestId(), req, () => empty())
        id = response.headers.get('x-request-id')
        return response
      })
      expect(JSON.parse(lines).requestId).toBe(id)
    }))

  it('lets no client forge a line, or reach a terminal', () => {
    const letters = fc.string({
      unit: fc.constantFrom('"', '\\', '\n', '\r', '\x1b', '\x9b', '\x7f', '\u2028', 'ä', 'a', ' ', '{'),
    })
    return fc.assert(
      fc.asyncProperty(letters, (userAgent) =>
        run(function* () {
          const request = {
            headers: { 'User-Agent': userAgent, Referer: userAgent },
            line: 'GET /x' as const,
          }
          for (const format of ['json', 'common', 'combined'] as const) {
            const lines = yield* logged(() => empty(), { ...request, format })
            expect(lines.endsWith('\n')).toBe(true)
            expect(lines.slice(0, -1)).not.toMatch(/[\p{Control}\u2028]/u)
            if (format === 'json') expect(JSON.parse(lines).userAgent).toBe(userAgent)
            // What is in quotes ends where it has to.
            if (format === 'combined') expect(lines.replace(/\\./g, '').split('"')).toHaveLength(7)
          }
        }),
      ),
      { numRuns: 50 },
    )
  })

  it('writes the lines at the end of a turn, in the order of the responses', () =>
    run(function* () {
      const writes: string[] = []
      const log = accessLog({ format: ({ target }) => target, write: (lines) => writes.push(lines) })
      const ask = (path: string) => go(through, log, new MemoryRequest(`GET ${path}`), () => empty())
      for (const each of ['/1', '/2', '/3'].map(ask)) yield* each
      yield* wait(Promise.resolve())
      // In one write, unless the machine was so slow that they had more than one turn.
      expect(writes.join('')).toBe('/1\n/2\n/3\n')
      yield* ask('/4')
      yield* wait(Promise.resolve())
      expect(writes.at(-1)).toBe('/4\n')
    }))

  it('serves on when the log cannot be written', () =>
    run(function* () {
      const complaints = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      try {
        yield* logged(() => empty(), {
          write() {
            throw new Error('disk full')
          },
        })
        expect(complaints.mock.calls).toEqual([['access log: disk full\n']])
      } finally {
        complaints.mockRestore()
      }
    }))

  it('writes to standard output unless told otherwise', () =>
    run(function* () {
      const output = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
      try {
        yield* through(accessLog({ format: ({ status }) => `${status}` }), new MemoryRequest('GET /'), () =>
          empty(),
        )
        yield* wait(Promise.resolve())
        expect(output.mock.calls).toEqual([['204\n']])
      } finally {
        output.mockRestore()
      }
    }))

  it('refuses a format that it does not know', () => {
    expect(() => accessLog({ format: 'apache' as 'json' })).toThrow(
      /knows the formats json, common, combined, not "apache"/,
    )
  })
})
