import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect as connectTls } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Authority, type Issued } from '../../test/serving/certificates.js'
import { problems, served } from '../../test/serving/serving.js'
import { encodeFields, flags, frame, RawHttp2, request, reset } from '../../test/serving/raw-http2.js'
import { chan } from '../runtime/chan.js'
import { go } from '../runtime/go.js'
import { sleep } from '../runtime/sleep.js'
import { ClientGone } from './body.js'
import type { Handler } from './handler.js'
import { HttpError } from './http-error.js'
import type { HttpRequest } from './request.js'
import { bytes, HttpResponse, json, stream, text } from './response.js'
import type { ServeOptions, ServerStats } from './serve-options.js'
import type { Server } from './server.js'

let authority: Authority
let own: Issued
const clients: ClientHttp2Session[] = []

beforeAll(() => {
  authority = new Authority()
  own = authority.issue('localhost', 'DNS:localhost')
})
afterAll(() => authority.remove())

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
})

/** A server with a handler a path, and a client connected to it. */
async function serving(
  handlers: Record<string, Handler>,
  options: ServeOptions = {},
): Promise<{ server: Server; client: ClientHttp2Session; port: number }> {
  const { server, port } = await served(handlers, { tls: own, ...options })
  return { server, client: connected(port), port }
}

function connected(port: number): ClientHttp2Session {
  const client = connect(`https://localhost:${port}`, {
    ca: authority.ca,
    createConnection: () =>
      connectTls({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: authority.ca,
        ALPNProtocols: ['h2'],
      }),
  })
  client.on('error', () => {})
  clients.push(client)
  return client
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: string
  /** What the stream ended with; 0 for no error. */
  readonly code: number
}

/** A stream whose errors are read from its code. */
function open(client: ClientHttp2Session, headers: OutgoingHttpHeaders, endStream = true): ClientHttp2Stream {
  const req = client.request(headers, { endStream })
  req.on('error', () => {})
  return req
}

async function answerOf(req: ClientHttp2Stream): Promise<Answer> {
  const chunks: Buffer[] = []
  let headers: Record<string, unknown> = {}
  req.on('response', (all) => {
    headers = { ...all }
  })
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise((resolve) => req.on('close', resolve))
  const body = Buffer.concat(chunks).toString('latin1')
  return { status: Number(headers[':status'] ?? 0), headers, body, code: req.rstCode ?? 0 }
}

