import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { emptied, failure, serving, turns } from '../../test/net/fixture.js'
import { Authority } from '../../test/serving/certificates.js'
import { RawClient } from '../../test/serving/raw-client.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { DeadlineExceeded, withTimeout } from '../context/deadline.js'
import { type Chan, chan } from '../runtime/chan.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import type { Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { sleep } from '../runtime/sleep.js'
import { run } from '../main.js'
import { leakCheck } from '../testing/leak-check.js'
import { type Codec, FrameError } from './codec.js'
import { type Conn, ConnectionClosed } from './conn.js'
import type { ConnHandler } from './conn-handler.js'
import { ServerClosed } from './server-closed.js'
import { lengthPrefixed } from './length-prefixed.js'
import { lines } from './lines.js'
import { listen } from './listen.js'
import { ListenError } from './listener.js'

const text = { codec: lines() }

function* echo(conn: Conn<string, string>): Routine<void> {
  for (let line = yield* conn.recv(); line !== undefined; line = yield* conn.recv())
    yield* conn.send(`<${line}>`)
}

/** Sends for ever, and tells whenever the peer does not keep up. */
async function flood(conn: Conn<Buffer, Uint8Array | string>, onFull: () => void): Promise<never> {
  const frame = Buffer.alloc(100_000)
  for (;;) {
    if (conn.trySend(frame)) continue
    onFull()
    await conn.send(frame)
  }
}

/** What a handler found out, for the test to wait for. */
function told<T>(): Chan<T> {
  return chan<T>(100)
}

