import { describe, expect, it } from 'vitest'
import { connected, get, hello, pause, post, problems, serving } from '../../test/serving/serving.js'
import { RawClient } from '../../test/serving/raw-client.js'
import { DeadlineExceeded } from '../context/deadline.js'
import { chan } from '../runtime/chan.js'
import { go } from '../runtime/go.js'
import { sleep } from '../runtime/sleep.js'
import { ClientGone } from './body.js'
import { HttpError } from './http-error.js'
import type { Handler } from './handler.js'
import type { HttpRequest } from './request.js'
import { bytes, empty, HttpResponse, json, stream, text } from './response.js'

const echo: Handler = function* (req) {
  return text(yield* req.text())
}

describe('an HTTP/1.1 connection', () => {
  it.each([
    ['a plain function', (() => text('hello')) as Handler],
    ['an async function', async () => text('hello')],
    [
      'a generator function',
      function* () {
        return text('hello')
      },
    ],
    [
      'a goroutine that waits',
      function* () {
        yield* sleep(1)
        return text('hello')
      },
    ],
  ])('answers with what %s returns, and stays open', async (_kind, handler) => {
    const { client } = await serving({ '/': handler })
    client.send(get('/'))
    const [first] = await client.responses(1)
    expect(first).toMatchObject({ status: 200, body: 'hello' })
    expect(first?.head).toMatch(
      /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain; charset=utf-8\r\nDate: \w{3}, /,
    )
    client.send(get('/'))
    expect(await client.responses(1)).toMatchObject([{ status: 200, body: 'hello' }])
  })

  it('answers pipelined requests in their order, whichever is ready first', async () => {
    const { client } = await serving({
      '/slow': function* () {
        yield* sleep(20)
        return text('slow')
      },
      '/fast': () => text('fast'),
    })
    client.send(get('/slow') + get('/fast') + get('/slow') + get('/fast'))
    expect((await client.responses(4)).map(({ body }) => body)).toEqual(['slow', 'fast', 'slow', 'fast'])
  })

  it('handles pipelined safe requests at the same time, and waits before and behind an unsafe one', async () => {
    const log: string[] = []
    const logged = (name: string): Handler =>
      function* () {
        log.push(`${name} begins`)
        yield* sleep(5)
        log.push(`${name} ends`)
        return text(name)
      }
    const { client } = await serving({
      '/a': logged('a'),
      '/b': logged('b'),
      '/c': logged('c'),
      '/d': logged('d'),
    })
    client.send(get('/a') + get('/b') + post('/c', 'x') + get('/d'))
    expect((await client.responses(4)).map(({ body }) => body)).toEqual(['a', 'b', 'c', 'd'])
    expect(log).toEqual([
      ...['a begins', 'b begins', 'a ends', 'b ends'],
      ...['c begins', 'c ends', 'd begins', 'd ends'],
    ])
  })

  it('answers more pipelined requests than it handles at a time', async () => {
    let running = 0
    let most = 0
    const { client } = await serving(
      {
        '/': function* (req) {
          most = Math.max(most, ++running)
          yield* sleep(1)
          running--
          return text(req.query.get('n') ?? '')
        },
      },
      { limits: { inFlight: 8 } },
    )
    client.send(Array.from({ length: 100 }, (_, n) => get(`/?n=${n}`)).join(''))
    expect((await client.responses(100)).map(({ body }) => Number(body))).toEqual(
      Array.from({ length: 100 }, (_, n) => n),
    )
    expect(most).toBe(8)
  })

  it('answers the requests before a bad one, and then the bad one, and closes', async () => {
    const { client } = await serving({
      '/': function* () {
        yield* sleep(5)
        return text('hello')
      },
    })
    client.send(`${get('/')}${get('/')}GET / HTTP/1.1\r\nHo st: a\r\n\r\n${get('/')}`)
    const [first, second, third, ...more] = await client.responses(3)
    expect([first?.status, second?.status, third?.status, more.length]).toEqual([200, 200, 400, 0])
    expect(third?.head).toContain('Connection: close')
    expect(JSON.parse(third?.body ?? '')).toMatchObject({
      status: 400,
      detail: 'white space between a header name and its colon',
    })
    expect(await client.closed()).toBe('')
  })

  it('gives the same answers however the bytes are split', async () => {
    const { client } = await serving({ '/': hello, '/echo': echo })
    const all = `${get('/')}${post('/echo', 'abc')}POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\nA: b\r\n\r\n${get('/')}`
    for (const byte of all) {
      client.send(byte)
      await new Promise((resolve) => client.socket.write('', resolve))
    }
    expect((await client.responses(4)).map(({ body }) => body)).toEqual(['hello', 'abc', 'xyz', 'hello'])
  })

  it('sends no body for HEAD, 204 and 304, and the length that GET would have had for HEAD', async () => {
    const { client } = await serving({
      '/': hello,
      '/204': () => empty(),
      '/304': () => new HttpResponse(304, 'ignored', { ETag: '"1"' }),
    })
    client.send(
      `HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${get('/204')}${get('/304')}${get('/', 'Connection: close')}`,
    )
    const all = await client.closed()
    expect(all.split('HTTP/1.1 ').map((each) => each.slice(0, 3))).toEqual(['', '200', '204', '304', '200'])
    expect(all.match(/Content-Length: \d+/g)).toEqual(['Content-Length: 5', 'Content-Length: 5'])
    expect(all.match(/hello/g)).toHaveLength(1)
  })

  it('says nothing of the length for HEAD where the handler has no body, which GET may have', async () => {
    const { client } = await serving({ '/': () => new HttpResponse(200) })
    client.send('HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(await client.closed()).not.toContain('Content-Length')
  })

  it('says with 426 which protocol it wants, and keeps Upgrade to itself otherwise', async () => {
    const { client } = await serving({
      '/426': () => empty(426, { Upgrade: 'websocket' }),
      '/200': () => empty(200, { Upgrade: 'websocket' }),
    })
    client.send(get('/426') + get('/200'))
    const [first, second] = await client.responses(2)
    expect(first?.head).toContain('Upgrade: websocket')
    expect(second?.head).not.toContain('Upgrade')
  })

  it('may be the same one again, and leaves it as it was', async () => {
    const cached = text('hello', { headers: { Connection: 'close', 'Content-Length': '99', 'X-A': 'b' } })
    const { client, port } = await serving({ '/': () => cached })
    client.send(get('/'))
    const first = await client.closed()
    const other = await connected(port)
    other.send(get('/'))
    expect((await other.closed()).replace(/Date: .*/, '')).toBe(first.replace(/Date: .*/, ''))
    expect(first).toMatch(/Content-Length: 5\r\n/)
    expect(first).not.toContain('99')
    expect(cached.headers.get('content-length')).toBe('99')
  })

  it('never has a length beside its chunks', async () => {
    const { client } = await serving({
      '/': () => stream((async function* () {})(), { headers: { 'Content-Length': 'many' } }),
    })
    client.send(get('/', 'Connection: close'))
    const all = await client.closed()
    expect(all).toContain('Transfer-Encoding: chunked')
    expect(all).not.toContain('Content-Length')
  })

  it('reads a target with a host as the path in it, and the host as the Host', async () => {
    const { client } = await serving({ '/': (req) => text(`${req.target} of ${req.host} at ${req.url}`) })
    client.send('GET http://b HTTP/1.1\r\nHost: a\r\n\r\nGET http://b:81?c=d HTTP/1.1\r\nHost: a\r\n\r\n')
    expect((await client.responses(2)).map(({ body }) => body)).toEqual([
      '/ of b at http://b/',
      '/?c=d of b:81 at http://b:81/?c=d',
    ])
  })

  it('answers 400 when a handler asks for the URL and the Host is none that a URL can have', async () => {
    const { client } = await serving({ '/': (req) => text(req.url.href) })
    client.send('GET / HTTP/1.1\r\nHost: 999.999.999.999\r\n\r\n')
    expect(await client.responses(1)).toMatchObject([{ status: 400 }])
  })

  it('closes behind HTTP/1.0, unless it asked to stay', async () => {
    const { client, port } = await serving({ '/': hello })
    client.send('GET / HTTP/1.0\r\n\r\n')
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*Connection: close\r\n.*\r\n\r\nhello$/s)
    const other = await connected(port)
    other.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    expect((await other.responses(1))[0]?.head).toContain('Connection: keep-alive')
    other.send('GET / HTTP/1.0\r\n\r\n')
    expect(await other.closed()).toContain('hello')
  })

  it('closes behind a response that says so, and behind the last request that a connection may have', async () => {
    const { client, port } = await serving(
      { '/': hello, '/bye': () => text('bye', { headers: { Connection: 'close' } }) },
      { limits: { requests: 2 } },
    )
    client.send(get('/bye') + get('/'))
    expect(await client.closed()).toMatch(/Connection: close\r\n.*bye$/s)
    const other = await connected(port)
    other.send(get('/') + get('/') + get('/'))
    expect((await other.closed()).match(/hello/g)).toHaveLength(2)
  })

  it('sends text beyond ASCII as UTF-8, and bytes as they are', async () => {
    const { client } = await serving({
      '/': () => text('käse ☃'),
      '/long': () => json({ text: 'ä'.repeat(100) }),
      '/bytes': () => bytes(Uint8Array.of(0, 255, 13)),
    })
    client.send(get('/') + get('/bytes') + get('/long'))
    const [first, second, third] = await client.responses(3)
    expect(Buffer.from(first?.body ?? '', 'latin1').toString()).toBe('käse ☃')
    expect(second?.body).toBe('\0\xff\r')
    expect(JSON.parse(Buffer.from(third?.body ?? '', 'latin1').toString())).toEqual({ text: 'ä'.repeat(100) })
  })
})

