import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { ArgumentError, Canceled, chan, go, type Routine, select, wait, yieldNow } from 'sluice'
import { background, type CancelContext, withCancel } from 'sluice/context'
import { HttpError } from './http-error.js'
import { HttpRequest } from './request.js'
import { RequestHeaders, splitLines } from './request-headers.js'
import type { HttpResponse } from './response.js'
import type { Detached } from './upgrade.js'
import { type WebSocketHandler, type WebSocketOptions, websocket } from './websocket.js'
import { WebSocketClosed } from './websocket-closed.js'
import type { WebSocketConnection } from './websocket-connection.js'

/** A request to open a WebSocket, over a real socket. */
class OpeningRequest extends HttpRequest {
  readonly headers: RequestHeaders
  readonly httpVersion = '1.1'
  protected readonly deadline = undefined

  constructor(
    head: string,
    private readonly detached: Detached,
  ) {
    const end = head.indexOf('\r\n')
    const [method = '', target = ''] = head.slice(0, end).split(' ')
    const arrival = {
      remoteAddress: '',
      remotePort: 0,
      isSecure: false,
      closing: background(),
      ctx: background(),
    }
    super(arrival, method, target, undefined, 0)
    this.headers = new RequestHeaders(splitLines(head.slice(end + 2)))
  }

  get host(): string {
    return this.header('host') ?? ''
  }

  override upgrade(): Detached {
    return this.detached
  }
}

/** Plays the engine: reads one head, and calls the handler. */
class Engine {
  readonly errors: unknown[] = []
  readonly statuses: number[] = []
  readonly sockets: Socket[] = []
  readonly closing: CancelContext = withCancel(background())
  private readonly server: Server

  constructor(handler: WebSocketHandler, options?: WebSocketOptions) {
    const handle = websocket(handler, options)
    this.server = createServer((socket) => {
      this.sockets.push(socket)
      let bytes = Buffer.alloc(0)
      const read = (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk])
        const end = bytes.indexOf('\r\n\r\n')
        if (end < 0) return
        socket.off('data', read)
        socket.pause()
        const report = (error: unknown) => this.errors.push(error)
        const detached = { socket, head: bytes.subarray(end + 4), closing: this.closing, report }
        try {
          const response = handle(
            new OpeningRequest(bytes.toString('latin1', 0, end + 2), detached),
          ) as HttpResponse
          this.statuses.push(response.status)
        } catch (error) {
          if (!(error instanceof HttpError)) throw error
          const lines = Object.entries(error.headers ?? {}).map(
            ([name, value]) => `${name}: ${String(value)}\r\n`,
          )
          socket.end(`HTTP/1.1 ${error.status} x\r\n${lines.join('')}Content-Length: 0\r\n\r\n`)
        }
      }
      socket.on('data', read)
      socket.on('error', () => undefined)
    }).listen(0, '127.0.0.1')
  }

  async port(): Promise<number> {
    if (!this.server.listening) await once(this.server, 'listening')
    const address = this.server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async url(): Promise<string> {
    return `ws://127.0.0.1:${await this.port()}/chat`
  }

  close(): void {
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
  }
}

let engines: Engine[] = []
afterEach(() => {
  for (const engine of engines) engine.close()
  engines = []
})

function engine(handler: WebSocketHandler, options?: WebSocketOptions): Engine {
  const made = new Engine(handler, options)
  engines.push(made)
  return made
}

async function dial(to: Engine, ...args: [protocols?: string[], options?: object]): Promise<WebSocket> {
  const client = new WebSocket(await to.url(), args[0] ?? [], { perMessageDeflate: false, ...args[1] })
  client.on('error', () => undefined)
  await once(client, 'open')
  return client
}

async function closed(client: WebSocket): Promise<[code: number, reason: string]> {
  const [code, reason] = (await once(client, 'close')) as [number, Buffer]
  return [code, reason.toString()]
}

async function message(client: WebSocket): Promise<string | number[]> {
  const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean]
  return isBinary ? [...data] : data.toString()
}

function* echo(socket: WebSocketConnection): Routine<void> {
  for (let m = yield* socket.recv(); m !== undefined; m = yield* socket.recv()) yield* socket.send(m)
}

/** A client frame, masked with zeros. */
function frame(opcode: number, payload: Uint8Array, isLast = true): Buffer {
  return Buffer.concat([
    Buffer.from([(isLast ? 0x80 : 0) | opcode, 0x80 | payload.length, 0, 0, 0, 0]),
    payload,
  ])
}