describe('a function for each connection', () => {
  it.each<[string, ConnHandler<string, string>]>([
    ['a generator function', echo],
    [
      'an async function',
      async (conn) => {
        for await (const line of conn) await conn.send(`<${line}>`)
      },
    ],
    ['a function that returns a promise', (conn) => conn.recv().then((line) => conn.send(`<${line}>`))],
  ])('%s receives and sends frames', (_, handler) =>
    serving(handler, text, function* ({ connect }) {
      const client = yield* connect()
      expect(yield* wait(client.send('a\n').until('\n'))).toBe('<a>\n')
    }),
  )

  it('gets bytes as they come without a codec', () =>
    serving(
      function* (conn) {
        const bytes = yield* conn.recv()
        yield* conn.send(`${bytes?.length} bytes`)
      },
      {},
      function* ({ connect }) {
        const client = yield* connect()
        expect(yield* wait(client.send('abc').closed())).toBe('3 bytes')
      },
    ))

  it('runs for each connection by itself', () =>
    serving(echo, text, function* ({ connect, server }) {
      const [a, b] = [yield* connect(), yield* connect()]
      expect(yield* wait(b.send('b\n').until('\n'))).toBe('<b>\n')
      expect(yield* wait(a.send('a\n').until('\n'))).toBe('<a>\n')
      expect([...server.connections].map(({ id }) => id)).toEqual([1, 2])
      expect([...server.connections][0]?.remotePort).toBe(a.socket.localPort)
    }))

  it('sees the end of what the peer sends, and can still answer', () =>
    serving(
      function* (conn) {
        let sum = 0
        for (let line = yield* conn.recv(); line !== undefined; line = yield* conn.recv()) sum += Number(line)
        yield* conn.send(`sum ${sum}`)
      },
      text,
      function* ({ connect }) {
        const client = yield* connect(true)
        client.socket.end('1\n2\n3')
        expect(yield* wait(client.closed())).toBe('sum 6\n')
      },
    ))

  it('ends its connection when it returns, after what it sent', () =>
    serving(
      function* (conn) {
        for (let i = 0; i < 1000; i++) yield* conn.send('x'.repeat(1000))
      },
      text,
      function* ({ connect, server }) {
        const client = yield* connect()
        client.send('something that nobody reads')
        expect(yield* wait(client.closed())).toHaveLength(1_001_000)
        yield* emptied(server)
      },
    ))

  it('ends its connection when it throws, and tells of it once, without harm to others', () =>
    serving(
      function* (conn) {
        if ((yield* conn.recv()) === 'bad') throw new RangeError('a fault of the handler')
        yield* echo(conn)
      },
      text,
      function* ({ connect, problems }) {
        const [bad, good] = [yield* connect(), yield* connect()]
        expect(yield* wait(bad.send('bad\n').closed())).toBe('')
        expect(problems).toEqual([new RangeError('a fault of the handler')])
        expect(yield* wait(good.send('a\nb\n').until('\n'))).toBe('<b>\n')
      },
    ))

  it('is told that the connection broke, after the frames that came before', () => {
    const outcomes = told<unknown>()
    return serving(
      function* (conn) {
        yield* conn.send('hello')
        try {
          for (;;) outcomes.trySend(yield* conn.recv())
        } catch (error) {
          outcomes.trySend(error)
          outcomes.trySend(conn.ctx.cause)
          outcomes.trySend(conn.trySend('too late'))
          yield* conn.send('too late')
        }
      },
      text,
      function* ({ connect, problems, server }) {
        const client = yield* connect()
        client.send('one\ntwo\n')
        yield* wait(client.until('hello'))
        expect([yield* outcomes.recv(), yield* outcomes.recv()]).toEqual(['one', 'two'])
        client.socket.resetAndDestroy()
        const error = yield* outcomes.recv()
        expect(error).toBeInstanceOf(ConnectionClosed)
        expect(String(error)).toMatch(/connection 1 \(127\.0\.0\.1:\d+\) is closed: read ECONNRESET/)
        expect(yield* outcomes.recv()).toBe(error)
        expect(yield* outcomes.recv()).toBe(false)
        yield* emptied(server)
        expect(problems).toEqual([]) // what the peer did passed through the handler: no fault of it
      },
    )
  })

  it('is told of a frame that is too long, can say so, and then the connection ends', () =>
    serving(
      function* (conn) {
        try {
          yield* echo(conn)
        } catch (error) {
          yield* conn.send(error instanceof FrameError ? 'too long' : 'something else')
          throw error
        }
      },
      { codec: lines({ maxLineBytes: 9 }) },
      function* ({ connect, problems }) {
        const client = yield* connect()
        expect(yield* wait(client.send('1234567\n1234567890\nmore\n').closed())).toBe('<1234567>\ntoo long\n')
        expect(problems).toEqual([])
      },
    ))

  it('is told where it sends what is no frame, and can go on', () =>
    serving(
      function* (conn) {
        const error = yield* wait(failure(conn.send('a\nb')))
        expect(() => conn.trySend('a\nb')).toThrow(FrameError)
        yield* conn.send(error instanceof FrameError ? 'refused' : 'sent')
      },
      text,
      function* ({ connect }) {
        expect(yield* wait((yield* connect()).closed())).toBe('refused\n')
      },
    ))

  it('can give up a wait for a frame, which the next wait gets', () => {
    const outcomes = told<unknown>()
    return serving(
      function* (conn) {
        using ctx = withTimeout(conn.ctx, 100)
        outcomes.trySend(yield* wait(failure(conn.recv().within(ctx))))
        outcomes.trySend(yield* conn.recv())
      },
      text,
      function* ({ connect, clock }) {
        const client = yield* connect()
        yield* turns(3)
        clock.pass(100)
        expect(yield* outcomes.recv()).toBeInstanceOf(DeadlineExceeded)
        client.send('late\n')
        expect(yield* outcomes.recv()).toBe('late')
      },
    )
  })

  it('can end its connection itself, and gets and sends nothing after', () => {
    const outcomes = told<unknown>()
    return serving(
      function* (conn) {
        yield* conn.send('bye')
        conn.close()
        outcomes.trySend(yield* conn.recv())
        outcomes.trySend(conn.isClosed)
        outcomes.trySend(String(conn.ctx.cause))
        yield* conn.send('more')
      },
      text,
      function* ({ connect }) {
        const client = yield* connect()
        expect(yield* wait(client.send('a\n').closed())).toBe('bye\n')
        expect([yield* outcomes.recv(), yield* outcomes.recv()]).toEqual([undefined, true])
        expect(yield* outcomes.recv()).toContain('it was closed on this side')
      },
    )
  })
})

