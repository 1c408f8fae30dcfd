import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { run } from 'sluice'
import { clientOf, endPeers, Peer, responseOf, served } from '../../../test/http/client-peers.js'
import { background } from '../../context/background.js'
import { type CancelNode, withCancel } from '../../context/cancel.js'
import { DeadlineExceeded, withTimeout } from '../../context/deadline.js'
import { chan } from '../../runtime/chan.js'
import { Canceled } from '../../runtime/errors.js'
import { go } from '../../runtime/go.js'
import type { Routine } from '../../runtime/operation.js'
import { sleep } from '../../runtime/sleep.js'
import { WaitGroup } from '../../sync/wait-group.js'
import { ClientGone } from '../body.js'
import type { HttpRequest } from '../request.js'
import { bytes, empty, HttpResponse, json, redirect, stream, text } from '../response.js'
import { router } from '../router.js'
import { ResponseTooLarge } from './client-errors.js'
import type { HttpClientOptions } from './client-options.js'
import type { ClientResponse } from './client-response.js'

const ctx = background()
afterEach(endPeers)

/** What a handler sees of a request. */
function* echo(req: HttpRequest): Routine<HttpResponse> {
  const { method, target } = req
  return json({ method, target, headers: [...req.headers], body: yield* req.text() })
}

async function echoing(): Promise<string> {
  const app = router()
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const)
    app[method.toLowerCase() as 'get']('/echo/*', echo)
  return (await served(app)).url
}