describe('a request body', () => {
  it('is refused with 413 when its length is declared too large, and the connection closes', async () => {
    const { client } = await serving({ '/': echo }, { limits: { bodyBytes: 10 } })
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n`)
    const all = await client.closed()
    expect(all).toMatch(/^HTTP\/1\.1 413 .*Connection: close\r\n/s)
  })

  it('is refused with 413 once more chunks come than it may have', async () => {
    const { client } = await serving({ '/': echo }, { limits: { bodyBytes: 10 } })
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n',
    )
    expect((await client.responses(1))[0]?.status).toBe(413)
  })

  it('fails the handler that reads it with 400 when a chunk is malformed, and the connection closes', async () => {
    const { client } = await serving({ '/': echo })
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n')
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 400 .*Connection: close\r\n/s)
  })

  it('is asked for with 100 only when the requests before it have been answered', async () => {
    const { client } = await serving({
      '/slow': function* () {
        yield* sleep(20)
        return text('slow')
      },
      '/echo': echo,
    })
    client.send(
      `${get('/slow')}GET /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`,
    )
    expect(await client.until('HTTP/1.1 100 Continue\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 200 OK\r\n.*slowHTTP\/1\.1 100 Continue\r\n\r\n$/s,
    )
    client.send('abc')
    expect(await client.responses(1)).toMatchObject([{ status: 200, body: 'abc' }])
  })

  it('is asked for with 100 when a handler reads it, and only then', async () => {
    const { client, port } = await serving({ '/': echo, '/no': () => empty(403) })
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
    await client.until('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('abc')
    expect(await client.responses(1)).toMatchObject([{ status: 200, body: 'abc' }])
    const other = await connected(port)
    other.send('POST /no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
    expect(await other.closed()).toMatch(/^HTTP\/1\.1 403 .*Connection: close\r\n/s)
  })

  it('is read once: who reads it again is told so', async () => {
    const { client } = await serving({
      '/': function* (req) {
        yield* req.text()
        return json(yield* req.json())
      },
    })
    client.send(post('/', '{}', 'Content-Type: application/json'))
    expect(await client.responses(1)).toMatchObject([{ status: 500 }])
    expect(String(problems[0])).toContain('has been read already')
  })

  it('that nobody reads is thrown away, and the next request is answered', async () => {
    const { client } = await serving({ '/': hello })
    client.send(post('/', 'x'.repeat(100_000)) + get('/'))
    expect((await client.responses(2)).map(({ status }) => status)).toEqual([200, 200])
  })

  it('comes in pieces to who reads it so, and the client waits while nobody reads', async () => {
    const read = chan<void>()
    const sizes: number[] = []
    const { client } = await serving(
      {
        '/': function* (req) {
          yield* read.recv()
          for (let piece = yield* req.body.recv(); piece !== undefined; piece = yield* req.body.recv())
            sizes.push(piece.length)
          return text(String(sizes.reduce((sum, size) => sum + size, 0)))
        },
      },
      { limits: { bodyBytes: 64 * 2 ** 20 } },
    )
    const total = 32 * 2 ** 20
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`)
    client.socket.write(Buffer.alloc(total))
    let left = total
    while (left !== client.socket.writableLength) {
      left = client.socket.writableLength
      await go(pause, 50)
    }
    expect(left).toBeGreaterThan(0)
    await read.send()
    expect(await client.responses(1)).toMatchObject([{ body: String(total) }])
  })
})

