import { describe, expect, it } from 'vitest'
import { connected, get, hello, pause, post, problems, serving } from '../../test/serving/serving.js'
import { chan } from '../runtime/chan.js'
import { go } from '../runtime/go.js'
import { sleep } from '../runtime/sleep.js'
import type { Handler } from './handler.js'
import { HttpError } from './http-error.js'
import type { HttpRequest } from './request.js'
import { bytes, type HttpResponse, stream, text } from './response.js'

const slow = (name: string, ms: number): Handler =>
  function* () {
    yield* sleep(ms)
    return text(name)
  }

describe('an error on the way of an error', () => {
  it.each([
    ['a plain function', ((): never => fail()) as Handler],
    [
      'a goroutine',
      function* (): Generator<never, HttpResponse> {
        return fail()
      } as Handler,
    ],
    ['an async function', async () => fail()],
  ])('in the headers of what %s throws is a 500, and is reported', async (_kind, handler) => {
    const { client } = await serving({ '/': handler, '/ok': hello })
    client.send(get('/') + get('/ok'))
    const [first, second] = await client.responses(2)
    expect([first?.status, second?.status]).toEqual([500, 200])
    expect(first?.head).not.toContain('Injected')
    expect(problems.map(String).join()).toMatch(/the value of the header WWW-Authenticate/)
  })

  it('in the headers that a middleware asked for does no harm either', async () => {
    const { client } = await serving({
      '/': (req) => {
        req.addErrorHeaders({ 'X-Id': 'a\r\nInjected: 1' })
        throw new HttpError(404)
      },
      '/ok': hello,
    })
    client.send(get('/') + get('/ok'))
    const [first, second] = await client.responses(2)
    expect([first?.status, second?.status]).toEqual([500, 200])
  })

  it.each([
    ['a plain function', (): never => fail(new Error('broken'))],
    [
      'a goroutine',
      function* (): Generator<never, HttpResponse> {
        return fail(new Error('broken'))
      },
    ],
    ['an async function', async () => fail(new Error('broken'))],
  ] as [string, Handler][])(
    'in onError, after %s failed, does not end the server',
    async (_kind, handler) => {
      let calls = 0
      const { client } = await serving(
        { '/': handler, '/ok': hello },
        {
          onError: () => {
            calls++
            throw new Error('and so is this')
          },
        },
      )
      client.send(get('/'))
      expect(await client.responses(1)).toMatchObject([{ status: 500 }])
      client.send(get('/ok'))
      expect(await client.responses(1)).toMatchObject([{ status: 200 }])
      expect(calls).toBe(1)
    },
  )

  it('of a promise that onError leaves behind does not end the process', async () => {
    const { client } = await serving(
      { '/': () => fail(new Error('broken')), '/ok': hello },
      { onError: (async () => Promise.reject(new Error('the log is away'))) as never },
    )
    client.send(get('/'))
    expect(await client.responses(1)).toMatchObject([{ status: 500 }])
    await go(pause, 1)
    client.send(get('/ok'))
    expect(await client.responses(1)).toMatchObject([{ status: 200 }])
  })

  it('of a response that cannot be written closes the connection, and is reported', async () => {
    const { client, port } = await serving({
      '/': () => {
        const response = text('x')
        Object.defineProperty(response, 'status', {
          get() {
            throw new Error('no status')
          },
        })
        return response
      },
      '/ok': hello,
    })
    client.send(get('/'))
    expect(await client.closed()).toBe('')
    expect(problems).toEqual([new Error('no status')])
    const other = await connected(port)
    other.send(get('/ok'))
    expect(await other.responses(1)).toMatchObject([{ status: 200 }])
  })
})

function fail(
  error: Error = new HttpError(401, 'who?', { headers: { 'WWW-Authenticate': 'a\r\nInjected: 1' } }),
): never {
  throw error
}

