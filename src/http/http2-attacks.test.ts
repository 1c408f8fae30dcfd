import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Authority, type Issued } from '../../test/serving/certificates.js'
import {
  encodeFields,
  flags,
  frame,
  get,
  RawHttp2,
  request,
  reset,
  settings,
  types,
} from '../../test/serving/raw-http2.js'
import { chan } from '../runtime/chan.js'
import { go } from '../runtime/go.js'
import { sleep } from '../runtime/sleep.js'
import { ClientGone } from './body.js'
import type { Handler } from './handler.js'
import type { HttpRequest } from './request.js'
import { bytes, empty, text } from './response.js'
import { routeOf } from './route.js'
import { serve } from './serve.js'
import type { ServeOptions, ServerStats } from './serve-options.js'
import type { Server } from './server.js'

let authority: Authority
let own: Issued
const servers: Server[] = []
const clients: RawHttp2[] = []
const problems: unknown[] = []

beforeAll(() => {
  authority = new Authority()
  own = authority.issue('localhost', 'DNS:localhost')
})
afterAll(() => authority.remove())
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) {
    server.close()
    await server
  }
  expect(problems.splice(0)).toEqual([])
})

async function attacked(handlers: Record<string, Handler>, options: ServeOptions = {}) {
  const routes = new Map(
    Object.entries(handlers).map(([path, handler]) => [path, routeOf([], handler, path)]),
  )
  const missing = routeOf([], () => empty(404), 'nothing')
  const server = serve(
    { route: (req: HttpRequest) => routes.get(req.path) ?? missing },
    {
      ...{ port: 0, host: '127.0.0.1', signals: false, tls: own, onError: (error) => problems.push(error) },
      ...options,
    },
  )
  servers.push(server)
  const { port = 0 } = await server.listening()
  return { server, port, attacker: await connected(port) }
}

async function connected(port: number, first?: Buffer): Promise<RawHttp2> {
  const client = await RawHttp2.connect(port, authority.ca, {}, first)
  clients.push(client)
  return client
}

function* pause() {
  yield* sleep(5)
}

async function until(server: Server, matches: (stats: ServerStats) => boolean): Promise<ServerStats> {
  while (!matches(server.stats())) await go(pause)
  return server.stats()
}

/** Whether somebody else is still served. */
async function servesOthers(port: number): Promise<boolean> {
  return (await connected(port)).send(request(1)).answered(1)
}

const ids = (count: number, from = 0) => Array.from({ length: count }, (_, i) => 2 * (from + i) + 1)
const hello: Handler = () => text('hello')
const path = (name: string) => get.map(([key, value]) => [key, key === ':path' ? name : value] as const)

const ENHANCE_YOUR_CALM = 11
const PROTOCOL_ERROR = 1
const REFUSED_STREAM = 7