const get = (client: ClientHttp2Session, path: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> =>
  answerOf(open(client, { ':path': path, ...headers }))

function post(
  client: ClientHttp2Session,
  path: string,
  body: string | Buffer,
  headers: OutgoingHttpHeaders = {},
) {
  const req = open(client, { ':path': path, ':method': 'POST', ...headers }, false)
  req.end(body)
  return answerOf(req)
}

/** For what happens outside, in kernels and their buffers. */
function* pause(ms = 5) {
  yield* sleep(ms)
}

async function until(server: Server, matches: (stats: ServerStats) => boolean): Promise<ServerStats> {
  while (!matches(server.stats())) await go(pause)
  return server.stats()
}

const hello: Handler = () => text('hello')
const echo: Handler = function* (req) {
  return text(yield* req.text())
}
const never: Handler = function* (req) {
  yield* req.ctx.done()
  return text('late')
}

describe('an HTTP/2 connection', () => {
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
  ])('answers with what %s returns', async (_kind, handler) => {
    const { client } = await serving({ '/': handler })
    for (let i = 0; i < 2; i++) {
      const { status, headers, body, code } = await get(client, '/')
      expect([status, body, code]).toEqual([200, 'hello', 0])
      expect(headers).toMatchObject({
        'content-type': 'text/plain; charset=utf-8',
        'content-length': '5',
        date: expect.stringMatching(/^\w{3}, \d\d \w{3} \d{4} .* GMT$/),
      })
    }
  })

  it('shows handlers the same request as HTTP/1.1 does', async () => {
    const { client, port } = await serving({
      '/a/b': (req) =>
        json({
          ...{
            method: req.method,
            target: req.target,
            host: req.host,
            scheme: req.scheme,
            url: req.url.href,
          },
          ...{
            httpVersion: req.httpVersion,
            query: req.query.get('c'),
            cookies: req.cookies,
            remote: req.remoteAddress,
          },
          ...{ headers: [...req.headers], peer: req.peerCertificate ?? null },
        }),
    })
    const { body } = await get(client, '/a/b?c=d', { cookie: ['x=1', 'y=2'], accept: 'text/html' })
    expect(JSON.parse(body)).toEqual({
      ...{ method: 'GET', target: '/a/b?c=d', host: `localhost:${port}`, scheme: 'https' },
      ...{
        url: `https://localhost:${port}/a/b?c=d`,
        httpVersion: '2',
        query: 'd',
        cookies: { x: '1', y: '2' },
      },
      ...{ remote: '127.0.0.1', peer: null },
      headers: [
        ['host', `localhost:${port}`],
        ['cookie', 'x=1'],
        ['cookie', 'y=2'],
        ['accept', 'text/html'],
      ],
    })
  })

  it('answers requests in any order, at the same time', async () => {
    const gate = chan<void>()
    const { client } = await serving({
      '/slow': function* () {
        yield* gate.recv()
        return text('slow')
      },
      '/fast': hello,
    })
    const slow = get(client, '/slow')
    expect((await get(client, '/fast')).body).toBe('hello')
    gate.close()
    expect((await slow).body).toBe('slow')
  })

  it('sends no body for HEAD, 204 and 304, and the length that GET would have had for HEAD', async () => {
    const { client } = await serving({
      '/': hello,
      '/stream': () => stream((async function* () {})()),
      '/204': () => new HttpResponse(204, 'ignored', { 'Content-Length': '7' }),
      '/304': () => new HttpResponse(304, 'ignored', { ETag: '"1"' }),
      '/empty': () => new HttpResponse(200),
      '/odd': () => stream((async function* () {})(), { headers: { 'Content-Length': 'many' } }),
    })
    const lengths = async (path: string, method = 'GET') => {
      const { status, headers, body, code } = await get(client, path, { ':method': method })
      return [status, headers['content-length'], body, code]
    }
    expect(await lengths('/', 'HEAD')).toEqual([200, '5', '', 0])
    expect(await lengths('/stream', 'HEAD')).toEqual([200, undefined, '', 0])
    expect(await lengths('/204')).toEqual([204, undefined, '', 0])
    expect(await lengths('/304')).toEqual([304, undefined, '', 0])
    expect(await lengths('/empty')).toEqual([200, '0', '', 0])
    expect(await lengths('/empty', 'HEAD')).toEqual([200, undefined, '', 0])
    expect(await lengths('/odd')).toEqual([200, undefined, '', 0])
  })

  it('leaves out what is about the connection, and joins lines of one name', async () => {
    const { client } = await serving({
      '/': () => {
        const response = text('x', {
          headers: {
            Connection: 'close',
            'Keep-Alive': '5',
            'Transfer-Encoding': 'gzip',
            Upgrade: 'h3',
            TE: 'trailers',
          },
        })
        for (const value of ['a', 'b']) response.headers.append('Vary', value).append('Set-Cookie', value)
        response.headers.append('content-type', 'x/y')
        return response
      },
    })
    const { headers } = await get(client, '/')
    expect(Object.keys(headers).sort()).toEqual([
      ':status',
      'content-length',
      'content-type',
      'date',
      'set-cookie',
      'vary',
    ])
    expect(headers).toMatchObject({ vary: 'a, b', 'set-cookie': ['a', 'b'] })
  })

  it('sends a large body whole', async () => {
    const large = Buffer.alloc(3_000_000, 'abcdefg')
    const { client } = await serving({ '/': () => bytes(large) })
    const { body, headers } = await get(client, '/')
    expect([headers['content-length'], body === large.toString('latin1')]).toEqual(['3000000', true])
  })

  it('answers 500 without saying why to a handler that fails, and goes on', async () => {
    const broken = new Error('the password is 123')
    const { client, server } = await serving({
      '/': hello,
      '/fails': () => {
        throw broken
      },
      '/teapot': () => {
        throw new HttpError(418, 'short and stout', { headers: { 'X-Handle': 'yes' } })
      },
    })
    const failed = await get(client, '/fails')
    expect([failed.status, failed.body]).toEqual([
      500,
      '{"type":"about:blank","title":"Internal Server Error","status":500}',
    ])
    expect(await get(client, '/teapot')).toMatchObject({ status: 418, headers: { 'x-handle': 'yes' } })
    expect((await get(client, '/')).body).toBe('hello')
    expect(problems).toEqual([broken])
    expect(server.stats()).toMatchObject({ requests: 3, failed: 1, responses: [0, 0, 1, 0, 1, 1] })
  })
})