describe('what a handler throws', () => {
  it('is a problem with its status when it is an HttpError', async () => {
    const { client } = await serving({
      '/': () => {
        throw new HttpError(409, 'too late', { extra: { order: 7 }, headers: { 'Retry-After': '1' } })
      },
    })
    client.send(get('/'))
    const [response] = await client.responses(1)
    expect(response?.head).toMatch(
      /^HTTP\/1\.1 409 Conflict\r\n.*Content-Type: application\/problem\+json\r\nRetry-After: 1/s,
    )
    expect(JSON.parse(response?.body ?? '')).toMatchObject({ status: 409, detail: 'too late', order: 7 })
  })

  it.each([
    [
      'a plain function',
      (() => {
        throw new Error('the password is 1234')
      }) as Handler,
    ],
    ['an async function', async () => Promise.reject(new Error('the password is 1234'))],
    [
      'a goroutine',
      function* () {
        yield* sleep(1)
        throw new Error('the password is 1234')
      },
    ],
  ])(
    'is a 500 without what it says when %s throws anything else, and is reported',
    async (_kind, handler) => {
      const { client } = await serving({ '/': handler, '/ok': hello })
      client.send(get('/') + get('/ok'))
      const [first, second] = await client.responses(2)
      expect([first?.status, second?.status]).toEqual([500, 200])
      expect(first?.head + (first?.body ?? '')).not.toContain('1234')
      expect(problems).toEqual([new Error('the password is 1234')])
    },
  )

  it('is answered with the fields that middlewares have asked for, whose own the error has', async () => {
    const { client } = await serving({
      '/': (req) => {
        req.addErrorHeaders({ 'X-Id': '7', 'Retry-After': '1' })
        throw new HttpError(429, 'slower', { headers: { 'retry-after': '9' } })
      },
    })
    client.send(get('/'))
    const [response] = await client.responses(1)
    expect(response?.head).toMatch(/X-Id: 7/)
    expect(response?.head.match(/retry-after: \d/gi)).toEqual(['retry-after: 9'])
  })

  it('is a 500 when it returns what is no response, and the report names the route', async () => {
    const { client } = await serving({ '/oops': (() => ({ ok: true })) as never })
    client.send(get('/oops'))
    expect((await client.responses(1))[0]?.status).toBe(500)
    expect(String(problems[0])).toContain('/oops returned')
  })
})