describe('the framing of a response', () => {
  it.each(['abc', '1, 2', '-1', '0x10'])(
    'has one length, though the handler says %s of a body that is still produced',
    async (length) => {
      const { client } = await serving({
        '/': () =>
          stream(
            function* (out) {
              yield* out.send('one')
            },
            { headers: { 'Content-Length': length } },
          ),
      })
      client.send(get('/', 'Connection: close'))
      const all = await client.closed()
      expect(all).toMatch(/Transfer-Encoding: chunked/)
      expect(all).not.toMatch(/content-length/i)
    },
  )

  it('has nothing behind a body whose end is the end of the connection', async () => {
    const done = chan<void>(1)
    const { client } = await serving({
      '/': () =>
        stream(function* (out) {
          yield* done.recv()
          yield* out.send('the end')
        }),
      '/b': function* () {
        yield* done.send()
        return text('smuggled')
      },
    })
    const old = (path: string) => `GET ${path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`
    client.send(`${old('/')}${old('/b')}bad\r\n\r\n`)
    expect(await client.closed()).toMatch(/\r\n\r\nthe end$/)
  })

  it('has nothing behind a response that says Connection: close, though more were handled meanwhile', async () => {
    const { client } = await serving({
      '/bye': function* () {
        yield* sleep(20)
        return text('bye', { headers: { Connection: 'close' } })
      },
      '/b': () => text('b'),
    })
    client.send(get('/bye') + get('/b') + get('/b'))
    expect(await client.closed()).toMatch(/^.*Connection: close\r\n.*bye$/s)
  })

  it('has the bytes of latin-1 for letters beyond ASCII in a header', async () => {
    const { client } = await serving({ '/': () => text('x', { headers: { 'X-Name': 'Käse\x80ÿ' } }) })
    client.send(get('/'))
    expect((await client.responses(1))[0]?.head).toContain('X-Name: Käse\x80ÿ')
  })

  it('never is that of another status for 101 from a handler that has not taken the connection', async () => {
    const { client } = await serving({
      '/': () => {
        const response = text('x')
        response.status = 101
        return response
      },
    })
    client.send(get('/') + get('/'))
    expect(await client.closed()).toBe('')
    expect(problems).toHaveLength(1)
  })
})