describe('the body of a request', () => {
  it('is read whole, or piece by piece', async () => {
    const { client } = await serving({
      '/echo': echo,
      '/json': function* (req) {
        return json(yield* req.json())
      },
      '/length': function* (req) {
        let [length, pieces] = [0, 0]
        for (let piece = yield* req.body.recv(); piece !== undefined; piece = yield* req.body.recv()) {
          length += piece.length
          pieces++
        }
        return json({ length, declared: req.body.declaredLength ?? null, several: pieces > 1 })
      },
    })
    expect((await post(client, '/echo', 'abc')).body).toBe('abc')
    expect((await post(client, '/echo', '')).body).toBe('')
    expect((await post(client, '/json', '{"a":1}', { 'content-type': 'application/json' })).body).toBe(
      '{"a":1}',
    )
    const large = Buffer.alloc(1_000_000)
    const { body } = await post(client, '/length', large, { 'content-length': large.length })
    expect(JSON.parse(body)).toEqual({ length: 1_000_000, declared: 1_000_000, several: true })
  })

  it('is refused beyond the limit, declared or not', async () => {
    const { client } = await serving({ '/echo': echo }, { limits: { bodyBytes: 1000 } })
    expect((await post(client, '/echo', 'a'.repeat(1000))).status).toBe(200)
    expect((await post(client, '/echo', 'a'.repeat(1001))).status).toBe(413)
    expect((await post(client, '/echo', 'a'.repeat(1001), { 'content-length': 1001 })).status).toBe(413)
    const endless = open(client, { ':path': '/echo', ':method': 'POST' }, false)
    endless.write('a'.repeat(1001))
    expect(await answerOf(endless)).toMatchObject({ status: 413, code: 0 })
  })

  it('is not fetched while nobody reads it', async () => {
    const begin = chan<void>()
    const { client } = await serving({
      '/': function* (req) {
        yield* begin.recv()
        return json((yield* req.bytes()).length)
      },
    })
    const req = open(client, { ':path': '/', ':method': 'POST' }, false)
    let sent = 0
    const isFull = () => req.writableLength > 0
    while (sent < 900_000) {
      req.write(Buffer.alloc(10_000))
      sent += 10_000
    }
    req.end()
    await go(pause, 30)
    expect(isFull()).toBe(true)
    const answer = answerOf(req)
    begin.close()
    expect((await answer).body).toBe('900000')
  })

  it('is thrown away when the answer comes before it', async () => {
    const { client } = await serving({ '/': hello })
    const req = open(client, { ':path': '/', ':method': 'POST' }, false)
    req.write('a'.repeat(1000))
    const { status, body, code } = await answerOf(req)
    expect([status, body, code]).toEqual([200, 'hello', 0])
    expect((await post(client, '/', Buffer.alloc(500_000))).status).toBe(200)
  })

  it('comes after 100 where the client waits for that', async () => {
    const { client } = await serving({ '/echo': echo, '/': hello })
    const waiting = open(client, { ':path': '/echo', ':method': 'POST', expect: '100-continue' }, false)
    waiting.on('continue', () => waiting.end('now'))
    expect((await answerOf(waiting)).body).toBe('now')
    const unread = open(client, { ':path': '/', ':method': 'POST', expect: '100-continue' }, false)
    let continued = false
    unread.on('continue', () => {
      continued = true
    })
    expect([(await answerOf(unread)).status, continued]).toEqual([200, false])
  })

  it('fails when the client takes it back', async () => {
    const failed = chan<unknown>(1)
    const { port } = await serving({
      '/': function* (req) {
        try {
          yield* req.text()
        } catch (error) {
          yield* failed.send(error)
        }
        return text('nobody sees it')
      },
    })
    const raw = await RawHttp2.connect(port, authority.ca) // that of Node ends the body before it takes it back
    raw.send(
      frame('headers', flags.endHeaders, 1, encodeFields(post1)),
      frame('data', 0, 1, Buffer.from('half')),
      reset(1),
    )
    expect(await failed.recv()).toBeInstanceOf(ClientGone)
    expect(problems).toEqual([])
    raw.close()
  })
})

