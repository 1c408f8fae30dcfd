import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Authority, type Issued } from '../../test/serving/certificates.js'
import { RawClient } from '../../test/serving/raw-client.js'
import { app } from '../../test/serving/threaded-app.js'
import { procs, stopProcs } from '../parallel/gomaxprocs.js'
import { chan } from '../runtime/chan.js'
import { go } from '../runtime/go.js'
import { sleep } from '../runtime/sleep.js'
import { ClientGone } from './body.js'
import type { Handler } from './handler.js'
import type { HttpRequest } from './request.js'
import { bytes, empty, json, stream, text } from './response.js'
import { routeOf } from './route.js'
import { serve } from './serve.js'
import type { ServeOptions, ServerStats } from './serve-options.js'
import type { Server } from './server.js'
import { upgraded } from './upgrade.js'

let authority: Authority
let own: Issued
const servers: Server[] = []
const sockets: TLSSocket[] = []

beforeAll(() => {
  authority = new Authority()
  own = authority.issue('localhost', 'DNS:localhost')
})
afterAll(() => authority.remove())

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) {
    server.close()
    await server
  }
})

async function serving(handlers: Record<string, Handler>, options: ServeOptions = {}) {
  const routes = new Map(
    Object.entries(handlers).map(([path, handler]) => [path, routeOf([], handler, path)]),
  )
  const missing = routeOf([], () => empty(404), 'nothing')
  const server = serve(
    { route: (req: HttpRequest) => routes.get(req.path) ?? missing },
    { port: 0, host: '127.0.0.1', signals: false, tls: own, ...options },
  )
  servers.push(server)
  const { port = 0 } = await server.listening()
  return { server, port }
}

async function tlsTo(port: number, options: Partial<ConnectionOptions> = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.ca, ...options })
  sockets.push(socket)
  socket.on('error', () => {})
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')])
  return socket
}

async function connected(port: number, options: Partial<ConnectionOptions> = {}): Promise<RawClient> {
  return RawClient.over(await tlsTo(port, options))
}

function* pause(ms = 5) {
  yield* sleep(ms)
}

async function until(server: Server, matches: (stats: ServerStats) => boolean): Promise<ServerStats> {
  while (!matches(server.stats())) await go(pause)
  return server.stats()
}

// Missing in Node's types of this version, where it is an option all the same.
const halfOpen = { allowHalfOpen: true } as Partial<ConnectionOptions>