describe('a client that sends much', () => {
  it('waits with its next requests while it does not take the answers to those before', async () => {
    let handled = 0
    const { client } = await serving({
      '/': () => {
        handled++
        return bytes(Buffer.alloc(200_000))
      },
    })
    client.socket.pause()
    client.send(get('/').repeat(1000))
    let before = -1
    while (handled === 0 || handled !== before) {
      before = handled
      await go(pause, 50)
    }
    expect(handled).toBeLessThan(100)
    client.socket.resume()
    await client.responses(1000)
    expect(handled).toBe(1000)
  }, 30_000)

  it('waits while a request of it waits, however long the response before that is', async () => {
    let bytesIn = 0
    const { client, server } = await serving({
      '/long': () =>
        stream(function* (out) {
          for (let i = 0; i < 100; i++) {
            yield* out.send(Buffer.alloc(65_536, 'x'))
            yield* sleep(1)
          }
          bytesIn = server.stats().connections.bytesIn
        }),
      '/post': hello,
    })
    client.send(get('/long') + post('/post', ''))
    client.socket.write(Buffer.alloc(16 * 2 ** 20, get('/post')))
    await client.until('0\r\n\r\n')
    expect(bytesIn).toBeLessThan(2 ** 20)
  }, 30_000)

  it('costs little more than it sends, in however small pieces', async () => {
    const pieces = chan<number>(1)
    const go1 = chan<void>()
    const { client } = await serving({
      '/': function* (req) {
        yield* go1.recv()
        yield* pieces.send(req.body.length)
        return text(yield* req.text())
      },
    })
    const body = 'x'.repeat(10_000)
    client.send(
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${[...body].map((x) => `1\r\n${x}\r\n`).join('')}0\r\n\r\n`,
    )
    await go(pause, 50)
    await go1.send()
    expect(await pieces.recv()).toBeLessThan(10)
    expect(await client.responses(1)).toMatchObject([{ body }])
  })

  it('may pipeline as many requests for another protocol as one read holds', async () => {
    const { client } = await serving({ '/': () => text('x') })
    client.send('GET / HTTP/1.1\r\nHost:a\r\nUpgrade:a\r\nConnection:upgrade\r\n\r\n'.repeat(3000))
    expect(await client.responses(3000)).toHaveLength(3000)
    expect(problems).toEqual([])
  })
})

describe('a client that has sent all', () => {
  it('gets all the answers, also to requests that waited for those before them', async () => {
    const { client } = await serving({ '/a': slow('a', 20), '/b': slow('b', 1) })
    client.send(post('/a', 'x') + post('/b', 'y') + get('/b'))
    client.socket.end()
    const all = await client.closed()
    expect(all.match(/\r\n\r\n[ab]/g)).toEqual(['\r\n\r\na', '\r\n\r\nb', '\r\n\r\nb'])
  })

  it('gets the answers before half a request, which is none', async () => {
    const { client } = await serving({ '/a': slow('a', 20) })
    client.send(`${post('/a', 'x')}${post('/a', 'y')}GET /`)
    client.socket.end()
    expect((await client.closed()).match(/\r\n\r\na/g)).toHaveLength(2)
  })
})

describe('a client that has left', () => {
  it('has no body produced for it', async () => {
    const answers = chan<void>()
    const entered = chan<void>(1)
    let sent = 0
    const { client, server } = await serving({
      '/': function* () {
        yield* entered.send()
        yield* answers.recv()
        return stream(function* (out) {
          for (;;) {
            yield* out.send('x')
            sent++
            yield* sleep(1)
          }
        })
      },
    })
    client.send(get('/'))
    await entered.recv()
    client.socket.resetAndDestroy()
    while (server.stats().connections.open > 0) await go(pause, 5)
    await answers.send()
    await go(pause, 50)
    const before = sent
    await go(pause, 50)
    expect(sent).toBe(before)
  })
})

describe('a body of a response that is not sent', () => {
  /** A body that tells when it is given up. */
  function body(ended: { send(): unknown }): AsyncIterable<string> {
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: 'x' }),
        return: async () => {
          ended.send()
          return { done: true, value: undefined }
        },
      }),
    }
  }

  it.each([
    ['for HEAD', 'HEAD', 200],
    ['with 304', 'GET', 304],
  ])('%s is given up, and the connection stays', async (_kind, method, status) => {
    const ended = chan<void>(1)
    const { client } = await serving({ '/': () => stream(body({ send: () => ended.trySend() }), { status }) })
    client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect(await client.responses(1)).toMatchObject([{ status }])
    await ended.recv()
    client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect(await client.responses(1)).toMatchObject([{ status }])
  })

  it('since it came too late is given up', async () => {
    const ended = chan<void>(1)
    const { client } = await serving(
      {
        '/': function* (req) {
          yield* req.ctx.done()
          return stream(body({ send: () => ended.trySend() }))
        },
      },
      { timeouts: { handlerMs: 50 } },
    )
    client.send(get('/'))
    expect(await client.responses(1)).toMatchObject([{ status: 503 }])
    await ended.recv()
  })

  it('since the connection ends with an earlier response is given up', async () => {
    const ended = chan<void>(2)
    const { client } = await serving({
      '/bye': function* () {
        yield* sleep(20)
        return text('bye', { headers: { Connection: 'close' } })
      },
      '/b': () => stream(body({ send: () => ended.trySend() })),
      '/late': function* (req) {
        yield* req.ctx.done()
        return stream(body({ send: () => ended.trySend() }))
      },
    })
    client.send(get('/bye') + get('/b') + get('/late'))
    expect(await client.closed()).toMatch(/bye$/)
    await ended.recv()
    await ended.recv()
  })
})

describe('a request that waits for those before it', () => {
  it('has its own time', async () => {
    const { client } = await serving(
      { '/a': slow('a', 150), '/b': slow('b', 150) },
      { timeouts: { handlerMs: 220, bodyMs: 100 } },
    )
    client.send(post('/a', 'x') + post('/b', 'y'))
    expect((await client.responses(2)).map(({ status }) => status)).toEqual([200, 200])
  })

  it('has its own time for the body as well', async () => {
    const { client } = await serving(
      {
        '/a': slow('a', 300),
        '/b': function* (req) {
          return text(yield* req.text())
        },
      },
      { timeouts: { bodyMs: 150 } },
    )
    client.send(`${post('/a', 'x')}POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\ny`)
    await client.responses(1)
    await go(pause, 80)
    client.send('z')
    expect(await client.responses(1)).toMatchObject([{ status: 200, body: 'yz' }])
  })
})

describe('the time between requests', () => {
  it('begins with the end of the response', async () => {
    const { client } = await serving({ '/': slow('a', 400) }, { timeouts: { idleMs: 300 } })
    client.send(get('/'))
    await client.responses(1)
    await go(pause, 150)
    client.send(get('/'))
    expect(await client.responses(1)).toMatchObject([{ status: 200 }])
  })
})

describe('a body', () => {
  it('that two read as a whole is for the first, and the second is told', async () => {
    const { client } = await serving({
      '/': function* (req) {
        const first = go(function* () {
          return yield* req.text()
        })
        yield* sleep(1)
        let second: unknown
        try {
          yield* req.text()
        } catch (error) {
          second = error
        }
        return text(`${yield* first} ${String(second)}`)
      },
    })
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na')
    await go(pause, 50)
    client.send('bc')
    const [response] = await client.responses(1)
    expect(response?.body).toMatch(/^abc .*has been read already/)
  })

  it('that is only tried comes as well, once more than its share waits', async () => {
    const { client } = await serving({
      '/': function* (req) {
        let sum = 0
        for (;;) {
          const piece = req.body.tryRecv()
          if (piece?.done === true) return text(String(sum))
          sum += piece?.value.length ?? 0
          yield* sleep(5)
        }
      },
    })
    client.send(post('/', 'x'.repeat(400_000)))
    expect(await client.responses(1)).toMatchObject([{ body: '400000' }])
  })
})

describe('a request for another protocol', () => {
  it('waits for the answers to those before it', async () => {
    const log: string[] = []
    const { client } = await serving({
      '/slow': function* () {
        yield* sleep(20)
        log.push('slow')
        return text('slow')
      },
      '/up': () => {
        log.push('up')
        return text('no')
      },
    })
    client.send(get('/slow') + get('/up', 'Upgrade: x', 'Connection: upgrade'))
    expect((await client.responses(2)).map(({ body }) => body)).toEqual(['slow', 'no'])
    expect(log).toEqual(['slow', 'up'])
  })
})

describe('the context of a request', () => {
  it('has ended when it is asked for behind the response', async () => {
    let kept: HttpRequest | undefined
    const { client } = await serving({
      '/': (req) => {
        kept = req
        return text('x')
      },
    })
    client.send(get('/'))
    await client.responses(1)
    expect(kept?.ctx.err).toBeDefined()
  })
})

describe('a head that takes too long', () => {
  it('behind a request that is still handled is counted once, and answered behind it', async () => {
    const { client, server } = await serving({ '/': slow('a', 500) }, { timeouts: { headMs: 100 } })
    client.send(`${get('/')}GET /`)
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\naHTTP\/1\.1 408 /s)
    expect(server.stats()).toMatchObject({ timedOut: 1, refused: 1 })
  })
})