it('listens on a Unix socket, whose connections are named after it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'listen-'))
  const path = join(folder, 'a.sock')
  await run(function* () {
    const server = listen((conn) => conn.send(`${conn} '${conn.remoteAddress}' ${conn.remotePort}`), {
      ...text,
      path,
    })
    expect(yield* server.listening()).toEqual({ path })
    const client = connect({ path })
    const [bytes] = yield* wait(once(client, 'data'))
    expect(String(bytes)).toBe(`connection 1 (${path}) '' undefined\n`)
    client.destroy()
    server.shutdown()
    yield* server
  })
  rmSync(folder, { recursive: true })
})

it('works over TLS alike: frames, back-pressure and the end', async () => {
  const authority = new Authority()
  const { key, cert } = authority.issue('localhost', 'DNS:localhost')
  await run(function* () {
    const server = listen(
      function* (conn) {
        let count = 0
        for (let line = yield* conn.recv(); line !== undefined; line = yield* conn.recv()) {
          yield* conn.send(line)
          count++
        }
        yield* conn.send(`${count} lines`)
      },
      {
        ...text,
        port: 0,
        host: '127.0.0.1',
        createServer: (onSocket) => createTlsServer({ key, cert, allowHalfOpen: true }, onSocket),
      },
    )
    const { port = 0 } = yield* server.listening()
    const place = { port, host: '127.0.0.1', servername: 'localhost', allowHalfOpen: true }
    const client = connectTls({ ...place, ca: authority.ca })
    const received: string[] = []
    client.setEncoding('latin1').on('data', (part: string) => received.push(part))
    client.end(`${'x'.repeat(999)}\n`.repeat(3000))
    yield* wait(once(client, 'end'))
    expect(received.join('')).toHaveLength(3_000_000 + '3000 lines\n'.length)
    client.destroy()
    yield* emptied(server)
    expect(server.stats()).toMatchObject({ accepted: 1, bytesIn: 3_000_000 })
    server.close()
    yield* server
  })
  authority.remove()
})

describe("a user's own codec", () => {
  /** A JSON value a line. */
  const values: Codec<unknown> = {
    decoder() {
      const inner = lines().decoder()
      const parsed = (line: string | undefined) =>
        line === undefined ? undefined : (JSON.parse(line) as unknown)
      return {
        push: (bytes) => inner.push(bytes),
        next: () => parsed(inner.next()),
        end: () => parsed(inner.end()),
      }
    },
    encode: (value) => [Buffer.from(JSON.stringify(value)), Buffer.from('\n')],
  }

  it('receives any values but undefined, and sends pieces', () =>
    serving(
      function* (conn) {
        for (let value = yield* conn.recv(); value !== undefined; value = yield* conn.recv())
          yield* conn.send([value])
      },
      { codec: values },
      function* ({ connect }) {
        const client = yield* connect()
        client.socket.end('null\n0\n{"a":"ä"}')
        expect(Buffer.from(yield* wait(client.closed()), 'latin1').toString()).toBe(
          '[null]\n[0]\n[{"a":"ä"}]\n',
        )
      },
    ))

  it('ends the connection by what it throws, which its handler gets', () => {
    const outcomes = told<unknown>()
    return serving(
      function* (conn) {
        outcomes.trySend(yield* conn.recv())
        outcomes.trySend(yield* wait(failure(conn.recv())))
      },
      { codec: values },
      function* ({ connect, problems }) {
        const client = yield* connect()
        expect(yield* wait(client.send('1\nno json\n2\n').closed())).toBe('')
        expect(yield* outcomes.recv()).toBe(1)
        expect(yield* outcomes.recv()).toBeInstanceOf(SyntaxError)
        expect(problems).toEqual([])
      },
    )
  })
})