describe('the context of a request', () => {
  it('ends when the client goes away', async () => {
    const causes = chan<unknown>(1)
    const { client } = await serving({
      '/': function* (req) {
        yield* req.ctx.done()
        yield* causes.send(req.ctx.cause)
        return text('nobody reads this')
      },
    })
    client.send(get('/'))
    await new Promise((resolve) => client.socket.write('', resolve))
    client.close()
    expect(await causes.recv()).toBeInstanceOf(ClientGone)
  })

  it('is no failure of the handler that passes its end on', async () => {
    const ended = chan<void>(1)
    const { client, server } = await serving({
      '/': function* (req) {
        try {
          yield* sleep(60_000).within(req.ctx)
        } finally {
          ended.trySend()
        }
        return text('never')
      },
    })
    client.send(get('/'))
    while (server.stats().requests === 0) await go(pause, 5)
    client.close()
    await ended.recv()
    while (server.stats().connections.open > 0) await go(pause, 5)
    expect(problems).toEqual([])
    expect(server.stats().failed).toBe(0)
  })

  it('ends at the time limit, when the client gets 503', async () => {
    const errors = chan<unknown>(1)
    const { client } = await serving(
      {
        '/': function* (req) {
          yield* req.ctx.done()
          yield* errors.send(req.ctx.err)
          return text('too late')
        },
        '/ok': hello,
      },
      { timeouts: { handlerMs: 50 } },
    )
    client.send(get('/') + get('/ok'))
    expect((await client.responses(2)).map(({ status }) => status)).toEqual([503, 200])
    expect(await errors.recv()).toBeInstanceOf(DeadlineExceeded)
  })

  it('ends with the response', async () => {
    let kept: HttpRequest | undefined
    const { client } = await serving({
      '/': (req) => {
        kept = req
        expect(req.ctx.err).toBeUndefined()
        return text('x')
      },
    })
    client.send(get('/', 'A: b'))
    await client.responses(1)
    expect(kept?.ctx.err).toBeDefined()
    expect(kept?.header('a')).toBe('b')
  })
})

