import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { run } from 'sluice'
import { clientOf, endPeers, Peer, responseOf, served } from '../../../test/http/client-peers.js'
import { Authority } from '../../../test/serving/certificates.js'
import { background } from '../../context/background.js'
import { withTimeout } from '../../context/deadline.js'
import { isUnsent } from '../../resilience/is-retryable.js'
import { Refused } from '../../resilience/refused.js'
import { chan } from '../../runtime/chan.js'
import { go } from '../../runtime/go.js'
import type { Goroutine } from '../../runtime/goroutine.js'
import type { Routine } from '../../runtime/operation.js'
import { now, sleep } from '../../runtime/sleep.js'
import { WaitGroup } from '../../sync/wait-group.js'
import { text } from '../response.js'
import { router } from '../router.js'
import { BadResponse, ClientClosed, ConnectError, ConnectionLost, ResponseTimeout } from './client-errors.js'
import type { HttpClient } from './http-client.js'

const ctx = background()
afterEach(endPeers)

/** A request, and its body, in a goroutine. */
function asked(client: HttpClient, within = ctx): Goroutine<string> {
  return go(function* () {
    const response = yield* client.get(within, '/')
    return yield* response.text()
  })
}

/** What went wrong. */
function* errorOf(asking: Goroutine<unknown>): Routine<unknown> {
  return (yield* asking.outcome()).error
}

/** Waits until it is so. */
function* until(isSo: () => boolean): Routine<void> {
  for (let i = 0; !isSo(); i++) {
    if (i > 500) throw new Error('it has not come to that within five seconds')
    yield* sleep(10)
  }
}

/** A server whose handlers wait until they are let go on. */
async function held() {
  const gate = chan<void>()
  let most = 0
  let now = 0
  const order: string[] = []
  const { url, server } = await served(
    router().get('/', function* (req) {
      order.push(req.header('x-number') ?? '')
      most = Math.max(most, ++now)
      yield* gate.recv()
      now--
      return text('hello')
    }),
  )
  return { url, server, gate, order, most: () => most }
}

