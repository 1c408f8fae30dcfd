import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { go, run, yieldNow } from 'sluice'
import { bodyOf, MemoryRequest } from '../../test/http/memory-exchange.js'
import { Canceled } from '../runtime/errors.js'
import type { Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { type FileOptions, file } from './file.js'
import type { BodyWriter, HttpResponse } from './response.js'

const folder = mkdtempSync(join(tmpdir(), 'sluice-file-'))
afterAll(() => rmSync(folder, { recursive: true }))

const long = randomBytes(300_000)
const modified = new Date('2026-01-02T03:04:05.678Z')
const lastModified = 'Fri, 02 Jan 2026 03:04:05 GMT'
const digits = put('digits.txt', '0123456789')
const longFile = put('long.bin', long)

/** A file that has not changed for a while. */
function put(name: string, content: string | Uint8Array, at = modified): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  utimesSync(path, at, at)
  return path
}

/** What is no file. */
function made(name: string, make: (path: string) => void): string {
  make(join(folder, name))
  return name
}

function* get(
  path: string | URL,
  headers: Record<string, string> = {},
  options: FileOptions & { method?: string } = {},
): Routine<HttpResponse> {
  const { method = 'GET', ...rest } = options
  return yield* file(new MemoryRequest(`${method} /`, headers), path, rest)
}

