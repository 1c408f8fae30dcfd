import { describe, expect, it } from 'vitest'
import { emptied, failure, serving, turns } from '../../test/net/fixture.js'
import type { RawClient } from '../../test/serving/raw-client.js'
import { chan } from '../runtime/chan.js'
import { wait } from '../runtime/promise.js'
import type { Routine } from '../runtime/operation.js'
import { type Conn, ConnectionTimeout } from './conn.js'
import { lengthPrefixed } from './length-prefixed.js'
import { lines } from './lines.js'

const text = { codec: lines() }

/** Takes what comes, and tells how it ended. */
function listener(outcomes: { trySend(value: unknown): boolean }) {
  return function* (conn: Conn<string, string>): Routine<void> {
    try {
      for (let line = yield* conn.recv(); line !== undefined; line = yield* conn.recv())
        outcomes.trySend(line)
      outcomes.trySend('end')
    } catch (error) {
      outcomes.trySend(error)
      throw error
    }
  }
}

describe('the read deadline', () => {
  it('ends the wait for a frame and those after it, until a new one is set', () => {
    const outcomes = chan<unknown>(10)
    return serving<string, string>(
      function* (conn) {
        conn.setReadDeadline(500)
        outcomes.trySend(yield* conn.recv())
        outcomes.trySend(yield* wait(failure(conn.recv())))
        outcomes.trySend(yield* wait(failure(conn.recv())))
        conn.setReadDeadline(Infinity)
        outcomes.trySend(yield* conn.recv())
      },
      text,
      function* ({ connect, clock }) {
        const client = yield* connect()
        client.send('in time\n')
        expect(yield* outcomes.recv()).toBe('in time')
        clock.pass(499)
        yield* turns(3)
        expect(outcomes.length).toBe(0)
        clock.pass(101)
        const timeout = yield* outcomes.recv()
        expect(timeout).toBeInstanceOf(ConnectionTimeout)
        expect(timeout).toMatchObject({ limit: 'read', code: 'ERR_SLUICE_CONNECTION_TIMEOUT' })
        expect((timeout as ConnectionTimeout).timeout()).toBe(true)
        expect(yield* outcomes.recv()).toBe(timeout)
        client.send('later\n')
        expect(yield* outcomes.recv()).toBe('later')
      },
    )
  })

  it('is no fault of a handler that lets it pass: the connection ends', () =>
    serving<string, string>(
      function* (conn) {
        conn.setReadDeadline(500)
        yield* conn.recv()
      },
      text,
      function* ({ connect, clock, problems }) {
        const client = yield* connect()
        yield* turns(3)
        clock.pass(600)
        expect(yield* wait(client.closed())).toBe('')
        expect(problems).toEqual([])
      },
    ))

  it('ends the connection where frames are events', () => {
    const ends = chan<unknown>(1)
    return serving<string, string>(
      { open: (conn) => conn.setReadDeadline(500), frame() {}, close: (_, error) => ends.trySend(error) },
      text,
      function* ({ connect, clock }) {
        const client = yield* connect()
        yield* turns(3)
        clock.pass(600)
        yield* wait(client.closed())
        expect(yield* ends.recv()).toMatchObject({ limit: 'read' })
      },
    )
  })
})