/** The raw socket of a client that has written an opening, and what has come. */
async function raw(
  to: Engine,
  lines: Record<string, string>,
  line = 'GET /chat HTTP/1.1',
  rest: Uint8Array = Buffer.alloc(0),
) {
  const { connect } = await import('node:net')
  const socket = connect(await to.port(), '127.0.0.1')
  const fields = Object.entries({ Host: 'a.example', ...lines }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.write(Buffer.concat([Buffer.from(`${line}\r\n${fields.join('')}\r\n`), rest]))
  let received = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
  })
  socket.on('error', () => undefined)
  return {
    socket,
    /** Waits until the text has come, and gives all that came. */
    async until(text: string): Promise<string> {
      while (!received.includes(text)) await once(socket, 'data')
      return received.toString('latin1')
    },
  }
}

const opening = {
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version': '13',
}

describe('websocket', () => {
  it('receives and sends texts and bytes, in a goroutine, an async function or a plain one', async () => {
    const handlers: WebSocketHandler[] = [
      echo,
      async (socket) => {
        for await (const m of socket) await socket.send(m)
      },
      (socket) => echo(socket),
    ]
    for (const handler of handlers) {
      const client = await dial(engine(handler))
      client.send('hällo')
      expect(await message(client)).toBe('hällo')
      client.send(new Uint8Array([1, 2, 3]))
      expect(await message(client)).toEqual([1, 2, 3])
      client.close(4000, 'bye')
      expect(await closed(client)).toEqual([4000, 'bye'])
    }
  })

  it('answers the opening as RFC 6455 says, and takes what came behind it', async () => {
    const to = engine(echo)
    const { until, socket } = await raw(to, opening, undefined, frame(1, Buffer.from('early')))
    const received = await until('early')
    expect(received).toMatch(/^HTTP\/1\.1 101 /)
    expect(received).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    expect(to.statuses).toEqual([101])
    socket.destroy()
  })

  it('puts fragments together', async () => {
    const { until, socket } = await raw(engine(echo), opening)
    await until('\r\n\r\n')
    for (const piece of [
      frame(1, Buffer.from('ab'), false),
      frame(0, Buffer.from('cd'), false),
      frame(9, Buffer.alloc(0)),
      frame(0, Buffer.from('ef')),
    ])
      socket.write(piece)
    expect(await until('abcdef')).toContain('abcdef')
    socket.destroy()
  })

  it('refuses what opens no WebSocket', async () => {
    const to = engine(echo, { protocols: ['a'] })
    const without = (name: string) =>
      Object.fromEntries(Object.entries(opening).filter(([key]) => key !== name))
    const cases: [Record<string, string>, string, string?][] = [
      [without('Upgrade'), '426', 'Upgrade: websocket'],
      [{ ...opening, Upgrade: 'h2c' }, '426', 'Upgrade: websocket'],
      [without('Sec-WebSocket-Version'), '400', 'Sec-WebSocket-Version: 13'],
      [{ ...opening, 'Sec-WebSocket-Version': '8' }, '426', 'Sec-WebSocket-Version: 13'],
      [without('Sec-WebSocket-Key'), '400'],
      [{ ...opening, 'Sec-WebSocket-Key': 'short' }, '400'],
      [{ ...opening, 'Sec-WebSocket-Protocol': 'a, a' }, '400'],
      [{ ...opening, 'Sec-WebSocket-Protocol': 'a,,b' }, '400'],
      [{ ...opening, Origin: 'http://evil.example' }, '403'],
      [{ ...opening, Origin: 'null' }, '403'],
    ]
    for (const [lines, status, field = ''] of cases) {
      const { until, socket } = await raw(to, lines)
      const received = await until('\r\n\r\n')
      expect([lines, received.split(' ')[1], received.includes(field)]).toEqual([lines, status, true])
      socket.destroy()
    }
    const post = await raw(to, opening, 'POST /chat HTTP/1.1')
    expect(await post.until('\r\n\r\n')).toMatch(/405 x\r\nAllow: GET/)
    post.socket.destroy()
    expect(to.statuses).toEqual([])
  })

  it('lets in pages of its own host, those of the origins that are given, and who says no origin', async () => {
    const opens = async (origin: string | undefined, options?: WebSocketOptions) => {
      const lines = origin === undefined ? opening : { ...opening, Origin: origin }
      const { until, socket } = await raw(engine(echo, options), lines)
      const received = await until('\r\n\r\n')
      socket.destroy()
      return received.split(' ')[1]
    }
    expect(await opens(undefined)).toBe('101')
    expect(await opens('http://a.example')).toBe('101')
    expect(await opens('https://A.example:443')).toBe('101')
    expect(await opens('http://a.example:81')).toBe('403')
    expect(await opens('http://b.example', { origins: ['http://b.example'] })).toBe('101')
    expect(await opens('http://a.example', { origins: ['http://b.example'] })).toBe('403')
    expect(await opens('http://c.example', { origins: '*' })).toBe('101')
  })

  it('agrees on the first of its protocols that the client offers', async () => {
    const tell: WebSocketHandler = function* (socket) {
      yield* socket.recv()
      yield* socket.send(`speaks ${socket.protocol}`)
    }
    const client = await dial(engine(tell, { protocols: ['b', 'a'] }), ['a', 'b'])
    client.send('what?')
    expect([client.protocol, await message(client)]).toEqual(['b', 'speaks b'])
    const { until, socket } = await raw(engine(tell, { protocols: ['b'] }), {
      ...opening,
      'Sec-WebSocket-Protocol': 'x',
    })
    expect(await until('\r\n\r\n')).not.toContain('Sec-WebSocket-Protocol')
    socket.destroy()
  })

  it('closes with 1009 what is too large, 1007 what is no UTF-8 and 1002 what breaks the protocol, without an error of the server', async () => {
    const cases: [Buffer, number][] = [
      [frame(1, Buffer.alloc(17, 'a')), 1009],
      [frame(1, Buffer.from([0xff])), 1007],
      [frame(3, Buffer.alloc(0)), 1002],
    ]
    for (const [bytes, code] of cases) {
      const ends = chan<unknown>(1)
      const to = engine(
        function* (socket) {
          ends.trySend([yield* socket.recv(), socket.closing?.code])
        },
        { maxMessageBytes: 16 },
      )
      const { until, socket } = await raw(to, opening)
      await until('\r\n\r\n')
      socket.write(bytes)
      const goodbye = Buffer.from([0x88, 2, code >> 8, code & 255]).toString('latin1')
      while (!(await until('\r\n\r\n')).includes(goodbye)) await once(socket, 'data')
      socket.destroy()
      expect(await ends.recv()).toEqual([undefined, 1006])
      expect(to.errors).toEqual([])
    }
  })

  it('closes with 1000 when the handler returns, and with 1011 when it throws, which the server is told', async () => {
    const done = engine(() => undefined)
    expect(await closed(await dial(done))).toEqual([1000, ''])
    expect(done.errors).toEqual([])
    const broken = new Error('broken')
    for (const handler of [
      function* (): Routine<void> {
        throw broken
      },
      async () => Promise.reject(broken),
      () => {
        throw broken
      },
    ]) {
      const to = engine(handler)
      expect(await closed(await dial(to))).toEqual([1011, 'internal error'])
      expect(to.errors).toEqual([broken])
    }
  })

  it('closes with 1001 when the server shuts down, and ends the context', async () => {
    const ends = chan<unknown>(1)
    const to = engine(function* (socket) {
      yield* socket.ctx.done()
      ends.trySend([socket.ctx.err instanceof Canceled, yield* socket.recv(), socket.closing?.code])
    })
    const client = await dial(to)
    to.closing.cancel()
    expect(await closed(client)).toEqual([1001, 'the server shuts down'])
    expect(await ends.recv()).toEqual([true, undefined, 1001])
    expect(to.errors).toEqual([])
  })

  it('closes at once what opens during a shutdown', async () => {
    const to = engine(echo)
    to.closing.cancel()
    expect(await closed(await dial(to))).toEqual([1001, 'the server shuts down'])
  })

  it('refuses options that cannot be', () => {
    for (const option of [
      { pingEveryMs: 0 },
      { inboxMessages: -1 },
      { maxMessageBytes: 'x' },
      { maxMissed: Number.NaN },
    ])
      expect(() => websocket(echo, option as WebSocketOptions)).toThrow(ArgumentError)
  })
})