describe('a streamed response', () => {
  it('leaves in chunks, and the connection stays open', async () => {
    const { client } = await serving({
      '/': () =>
        stream(function* (out) {
          yield* out.send('one')
          yield* sleep(1)
          yield* out.send(Buffer.from('two2'))
        }),
      '/ok': hello,
    })
    client.send(get('/') + get('/ok'))
    const all = await client.until('hello')
    expect(all).toMatch(
      /Transfer-Encoding: chunked\r\n.*\r\n\r\n3\r\none\r\n4\r\ntwo2\r\n0\r\n\r\nHTTP\/1\.1 200/s,
    )
  })

  it.each([
    [
      'an async iterable',
      async function* () {
        yield 'a'
        yield 'b'
      },
    ],
    [
      'a channel',
      () => {
        const ch = chan<string>(2)
        ch.trySend('a')
        ch.trySend('b')
        ch.close()
        return ch
      },
    ],
  ])('takes %s', async (_kind, make) => {
    const { client } = await serving({ '/': () => stream(make()) })
    client.send(get('/', 'Connection: close'))
    expect(await client.closed()).toMatch(/\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n$/)
  })

  it('is as fast as the client reads', async () => {
    let sent = 0
    const { client } = await serving({
      '/': () =>
        stream(function* (out) {
          for (let i = 0; i < 1000; i++) {
            yield* out.send(Buffer.alloc(65_536, 'x'))
            sent++
          }
        }),
    })
    client.socket.pause()
    client.send(get('/', 'Connection: close'))
    let before = -1
    while (sent === 0 || sent !== before) {
      before = sent
      await go(pause, 50)
    }
    expect(sent).toBeLessThan(500)
    client.socket.resume()
    const all = await client.closed()
    expect(all.match(/x/g)).toHaveLength(65_536_000)
    expect(sent).toBe(1000)
  }, 30_000)

  it('that fails on the way breaks the connection, so that it does not look whole', async () => {
    const { client } = await serving({
      '/': () =>
        stream(function* (out) {
          yield* out.send('one')
          throw new Error('no more')
        }),
    })
    client.send(get('/'))
    const all = await client.closed()
    expect(all).not.toContain('0\r\n\r\n')
    expect(problems).toEqual([new Error('no more')])
  })

  it('ends its producer when the client goes away', async () => {
    const ended = chan<string>(1)
    const { client } = await serving({
      '/': () =>
        stream(function* (out) {
          try {
            for (;;) {
              yield* out.send('x'.repeat(1000))
              yield* sleep(1)
            }
          } finally {
            ended.trySend('ended')
          }
        }),
    })
    client.send(get('/'))
    await client.until('x')
    client.close()
    expect(await ended.recv()).toBe('ended')
    expect(problems).toEqual([])
  })

  it('has the length that it declares, or breaks off', async () => {
    const { client, port } = await serving({
      '/': (req) =>
        stream(
          function* (out) {
            yield* out.send(req.query.get('text') ?? '')
          },
          { headers: { 'Content-Length': '3' } },
        ),
    })
    client.send(get('/?text=abc', 'Connection: close'))
    expect(await client.closed()).toMatch(/Content-Length: 3\r\n.*\r\n\r\nabc$/s)
    for (const wrong of ['ab', 'abcd']) {
      const other = await connected(port)
      other.send(get(`/?text=${wrong}`))
      expect(await other.closed()).not.toContain('abcd')
    }
    expect(problems).toHaveLength(2)
  })
})