interface Echo {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

function* echoed(response: ClientResponse): Routine<Echo> {
  return (yield* response.json()) as Echo
}

describe('httpClient', () => {
  it('sends requests below its base, in a goroutine and in async code', async () => {
    const client = clientOf({ base: `${await echoing()}/echo/`, headers: { 'X-A': '1' } })
    await run(function* () {
      const response = yield* client.get(ctx, '/orders', { query: { full: true } })
      expect([response.status, response.ok]).toEqual([200, true])
      expect(response.headers.get('content-type')).toBe('application/json')
      const { method, target, headers } = yield* echoed(response)
      expect([method, target]).toEqual(['GET', '/echo/orders?full=true'])
      expect(headers).toContainEqual(['x-a', '1'])
    })
    const response = await client.get(ctx, '/orders')
    expect(await response.json()).toMatchObject({ target: '/echo/orders' })
  })

  it('goes to whatever URL is asked for without a base', async () => {
    const [one, two] = [await echoing(), await echoing()]
    const client = clientOf({})
    for (const url of [one, two]) {
      const response = await client.get(ctx, `${url}/echo/x`)
      expect(((await response.json()) as Echo).headers).toContainEqual(['host', url.slice('http://'.length)])
    }
    expect(client.stats().origins.map(({ origin }) => origin)).toEqual([one, two])
  })

  it.each([
    ['JSON', { json: { a: [1] } }, '{"a":[1]}'],
    ['text', { body: 'hellö' }, 'hellö'],
    ['bytes', { body: Buffer.from('bytes') }, 'bytes'],
    ['nothing', {}, ''],
    ['an empty text', { body: '' }, ''],
  ])('sends %s', async (_, options, body) => {
    const client = clientOf({ base: await echoing() })
    for (const method of ['post', 'put', 'patch', 'delete'] as const) {
      const response = await client[method](ctx, '/echo/x', options)
      expect(await response.json()).toMatchObject({ method: method.toUpperCase(), body })
    }
  })

  it('sends a body that is produced, as fast as the server reads', async () => {
    const base = await echoing()
    const client = clientOf({ base })
    async function* pieces() {
      for (let i = 0; i < 100; i++) yield 'a'.repeat(1000)
    }
    const ch = chan<string>()
    go(function* () {
      for (let i = 0; i < 100; i++) yield* ch.send('b'.repeat(1000))
      ch.close()
    })
    await run(function* () {
      const one = yield* echoed(yield* client.post(ctx, '/echo/x', { body: pieces() }))
      expect([one.body.length, one.body.replaceAll('a', '')]).toEqual([100_000, ''])
      const two = yield* echoed(yield* client.post(ctx, '/echo/x', { body: ch }))
      expect([two.body.length, two.body.replaceAll('b', '')]).toEqual([100_000, ''])
      const three = yield* client.post(ctx, '/echo/x', {
        *body(out) {
          yield* out.send('one, ')
          yield* sleep(1)
          yield* out.send(Buffer.from('two'))
        },
      })
      expect((yield* echoed(three)).body).toBe('one, two')
    })
  })

  it('throws what the source of a body throws', async () => {
    const client = clientOf({ base: await echoing() })
    const broken = new Error('broken')
    async function* pieces() {
      yield 'a'
      throw broken
    }
    await expect(client.post(ctx, '/echo/x', { body: pieces() })).rejects.toBe(broken)
    expect((await client.get(ctx, '/echo/x')).status).toBe(200)
  })

  it('tells the source of a body to clean up when the request is given up', async () => {
    const reading = chan<void>(1)
    const { url } = await served(
      router().post('/', function* (req) {
        yield* reading.send()
        yield* req.ctx.done()
        return empty()
      }),
    )
    const cleaned = chan<string>(2)
    async function* pieces() {
      try {
        for (;;) yield 'a'.repeat(100_000)
      } finally {
        void cleaned.send('iterable').then(() => undefined)
      }
    }
    await run(function* () {
      const client = clientOf({ base: url })
      const sources = [
        pieces(),
        function* (out: { send(chunk: string): ReturnType<typeof sleep> }) {
          try {
            for (;;) yield* out.send('a'.repeat(100_000))
          } finally {
            void cleaned.send('routine').then(() => undefined)
          }
        },
      ]
      for (const body of sources) {
        const asking = withCancel(ctx)
        const sent = go(function* () {
          yield* client.post(asking, '/', { body })
        })
        yield* reading.recv()
        asking.cancel()
        expect((yield* sent.outcome()).error).toBeInstanceOf(Canceled)
        yield* cleaned.recv()
      }
    })
  })

  it('reads a body in pieces, as fast as somebody reads it', async () => {
    const piece = Buffer.alloc(64 * 1024, 7)
    let produced = 0
    const { url } = await served(
      router().get('/', () =>
        stream(
          (async function* () {
            for (; produced < 400; produced++) yield piece
          })(),
        ),
      ),
    )
    await run(function* () {
      const client = clientOf({ base: url })
      const response = yield* client.get(ctx, '/')
      yield* sleep(200)
      expect(produced).toBeLessThan(200) // what the kernel's buffers hold, and no more
      const hash = createHash('sha256')
      for (let next = yield* response.body.recv(); next !== undefined; next = yield* response.body.recv())
        hash.update(next)
      const whole = createHash('sha256')
      for (let i = 0; i < 400; i++) whole.update(piece)
      expect(hash.digest('hex')).toBe(whole.digest('hex'))
      expect(client.stats().origins).toMatchObject([{ connections: 1, busy: 0 }])
    })
  })

  it('reads no more of a body than it may, and gives up the connection', async () => {
    const { url } = await served(
      router()
        .get('/declared', () => bytes(new Uint8Array(5_000_000)))
        .get('/endless', () =>
          stream(
            (async function* () {
              for (;;) yield new Uint8Array(10_000)
            })(),
          ),
        )
        .get('/small', () => text('a'.repeat(101))),
    )
    const client = clientOf({ base: url, maxBodyBytes: 1_000_000 })
    await run(function* () {
      for (const path of ['/declared', '/endless']) {
        const response = yield* client.get(ctx, path)
        const read = go(function* () {
          return yield* response.bytes()
        })
        expect((yield* read.outcome()).error).toMatchObject({ limitBytes: 1_000_000 })
        expect(client.stats().origins).toMatchObject([{ connections: 0 }])
      }
      const small = yield* client.get(ctx, '/small', { maxBodyBytes: 100 })
      const read = go(function* () {
        return yield* small.text()
      })
      expect((yield* read.outcome()).error).toBeInstanceOf(ResponseTooLarge)
      const whole = yield* client.get(ctx, '/declared', { maxBodyBytes: 5_000_000 })
      expect((yield* whole.bytes()).length).toBe(5_000_000)
    })
  })

  it('reads a body once', async () => {
    const client = clientOf({ base: await echoing() })
    const response = await client.get(ctx, '/echo/x')
    await response.text()
    await expect(response.text()).rejects.toThrow(/read already/)
  })

  it('sends a request once', async () => {
    const client = clientOf({ base: await echoing() })
    const asked = client.get(ctx, '/echo/x')
    await asked
    await expect(asked).rejects.toThrow(/waited for twice/)
    expect(client.stats().requests).toBe(1)
  })

  it.each([
    ['{"a":1,"a":2}', /no JSON.*twice/s],
    ['<html>', /no JSON/],
    ['{"__proto__":1}', /no JSON.*__proto__/s],
    ['', /no JSON/],
  ])('refuses %s as JSON', async (body, message) => {
    const { url } = await served(router().get('/', () => text(body)))
    const response = await clientOf({ base: url }).get(ctx, '/')
    await expect(response.json()).rejects.toThrow(message)
    await expect(response.json()).rejects.toThrow(/read already/)
  })

  it('gives a response of any status, and follows no redirect', async () => {
    const { url } = await served(
      router()
        .get('/404', () => new HttpResponse(404, 'none'))
        .get('/302', () => redirect('http://evil.example/'))
        .get('/204', () => empty()),
    )
    const client = clientOf({ base: url })
    for (const status of [404, 302, 204]) {
      const response = await client.get(ctx, `/${status}`)
      expect([response.status, response.ok]).toEqual([status, status === 204])
      await response.text()
    }
    expect((await client.get(ctx, '/302')).headers.get('location')).toBe('http://evil.example/')
  })

  it('gives the head alone to HEAD', async () => {
    const { url } = await served(router().get('/', () => bytes(new Uint8Array(50_000_000))))
    const response = await clientOf({ base: url, maxBodyBytes: 10 }).head(ctx, '/')
    expect(response.headers.get('content-length')).toBe('50000000')
    expect(await response.bytes()).toHaveLength(0)
  })

  it('has each value of a field that came more than once', async () => {
    const peer = new Peer((socket) =>
      socket.write(responseOf('', 'Set-Cookie: a=1\r\nset-cookie: b=2\r\nX: ä\r\n')),
    )
    const { headers } = await clientOf({ base: await peer.listen() }).get(ctx, '/')
    expect(headers.getAll('SET-COOKIE')).toEqual(['a=1', 'b=2'])
    expect(headers.get('set-cookie')).toBe('a=1, b=2')
    expect([headers.has('none'), headers.get('none')]).toEqual([false, undefined])
  })

  it('passes over what is said before the response', async () => {
    const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
    const peer = new Peer((socket) => socket.write(early + responseOf('hello')))
    const response = await clientOf({ base: await peer.listen() }).get(ctx, '/')
    expect([response.status, await response.text()]).toEqual([200, 'hello'])
  })

  it('checks a request when it is made, not when it is waited for', () => {
    const client = clientOf({ base: 'http://127.0.0.1:1' })
    expect(() => client.get(ctx, 'orders')).toThrow(/begin with a slash/)
    expect(() => client.get(ctx, '/', { headers: { host: 'a' } })).toThrow(/client's own/)
  })

  it.each([
    [{ base: 'orders' }, /a whole base/],
    [{ maxSize: 0 }, /whole number above 0 for maxSize/],
    [{ maxSize: 1.5 }, /whole number above 0 for maxSize/],
    [{ queue: -1 }, /whole number from 0 for queue/],
    [{ idleTimeoutMs: Number.NaN }, /number above 0 for idleTimeoutMs/],
    [{ maxLifeTimeMs: 5 }, /knows no option maxLifeTimeMs: there are .*maxLifetimeMs/],
    [{ headers: { 'a b': 'c' } }, /not the name of a header/],
  ])('cannot be made of %j', (options, message) => {
    expect(() => clientOf(options as HttpClientOptions)).toThrow(message)
  })
})

describe('the context of a request', () => {
  /** A server that tells when a request has come, and when its client has gone. */
  async function waiting() {
    const entered = chan<HttpRequest>(1)
    const left = chan<unknown>(1)
    const { url } = await served(
      router().get('/', function* (req) {
        yield* entered.send(req)
        yield* req.ctx.done()
        yield* left.send(req.ctx.cause)
        return empty()
      }),
    )
    return { entered, left, client: clientOf({ base: url }) }
  }

  it('ends it, and the server is told at once', async () => {
    const { entered, left, client } = await waiting()
    await run(function* () {
      const asking = withCancel(ctx)
      const asked = go(function* () {
        yield* client.get(asking, '/')
      })
      yield* entered.recv()
      asking.cancel()
      expect((yield* asked.outcome()).error).toBeInstanceOf(Canceled)
      expect(yield* left.recv()).toBeInstanceOf(ClientGone)
      expect(client.stats().origins).toMatchObject([{ connections: 0, waiting: 0 }])
    })
  })

  it('ends it at its deadline', async () => {
    const { left, client } = await waiting()
    await run(function* () {
      using asking = withTimeout(ctx, 50)
      const asked = go(function* () {
        yield* client.get(asking, '/')
      })
      expect((yield* asked.outcome()).error).toBeInstanceOf(DeadlineExceeded)
      expect(yield* left.recv()).toBeInstanceOf(ClientGone)
    })
  })

  it('ends with its goroutine', async () => {
    const { entered, left, client } = await waiting()
    await run(function* () {
      const asked = go(function* () {
        yield* client.get(ctx, '/')
      })
      yield* entered.recv()
      asked.cancel()
      yield* asked.outcome()
      expect(yield* left.recv()).toBeInstanceOf(ClientGone)
      expect(client.stats().origins).toMatchObject([{ connections: 0 }])
    })
  })

  it('that has ended, or has too little time, makes no call', async () => {
    const peer = new Peer((socket) => socket.write(responseOf('')))
    const client = clientOf({ base: await peer.listen(), marginMs: 60_000 })
    const over = withCancel(ctx)
    over.cancel()
    await expect(client.get(over, '/')).rejects.toBeInstanceOf(Canceled)
    using soon = withTimeout(ctx, 30_000)
    await expect(client.get(soon, '/')).rejects.toBeInstanceOf(DeadlineExceeded)
    expect(soon.err).toBeUndefined()
    expect([peer.sockets.length, client.stats().requests]).toEqual([0, 0])
  })

  it('ends the reading of a body, and the sending of it', async () => {
    const left = chan<unknown>(1)
    const { url } = await served(
      router().get('/', (req) =>
        stream(function* (out) {
          yield* out.send('first')
          yield* req.ctx.done()
          yield* left.send(req.ctx.cause)
        }),
      ),
    )
    const client = clientOf({ base: url })
    await run(function* () {
      const asking = withCancel(ctx)
      const { body } = yield* client.get(asking, '/')
      expect(Buffer.from((yield* body.recv()) ?? '').toString()).toBe('first')
      const next = go(function* () {
        return yield* body.recv()
      })
      yield* sleep(5)
      asking.cancel()
      expect((yield* next.outcome()).error).toBeInstanceOf(Canceled)
      expect(yield* left.recv()).toBeInstanceOf(ClientGone)
    })
  })

  it('has nothing left of 20 000 requests that shared it', async () => {
    const { url } = await served(router().get('/', () => text('hello')))
    const client = clientOf({ base: url, maxSize: 16 })
    const shared = withCancel(ctx) as CancelNode
    await run(function* () {
      const group = new WaitGroup()
      let read = 0
      for (let i = 0; i < 50; i++) {
        group.go(function* () {
          for (let i = 0; i < 400; i++) {
            const response = yield* client.get(shared, '/')
            if (i % 3 === 0) response.dump()
            else if (i % 3 === 1) yield* response.text() // the others are not read at all
            read++
          }
        })
      }
      yield* group.wait()
      yield* sleep(10)
      expect(read).toBe(20_000)
      expect(shared.dependentCount).toBe(0)
      expect(shared.signal.aborted).toBe(false)
      expect(client.stats().origins).toMatchObject([{ busy: 0, waiting: 0 }])
    })
  })
})

describe('a response that nobody reads', () => {
  it('gives its connection back if its body is short', async () => {
    const { url } = await served(router().get('/', () => text('a'.repeat(10_000))))
    const client = clientOf({ base: url, maxSize: 1 })
    for (let i = 0; i < 10; i++) expect((await client.get(ctx, '/')).status).toBe(200)
    expect(client.stats().opened).toBe(1)
  })

  it('keeps it if its body is long, until it is thrown away', async () => {
    const { url } = await served(router().get('/', () => bytes(new Uint8Array(5_000_000))))
    const client = clientOf({ base: url })
    {
      using response = await client.get(ctx, '/')
      expect(response.status).toBe(200)
      expect(client.stats().origins).toMatchObject([{ busy: 1 }])
    }
    expect(client.stats().origins).toMatchObject([{ connections: 0 }])
    const response = await client.get(ctx, '/')
    for await (const piece of response.body) if (piece.length > 0) break
    expect(client.stats().origins).toMatchObject([{ connections: 0 }])
    await expect(response.bytes()).rejects.toThrow(/thrown away/)
  })

  it('gives it back late if it has been forgotten', async () => {
    const { url } = await served(router().get('/', () => bytes(new Uint8Array(5_000_000))))
    const client = clientOf({ base: url })
    await (async () => {
      expect((await client.get(ctx, '/')).status).toBe(200)
    })()
    expect(client.stats().origins).toMatchObject([{ busy: 1 }])
    for (let i = 0; i < 100 && client.stats().origins[0]?.busy === 1; i++) {
      globalThis.gc?.()
      await sleep(10)
    }
    expect(client.stats().origins).toMatchObject([{ connections: 0 }])
  })

  it('is not forgotten while somebody waits for all of it', async () => {
    const { url } = await served(
      router().get('/', () =>
        stream(function* (out) {
          yield* out.send('one, ')
          yield* sleep(300)
          yield* out.send('two')
        }),
      ),
    )
    const client = clientOf({ base: url })
    const whole = (async () => (await client.get(ctx, '/')).text())()
    for (let i = 0; i < 5; i++) {
      await sleep(40)
      globalThis.gc?.()
    }
    expect(await whole).toBe('one, two')
  })
})
