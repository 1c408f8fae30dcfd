import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { turns } from '../../test/net/fixture.js'
import { go } from '../runtime/go.js'
import { chan } from '../runtime/chan.js'
import { threadScheduler } from '../runtime/scheduler.js'
import { wait as waitFor } from '../runtime/promise.js'
import { run } from '../main.js'
import { Connection, type Protocol } from './connection.js'

const opened: Socket[] = []
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy()
})

/** A connection, what its protocol was told, and the socket at the other end. */
async function pair() {
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const peer = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  })
  const [socket] = (await once(server, 'connection')) as [Socket]
  await (peer.connecting ? once(peer, 'connect') : undefined)
  server.close()
  opened.push(peer, socket)
  const told: string[] = []
  const protocol: Protocol = {
    received: (bytes) => told.push(String(bytes)),
    ended: () => told.push('ended'),
    filled: () => told.push('filled'),
    drained: () => told.push('drained'),
    closed: (error) => told.push(`closed ${error?.message}`),
  }
  return { peer, socket, told, protocol, connection: new Connection(socket, threadScheduler(), protocol) }
}

/** What a socket was given, a write each. */
function writesOf(socket: Socket): unknown[] {
  const writes: unknown[] = []
  const { _write, _writev } = socket
  socket._write = (data: unknown, ...rest) => {
    writes.push(data)
    _write.call(socket, data, ...rest)
  }
  socket._writev = (chunks, done) => {
    writes.push(chunks.map(({ chunk }) => chunk as unknown))
    _writev?.call(socket, chunks, done)
  }
  return writes
}

function closed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve))
}

async function text(peer: Socket, length: number): Promise<string> {
  let all = ''
  while (all.length < length) all += String((await once(peer, 'data'))[0])
  return all
}

describe('Connection', () => {
  it('sends all that is written during a turn in one write, in order', async () => {
    const { peer, socket, connection, protocol } = await pair()
    const writes = writesOf(socket)
    protocol.received = () => {
      for (const each of ['a', 'b', 'c']) connection.write(each)
      expect(writes).toEqual([])
    }
    peer.write('go')
    expect(await text(peer, 3)).toBe('abc')
    expect(writes).toEqual(['abc'])
    expect(connection.writes).toBe(1)
  })

  it('keeps the order of text and bytes, and copies no bytes', async () => {
    const { peer, socket, connection } = await pair()
    const writes = writesOf(socket)
    const bytes = Buffer.from('2')
    connection.write('1')
    connection.writeBytes(bytes)
    connection.write('3')
    expect(connection.pendingBytes).toBe(3)
    expect(await text(peer, 3)).toBe('123')
    expect(writes).toEqual([['1', bytes, '3']])
    expect(connection.sentBytes).toBe(3)
  })

  it('does not collect without end: what is more than 64 KiB leaves at once, and isFull tells the truth', async () => {
    const { connection, told } = await pair()
    let written = 0
    while (!connection.isFull && written < 100_000_000) {
      connection.write('x'.repeat(10_000))
      written += 10_000
    }
    expect(connection.isFull).toBe(true)
    expect(told).toContain('filled')
  })

  it('tells when the peer has caught up', () =>
    run(function* () {
      const { connection, peer, told } = yield* waitFor(pair())
      while (!connection.isFull) connection.write('x'.repeat(10_000))
      const before = connection.takenBytes
      peer.resume()
      while (!told.includes('drained')) yield* turns(1)
      expect(connection.isFull).toBe(false)
      expect(connection.pendingBytes).toBe(0)
      expect(connection.takenBytes).toBeGreaterThan(before)
    }))

  it('tells the protocol of bytes, of the end of the peer and of its own end', async () => {
    const { connection, peer, told, socket } = await pair()
    peer.write('hello')
    await vi.waitFor(() => expect(told).toEqual(['hello']))
    peer.end()
    await once(socket, 'end')
    connection.write('bye')
    connection.end()
    peer.resume()
    await once(socket, 'close')
    expect(told).toEqual(['hello', 'ended', 'closed undefined'])
    expect(connection).toMatchObject({ receivedBytes: 5, reads: 1, isClosed: true })
  })

  it('tells why it ended', async () => {
    const broken = await pair()
    broken.peer.resetAndDestroy()
    await closed(broken.socket)
    expect(broken.told).toEqual(['closed read ECONNRESET'])
    const destroyed = await pair()
    destroyed.connection.destroy(new Error('enough'))
    await closed(destroyed.socket)
    expect(destroyed.told).toEqual(['closed enough'])
  })

  it('handles an event inside a turn: what it wakes runs behind the events that came with it', async () => {
    const { peer, protocol } = await pair()
    const order: string[] = []
    const frames = chan<string>(1)
    go(function* () {
      order.push(`woken by ${yield* frames.recv()}`)
    })
    protocol.received = (bytes) => {
      frames.trySend(String(bytes))
      order.push('received')
      process.nextTick(() => order.push('the event is over'))
    }
    peer.write('a')
    while (order.length < 3) await run(() => turns(1))
    expect(order).toEqual(['received', 'the event is over', 'woken by a'])
  })

  it('receives nothing while it is paused', () =>
    run(function* () {
      const { connection, peer, told } = yield* waitFor(pair())
      connection.pause()
      peer.write('a')
      yield* turns(20)
      expect(told).toEqual([])
      connection.resume()
      while (told.length === 0) yield* turns(1)
      expect(told).toEqual(['a'])
      peer.write('b')
      while (told.length === 1) yield* turns(1)
      expect(told).toEqual(['a', 'b'])
    }))

  it('holds the peer back while it is paused, and loses nothing', () =>
    run(function* () {
      const { connection, peer, protocol } = yield* waitFor(pair())
      const sent = 20_000_000
      let received = 0
      protocol.received = (bytes) => {
        received += bytes.length
        connection.pause()
      }
      peer.write(Buffer.alloc(sent))
      yield* turns(50)
      expect(received).toBeLessThan(200_000)
      expect(peer.writableLength).toBeGreaterThan(0)
      while (received < sent) {
        connection.resume()
        yield* turns(1)
      }
      expect(received).toBe(sent)
    }))

  it('hands the socket over with what it has not received and what it has not sent', async () => {
    const { connection, peer, told } = await pair()
    connection.pause()
    peer.write('for the next one')
    while (!connection.isFull) connection.write('x'.repeat(100_000))
    connection.write('end')
    const unsent = connection.pendingBytes
    expect(unsent).toBeGreaterThan(3)
    const socket = connection.detach()
    let read = ''
    socket.on('data', (bytes) => (read += String(bytes)))
    socket.resume()
    await vi.waitFor(() => expect(read).toBe('for the next one'))
    socket.end('!')
    let tail = ''
    for await (const bytes of peer) tail = (tail + String(bytes)).slice(-5)
    expect(tail).toBe('xend!')
    expect(told).toEqual(['filled'])
  })

  it('ends and goes when all has been sent, however slow the peer', async () => {
    const { connection, peer, socket } = await pair()
    let written = 0
    while (!connection.isFull) {
      connection.write('x'.repeat(100_000))
      written += 100_000
    }
    connection.destroyWhenSent()
    let received = 0
    for await (const bytes of peer) received += (bytes as Buffer).length
    expect(received).toBe(written)
    await vi.waitFor(() => expect(socket.destroyed).toBe(true))
  })
})