const post1 = [
  [':method', 'POST'],
  [':scheme', 'https'],
  [':authority', 'localhost'],
  [':path', '/'],
] as const

describe('a body that is produced while it is sent', () => {
  it('arrives piece by piece, from whatever produces it', async () => {
    const values = chan<string>(3)
    for (const value of ['a', 'b', 'c']) values.trySend(value)
    values.close()
    const { client } = await serving({
      '/channel': () => stream(values),
      '/iterable': () =>
        stream(
          (async function* () {
            yield 'x'
            yield Buffer.from('y')
          })(),
        ),
      '/writer': () =>
        stream(function* (out) {
          for (let i = 0; i < 3; i++) yield* out.send(String(i))
        }),
    })
    expect((await get(client, '/channel')).body).toBe('abc')
    expect((await get(client, '/iterable')).body).toBe('xy')
    expect((await get(client, '/writer')).body).toBe('012')
  })

  it('is produced no faster than the client reads', async () => {
    let sent = 0
    const { client } = await serving({
      '/': () =>
        stream(function* (out) {
          for (; sent < 200; sent++) yield* out.send(Buffer.alloc(10_000))
        }),
    })
    const req = open(client, { ':path': '/' })
    req.pause()
    await once(req, 'response')
    await go(pause, 50)
    expect(sent).toBeLessThan(30)
    const answer = answerOf(req)
    req.resume()
    expect((await answer).body.length).toBe(2_000_000)
  })

  it('that breaks off does not look whole', async () => {
    const broken = new Error('the source is gone')
    const { client } = await serving({
      '/': () =>
        stream(function* (out) {
          yield* out.send('half')
          throw broken
        }),
      '/none': () =>
        stream(function* () {
          throw broken
        }),
      '/short': () => stream(chanOf('abc'), { headers: { 'Content-Length': '4' } }),
      '/hello': hello,
    })
    expect(await get(client, '/')).toMatchObject({ status: 200, code: 2 })
    expect(await get(client, '/none')).toMatchObject({ status: 200, code: 2 })
    expect((await get(client, '/short')).code).not.toBe(0)
    expect((await get(client, '/hello')).body).toBe('hello')
    expect(problems).toEqual([broken, broken, expect.objectContaining({ code: 'ERR_SLUICE_BODY_LENGTH' })])
  })

  it('ends when the client has left', async () => {
    const ended = chan<unknown>(1)
    const { client } = await serving({
      '/': () =>
        stream(function* (out) {
          try {
            for (;;) {
              yield* out.send('tick')
              yield* sleep(1)
            }
          } finally {
            ended.trySend('ended')
          }
        }),
    })
    const req = open(client, { ':path': '/' })
    await once(req, 'data')
    req.close(8)
    expect(await ended.recv()).toBe('ended')
    expect(problems).toEqual([])
  })
})

function chanOf(...values: string[]) {
  const all = chan<string>(values.length)
  for (const value of values) all.trySend(value)
  all.close()
  return all
}

describe('limits of a head', () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'v'])) as OutgoingHttpHeaders

  it.each([
    ['a target that is too long', 414, `/${'a'.repeat(9000)}`, {}],
    ['a field that is too long', 431, '/', { 'x-long': 'a'.repeat(9000) }],
    ['too many fields', 431, '/', many(101)],
    ['too many bytes', 431, '/', { a: 'a'.repeat(8000), b: 'b'.repeat(8000), c: 'c'.repeat(1000) }],
    ['a target that has to be encoded', 400, '/a|"b', {}],
  ])('%s: %d, and the connection goes on', async (_what, status, path, headers) => {
    const { client, server } = await serving({ '/': hello })
    expect(await get(client, path, headers)).toMatchObject({ status, code: 0 })
    expect((await get(client, '/')).body).toBe('hello')
    expect(server.stats()).toMatchObject({ refused: 1, requests: 1 })
  })

  it('far beyond them the stream is reset, and the connection goes on', async () => {
    const { client } = await serving({ '/': hello })
    expect(await get(client, '/', many(400))).toMatchObject({ status: 0, code: 11 })
    expect((await get(client, '/')).body).toBe('hello')
  })
})