describe('back-pressure', () => {
  it('holds back a peer whose frames nobody takes, and loses none', () => {
    const gate = told<void>()
    return serving(
      function* (conn) {
        if (conn.id > 1) return yield* echo(conn)
        yield* gate.recv()
        let count = 0
        while ((yield* conn.recv()) !== undefined) count++
        yield* conn.send(`${count}`)
      },
      { ...text, inboxFrames: 4 },
      function* ({ connect, server }) {
        const [client, other] = [yield* connect(true), yield* connect()]
        client.socket.end(`${'x'.repeat(999)}\n`.repeat(20_000))
        for (let i = 0; i < 100; i++) yield* wait(other.send('still served\n').until('\n'))
        expect(server.stats().bytesIn).toBeLessThan(1_000_000)
        gate.trySend()
        expect(yield* wait(client.closed())).toBe('20000\n')
      },
    )
  })

  it('parks whoever sends to a peer that does not read, until it does, and keeps order', () => {
    const sizes = told<number>()
    return serving(
      function* (conn) {
        let count = 0
        while (conn.trySend(`${count}`.padEnd(9999))) count++
        sizes.trySend(count)
        yield* conn.send(`${count}`.padEnd(9999))
      },
      text,
      function* ({ connect }) {
        const client = yield* connect()
        client.socket.pause()
        const count = (yield* sizes.recv()) ?? 0
        expect(count).toBeGreaterThan(1)
        expect(count).toBeLessThan(1000)
        client.socket.resume()
        const all = yield* wait(client.closed())
        expect(all.split('\n').map((line) => line.trim())).toEqual([
          ...Array.from({ length: count + 1 }, (_, i) => `${i}`),
          '',
        ])
      },
    )
  })

  it('lets go of whoever is parked when the connection breaks', () => {
    const outcomes = told<unknown>()
    return serving(
      function* (conn) {
        const error = yield* wait(failure(flood(conn, () => outcomes.trySend('full'))))
        outcomes.trySend(error)
      },
      { codec: lengthPrefixed() },
      function* ({ connect }) {
        const client = yield* connect()
        client.socket.pause()
        expect(yield* outcomes.recv()).toBe('full')
        client.socket.resetAndDestroy()
        let outcome: unknown = 'full'
        while (outcome === 'full') outcome = yield* outcomes.recv()
        expect(outcome).toBeInstanceOf(ConnectionClosed)
      },
    )
  })
})