describe('a peer that stops reading', () => {
  const flooding = (outcomes: { trySend(value: unknown): boolean }) =>
    function* (conn: Conn<Buffer, Uint8Array | string>): Routine<void> {
      const frame = Buffer.alloc(1_000_000)
      try {
        for (;;) {
          yield* conn.send(frame)
          outcomes.trySend('sent')
        }
      } catch (error) {
        outcomes.trySend(error)
        throw error
      }
    }
  const big = { codec: lengthPrefixed() }

  /** Waits until nothing more goes out. */
  function* stalled(outcomes: { readonly length: number }): Routine<void> {
    for (let before = -1; before !== outcomes.length; ) {
      before = outcomes.length
      yield* turns(20)
    }
  }

  it('is cut off when it has taken nothing for the write timeout; whoever sends is told', () => {
    const outcomes = chan<unknown>(1000)
    return serving(
      flooding(outcomes),
      { ...big, writeTimeoutMs: 10_000 },
      function* ({ connect, clock, server, problems }) {
        const client = yield* connect()
        client.socket.pause()
        yield* stalled(outcomes)
        clock.pass(9900)
        yield* turns(3)
        expect(server.stats().open).toBe(1)
        clock.pass(200)
        let outcome: unknown = 'sent'
        while (outcome === 'sent') outcome = yield* outcomes.recv()
        expect(outcome).toMatchObject({ limit: 'write' })
        expect(String(outcome)).toMatch(/connection 1 \(127\.0\.0\.1:\d+\) has a peer that does not take/)
        yield* emptied(server)
        expect(problems).toEqual([])
      },
    )
  })

  it('is cut off also where it had ended its own side before', () => {
    const outcomes = chan<unknown>(1000)
    return serving(
      function* (conn: Conn<Buffer, Uint8Array | string>) {
        outcomes.trySend(yield* conn.recv())
        yield* flooding(outcomes)(conn)
      },
      { ...big, writeTimeoutMs: 10_000 },
      function* ({ connect, clock, server, problems }) {
        const client = yield* connect(true)
        client.socket.pause().end()
        expect(yield* outcomes.recv()).toBeUndefined()
        yield* stalled(outcomes)
        clock.pass(10_100)
        yield* emptied(server)
        expect(problems).toEqual([])
      },
    )
  })

  it('is not, as long as it makes progress', () => {
    const outcomes = chan<unknown>(1000)
    return serving(
      flooding(outcomes),
      { ...big, writeTimeoutMs: 10_000 },
      function* ({ connect, clock, server }) {
        const client = yield* connect()
        client.socket.pause()
        yield* stalled(outcomes)
        for (let i = 0; i < 5; i++) {
          clock.pass(9000)
          yield* take(client, 3_000_000)
          yield* turns(20)
        }
        expect(server.stats().open).toBe(1)
      },
    )
  })

  it('is cut off by a write deadline, however much progress it makes', () => {
    const outcomes = chan<unknown>(1000)
    return serving(
      function* (conn: Conn<Buffer, Uint8Array | string>) {
        conn.setWriteDeadline(1000)
        yield* flooding(outcomes)(conn)
      },
      big,
      function* ({ connect, clock, server }) {
        const client = yield* connect()
        client.socket.pause()
        yield* stalled(outcomes)
        clock.pass(1100)
        yield* emptied(server)
      },
    )
  })

  it('cannot hold a connection that has ended on this side', () =>
    serving(
      (conn) => conn.send(Buffer.alloc(20_000_000)),
      { codec: lengthPrefixed({ maxFrameBytes: 30_000_000 }), writeTimeoutMs: 10_000 },
      function* ({ connect, clock, server }) {
        const client = yield* connect()
        client.socket.pause()
        yield* turns(20)
        clock.pass(5100)
        yield* turns(3)
        expect(server.stats().open).toBe(1) // the first look only takes note
        clock.pass(10_100)
        yield* emptied(server)
      },
    ))
})

it('a peer that has got all has five seconds to end its side', () =>
  serving(
    (conn) => conn.send('bye'),
    text,
    function* ({ connect, clock, server }) {
      const client = yield* connect(true)
      yield* wait(client.until('bye'))
      yield* turns(3)
      clock.pass(4900)
      yield* turns(3)
      expect(server.stats().open).toBe(1)
      clock.pass(200)
      yield* emptied(server)
    },
  ))