describe('the context of a request', () => {
  it('ends when the client resets the stream, and nothing is reported', async () => {
    const [begun, ended] = [chan<void>(1), chan<unknown>(1)]
    const { client, server } = await serving({
      '/': function* (req) {
        begun.trySend()
        yield* req.ctx.done()
        ended.trySend(req.ctx.cause)
        yield* sleep(1000).within(req.ctx)
        return text('never')
      },
      '/hello': hello,
    })
    const req = open(client, { ':path': '/' })
    await begun.recv()
    req.close(8)
    expect(await ended.recv()).toBeInstanceOf(ClientGone)
    expect((await get(client, '/hello')).body).toBe('hello')
    expect(problems).toEqual([])
    expect(server.stats().failed).toBe(0)
  })

  it('ends when the connection does', async () => {
    const [begun, ended] = [chan<void>(1), chan<unknown>(1)]
    const { client } = await serving({
      '/': function* (req) {
        begun.trySend()
        yield* req.ctx.done()
        ended.trySend(req.ctx.cause)
        return text('never')
      },
    })
    open(client, { ':path': '/' })
    await begun.recv()
    client.destroy()
    expect(await ended.recv()).toBeInstanceOf(ClientGone)
  })

  it('ends with the response', async () => {
    let ctx: HttpRequest['ctx'] | undefined
    const { client } = await serving({
      '/': (req) => {
        ctx = req.ctx
        return text('hello')
      },
    })
    await get(client, '/')
    expect(ctx?.err).toBeDefined()
  })
})

describe('time limits', () => {
  it('a handler that takes too long: 503, and its context ends', async () => {
    const ended = chan<unknown>(1)
    const { client, server } = await serving(
      {
        '/': function* (req) {
          yield* req.ctx.done()
          ended.trySend(String(req.ctx.err))
          return text('late')
        },
      },
      { timeouts: { handlerMs: 50 } },
    )
    expect((await get(client, '/')).status).toBe(503)
    expect(await ended.recv()).toMatch(/DeadlineExceeded/)
    expect(server.stats()).toMatchObject({ timedOut: 1, failed: 0 })
  })

  it('a body that takes too long: 408', async () => {
    const { client } = await serving({ '/echo': echo }, { timeouts: { bodyMs: 50 } })
    const req = open(client, { ':path': '/echo', ':method': 'POST' }, false)
    req.write('a')
    expect((await answerOf(req)).status).toBe(408)
  })

  it('a response that is not read: its stream is reset, and the others go on', async () => {
    const { client, server } = await serving(
      { '/large': () => bytes(Buffer.alloc(2_000_000)), '/stream': () => stream(endless), '/': hello },
      { timeouts: { writeMs: 60 } },
    )
    function* endless(out: { send(bytes: Uint8Array): ReturnType<typeof sleep> }) {
      for (;;) yield* out.send(Buffer.alloc(1000))
    }
    const stuck = ['/large', '/stream'].map(
      (path) => open(client, { ':path': path }).pause() as ClientHttp2Stream,
    )
    const codes = stuck.map((req) => new Promise((resolve) => req.on('close', () => resolve(req.rstCode))))
    await until(server, ({ timedOut }) => timedOut === 2)
    for (const req of stuck) req.resume()
    expect(await Promise.all(codes)).toEqual([8, 8])
    expect((await get(client, '/')).body).toBe('hello')
  })

  it('a large response that is read slowly is not cut off', async () => {
    const { client, server } = await serving(
      { '/': () => bytes(Buffer.alloc(1_500_000)) },
      { timeouts: { writeMs: 400 } }, // less than all of it takes, and far more than a piece
    )
    const req = open(client, { ':path': '/' })
    let length = 0
    req.on('data', (chunk: Buffer) => {
      length += chunk.length
      req.pause()
      void go(pause, 10).then(() => req.resume())
    })
    await new Promise((resolve) => req.on('close', resolve))
    expect([length, req.rstCode, server.stats().timedOut]).toEqual([1_500_000, 0, 0])
  })

  it('a connection without requests, and an idle one, are closed', async () => {
    const { client, server, port } = await serving({ '/': hello }, { timeouts: { headMs: 300, idleMs: 60 } })
    await get(client, '/')
    await once(client, 'close')
    expect(server.stats().timedOut).toBe(0)
    await once(connected(port), 'close')
    expect((await until(server, ({ connections }) => connections.open === 0)).timedOut).toBe(1)
  })

  it('an idle limit does not end a connection with a request under way', async () => {
    const { client } = await serving(
      {
        '/': function* () {
          yield* sleep(150)
          return text('slow')
        },
      },
      { timeouts: { idleMs: 50 } },
    )
    expect((await get(client, '/')).body).toBe('slow')
  })
})

