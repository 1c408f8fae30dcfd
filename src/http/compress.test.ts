import { randomBytes } from 'node:crypto'
import { brotliDecompressSync, constants, gunzipSync, inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chan, go, run, yieldNow } from 'sluice'
import { bodyOf, MemoryRequest, MemoryWriter, through } from '../../test/http/memory-exchange.js'
import type { Operation, Routine } from '../runtime/operation.js'
import { compress, type CompressOptions } from './compress.js'
import {
  type BodySource,
  type BodyWriter,
  bytes,
  empty,
  HttpResponse,
  json,
  stream,
  text,
} from './response.js'

const long = 'There is nothing like a text that repeats. '.repeat(100)

const decoders: Record<string, (data: Uint8Array) => Buffer> = {
  br: brotliDecompressSync,
  gzip: gunzipSync,
  deflate: inflateSync,
}

function* ask(
  answer: () => HttpResponse,
  accepted: string | undefined = 'gzip, deflate, br',
  {
    method = 'GET',
    headers = {},
    ...options
  }: CompressOptions & { method?: string; headers?: Record<string, string> } = {},
): Routine<HttpResponse> {
  const fields = accepted === undefined ? headers : { ...headers, 'Accept-Encoding': accepted }
  return yield* through(compress(options), new MemoryRequest(`${method} /`, fields), answer)
}

/** A body as the client sees it once it has decoded it. */
function* decodedOf(response: HttpResponse): Routine<Buffer> {
  const body = yield* bodyOf(response)
  const decode = decoders[response.headers.get('content-encoding') ?? '']
  return decode === undefined ? body : decode(body)
}

/** What a decoder makes of a part of a stream. */
function decodedPart(chunks: readonly Buffer[], coding: string): string {
  const part = Buffer.concat(chunks)
  if (coding === 'br')
    return `${brotliDecompressSync(part, { finishFlush: constants.BROTLI_OPERATION_FLUSH })}`
  return `${(coding === 'gzip' ? gunzipSync : inflateSync)(part, { finishFlush: constants.Z_SYNC_FLUSH })}`
}

const streamed = (source: BodySource, headers: Record<string, string> = {}) =>
  stream(source, { headers: { 'Content-Type': 'text/plain', ...headers } })