const get = (path: string, ...headers: string[]) =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers.map((each) => `${each}\r\n`).join('')}\r\n`
const hello: Handler = () => text('hello')

describe('HTTP/1.1 over TLS', () => {
  it('answers pipelined requests in their order, and says that it is https', async () => {
    const { port } = await serving({
      '/': (req) => text(`${req.scheme} ${req.httpVersion} ${req.url.href}`),
      '/slow': function* () {
        yield* sleep(10)
        return text('slow')
      },
      '/echo': function* (req) {
        return text(yield* req.text())
      },
    })
    const client = await connected(port)
    client.send(
      `${get('/slow')}${get('/')}POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${get('/slow')}`,
    )
    const bodies = (await client.responses(4)).map(({ body }) => body)
    expect(bodies).toEqual(['slow', 'https 1.1 https://a/', 'abc', 'slow'])
  })

  it('produces a body no faster than the client reads, and sends all of it', async () => {
    let sent = 0
    const { port } = await serving({
      '/': () =>
        stream(
          function* (out) {
            for (; sent < 3000; sent++) yield* out.send(Buffer.alloc(10_000, 'x'))
          },
          { headers: { 'Content-Length': '30000000' } },
        ),
    })
    const socket = await tlsTo(port)
    socket.write(get('/'))
    for (let before = -1; before !== sent; await go(pause, 50)) before = sent
    expect(sent).toBeLessThan(2500) // what the kernel's buffers and those of both ends hold
    let received = 0
    for await (const chunk of socket) {
      received += (chunk as Buffer).length
      if (received > 30_000_000) break // and the head
    }
    expect(sent).toBe(3000)
  }, 30_000)

  it('fetches a body no faster than the handler reads it', async () => {
    const begin = chan<void>()
    const { port, server } = await serving(
      {
        '/': function* (req) {
          yield* begin.recv()
          return json((yield* req.bytes()).length)
        },
      },
      { limits: { bodyBytes: 50_000_000 } },
    )
    const client = await connected(port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000000\r\n\r\n')
    client.socket.write(Buffer.alloc(40_000_000))
    for (let before = -1, now = 0; before !== now; now = server.stats().connections.bytesIn) {
      before = now
      await go(pause, 50)
    }
    expect(server.stats().connections.bytesIn).toBeLessThan(1_000_000)
    begin.close()
    expect(await client.responses(1)).toMatchObject([{ body: '40000000' }])
  }, 30_000)

  it('answers a client that has sent all and still reads', async () => {
    const { port } = await serving({
      '/': function* () {
        yield* sleep(10)
        return text('hello')
      },
    })
    const client = await connected(port, halfOpen)
    client.socket.end(get('/'))
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 200 [\s\S]*hello$/)
  })

  it('ends the context of a request when its client goes', async () => {
    const [begun, ended] = [chan<void>(1), chan<unknown>(1)]
    const { port, server } = await serving({
      '/': function* (req) {
        begun.trySend()
        yield* req.ctx.done()
        ended.trySend(req.ctx.cause)
        return text('late')
      },
    })
    const client = await connected(port)
    client.send(get('/'))
    await begun.recv()
    client.close()
    expect(await ended.recv()).toBeInstanceOf(ClientGone)
    await until(server, ({ connections }) => connections.open === 0)
  })

  it('cuts off clients that are too slow to write, to read, or to ask again', async () => {
    const { port, server } = await serving(
      { '/': hello, '/large': () => bytes(Buffer.alloc(30_000_000)) },
      { timeouts: { headMs: 300, idleMs: 300, writeMs: 300 } },
    )
    const [slow, deaf, idle, silent] = await Promise.all([0, 1, 2, 3].map(() => connected(port)))
    slow?.send('GET / HT')
    deaf?.socket.pause()
    deaf?.send(get('/large'))
    idle?.send(get('/'))
    expect(await slow?.closed()).toMatch(/^HTTP\/1\.1 408 /)
    expect(await idle?.closed()).toMatch(/^HTTP\/1\.1 200 /)
    expect(await silent?.closed()).toBe('')
    await until(server, ({ connections }) => connections.open === 0)
    expect(server.stats().timedOut).toBe(3)
  })

  it('says goodbye where there is no place, and at a shutdown', async () => {
    const gate = chan<void>()
    const { port, server } = await serving(
      {
        '/': function* () {
          yield* gate.recv()
          return text('finished')
        },
      },
      { connections: { maxConnections: 1 } },
    )
    const client = await connected(port)
    client.send(get('/'))
    await until(server, ({ requests }) => requests === 1)
    expect(await (await connected(port)).closed()).toMatch(/^HTTP\/1\.1 503 /)
    server.shutdown(5000)
    await go(pause)
    gate.close()
    expect(await client.closed()).toMatch(/Connection: close[\s\S]*finished$/)
    await server
  })

  it('hands its connection over for another protocol', async () => {
    const { port } = await serving({
      '/': (req) => {
        const taken = req.upgrade()
        if (taken === undefined) return empty(426)
        taken.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
        taken.socket.pipe(taken.socket)
        return upgraded()
      },
    })
    const client = await connected(port)
    client.send(get('/', 'Connection: Upgrade', 'Upgrade: echo'))
    await client.until('\r\n\r\n')
    client.send('there and back')
    await client.until('there and back')
  })
})

describe('a server with TLS', () => {
  it('shows handlers the certificate of the client, in both protocols', async () => {
    const worker = authority.issue('worker', 'DNS:worker.example', 'URI:spiffe://example/worker')
    const { port, server } = await serving(
      { '/': (req) => text(req.peerCertificate?.subjectAltNames.join() ?? 'nobody') },
      { tls: { ...own, ca: authority.ca, clientCert: 'request' } },
    )
    const known = await connected(port, worker)
    const unknown = await connected(port)
    expect((await known.send(get('/')).responses(1))[0]?.body).toBe(
      'DNS:worker.example,URI:spiffe://example/worker',
    )
    expect((await unknown.send(get('/')).responses(1))[0]?.body).toBe('nobody')
    const session = connectHttp2(`https://localhost:${port}`, {
      ca: authority.ca,
      ...worker,
      host: '127.0.0.1',
    })
    const req = session.request({ ':path': '/' })
    expect(String((await once(req, 'data'))[0])).toBe('DNS:worker.example,URI:spiffe://example/worker')
    session.destroy()
    expect(server.stats().tls).toMatchObject({ handshakes: 3, failed: 0 })
  })

  it('shows other certificates while it runs', async () => {
    const { port, server } = await serving({ '/': hello })
    const nameAt = async () => {
      const { socket } = await connected(port, { rejectUnauthorized: false })
      return (socket as TLSSocket).getPeerCertificate().subject.CN
    }
    const open = await connected(port)
    expect(await nameAt()).toBe('localhost')
    server.setCertificates(authority.issue('next'))
    expect(await nameAt()).toBe('next')
    expect(() => server.setCertificates({ cert: own.cert, key: 'none' })).toThrow(/tls\.key holds no PEM/)
    expect(await nameAt()).toBe('next')
    expect(await open.send(get('/')).responses(1)).toMatchObject([{ body: 'hello' }])
  })

  it('fails at once for what cannot be used', async () => {
    const failing = (tls: object) => () => serve(app, { port: 0, signals: false, tls })
    expect(failing({})).toThrow(expect.objectContaining({ code: 'ERR_SLUICE_TLS', option: 'tls.cert' }))
    expect(failing({ ...own, clientCert: 'require' })).toThrow('tls.ca is missing')
    const { server } = await serving({ '/': hello }, { tls: undefined as never })
    expect(() => server.setCertificates(own)).toThrow(/tls was not given to serve\(\)/)
  })

  it('is what HTTP/2 needs: without it the client is told that it is no HTTP/1.1', async () => {
    const server = serve(app, { port: 0, host: '127.0.0.1', signals: false })
    servers.push(server)
    const { port = 0 } = await server.listening()
    const client = await RawClient.connect(port)
    client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 (400|505) /)
  })
})