describe('an HTTP/2 server holds off', () => {
  it('streams that are begun and reset in quick succession', async () => {
    let running = 0
    const { server, port, attacker } = await attacked({
      '/': function* (req) {
        running++
        yield* req.ctx.done()
        running--
        return text('nobody sees it')
      },
    })
    attacker.send(...ids(150).flatMap((id) => [request(id), reset(id)]))
    await until(server, ({ connections }) => connections.open === 1)
    attacker.send(frame('ping', 0, 0, Buffer.alloc(8)))
    await attacker.find(({ type }) => type === types.ping)
    expect(server.stats().floods).toBe(0)
    attacker.send(...ids(150, 150).flatMap((id) => [request(id), reset(id)]))
    expect(await attacker.goaway()).toMatchObject({ code: ENHANCE_YOUR_CALM })
    await attacker.closed()
    expect((await until(server, ({ connections }) => connections.open === 0)).floods).toBe(1)
    expect(running).toBe(0)
    expect((await connected(port)).isClosed).toBe(false)
  })

  it('handlers that pile up behind streams that were reset', async () => {
    const gate = chan<void>()
    let [running, most] = [0, 0]
    const { server, attacker } = await attacked(
      {
        '/': function* () {
          most = Math.max(most, ++running)
          yield* gate.recv() // deaf to its context
          running--
          return text('late')
        },
      },
      { limits: { streams: 10 } },
    )
    for (const id of ids(30)) attacker.send(request(id), ...(id < 20 ? [reset(id)] : []))
    expect(await attacker.resetOf(21)).toBe(REFUSED_STREAM)
    await until(server, () => running === 10)
    expect(most).toBe(10)
    gate.close()
    await until(server, () => running === 0)
    attacker.send(request(101))
    expect(await attacker.answered(101)).toBe(true)
  })

  it('more streams at a time than it allows', async () => {
    const { attacker } = await attacked({
      '/': function* (req) {
        yield* req.ctx.done()
        return text('late')
      },
    })
    const first = await attacker.find(({ type, flags: flag }) => type === types.settings && flag === 0)
    expect(first?.payload.subarray(0, 6)).toEqual(Buffer.from([0, 3, 0, 0, 0, 128]))
    attacker.send(...ids(129).map((id) => request(id)))
    expect(await attacker.resetOf(257)).toBe(REFUSED_STREAM)
    attacker.send(frame('settings', flags.ack, 0), request(259)) // from now on it should know better
    await attacker.closed()
  })

  it('heads of endless frames', async () => {
    const { server, port, attacker } = await attacked({ '/': hello })
    attacker.send(frame('headers', flags.endStream, 1, encodeFields(get)))
    for (let i = 0; i < 40; i++) attacker.send(frame('continuation', 0, 1, encodeFields([['x', 'y']])))
    await attacker.closed()
    expect(server.stats()).toMatchObject({ requests: 0, connections: { open: 0 } })
    expect(await servesOthers(port)).toBe(true)
  })

  it('heads with far too many fields', async () => {
    const { server, attacker } = await attacked({ '/': hello })
    attacker.send(request(1, [...get, ...Array.from({ length: 1000 }, () => ['x', 'y'] as const)]))
    expect(await attacker.resetOf(1)).toBe(ENHANCE_YOUR_CALM)
    attacker.send(request(3))
    expect(await attacker.answered(3)).toBe(true)
    expect(server.stats().requests).toBe(1)
  })

  it('a head that is never finished', async () => {
    const { server, attacker } = await attacked({ '/': hello }, { timeouts: { headMs: 300, idleMs: 60_000 } })
    attacker.send(request(1))
    await attacker.answered(1)
    attacker.send(frame('headers', flags.endStream, 3, encodeFields(get)))
    expect(await attacker.goaway()).toMatchObject({ code: 0 })
    await attacker.closed()
    expect(server.stats()).toMatchObject({ timedOut: 1, requests: 1 })
  })

  it('pings without end', async () => {
    const { server, port, attacker } = await attacked({ '/': hello })
    attacker.send(...Array.from({ length: 200 }, () => frame('ping', 0, 0, Buffer.alloc(8))))
    expect(await attacker.goaway()).toMatchObject({ code: ENHANCE_YOUR_CALM })
    await attacker.closed()
    expect(server.stats().floods).toBe(1)
    expect(await servesOthers(port)).toBe(true)
  })

  it('settings without end', async () => {
    const { server, port, attacker } = await attacked({ '/': hello })
    attacker.send(...Array.from({ length: 200 }, (_, i) => settings([4, 65_535 + i])))
    expect(await attacker.goaway()).toMatchObject({ code: ENHANCE_YOUR_CALM })
    await attacker.closed()
    expect(server.stats().floods).toBe(1)
    expect(await servesOthers(port)).toBe(true)
  })

  it('requests that are malformed, again and again', async () => {
    const { server, port, attacker } = await attacked({ '/': hello })
    const bad = [...get, ['connection', 'close']] as const
    for (const id of ids(150)) attacker.send(request(id, bad))
    await attacker.closed()
    expect(server.stats()).toMatchObject({ requests: 0, refused: 1 })
    expect(await servesOthers(port)).toBe(true)
  })

  it('clients that open many streams and read none of them', async () => {
    const body = Buffer.alloc(1_000_000)
    const { server, attacker, port } = await attacked(
      { '/': () => bytes(body), '/small': hello },
      { timeouts: { writeMs: 80 } },
    )
    attacker.close()
    const noWindow = settings([4, 0])
    const stalled = await connected(port, noWindow)
    stalled.send(...ids(100).map((id) => request(id)))
    await until(server, ({ timedOut }) => timedOut === 100)
    expect(await stalled.resetOf(199)).toBe(8)
    expect(stalled.frames.filter(({ type }) => type === types.data)).toEqual([])
  })

  it('clients that do not even read frames', async () => {
    const { server, port, attacker } = await attacked(
      { '/': () => bytes(Buffer.alloc(1_000_000)) },
      { timeouts: { writeMs: 60, idleMs: 60 } },
    )
    attacker.close()
    const deaf = await connected(port, settings([4, 0x7fff_ffff]))
    deaf.socket.pause()
    deaf.send(frame('windowUpdate', 0, 0, Buffer.from([0x7f, 0, 0, 0])), ...ids(100).map((id) => request(id)))
    await until(server, ({ timedOut }) => timedOut > 0)
    await until(server, ({ connections }) => connections.open === 0)
  }, 20_000)

  it('answers that would fill its memory', async () => {
    const { server, attacker } = await attacked(
      { '/': () => bytes(Buffer.alloc(20_000)) },
      { limits: { streams: 1000 } },
    )
    attacker.socket.pause()
    for (const id of ids(900)) attacker.send(request(id))
    await until(server, ({ connections }) => connections.open === 0)
    expect(server.stats().requests).toBeLessThan(900)
  })

  it('bytes that are no HTTP/2', async () => {
    const { server, port, attacker } = await attacked({ '/': hello }, { timeouts: { headMs: 300 } })
    attacker.send(frame('data', 0, 0, Buffer.from('on stream 0')))
    expect(await attacker.goaway()).toMatchObject({ code: PROTOCOL_ERROR })
    await attacker.closed()
    await until(server, ({ connections }) => connections.open === 0)
    expect(await servesOthers(port)).toBe(true)
  })
})