describe('a WebSocketConnection', () => {
  it('ends its context and its receivers when the client leaves without a goodbye', async () => {
    const ends = chan<unknown>(1)
    const to = engine(function* (socket) {
      const got = yield* socket.recv()
      yield* socket.ctx.done()
      ends.trySend([got, socket.closing, socket.ctx.cause instanceof WebSocketClosed, yield* socket.recv()])
    })
    const client = await dial(to)
    client.terminate()
    expect(await ends.recv()).toEqual([undefined, { code: 1006, reason: '' }, true, undefined])
  })

  it('gives what had come before the end', async () => {
    const seen: unknown[] = []
    const ends = chan<unknown>(1)
    const to = engine(function* (socket) {
      yield* socket.ctx.done()
      expect([socket.length, socket.capacity]).toEqual([2, 16])
      for (let m = yield* socket.next(); m.done !== true; m = yield* socket.next()) seen.push(m.value)
      ends.trySend(socket.tryRecv())
    })
    const client = await dial(to)
    client.send('a')
    client.send('b')
    client.close()
    expect(await ends.recv()).toEqual({ done: true, value: undefined })
    expect(seen).toEqual(['a', 'b'])
  })

  it('parks a sender while the client does not read, and wakes it when it does', async () => {
    const progress = chan<string>(10)
    const piece = Buffer.alloc(256 * 1024)
    let sent = 0
    const to = engine(
      function* (socket) {
        yield* socket.recv()
        while (socket.trySend(piece)) sent++
        progress.trySend('full')
        for (let i = 0; i < 3; i++) {
          yield* socket.send(piece)
          sent++
        }
        progress.trySend('went on')
      },
      { maxBufferedBytes: 1 },
    )
    const client = await dial(to)
    client.send('go')
    client.pause()
    expect(await progress.recv()).toBe('full')
    expect(progress.length).toBe(0)
    let received = 0
    client.on('message', () => received++)
    client.resume()
    expect(await progress.recv()).toBe('went on')
    await closed(client)
    expect(received).toBe(sent)
  })

  it('sends in order, however many wait', async () => {
    const full = chan<void>()
    const to = engine(
      function* (socket) {
        yield* socket.recv()
        while (socket.trySend(Buffer.alloc(256 * 1024))) {}
        const senders = ['1', '2', '3'].map((text) => go(() => socket.send(text)))
        yield* yieldNow()
        expect(senders.map((sender) => sender.waitReason)).toEqual(Array(3).fill('websocket send'))
        expect(socket.trySend('overtakes')).toBe(false)
        full.close()
        for (const sender of senders) yield* sender
      },
      { maxBufferedBytes: 1 },
    )
    const client = await dial(to)
    const seen: string[] = []
    client.on('message', (data: Buffer, isBinary: boolean) => {
      if (!isBinary) seen.push(data.toString())
    })
    client.send('go')
    client.pause()
    await full.recv()
    client.resume()
    await closed(client)
    expect([seen, to.errors]).toEqual([['1', '2', '3'], []])
  })

  it('reads no more than its inbox holds until the handler takes some', async () => {
    const start = chan<void>()
    const counts = chan<number>(1)
    const to = engine(
      function* (socket) {
        yield* start.recv()
        let count = 0
        for (let m = yield* socket.recv(); m !== undefined; m = yield* socket.recv())
          if (++count === 200) break
        counts.trySend(count)
      },
      { inboxMessages: 4, maxMessageBytes: 1024 * 1024 },
    )
    const client = await dial(to)
    const piece = Buffer.alloc(256 * 1024)
    for (let i = 0; i < 200; i++) client.send(piece)
    // What is in the sockets' buffers is a few megabytes; the rest waits at the client.
    const [server] = to.sockets
    await vi.waitFor(() => expect(server?.isPaused()).toBe(true))
    expect(client.bufferedAmount).toBeGreaterThan(20 * 1024 * 1024)
    expect(server?.bytesRead).toBeLessThan(20 * 1024 * 1024)
    start.close()
    expect(await counts.recv()).toBe(200)
    client.terminate()
  })

  it('hears the answer to its close though its inbox is full', async () => {
    const start = chan<void>()
    const ends = chan<unknown>(1)
    const to = engine(
      function* (socket) {
        go(function* () {
          yield* socket.ctx.done()
          ends.trySend(socket.closing?.code)
        })
        yield* start.recv()
      },
      { inboxMessages: 1 },
    )
    const client = await dial(to)
    client.send('a')
    await vi.waitFor(() => expect(to.sockets[0]?.isPaused()).toBe(true))
    start.close()
    expect(await closed(client)).toEqual([1000, ''])
    expect(await ends.recv()).toBe(1000)
  })

  it('can be waited for in a select', async () => {
    const quit = chan<string>(1)
    const ends = chan<unknown>(2)
    const to = engine(function* (socket) {
      for (let i = 0; i < 2; i++) {
        const { key, value } = yield* select({ message: socket.recv(), quit: quit.recv() })
        ends.trySend([key, value])
        if (i === 0) quit.trySend('now')
      }
    })
    const client = await dial(to)
    client.send('a')
    expect(await ends.recv()).toEqual(['message', 'a'])
    expect(await ends.recv()).toEqual(['quit', 'now'])
  })

  it('fails to send once it is closed, by whomever', async () => {
    const ends = chan<unknown>(1)
    const to = engine(function* (socket) {
      const waiting = Promise.resolve(socket.send('x')).then(() => socket.send(Buffer.alloc(10)))
      yield* wait(waiting)
      socket.close(4001, 'enough')
      socket.close(1000, 'only the first counts')
      expect(() => socket.trySend('y')).toThrow(WebSocketClosed)
      try {
        yield* socket.send('y')
      } catch (error) {
        ends.trySend(error)
        throw error
      }
    })
    const client = await dial(to)
    expect(await closed(client)).toEqual([4001, 'enough'])
    expect(await ends.recv()).toMatchObject({ code: 'ERR_SLUICE_WEBSOCKET_CLOSED' })
    expect(to.errors).toEqual([])
  })

  it('wakes who waits to send when the connection ends', async () => {
    const ends = chan<unknown>(1)
    const full = chan<void>()
    const to = engine(
      function* (socket) {
        const piece = Buffer.alloc(1024 * 1024)
        yield* socket.recv()
        while (socket.trySend(piece)) {}
        full.close()
        try {
          for (;;) yield* socket.send(piece)
        } catch (error) {
          ends.trySend(error)
        }
      },
      { maxBufferedBytes: 1 },
    )
    const client = await dial(to)
    client.send('go')
    client.pause()
    await full.recv()
    client.terminate()
    expect(await ends.recv()).toBeInstanceOf(WebSocketClosed)
  })

  it('refuses what cannot be sent, and codes that nobody may close with', async () => {
    const ends = chan<unknown>(1)
    const to = engine(function* (socket) {
      for (const bad of [1, undefined, {}]) expect(() => socket.send(bad as never)).toThrow(ArgumentError)
      for (const code of [999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5])
        expect(() => socket.close(code)).toThrow(ArgumentError)
      expect(() => socket.close(1000, 'ü'.repeat(62))).toThrow(ArgumentError)
      ends.trySend('all refused')
    })
    await dial(to)
    expect(await ends.recv()).toBe('all refused')
    expect(to.errors).toEqual([])
  })

  it('compresses only where that is wanted on both sides', async () => {
    const extensions = async (compression: boolean) => {
      const to = engine(echo, { compression })
      const client = await dial(to, [], { perMessageDeflate: true })
      client.send('a'.repeat(5000))
      expect(await message(client)).toBe('a'.repeat(5000))
      return client.extensions
    }
    expect(await extensions(false)).toBe('')
    expect(await extensions(true)).toContain('permessage-deflate')
  })
})