describe('a server with TLS on several threads', () => {
  afterEach(async () => {
    await stopProcs()
  })
  const module = new URL('../../test/serving/threaded-app.ts', import.meta.url).href

  /** Which threads answer, and the certificates that they show. */
  async function answers(port: number, count = 40): Promise<{ threads: Set<string>; names: Set<string> }> {
    const [threads, names] = [new Set<string>(), new Set<string>()]
    for (let i = 0; i < count; i++) {
      const client = await connected(port, { rejectUnauthorized: false })
      names.add(String((client.socket as TLSSocket).getPeerCertificate().subject.CN))
      const [response] = await client.send(get('/', 'Connection: close')).responses(1)
      threads.add(response?.body ?? '')
      client.close()
    }
    return { threads, names }
  }

  it('shows the same certificates on all of them, also when they are replaced', async () => {
    procs(2)
    const server = serve(app, { port: 0, host: '127.0.0.1', signals: false, tls: own, procs: 2, module })
    const { port = 0 } = await server.listening()
    const seen = new Set<string>()
    while (seen.size < 2) for (const id of (await answers(port)).threads) seen.add(id)
    server.setCertificates(authority.issue('next'))
    for (;;) {
      const stats = await server.threadStats()
      if (stats.length === 2 && stats.every(({ tls }) => tls?.rotations === 1)) break
      await go(pause)
    }
    expect((await answers(port)).names).toEqual(new Set(['next']))
    server.close()
    await server // before its threads
  }, 60_000)

  it.each([
    ['sni', { sni: () => undefined }],
    ['verifyPeer', { verifyPeer: () => true, clientCert: 'require' as const }],
  ])('cannot take %s as a function there', (name, options) => {
    procs(2)
    const tls = { ...own, ca: authority.ca, ...options }
    expect(() => serve(app, { port: 0, signals: false, tls, procs: 2, module })).toThrow(
      `tls.${name} is a function, which cannot go to other threads`,
    )
  })
})