describe('the end of a connection', () => {
  it('at a shutdown says so, finishes its requests, and takes no more', async () => {
    const [begun, gate] = [chan<void>(2), chan<void>()]
    const { client, server } = await serving({
      '/': function* () {
        begun.trySend()
        yield* gate.recv()
        return text('finished')
      },
    })
    const answers = [get(client, '/'), get(client, '/')]
    await begun.recv()
    await begun.recv()
    const goaway = once(client, 'goaway')
    server.shutdown(5000)
    expect((await goaway).slice(0, 2)).toEqual([0, 3])
    expect(client.closed).toBe(true)
    gate.close()
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['finished', 'finished'])
    await server
  })

  it('at a shutdown closes what is idle at once', async () => {
    const { client, server } = await serving({ '/': hello })
    await get(client, '/')
    server.shutdown(5000)
    await server
    expect(server.stats().connections.open).toBe(0)
  })

  it('comes when the grace period is over, and ends contexts', async () => {
    const ended = chan<unknown>(1)
    const { client, server } = await serving({
      '/': function* (req) {
        yield* req.ctx.done()
        ended.trySend(String(req.ctx.cause))
        return text('late')
      },
    })
    const answer = get(client, '/')
    await until(server, ({ requests }) => requests === 1)
    server.shutdown(20)
    expect(await ended.recv()).toMatch(/ServerClosed/)
    expect((await answer).status).toBe(0)
    await server
  })

  it('comes after as many requests as it may have', async () => {
    const { client } = await serving({ '/': hello }, { limits: { requests: 3 } })
    const closed = once(client, 'close')
    for (let i = 0; i < 3; i++) expect((await get(client, '/')).body).toBe('hello')
    await closed
  })

  it('comes at once where there is no place, and the client knows that nothing was looked at', async () => {
    const { client, port, server } = await serving({ '/': hello }, { connections: { maxConnections: 1 } })
    await get(client, '/')
    const second = connected(port)
    const goaway = once(second, 'goaway')
    expect((await goaway).slice(0, 2)).toEqual([0, 0])
    expect(server.stats().connections.refused).toBe(1)
  })

  it('lets a client in that had to wait for a place, and has sent its preface meanwhile', async () => {
    const { client, port, server } = await serving(
      { '/': hello },
      { connections: { maxConnections: 1, whenFull: 'queue' } },
    )
    await get(client, '/')
    const raw = (await RawHttp2.connect(port, authority.ca)).send(request(1))
    await until(server, ({ connections }) => connections.queued === 1)
    await go(pause, 20) // for what it has sent
    client.close()
    expect(await raw.answered(1)).toBe(true)
    raw.close()
  })

  it('leaves nothing behind', async () => {
    const { client, server } = await serving({ '/': hello, '/never': never })
    await get(client, '/')
    open(client, { ':path': '/never' })
    await until(server, ({ requests }) => requests === 2)
    client.destroy()
    const { connections } = await until(server, ({ connections: { open } }) => open === 0)
    expect(connections).toMatchObject({ accepted: 1, peak: 1 })
    expect(connections.bytesIn).toBeGreaterThan(0)
    expect(connections.bytesOut).toBeGreaterThan(0)
  })
})