describe('the connections to a server', () => {
  it('are never more than maxSize, and serve those who wait in their order', async () => {
    const { url, server, gate, order, most } = await held()
    const client = clientOf({ base: url, maxSize: 4 })
    await run(function* () {
      const group = new WaitGroup()
      for (let i = 0; i < 40; i++)
        group.go(function* () {
          const response = yield* client.get(ctx, '/', { headers: { 'X-Number': String(i) } })
          expect(yield* response.text()).toBe('hello')
        })
      yield* until(() => order.length === 4)
      expect(client.stats()).toMatchObject({
        requests: 4,
        origins: [{ connections: 4, busy: 4, waiting: 36 }],
      })
      for (let i = 0; i < 40; i++) yield* gate.send()
      yield* group.wait()
      expect(most()).toBe(4)
      expect(order.map(Number).slice(4)).toEqual(Array.from({ length: 36 }, (_, i) => i + 4))
      expect(server.stats().connections.accepted).toBe(4)
      expect(client.stats()).toMatchObject({ opened: 4, origins: [{ connections: 4, busy: 0, waiting: 0 }] })
    })
  })

  it('refuse those beyond the queue, who have sent nothing', async () => {
    const { url, gate } = await held()
    const client = clientOf({ base: url, maxSize: 1, queue: 2 })
    await run(function* () {
      const letIn = [asked(client), asked(client), asked(client)]
      yield* until(() => client.stats().origins[0]?.waiting === 2)
      const error = yield* errorOf(asked(client))
      expect(error).toBeInstanceOf(Refused)
      expect(error).toMatchObject({ kind: 'connection pool', guard: url, retryAfterMs: undefined })
      expect(isUnsent(error)).toBe(true)
      for (const each of letIn) {
        yield* gate.send()
        expect(yield* each).toBe('hello')
      }
      expect(client.stats()).toMatchObject({ requests: 3, refused: 1 })
    })
  })

  it('are not waited for by a request whose context has ended', async () => {
    const { url, gate } = await held()
    const client = clientOf({ base: url, maxSize: 1, queue: 1 })
    await run(function* () {
      const first = asked(client)
      yield* until(() => client.stats().requests === 1)
      using soon = withTimeout(ctx, 20)
      const second = asked(client, soon)
      const canceled = go(function* () {
        yield* sleep(40)
        return yield* client.get(ctx, '/')
      })
      expect(yield* errorOf(second)).toMatchObject({ code: 'ERR_SLUICE_DEADLINE_EXCEEDED' })
      expect(client.stats().origins).toMatchObject([{ waiting: 0 }])
      yield* until(() => client.stats().origins[0]?.waiting === 1)
      canceled.cancel()
      yield* canceled.outcome()
      expect(client.stats().origins).toMatchObject([{ waiting: 0, busy: 1 }])
      yield* gate.send()
      expect(yield* first).toBe('hello')
    })
  })

  it('are given up with a request that ends while it is opened', async () => {
    const silent = new Peer(() => undefined)
    const base = (await silent.listen()).replace('http:', 'https:')
    const client = clientOf({ base, maxSize: 1 })
    await run(function* () {
      using soon = withTimeout(ctx, 50)
      expect(yield* errorOf(asked(client, soon))).toMatchObject({ code: 'ERR_SLUICE_DEADLINE_EXCEEDED' })
      expect(client.stats().origins).toMatchObject([{ connections: 0 }])
      yield* until(() => silent.open === 0)
    })
  })

  it('go to the one who waits first, also where one was lost', async () => {
    let isFirst = true
    const peer = new Peer((socket) => {
      if (isFirst) socket.destroy()
      else socket.write(responseOf('hello'))
      isFirst = false
    })
    const client = clientOf({ base: await peer.listen(), maxSize: 1 })
    await run(function* () {
      const [first, second] = [asked(client), asked(client)]
      expect(yield* errorOf(first)).toBeInstanceOf(ConnectionLost)
      expect(yield* second).toBe('hello')
      expect(peer.sockets.length).toBe(2)
    })
  })

  it('leave when nobody has used them for idleTimeoutMs', async () => {
    const peer = new Peer((socket) => socket.write(responseOf('hello')))
    const client = clientOf({ base: await peer.listen(), idleTimeoutMs: 400 })
    await run(function* () {
      for (let i = 0; i < 5; i++) {
        yield* asked(client)
        yield* sleep(20)
      }
      expect(client.stats()).toMatchObject({ opened: 1, origins: [{ connections: 1 }] })
      yield* until(() => client.stats().origins[0]?.connections === 0)
      yield* until(() => peer.open === 0)
      expect(yield* asked(client)).toBe('hello')
      expect(client.stats().opened).toBe(2)
    })
  })

  it('leave before the server wants them to', async () => {
    const peer = new Peer((socket) => socket.write(responseOf('hello', 'Keep-Alive: timeout=1\r\n')))
    const client = clientOf({ base: await peer.listen(), idleTimeoutMs: 60_000 })
    await run(function* () {
      yield* asked(client)
      yield* until(() => peer.open === 0)
      expect(yield* asked(client)).toBe('hello')
      expect(client.stats().opened).toBe(2)
    })
  })

  it.each([1, 3])('take no more requests beyond maxLifetimeMs, with maxSize %i', async (maxSize) => {
    const peer = new Peer((socket) => socket.write(responseOf('hello')))
    const client = clientOf({ base: await peer.listen(), maxSize, maxLifetimeMs: 60 })
    await run(function* () {
      const beganMs = now()
      for (let i = 0; i < 30; i++) {
        expect(yield* asked(client)).toBe('hello')
        yield* sleep(10)
      }
      const { opened } = client.stats()
      expect(opened).toBeGreaterThanOrEqual(3)
      expect(opened).toBeLessThanOrEqual(1 + (now() - beganMs) / (60 * 0.9))
      expect(client.stats().origins).toMatchObject([{ connections: 1 }])
      yield* until(() => peer.open === 1)
    })
  })

  it('are replaced where the server has closed them meanwhile', async () => {
    const peer = new Peer((socket) => socket.write(responseOf('hello')))
    const client = clientOf({ base: await peer.listen() })
    await run(function* () {
      for (let i = 0; i < 5; i++) {
        expect(yield* asked(client)).toBe('hello')
        for (const socket of peer.sockets) socket.end()
        if (i % 2 === 0) yield* until(() => client.stats().origins[0]?.connections === 0)
      }
    })
  })

  it('are not used again after a response that says so, or an answer that nobody has asked for', async () => {
    const peer = new Peer((socket, _, count) => {
      if (count === 1) socket.write(responseOf('hello', 'Connection: close\r\n'))
      else socket.write(responseOf('hello') + responseOf('poisoned'))
    })
    const client = clientOf({ base: await peer.listen(), maxSize: 1 })
    await run(function* () {
      for (let i = 0; i < 4; i++) expect(yield* asked(client)).toBe('hello')
      expect(client.stats().opened).toBe(4)
    })
  })

  it('are those of maxOrigins servers; a new one takes the place of one that is idle', async () => {
    const peers = [0, 1, 2].map(() => new Peer((socket) => socket.write(responseOf('hello'))))
    const urls = await Promise.all(peers.map((peer) => peer.listen()))
    const { url } = await held()
    const client = clientOf({ maxOrigins: 2 })
    await run(function* () {
      for (const each of urls) yield* (yield* client.get(ctx, `${each}/`)).text()
      expect(client.stats().origins.map(({ origin }) => origin)).toEqual(urls.slice(1))
      yield* until(() => peers[0]?.open === 0)
      const [one, two] = [url, url.replace('127.0.0.1', 'localhost')].map((each) =>
        go(function* () {
          yield* client.get(ctx, `${each}/`)
        }),
      )
      yield* until(() => client.stats().requests === 5)
      const error = yield* errorOf(
        go(function* () {
          yield* client.get(ctx, `${urls[0]}/`)
        }),
      )
      expect(error).toMatchObject({ kind: 'connection pool', message: expect.stringContaining('2 servers') })
      for (const each of [one, two]) {
        each?.cancel()
        yield* each?.outcome() ?? sleep(0)
      }
    })
  })
})