describe('the end of a server', () => {
  it('lets handlers finish: they get no more frames, and their contexts end', () => {
    const outcomes = told<unknown>()
    return serving(
      function* (conn) {
        yield* conn.send('here')
        outcomes.trySend(yield* conn.recv())
        outcomes.trySend(conn.ctx.cause)
        yield* conn.send('goodbye')
      },
      text,
      function* ({ connect, server }) {
        const { port = 0 } = server.address ?? {}
        const client = yield* connect()
        yield* wait(client.until('here'))
        server.shutdown()
        expect(yield* wait(client.closed())).toBe('goodbye\n')
        yield* server
        expect(yield* outcomes.recv()).toBeUndefined()
        expect(yield* outcomes.recv()).toBeInstanceOf(ServerClosed)
        expect(server.stats().open).toBe(0)
        expect(yield* wait(failure(RawClient.connect(port)))).toMatchObject({ code: 'ECONNREFUSED' })
      },
    )
  })

  it('cuts off what has not ended after the grace, and cancels its handler', () => {
    const outcomes = told<unknown>()
    return serving(
      function* (conn) {
        yield* conn.send('here')
        try {
          yield* sleep(Infinity)
        } catch (error) {
          outcomes.trySend(error)
          throw error
        }
      },
      text,
      function* ({ connect, server, clock, problems }) {
        const client = yield* connect()
        yield* wait(client.until('here'))
        server.shutdown(500)
        yield* turns(3)
        clock.pass(499)
        expect(server.stats().open).toBe(1)
        clock.pass(1)
        yield* server
        const error = yield* outcomes.recv()
        expect(error).toBeInstanceOf(Canceled)
        expect((error as Canceled).cause).toBeInstanceOf(ServerClosed)
        expect(problems).toEqual([])
        yield* wait(client.closed())
      },
    )
  })

  it('comes with its context', () => {
    const ctx = withCancel(background())
    return serving(echo, { ...text, ctx }, function* ({ connect, server }) {
      const client = yield* connect()
      yield* wait(client.send('a\n').until('<a>'))
      ctx.cancel(new Error('enough'))
      yield* server
      expect(yield* wait(client.closed())).toBe('')
    })
  })

  it('comes at once by close, also within the grace', () =>
    serving(
      function* (conn) {
        yield* conn.send('here')
        yield* sleep(Infinity)
      },
      text,
      function* ({ connect, server }) {
        const client = yield* connect()
        yield* wait(client.until('here'))
        server.shutdown(Infinity)
        yield* turns(3)
        server.close()
        yield* server
        yield* wait(client.closed())
      },
    ))

  it('leaves no goroutine behind', async () => {
    await using _ = leakCheck()
    await serving(echo, text, function* ({ connect }) {
      const client = yield* connect()
      yield* wait(client.send('a\n').until('<a>'))
    })
  })

  it('that comes before it listens is told to whoever waits for that', () =>
    serving(echo, text, function* () {
      const server = listen(echo, { ...text, port: 0 })
      server.close()
      expect(yield* wait(failure(server.listening()))).toBeInstanceOf(ServerClosed)
      yield* server
    }))
})

describe('what cannot be', () => {
  it('a place that is taken is told by the server and by its beginning', () =>
    serving(echo, text, function* ({ server }) {
      const { port = 0 } = server.address ?? {}
      const second = listen(echo, { ...text, port, host: '127.0.0.1' })
      expect(yield* wait(failure(second.listening()))).toBeInstanceOf(ListenError)
      expect(yield* wait(failure(second))).toBeInstanceOf(ListenError)
      expect(yield* wait(failure(second.done()))).toMatchObject({ address: `127.0.0.1:${port}` })
    }))

  it('ends the process if nobody asks, and only then', async () => {
    const crashes: unknown[] = []
    const body = (asks: boolean) =>
      function* (): Routine<void> {
        const server = listen(echo, { ...text, path: '/nowhere/a.sock' })
        if (asks) yield* wait(failure(server.listening()))
        yield* turns(20)
      }
    const options = { onCrash: (error: unknown) => crashes.push(error) }
    await run(body(true), options)
    expect(crashes).toEqual([])
    await run(body(false), options)
    expect(crashes).toEqual([expect.any(ListenError)])
  })

  it.each<[string, () => unknown]>([
    ['no handler', () => listen(undefined as never, { port: 0 })],
    ['a handler without frame', () => listen({ open() {} } as never, { port: 0 })],
    ['two places', () => listen(echo, { ...text, port: 0, path: '/tmp/x' })],
    ['a port that is none', () => listen(echo, { ...text, port: 65_536 })],
    ['an inbox for no frames', () => listen(echo, { ...text, port: 0, inboxFrames: 0 })],
    ['a limit that is no number', () => listen(echo, { ...text, port: 0, writeTimeoutMs: Number.NaN })],
    [
      'a heartbeat without time',
      () => listen(echo, { ...text, port: 0, heartbeat: { everyMs: 0, ping: () => '' } }),
    ],
  ])('is refused at the call: %s', (_, call) => {
    expect(call).toThrow(ArgumentError)
  })
})