describe('compress', () => {
  it.each(['br', 'gzip', 'deflate'])('compresses a text by %s', (coding) =>
    run(function* () {
      const response = yield* ask(() => text(long), coding)
      expect(response.headers.get('content-encoding')).toBe(coding)
      expect(response.headers.get('vary')).toBe('Accept-Encoding')
      expect((yield* bodyOf(response)).length).toBeLessThan(200)
      expect(`${yield* decodedOf(response)}`).toBe(long)
    }),
  )

  it.each([
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['*', 'br'],
    ['*, br;q=0', 'gzip'],
    ['gzip;q=0', undefined],
    ['identity', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['*;q=0', undefined],
    ['zstd', undefined],
    ['', undefined],
    [undefined, undefined],
    ['gzip;q=nonsense', undefined],
  ])('for Accept-Encoding: %s it chooses %s', (accepted, coding) =>
    run(function* () {
      const middleware = compress()
      const req = new MemoryRequest('GET /', accepted === undefined ? {} : { 'Accept-Encoding': accepted })
      const response = yield* through(middleware, req, () => text(long))
      expect(response.headers.get('content-encoding')).toBe(coding)
      expect(response.headers.get('vary')).toBe('Accept-Encoding')
      expect(`${yield* decodedOf(response)}`).toBe(long)
    }),
  )

  it('offers the codings it is told, in their order', () =>
    run(function* () {
      const response = yield* ask(() => text(long), '*', { codings: ['deflate', 'gzip'] })
      expect(response.headers.get('content-encoding')).toBe('deflate')
    }))

  it('leaves the bytes of the program alone', () =>
    run(function* () {
      const shared = Buffer.from(long)
      const response = yield* ask(() => bytes(shared, { headers: { 'Content-Type': 'image/svg+xml' } }))
      expect(`${yield* decodedOf(response)}`).toBe(long)
      expect(`${shared}`).toBe(long)
    }))

  it('weakens a strong ETag, and takes out what is true of the plain bytes only', () =>
    run(function* () {
      const headers = {
        ETag: '"a"',
        'Content-Length': `${long.length}`,
        'Accept-Ranges': 'bytes',
        Vary: 'Origin',
      }
      const response = yield* ask(() => text(long, { headers }))
      expect(Object.fromEntries(response.headers)).toEqual({
        ETag: 'W/"a"',
        Vary: 'Origin, Accept-Encoding',
        'Content-Encoding': 'br',
        'Content-Type': 'text/plain; charset=utf-8',
      })
      const weak = yield* ask(() => text(long, { headers: { ETag: 'W/"a"' } }))
      expect(weak.headers.get('etag')).toBe('W/"a"')
    }))

  const alone: [string, () => HttpResponse][] = [
    ['what is short', () => text('short')],
    ['what says that it is short', () => streamed(chan<string>(), { 'Content-Length': '5' })],
    ['a picture', () => bytes(Buffer.from(long), { headers: { 'Content-Type': 'image/png' } })],
    ['bytes of no type', () => bytes(Buffer.from(long))],
    ['what is encoded', () => text(long, { headers: { 'Content-Encoding': 'zstd' } })],
    ['what has a digest', () => text(long, { headers: { 'Content-Digest': 'sha-256=:AA==:' } })],
    [
      'what must not be transformed',
      () => text(long, { headers: { 'Cache-Control': 'public, No-Transform' } }),
    ],
    ['a part', () => text(long, { status: 206, headers: { 'Content-Range': 'bytes 0-9/20' } })],
    ['nothing', () => empty()],
  ]
  it.each(alone)('leaves %s alone', (_, answer) =>
    run(function* () {
      const response = yield* ask(answer)
      const untouched = answer()
      expect([...response.headers]).toEqual([...untouched.headers])
      if (typeof untouched.body !== 'object') expect(response.body).toEqual(untouched.body)
    }),
  )

  it('sends what does not become smaller as it is', () =>
    run(function* () {
      const noise = randomBytes(2000)
      const response = yield* ask(() => bytes(noise, { headers: { 'Content-Type': 'text/plain' } }))
      expect(response.headers.has('content-encoding')).toBe(false)
      expect((yield* bodyOf(response)).equals(noise)).toBe(true)
    }))

  it('answers HEAD as it came, but for Vary', () =>
    run(function* () {
      const response = yield* ask(() => text(long), 'gzip', { method: 'HEAD' })
      expect(Object.fromEntries(response.headers)).toEqual({
        'Content-Type': 'text/plain; charset=utf-8',
        Vary: 'Accept-Encoding',
      })
    }))

  it('renews with a 304 what the client has under the weak ETag', () =>
    run(function* () {
      const answer = () => new HttpResponse(304, undefined, { ETag: '"a"' })
      const headers = { 'If-None-Match': 'W/"a"' }
      expect((yield* ask(answer, 'gzip', { headers })).headers.get('etag')).toBe('W/"a"')
      expect((yield* ask(answer, 'gzip', { headers: { 'If-None-Match': '"a"' } })).headers.get('etag')).toBe(
        '"a"',
      )
    }))

  it('asks its filter', () =>
    run(function* () {
      const filter = (req: { path: string }) => req.path !== '/'
      expect((yield* ask(() => text(long), 'gzip', { filter })).headers.has('content-encoding')).toBe(false)
    }))

  it('takes another threshold', () =>
    run(function* () {
      const response = yield* ask(() => json('a'.repeat(50)), 'gzip', { thresholdBytes: 50 })
      expect(response.headers.get('content-encoding')).toBe('gzip')
    }))

  async function* iterated() {
    for (const letter of 'abc') yield letter.repeat(2000)
  }
  const sources: [string, () => BodySource][] = [
    ['an async iterable', iterated],
    [
      'a generator function',
      () =>
        function* (out: BodyWriter) {
          for (const letter of 'abc') yield* out.send(letter.repeat(2000))
        },
    ],
    [
      'an async function',
      () => async (out: BodyWriter) => {
        for await (const part of iterated()) await out.send(Buffer.from(part))
      },
    ],
    [
      'a channel',
      () => {
        const parts = chan<string>(3)
        for (const letter of 'abc') parts.trySend(letter.repeat(2000))
        parts.close()
        return parts
      },
    ],
  ]
  describe.each(['br', 'gzip', 'deflate'])('by %s', (coding) => {
    it.each(sources)('compresses what %s produces', (_, source) =>
      run(function* () {
        const response = yield* ask(() => streamed(source(), { 'Content-Length': '6000' }), coding)
        expect(response.headers.has('content-length')).toBe(false)
        expect((yield* bodyOf(response)).length).toBeLessThan(200)
        const again = yield* ask(() => streamed(source()), coding)
        expect(`${yield* decodedOf(again)}`).toBe(['a', 'b', 'c'].map((each) => each.repeat(2000)).join(''))
      }),
    )

    it('hands on each chunk as soon as it is sent', () =>
      run(function* () {
        const out = new MemoryWriter()
        const seen: string[] = []
        function* source(to: BodyWriter): Routine<void> {
          for (const chunk of ['one ', '', 'two ', randomBytes(100_000).toString('hex'), 'ä']) {
            yield* to.send(chunk)
            seen.push(chunk)
            expect(decodedPart(out.chunks, coding)).toBe(seen.join(''))
          }
        }
        const { body } = yield* ask(() => streamed(source), coding)
        yield* (body as (out: BodyWriter) => Routine<void>)(out)
        expect(decoders[coding]?.(out.bytes).toString()).toBe(seen.join(''))
      }))

    it('gives back what went in, however it was cut', () =>
      fc.assert(
        fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 5 }), (chunks) =>
          run(function* () {
            const response = yield* ask(
              () =>
                streamed(function* (out) {
                  for (const chunk of chunks) yield* out.send(chunk)
                }),
              coding,
            )
            expect((yield* decodedOf(response)).equals(Buffer.concat(chunks))).toBe(true)
          }),
        ),
        { numRuns: 25 },
      ))

    it('keeps the order of chunks that are sent at the same time', () =>
      run(function* () {
        const response = yield* ask(
          () =>
            streamed(function* (out) {
              const senders = ['a', 'b', 'c'].map((letter) =>
                go(function* () {
                  yield* out.send(letter.repeat(1000))
                }),
              )
              for (const each of senders) yield* each
            }),
          coding,
        )
        expect(`${yield* decodedOf(response)}`).toMatch(/^a{1000}b{1000}c{1000}$/)
      }))
  })

  it('waits for a client that does not keep up', () =>
    run(function* () {
      const room = chan<void>()
      let produced = 0
      const out = { send: (): Operation<void> => room.recv() }
      const { body } = yield* ask(() =>
        streamed(function* (to) {
          for (;;) {
            yield* to.send(randomBytes(1000))
            produced++
          }
        }),
      )
      const sending = go(body as (out: BodyWriter) => Routine<void>, out)
      while (sending.waitReason !== 'response body') yield* yieldNow()
      expect(produced).toBe(0)
      yield* room.send()
      while (produced === 0) yield* yieldNow()
      expect(produced).toBe(1)
      sending.cancel()
      yield* sending.outcome()
    }))

  it('refuses what is sent once the client has gone', () =>
    run(function* () {
      let late: BodyWriter | undefined
      const never = chan<string>()
      const { body } = yield* ask(() =>
        streamed(function* (out) {
          late = out
          yield* never.recv()
        }),
      )
      const sending = go(body as (out: BodyWriter) => Routine<void>, new MemoryWriter())
      while (late === undefined) yield* yieldNow()
      sending.cancel()
      yield* sending.outcome()
      const { error } = yield* go(function* (out: BodyWriter) {
        yield* out.send('x')
      }, late).outcome()
      expect(error).toMatchObject({ code: 'ERR_SLUICE_CANCELED' })
    }))

  it('passes on what the source fails with', () =>
    run(function* () {
      const response = yield* ask(() =>
        streamed(function* (out) {
          yield* out.send('a')
          throw new Error('broken')
        }),
      )
      expect((yield* go(bodyOf, response).outcome()).error).toMatchObject({ message: 'broken' })
    }))

  it.each([
    { thresholdBytes: -1 },
    { thresholdBytes: Number.NaN },
    { brotliQuality: 12 },
    { gzipLevel: 1.5 },
    { codings: [] },
    { codings: ['zstd' as 'br'] },
  ])('refuses the options %j', (options) => {
    expect(() => compress(options)).toThrow(/compress\(\)/)
  })
})
