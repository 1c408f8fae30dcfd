import { describe, expect, it } from 'vitest'
import { emptied, serving, turns } from '../../test/net/fixture.js'
import { type Chan, chan } from '../runtime/chan.js'
import { numGoroutine } from '../runtime/dump.js'
import type { Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { type Conn, ConnectionClosed } from './conn.js'
import { ServerClosed } from './server-closed.js'
import { FrameError } from './codec.js'
import { lines } from './lines.js'

const text = { codec: lines() }

describe('handlers of events', () => {
  it('are called for the beginning, each frame and the end, without a goroutine', () => {
    const events: string[] = []
    return serving<string, string>(
      {
        open: (conn) => events.push(`open ${conn.id}`),
        frame: (conn, line) => {
          events.push(line)
          conn.trySend(`<${line}>`)
        },
        close: (_, error) => events.push(`close ${String(error)}`),
      },
      text,
      function* ({ connect, server }) {
        const client = yield* connect()
        const before = numGoroutine()
        yield* wait(client.send('a\nb\n').until('<b>'))
        expect(numGoroutine()).toBe(before)
        client.socket.end('c')
        yield* wait(client.closed())
        yield* emptied(server)
        expect(events).toEqual(['open 1', 'a', 'b', 'c', 'close undefined'])
      },
    )
  })

  it.each(['a generator function', 'an async function'])(
    'one that takes its time, %s, is waited for before the next frame of its connection, and only of that one',
    (kind) => {
      const gate = chan<void>()
      const events: string[] = []
      const slowly = function* (conn: Conn<string, string>, line: string): Routine<void> {
        events.push(`begin ${line}`)
        if (line === 'slow') yield* gate.recv()
        events.push(`end ${line}`)
        yield* conn.send(line)
      }
      const frame =
        kind === 'a generator function'
          ? slowly
          : async (conn: Conn<string, string>, line: string) => {
              events.push(`begin ${line}`)
              if (line === 'slow') await gate.recv()
              events.push(`end ${line}`)
              await conn.send(line)
            }
      return serving<string, string>({ frame }, text, function* ({ connect }) {
        const [slow, fast] = [yield* connect(), yield* connect()]
        slow.send('slow\nafter\n')
        yield* turns(3)
        yield* wait(fast.send('fast\n').until('fast'))
        expect(events).toEqual(['begin slow', 'begin fast', 'end fast'])
        yield* gate.send()
        expect(yield* wait(slow.until('after'))).toBe('slow\nafter\n')
        expect(events.slice(3)).toEqual(['end slow', 'begin after', 'end after'])
      })
    },
  )

  it('hold back a peer that sends more than they take', () => {
    const gate = chan<void>()
    let count = 0
    return serving<string, string>(
      {
        *frame(conn, line) {
          if (line === 'ping') conn.trySend('pong')
          else if (count++ === 0) yield* gate.recv()
        },
      },
      { ...text, inboxFrames: 2 },
      function* ({ connect, server }) {
        const [flood, other] = [yield* connect(), yield* connect()]
        flood.socket.end(`${'x'.repeat(999)}\n`.repeat(20_000))
        for (let i = 0; i < 100; i++) yield* wait(other.send('ping\n').until('pong'))
        expect(server.stats().bytesIn).toBeLessThan(1_000_000)
        yield* gate.send()
        yield* wait(flood.closed())
        expect(count).toBe(20_000)
      },
    )
  })

  it('are told once when the peer has caught up after trySend was refused', () => {
    const events: Chan<string> = chan(100)
    return serving<string, string>(
      {
        frame: (conn) => {
          while (conn.trySend('x'.repeat(10_000)));
          events.trySend('full')
        },
        drain: () => {
          events.trySend('drain')
        },
      },
      text,
      function* ({ connect }) {
        const client = yield* connect()
        client.socket.pause()
        client.send('go\n')
        expect(yield* events.recv()).toBe('full')
        client.socket.resume()
        expect(yield* events.recv()).toBe('drain')
        yield* turns(3)
        expect(events.length).toBe(0)
      },
    )
  })

  it.each<[string, (conn: Conn<string, string>, line: string) => unknown]>([
    [
      'at once',
      () => {
        throw new RangeError('a fault')
      },
    ],
    ['later', async () => Promise.reject(new RangeError('a fault'))],
    [
      'in a goroutine',
      function* () {
        throw new RangeError('a fault')
      },
    ],
  ])('one that throws %s ends its connection, which is told to close and to onError', (_, frame) => {
    const ends: unknown[] = []
    return serving<string, string>(
      { frame, close: (_conn, error) => ends.push(error) },
      text,
      function* ({ connect, server, problems }) {
        const client = yield* connect()
        yield* wait(client.send('a\nb\n').closed())
        yield* emptied(server)
        expect(problems).toEqual([new RangeError('a fault')])
        expect(ends).toEqual(problems)
      },
    )
  })

  it('close is told why the connection ended, last, and after the frame that is being handled', () => {
    const gate = chan<void>()
    const events: unknown[] = []
    return serving<string, string>(
      {
        *frame(_, line) {
          yield* gate.recv()
          events.push(line)
        },
        *close(conn, error) {
          yield* gate.recv()
          events.push(error, conn.remoteAddress)
        },
      },
      text,
      function* ({ connect, server }) {
        const client = yield* connect()
        client.send('a\nb\n')
        yield* turns(5)
        client.socket.resetAndDestroy()
        yield* turns(5)
        expect(events).toEqual([])
        for (let i = 0; i < 3; i++) yield* gate.send()
        yield* emptied(server)
        expect(events).toEqual(['a', 'b', expect.any(ConnectionClosed), '127.0.0.1'])
      },
    )
  })

  it('close is told after the handler that has ended the connection itself', () => {
    const gate = chan<void>()
    const events: string[] = []
    return serving<string, string>(
      {
        *frame(conn) {
          conn.close()
          yield* gate.recv()
          events.push('frame')
        },
        close: () => events.push('close'),
      },
      text,
      function* ({ connect, server }) {
        const client = yield* connect()
        yield* wait(client.send('a\nb\n').closed())
        yield* turns(5)
        yield* gate.send()
        yield* emptied(server)
        expect(events).toEqual(['frame', 'close'])
      },
    )
  })

  it('close is told of a frame that is too long', () => {
    const ends: unknown[] = []
    return serving<string, string>(
      { frame: (conn, line) => conn.send(line), close: (_, error) => ends.push(error) },
      { codec: lines({ maxLineBytes: 3 }) },
      function* ({ connect, server, problems }) {
        const client = yield* connect()
        expect(yield* wait(client.send('abc\nabcd\n').closed())).toBe('abc\n')
        yield* emptied(server)
        expect(ends).toEqual([expect.any(FrameError)])
        expect(problems).toEqual([])
      },
    )
  })

  it('finish what has come when the server shuts down', () => {
    const events: unknown[] = []
    const gate = chan<void>()
    return serving<string, string>(
      {
        *frame(conn, line) {
          yield* gate.recv()
          events.push(line, conn.ctx.cause)
          yield* conn.send(`done ${line}`)
        },
        close: (_, error) => events.push(error),
      },
      text,
      function* ({ connect, server }) {
        const client = yield* connect()
        client.send('a\nb\n')
        yield* turns(5)
        server.shutdown()
        yield* gate.send()
        yield* gate.send()
        expect(yield* wait(client.closed())).toBe('done a\ndone b\n')
        yield* server
        const closed = expect.any(ServerClosed)
        expect(events).toEqual(['a', closed, 'b', closed, undefined])
      },
    )
  })

  it('may receive the next frames of their connection themselves', () =>
    serving<string, string>(
      {
        *frame(conn, line) {
          if (line === 'sum') yield* conn.send(`${Number(yield* conn.recv()) + Number(yield* conn.recv())}`)
        },
      },
      text,
      function* ({ connect }) {
        const client = yield* connect()
        expect(yield* wait(client.send('sum\n1\n').send('2\nsum\n3\n4\n').until('7'))).toBe('3\n7\n')
      },
    ))
})