describe('the heartbeat of a WebSocket', () => {
  it('ends the connection of a client that answers no pings', async () => {
    const ends = chan<unknown>(1)
    const to = engine(
      function* (socket) {
        yield* socket.recv()
        ends.trySend(socket.closing)
      },
      { pingEveryMs: 10, maxMissed: 2 },
    )
    const client = await dial(to, [], { autoPong: false })
    let pings = 0
    client.on('ping', () => pings++)
    expect(await ends.recv()).toEqual({ code: 1006, reason: '' })
    expect(pings).toBe(2)
  })

  it('leaves a client alone that answers', async () => {
    const to = engine(echo, { pingEveryMs: 20, maxMissed: 3 })
    const client = await dial(to)
    for (let i = 0; i < 6; i++) await once(client, 'ping')
    client.send('still here')
    expect(await message(client)).toBe('still here')
  })

  it('does not take a slow handler for a dead client', async () => {
    const start = chan<void>()
    const to = engine(
      function* (socket) {
        yield* start.recv()
        yield* echo(socket)
      },
      { pingEveryMs: 20, maxMissed: 3, inboxMessages: 1 },
    )
    const other = engine(echo, { pingEveryMs: 20, maxMissed: 1000 })
    const client = await dial(to)
    client.send('a')
    const clock = await dial(other)
    for (let i = 0; i < 10; i++) await once(clock, 'ping')
    start.close()
    expect(await message(client)).toBe('a')
  })

  it('ends the connection of a client that does not answer a close', async () => {
    const ends = chan<unknown>(1)
    const to = engine(
      function* (socket) {
        socket.close(4000, 'bye')
        yield* socket.ctx.done()
        ends.trySend(socket.closing)
      },
      { closeTimeoutMs: 10 },
    )
    const { until, socket } = await raw(to, opening)
    await until('bye')
    expect(await ends.recv()).toMatchObject({ code: 1006 })
    socket.destroy()
  })
})