describe('a client that is slow', () => {
  it('gets 408 when its head takes too long, however many bytes it sends meanwhile', async () => {
    const { client } = await serving({ '/': hello }, { timeouts: { headMs: 100 } })
    client.send('GET / HTTP/1.1\r\n')
    const dripping = go(function* () {
      for (;;) {
        client.send('A: b\r\n')
        yield* sleep(20)
      }
    })
    try {
      expect(await client.closed()).toMatch(/^HTTP\/1\.1 408 /)
    } finally {
      dripping.cancel()
    }
  })

  it('gets 408 when its body takes too long', async () => {
    const { client } = await serving({ '/': echo }, { timeouts: { bodyMs: 100 } })
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc')
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('is closed when it says nothing, first or between requests', async () => {
    const { client, port } = await serving({ '/': hello }, { timeouts: { headMs: 100, idleMs: 150 } })
    expect(await client.closed()).toBe('')
    const other = await connected(port)
    other.send(get('/'))
    expect(await other.closed()).toMatch(/hello$/)
  })

  it('is closed when it does not take what it asked for', async () => {
    const { client, server } = await serving(
      { '/': () => bytes(Buffer.alloc(64 * 2 ** 20)) },
      { timeouts: { writeMs: 100 } },
    )
    client.socket.pause()
    client.send(get('/'))
    while (server.stats().connections.open > 0) await go(pause, 20)
    expect(server.stats().timedOut).toBe(1)
  })
})

describe('a connection beyond the most that there may be', () => {
  it('is told so with 503', async () => {
    const { client, port, server } = await serving({ '/': hello }, { connections: { maxConnections: 1 } })
    client.send(get('/'))
    await client.responses(1)
    const other = await connected(port)
    expect(await other.closed()).toMatch(/^HTTP\/1\.1 503 .*Retry-After: 1/s)
    expect(server.stats().connections).toMatchObject({ open: 1, refused: 1 })
  })
})

describe('a shutdown', () => {
  it('finishes what is under way, says that it was the last, and closes the idle connections', async () => {
    const entered = chan<void>(1)
    const { client, port, server } = await serving({
      '/slow': function* () {
        yield* entered.send()
        yield* sleep(100)
        return text('done')
      },
    })
    const idle = await connected(port)
    idle.send(get('/nothing'))
    await idle.responses(1)
    client.send(get('/slow'))
    await entered.recv()
    server.shutdown()
    expect(await client.closed()).toMatch(/Connection: close\r\n.*done$/s)
    expect(await idle.closed()).toBe('')
    await server
    await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED')
  })

  it('answers a request that is on its way over an idle connection', async () => {
    const { client, server } = await serving({ '/': hello })
    client.send(get('/'))
    await client.responses(1)
    server.shutdown()
    client.send(get('/'))
    expect(await client.closed()).toMatch(/Connection: close\r\n.*hello$/s)
  })

  it('ends what is not finished in time', async () => {
    const entered = chan<void>(1)
    const causes = chan<unknown>(1)
    const { client, server } = await serving({
      '/': function* (req) {
        yield* entered.send()
        yield* req.ctx.done()
        yield* causes.send(req.ctx.cause)
        return text('never')
      },
    })
    client.send(get('/'))
    await entered.recv()
    server.shutdown(50)
    await server
    expect(await client.closed()).toBe('')
    expect(String(await causes.recv())).toContain('the server shuts down')
  })
})