describe('a stream is reset, and the others go on, for', () => {
  it.each<[string, readonly (readonly [string, string])[]]>([
    ['Connection', [...get, ['connection', 'keep-alive']]],
    ['Transfer-Encoding', [...get, ['transfer-encoding', 'chunked']]],
    ['Keep-Alive', [...get, ['keep-alive', '5']]],
    ['Upgrade', [...get, ['upgrade', 'websocket']]],
    ['TE with more than trailers', [...get, ['te', 'gzip']]],
    ['a name in capital letters', [...get, ['Accept', '*/*']]],
    ['a pseudo-header that is none', [...get, [':status', '200']]],
    ['a pseudo-header behind a field', [['accept', '*/*'], ...get]],
    ['a pseudo-header twice', [...get, [':path', '/']]],
    ['no path', get.filter(([name]) => name !== ':path')],
    ['no method', get.filter(([name]) => name !== ':method')],
    ['an empty path', path('')],
    ['a Content-Length that is none', [...get, ['content-length', '1x']]],
    ['two of them', [...get, ['content-length', '0'], ['content-length', '0']]],
    ['a length without a body', [...get, ['content-length', '5']]],
    [
      ':protocol',
      [
        ...get.map(([key, value]) => [key, key === ':method' ? 'CONNECT' : value] as const),
        [':protocol', 'websocket'],
      ],
    ],
  ])('%s', async (_what, fields) => {
    const { server, attacker } = await attacked({ '/': hello })
    attacker.send(request(1, fields))
    expect(await attacker.resetOf(1)).toBe(PROTOCOL_ERROR)
    attacker.send(request(3))
    expect(await attacker.answered(3)).toBe(true)
    expect(server.stats().requests).toBe(1)
  })

  it.each([
    ['a line break in a value', ['x', 'a\r\nb: c']],
    ['a zero in a value', ['x', 'a\0b']],
    ['a colon in a name', ['x:y', 'z']],
  ] as const)(
    'not for %s: nghttp2 leaves such fields out, and no handler sees them',
    async (_what, field) => {
      const seen: unknown[] = []
      const { attacker } = await attacked({
        '/': (req) => {
          seen.push(...req.headers)
          return text('hello')
        },
      })
      attacker.send(request(1, [...get, field, ['accept', '*/*']]))
      expect(await attacker.answered(1)).toBe(true)
      expect(seen).toEqual([
        ['host', 'localhost'],
        ['accept', '*/*'],
      ])
    },
  )

  it('a body that is longer than its Content-Length, which no handler sees the end of', async () => {
    const failed = chan<unknown>(1)
    const { attacker } = await attacked({
      '/': function* (req) {
        try {
          failed.trySend(yield* req.text())
        } catch (error) {
          failed.trySend(error)
        }
        return text('nobody sees it')
      },
    })
    const post = get.map(([key, value]) => [key, key === ':method' ? 'POST' : value] as const)
    attacker.send(
      frame('headers', flags.endHeaders, 1, encodeFields([...post, ['content-length', '2']])),
      frame('data', 0, 1, Buffer.from('abc')),
    )
    expect(await failed.recv()).toBeInstanceOf(ClientGone)
    expect(attacker.frames.filter(({ type }) => type === types.headers)).toEqual([])
  })
})