/** The files in the test's folder that this process has open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(folder) ? [path] : []
    } catch {
      return [] // closed meanwhile
    }
  })
}

function* untilClosed(): Routine<void> {
  while (openFiles().length > 0) yield* yieldNow()
}

describe('file', () => {
  it('answers with the file, its type, its length and its validators', () =>
    run(function* () {
      const response = yield* get(digits)
      expect(response.status).toBe(200)
      expect(Object.fromEntries(response.headers)).toEqual({
        ETag: expect.stringMatching(/^"[0-9a-z]+-[0-9a-z]+"$/),
        'Last-Modified': lastModified,
        'Cache-Control': 'no-cache',
        'Content-Type': 'text/plain; charset=utf-8',
        'Content-Length': '10',
        'Accept-Ranges': 'bytes',
      })
      expect(`${yield* bodyOf(response)}`).toBe('0123456789')
    }))

  it('takes a file: URL', () =>
    run(function* () {
      expect(`${yield* bodyOf(yield* get(pathToFileURL(digits)))}`).toBe('0123456789')
    }))

  it('can be awaited', async () => {
    expect((await file(new MemoryRequest('GET /'), digits)).status).toBe(200)
  })

  it('sends a long file while it reads it', () =>
    run(function* () {
      const response = yield* get(longFile)
      expect(response.headers.get('content-length')).toBe('300000')
      expect(typeof response.body).toBe('function')
      expect((yield* bodyOf(response)).equals(long)).toBe(true)
    }))

  it('reads no further than the client takes', () =>
    run(function* () {
      const { body } = yield* get(longFile)
      let sent = 0
      const producing = go(function* () {
        const out = {
          *send() {
            sent++
            yield* wait(new Promise(() => {}))
          },
        }
        yield* (body as (out: BodyWriter) => Routine<void>)(out as unknown as BodyWriter)
      })
      while (sent === 0) yield* yieldNow()
      expect(openFiles()).toEqual([longFile])
      expect(sent).toBe(1)
      producing.cancel()
      yield* untilClosed()
      expect((yield* producing.outcome()).error).toBeInstanceOf(Canceled)
    }))

  it('leaves nothing open, whoever asks for the body', () =>
    run(function* () {
      yield* get(longFile)
      yield* get(longFile, {}, { method: 'HEAD' })
      yield* bodyOf(yield* get(longFile))
      yield* get(longFile, { 'If-None-Match': '*' })
      yield* get(digits)
      yield* untilClosed()
    }))

  it('closes a file that is opened for a body that was given up meanwhile', () =>
    run(function* () {
      const { body } = yield* get(longFile)
      const producing = go(body as () => Routine<void>)
      yield* yieldNow()
      producing.cancel()
      yield* producing.outcome()
      yield* untilClosed()
    }))

  it('answers HEAD without the body', () =>
    run(function* () {
      const response = yield* get(digits, { Range: 'bytes=0-1' }, { method: 'HEAD' })
      expect(response.status).toBe(200)
      expect(response.body).toBeUndefined()
      expect(response.headers.get('content-length')).toBe('10')
    }))

  it('takes options for the type, the caching, the validators, the name and more', () =>
    run(function* () {
      const response = yield* get(
        digits,
        {},
        {
          contentType: 'text/x-digits',
          cacheControl: false,
          etag: false,
          lastModified: false,
          download: 'Zähler "1"/a.txt',
          headers: { 'X-More': '1', 'content-length': '10' },
        },
      )
      expect(Object.fromEntries(response.headers)).toEqual({
        'Content-Type': 'text/x-digits',
        'content-length': '10',
        'Accept-Ranges': 'bytes',
        'Content-Disposition': 'attachment; filename="a.txt"',
        'X-More': '1',
      })
    }))

  it.each([
    ['a.txt', 'attachment; filename="a.txt"'],
    ['a "b".txt', `attachment; filename="a _b_.txt"; filename*=UTF-8''a%20%22b%22.txt`],
    [
      'Übersicht 50%.pdf',
      `attachment; filename="_bersicht 50_.pdf"; filename*=UTF-8''%C3%9Cbersicht%2050%25.pdf`,
    ],
    ['a\r\nb', `attachment; filename="a__b"; filename*=UTF-8''a%0D%0Ab`],
    ['../../😀', `attachment; filename="_"; filename*=UTF-8''%F0%9F%98%80`],
  ])('has %j saved under its name', (download, field) =>
    run(function* () {
      expect((yield* get(digits, {}, { download })).headers.get('content-disposition')).toBe(field)
    }),
  )

  it('knows the types of files by their endings', () =>
    run(function* () {
      const types: (string | undefined)[] = []
      for (const name of ['a.html', 'a.js', 'a.json', 'a.svg', 'a.woff2', 'a.PNG', 'a.unheard', 'a'])
        types.push((yield* get(put(name, ''))).headers.get('content-type'))
      expect(types).toEqual([
        'text/html; charset=utf-8',
        'text/javascript; charset=utf-8',
        'application/json',
        'image/svg+xml',
        'font/woff2',
        'image/png',
        'application/octet-stream',
        'application/octet-stream',
      ])
    }))

  it('has a weak ETag while the file may change without its time telling', () =>
    run(function* () {
      const fresh = put('fresh.txt', 'x', new Date(Date.now() + 60_000))
      const response = yield* get(fresh)
      expect(response.headers.get('etag')).toMatch(/^W\/"/)
      expect(Date.parse(response.headers.get('last-modified') ?? '')).toBeLessThanOrEqual(Date.now())
    }))

  it('answers what the client has already with 304 and the validators', () =>
    run(function* () {
      const etag = (yield* get(digits)).headers.get('etag') ?? ''
      const response = yield* get(digits, { 'If-None-Match': etag }, { headers: { Expires: '0' } })
      expect(response.status).toBe(304)
      expect(response.body).toBeUndefined()
      expect(Object.fromEntries(response.headers)).toEqual({
        ETag: etag,
        'Last-Modified': lastModified,
        'Cache-Control': 'no-cache',
        Expires: '0',
      })
      expect((yield* get(digits, { 'If-Modified-Since': lastModified })).status).toBe(304)
    }))

  it('refuses with 412 what was asked for in another state', () =>
    run(function* () {
      const asked = go(get, digits, { 'If-Match': '"another"' })
      expect((yield* asked.outcome()).error).toMatchObject({ status: 412 })
    }))

  it('has no conditions for a method that does not read', () =>
    run(function* () {
      const response = yield* get(digits, { 'If-None-Match': '*', Range: 'bytes=0-1' }, { method: 'POST' })
      expect(response.status).toBe(200)
      expect(`${yield* bodyOf(response)}`).toBe('0123456789')
    }))

  it('answers a range', () =>
    run(function* () {
      const response = yield* get(digits, { Range: 'bytes=2-4' })
      expect(response.status).toBe(206)
      expect(response.headers.get('content-range')).toBe('bytes 2-4/10')
      expect(response.headers.get('content-length')).toBe('3')
      expect(`${yield* bodyOf(response)}`).toBe('234')
    }))

  it('answers several ranges, and one of another state, with the whole', () =>
    run(function* () {
      expect((yield* get(digits, { Range: 'bytes=0-1,4-5' })).status).toBe(200)
      expect((yield* get(digits, { Range: 'bytes=0-1', 'If-Range': '"another"' })).status).toBe(200)
      expect((yield* get(digits, { Range: 'bytes=0-1', 'If-Range': lastModified })).status).toBe(206)
    }))

  it('refuses a range behind the end with 416 and the length', () =>
    run(function* () {
      const { error } = yield* go(get, digits, { Range: 'bytes=10-' }).outcome()
      expect(error).toMatchObject({ status: 416, headers: { 'Content-Range': 'bytes */10' } })
    }))

  it('sends the bytes that a slice has, for any range of a long file', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(long.length - 1), fc.nat(long.length - 1), (a, b) =>
        run(function* () {
          const [first, last] = [Math.min(a, b), Math.max(a, b)]
          const response = yield* get(longFile, { Range: `bytes=${first}-${last}` })
          expect((yield* bodyOf(response)).equals(long.subarray(first, last + 1))).toBe(true)
        }),
      ),
      { numRuns: 30 },
    ))

  it('sends an empty file', () =>
    run(function* () {
      const response = yield* get(put('empty', ''), { Range: 'bytes=0-' })
      expect(response.status).toBe(200)
      expect(response.headers.get('content-length')).toBe('0')
      expect((yield* bodyOf(response)).length).toBe(0)
    }))

  it('breaks off when the file is replaced, cut short or removed before it is sent', () =>
    run(function* () {
      for (const change of [
        (path: string) => put(path, randomBytes(200_000), new Date('2026-01-03')),
        (path: string) => put(path, 'short'),
        (path: string) => rmSync(join(folder, path)),
      ]) {
        const response = yield* get(put('changing.bin', randomBytes(200_000)))
        change('changing.bin')
        const { error } = yield* go(bodyOf, response).outcome()
        expect(error).toMatchObject({ code: 'ERR_SLUICE_FILE_CHANGED' })
      }
      yield* untilClosed()
    }))

  it('breaks off when the file is cut short while it is sent', () =>
    run(function* () {
      const response = yield* get(put('shrinking.bin', randomBytes(200_000)))
      let sent = 0
      const out: BodyWriter = {
        send() {
          if (sent++ === 0) writeFileSync(join(folder, 'shrinking.bin'), 'short')
          return yieldNow()
        },
      }
      const { error } = yield* go(response.body as (out: BodyWriter) => Routine<void>, out).outcome()
      expect(error).toMatchObject({ code: 'ERR_SLUICE_FILE_CHANGED' })
      yield* untilClosed()
    }))

  it.each([
    ['is missing', () => 'missing.txt', 404],
    ['is a folder', () => made('folder', mkdirSync), 404],
    ['stands below a file', () => 'digits.txt/x', 404],
    ['has a name that is too long', () => 'x'.repeat(300), 404],
    ['has a NUL in its name', () => 'a\0b', 404],
    ['is a pipe that nobody writes into', () => made('pipe', (path) => execFileSync('mkfifo', [path])), 404],
  ])('answers for what %s without naming it', (_, make, status) =>
    run(function* () {
      const { error } = yield* go(get, join(folder, make())).outcome()
      expect(error).toMatchObject({ status, detail: undefined })
    }),
  )

  it('sends the compressed file beside it to whoever takes that', () =>
    run(function* () {
      put('app.js', 'plain')
      put('app.js.br', 'brotli')
      put('app.js.gz', 'gzip!')
      const seen: string[] = []
      for (const accepted of ['gzip, br', 'gzip', 'br;q=0.1, gzip', 'deflate', 'identity', '*']) {
        const response = yield* get(
          join(folder, 'app.js'),
          { 'Accept-Encoding': accepted },
          { precompressed: true },
        )
        expect(response.headers.get('vary')).toBe('Accept-Encoding')
        expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
        seen.push(`${response.headers.get('content-encoding')} ${yield* bodyOf(response)}`)
      }
      expect(seen).toEqual([
        'br brotli',
        'gzip gzip!',
        'gzip gzip!',
        'undefined plain',
        'undefined plain',
        'br brotli',
      ])
    }))

  it('goes on to the next compressed file where the best is missing', () =>
    run(function* () {
      put('b.js', 'plain')
      put('b.js.gz', 'gzip!')
      const options = { precompressed: true }
      expect(
        `${yield* bodyOf(yield* get(join(folder, 'b.js'), { 'Accept-Encoding': 'br, gzip' }, options))}`,
      ).toBe('gzip!')
      expect(`${yield* bodyOf(yield* get(join(folder, 'b.js'), {}, options))}`).toBe('plain')
      expect(`${yield* bodyOf(yield* get(join(folder, 'b.js'), { 'Accept-Encoding': 'gzip' }))}`).toBe(
        'plain',
      )
    }))

  it('gives each coding an ETag of its own', () =>
    run(function* () {
      put('c.js', 'same.')
      put('c.js.br', 'same.')
      put('c.js.gz', 'same.')
      const tags = new Set<string | undefined>()
      for (const accepted of ['br', 'gzip', 'identity']) {
        const response = yield* get(
          join(folder, 'c.js'),
          { 'Accept-Encoding': accepted },
          { precompressed: true },
        )
        tags.add(response.headers.get('etag'))
      }
      expect(tags.size).toBe(3)
    }))
})