describe('a request without a response', () => {
  const ask = async (answer: ConstructorParameters<typeof Peer>[0], options = {}) =>
    clientOf({ base: await new Peer(answer).listen(), ...options })

  it('was not sent where the server refuses connections', async () => {
    const peer = new Peer(() => undefined)
    const base = await peer.listen()
    await peer.close()
    const client = clientOf({ base })
    const error = await client.post(ctx, '/orders', { json: 1 }).then(undefined, (error: unknown) => error)
    expect(error).toBeInstanceOf(ConnectError)
    expect(String(error)).toContain(`POST ${base}/orders: no connection came to be`)
    expect(String(error)).toContain('ECONNREFUSED')
    expect(isUnsent(error)).toBe(true)
    expect(client.stats().origins).toMatchObject([{ connections: 0 }])
  })

  it('was not sent where nobody has that name', async () => {
    const error = await clientOf({ base: 'http://nobody.invalid' })
      .get(ctx, '/')
      .then(undefined, (error: unknown) => error)
    expect(error).toBeInstanceOf(ConnectError)
    expect(isUnsent(error)).toBe(true)
  })

  it('was not sent where a connection takes too long to come to be', async () => {
    const silent = new Peer(() => undefined)
    const base = (await silent.listen()).replace('http:', 'https:')
    const error = await clientOf({ base, connectionTimeoutMs: 50 })
      .get(ctx, '/')
      .then(undefined, (error: unknown) => error)
    expect(error).toBeInstanceOf(ConnectError)
    expect(error).toMatchObject({ cause: { code: 'UND_ERR_CONNECT_TIMEOUT' } })
    expect(isUnsent(error)).toBe(true)
  })

  it('was sent where the connection breaks off: nobody knows what became of it', async () => {
    for (const end of ['destroy', 'end', 'resetAndDestroy'] as const) {
      const client = await ask((socket) => void socket[end]())
      const error = await client.post(ctx, '/?key=secret').then(undefined, (error: unknown) => error)
      expect(error).toBeInstanceOf(ConnectionLost)
      expect(String(error)).not.toContain('secret')
      expect(isUnsent(error)).toBe(false)
      expect(client.stats().origins).toMatchObject([{ connections: 0 }])
    }
  })

  it('is given up where the server says nothing', async () => {
    const client = await ask(() => undefined, { responseTimeoutMs: 100 })
    const error = await client.get(ctx, '/').then(undefined, (error: unknown) => error)
    expect(error).toBeInstanceOf(ResponseTimeout)
    expect((error as ResponseTimeout).timeout()).toBe(true)
    expect(String(error)).toContain('responseTimeoutMs')
    expect(isUnsent(error)).toBe(false)
  })

  it.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['a field that is none', 'HTTP/1.1 200 OK\r\nA B: c\r\n\r\n'],
    ['a head without an end', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}`],
  ])('fails where what comes is %s', async (_, answer) => {
    const client = await ask((socket) => socket.write(answer))
    await expect(client.get(ctx, '/')).rejects.toBeInstanceOf(BadResponse)
    expect(client.stats().origins).toMatchObject([{ connections: 0 }])
  })
})

describe('a body that breaks off', () => {
  it.each([
    ['of a length', 'Content-Length: 10\r\n\r\nhello'],
    ['of a length, on a last connection', 'Connection: close\r\nContent-Length: 10\r\n\r\nhello'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
    [
      'in chunks, on a last connection',
      'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    ],
  ])('is an error: %s', async (_, rest) => {
    for (const end of ['end', 'resetAndDestroy'] as const) {
      const peer = new Peer((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${rest}`, () => {
          void sleep(20).then(() => socket[end]())
        })
      })
      const client = clientOf({ base: await peer.listen() })
      const response = await client.get(ctx, '/')
      const error = await response.text().then(undefined, (error: unknown) => error)
      expect(error).toBeInstanceOf(ConnectionLost)
      expect(client.stats().origins).toMatchObject([{ connections: 0 }])
    }
  })

  it('is whole where the end of the connection is its end', async () => {
    const peer = new Peer((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nhello'))
    const response = await clientOf({ base: await peer.listen() }).get(ctx, '/')
    expect(await response.text()).toBe('hello')
  })

  it('is given up where nothing more comes', async () => {
    const peer = new Peer((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'))
    const client = clientOf({ base: await peer.listen(), bodyTimeoutMs: 100 })
    const response = await client.get(ctx, '/')
    const error = await response.text().then(undefined, (error: unknown) => error)
    expect(error).toBeInstanceOf(ResponseTimeout)
    expect(String(error)).toContain('bodyTimeoutMs')
  })
})

describe('a client that is closed', () => {
  it('finishes what is under way and what waits, and takes nothing new', async () => {
    const { url, gate } = await held()
    const client = clientOf({ base: url, maxSize: 1 })
    await run(function* () {
      const [first, second] = [asked(client), asked(client)]
      yield* until(() => client.stats().origins[0]?.waiting === 1)
      const closed = client.close()
      expect(yield* errorOf(asked(client))).toBeInstanceOf(ClientClosed)
      expect(closed.state).not.toBe('dead')
      yield* gate.send()
      expect(yield* first).toBe('hello')
      yield* gate.send()
      expect(yield* second).toBe('hello')
      yield* closed
      expect(client.stats().origins).toMatchObject([{ connections: 0, waiting: 0 }])
      yield* client.close()
    })
  })

  it('breaks off what is not finished in time', async () => {
    const { url } = await held()
    const client = clientOf({ base: url, maxSize: 1 })
    await run(function* () {
      const [first, second] = [asked(client), asked(client)]
      yield* until(() => client.stats().origins[0]?.waiting === 1)
      using soon = withTimeout(ctx, 30)
      yield* client.close(soon)
      expect(yield* errorOf(first)).toBeInstanceOf(ClientClosed)
      expect(yield* errorOf(second)).toBeInstanceOf(ClientClosed)
      expect(client.stats().origins).toMatchObject([{ connections: 0, waiting: 0 }])
    })
  })

  it('closes its idle connections at once', async () => {
    const peer = new Peer((socket) => socket.write(responseOf('hello')))
    const client = clientOf({ base: await peer.listen() })
    await run(function* () {
      yield* asked(client)
      yield* client.close()
      yield* until(() => peer.open === 0)
    })
  })

  it('breaks everything off at the end of its block', async () => {
    const { url } = await held()
    await run(function* () {
      let first: Goroutine<string>
      {
        using client = clientOf({ base: url })
        first = asked(client)
        yield* until(() => client.stats().requests === 1)
      }
      expect(yield* errorOf(first)).toBeInstanceOf(ClientClosed)
    })
  })
})

describe('https', () => {
  const authority = new Authority()
  afterAll(() => authority.remove())

  it('trusts those whom it is told to trust, by the name that is asked for', async () => {
    const app = router().get('/', (req) => text(`${req.scheme} ${req.httpVersion}`))
    const { url } = await served(app, authority.issue('localhost', 'DNS:localhost'))
    const { ca } = authority
    const known = clientOf({ base: url, tls: { ca, servername: 'localhost' } })
    expect(await (await known.get(ctx, '/')).text()).toBe('https 1.1')
    for (const tls of [{}, { ca }, { ca, servername: 'other' }]) {
      const error = await clientOf({ base: url, tls })
        .post(ctx, '/')
        .then(undefined, (error: unknown) => error)
      expect(error).toBeInstanceOf(ConnectError)
    }
    const trusting = clientOf({ base: url, tls: { rejectUnauthorized: false } })
    expect((await trusting.get(ctx, '/')).status).toBe(200)
  })
})