describe('a heartbeat', () => {
  const heartbeat = { everyMs: 1000, ping: () => 'ping', maxMissed: 3 }

  it('asks a silent peer, and ends the connection after so many that had no answer', () => {
    const outcomes = chan<unknown>(10)
    return serving(
      listener(outcomes),
      { ...text, heartbeat },
      function* ({ connect, clock, server, problems }) {
        const client = yield* connect()
        yield* turns(3)
        for (let i = 1; i <= 3; i++) {
          clock.pass(1100)
          expect(yield* wait(client.until('\n'))).toBe('ping\n')
        }
        expect(server.stats().heartbeatsMissed).toBe(2)
        clock.pass(1100)
        const error = yield* outcomes.recv()
        expect(error).toMatchObject({ limit: 'heartbeat' })
        expect(String(error)).toContain('3 heartbeats in a row')
        expect(server.stats().heartbeatsMissed).toBe(3)
        expect(problems).toEqual([])
      },
    )
  })

  it('takes whatever comes for a sign of life, and does not ask a peer that it hears', () => {
    const outcomes = chan<unknown>(100)
    return serving(listener(outcomes), { ...text, heartbeat }, function* ({ connect, clock, server }) {
      const client = yield* connect()
      for (let i = 0; i < 10; i++) {
        client.send('.\n')
        expect(yield* outcomes.recv()).toBe('.')
        clock.pass(1000)
        yield* turns(3)
      }
      expect(client.received).toBe('')
      expect(server.stats()).toMatchObject({ open: 1, heartbeatsMissed: 0 })
    })
  })

  it('takes only answers for a sign of life where it can tell them, and keeps them from the handler', () => {
    const outcomes = chan<unknown>(100)
    const isPong = (line: string) => line === 'pong'
    return serving(
      listener(outcomes),
      { ...text, heartbeat: { ...heartbeat, isPong } },
      function* ({ connect, clock }) {
        const client = yield* connect()
        yield* turns(3)
        for (let i = 0; i < 5; i++) {
          clock.pass(1100)
          yield* wait(client.until('ping'))
          client.send('pong\nword\n')
          expect(yield* outcomes.recv()).toBe('word')
        }
        for (let i = 0; i < 4; i++) {
          clock.pass(1100)
          client.send('word\n')
          yield* turns(5)
        }
        yield* wait(client.closed())
        for (let i = 0; i < 3; i++) expect(yield* outcomes.recv()).toBe('word')
      },
    )
  })

  it('does not hold it against a peer that it is held back', () => {
    const gate = chan<void>()
    return serving<string, string>(
      function* (conn) {
        yield* conn.recv()
        yield* gate.recv()
      },
      { ...text, heartbeat, inboxFrames: 1 },
      function* ({ connect, clock, server }) {
        const client = yield* connect()
        client.send('a\nb\nc\n')
        yield* turns(5)
        for (let i = 0; i < 10; i++) clock.pass(1000)
        yield* turns(5)
        expect(server.stats()).toMatchObject({ open: 1, heartbeatsMissed: 0 })
        expect(client.received).toBe('') // nor is it asked
        yield* gate.send()
      },
    )
  })

  it('does not hold it against a peer that its answer stands behind frames that nobody takes', () => {
    const gate = chan<void>()
    const isPong = (line: string) => line === 'pong'
    return serving<string, string>(
      function* (conn) {
        yield* conn.recv()
        yield* gate.recv()
      },
      { ...text, heartbeat: { ...heartbeat, maxMissed: 1, isPong }, inboxFrames: 1 },
      function* ({ connect, clock, server }) {
        const client = yield* connect()
        yield* turns(3)
        clock.pass(1100)
        yield* wait(client.until('ping'))
        client.send('a\nb\npong\n')
        yield* turns(5)
        clock.pass(1000)
        yield* turns(3)
        expect(server.stats()).toMatchObject({ open: 1, heartbeatsMissed: 0 })
        yield* gate.send()
      },
    )
  })
})

/** Lets a paused client receive so many bytes. */
function* take(client: RawClient, count: number): Routine<void> {
  const before = client.socket.bytesRead
  client.socket.resume()
  while (client.socket.bytesRead - before < count) yield* turns(1)
  client.socket.pause()
}
