import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { emptied, serving, turns } from '../../test/net/fixture.js'
import { chan } from '../runtime/chan.js'
import type { Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { Scheduler } from '../runtime/scheduler.js'
import { TestClock } from '../../test/net/test-clock.js'
import { type Account, type ConnectionLimits, ConnectionManager, type Member } from './connection-manager.js'
import { lines } from './lines.js'
import { TimerWheel } from './timer-wheel.js'

const text = { codec: lines() }
const echo = { frame: (conn: { trySend(line: string): boolean }, line: string) => conn.trySend(line) }

describe('at the most connections', () => {
  it('others are closed at once, and let in again when one has ended', () =>
    serving(echo, { ...text, maxConnections: 2 }, function* ({ connect, server }) {
      const [a, b, c] = [yield* connect(), yield* connect(), yield* connect()]
      yield* wait(a.send('a\n').until('a'))
      yield* wait(b.send('b\n').until('b'))
      expect(yield* wait(c.closed())).toBe('')
      expect(server.stats()).toMatchObject({ accepted: 2, open: 2, peak: 2, refused: 1 })
      a.close()
      while (server.stats().open > 1) yield* turns(1)
      const d = yield* connect()
      yield* wait(d.send('d\n').until('d'))
      expect(server.stats()).toMatchObject({ accepted: 3, open: 2, refused: 1 })
    }))

  it('others wait in order for a place, where that is asked for', () =>
    serving(
      echo,
      { ...text, maxConnections: 1, whenFull: 'queue', maxQueued: 2 },
      function* ({ connect, server }) {
        const first = yield* connect()
        yield* wait(first.send('first\n').until('first'))
        const second = yield* connect()
        second.send('second\n')
        while (server.stats().queued < 1) yield* turns(1)
        const third = yield* connect()
        third.send('third\n')
        while (server.stats().queued < 2) yield* turns(1)
        const fourth = yield* connect()
        expect(yield* wait(fourth.closed())).toBe('')
        expect(server.stats()).toMatchObject({ queued: 2, open: 1, refused: 1 })
        first.close()
        expect(yield* wait(second.until('\n'))).toBe('second\n')
        expect(third.received).toBe('')
        second.close()
        expect(yield* wait(third.until('\n'))).toBe('third\n')
        expect(server.stats()).toMatchObject({ queued: 0, open: 1, refused: 1, accepted: 3, peak: 1 })
      },
    ))

  it('those that wait too long are closed, and those that went away are forgotten', () => {
    const options = { ...text, maxConnections: 1, whenFull: 'queue', queueTimeoutMs: 1000 } as const
    return serving(echo, options, function* ({ connect, server, clock }) {
      const first = yield* connect()
      yield* wait(first.send('first\n').until('first'))
      const [late, gone] = [yield* connect(), yield* connect()]
      while (server.stats().queued < 2) yield* turns(1)
      gone.socket.resetAndDestroy()
      while (server.stats().queued > 1) yield* turns(1)
      clock.pass(900)
      yield* turns(3)
      expect(server.stats().queued).toBe(1)
      clock.pass(200)
      yield* wait(late.closed())
      expect(server.stats()).toMatchObject({ queued: 0, refused: 1, open: 1 })
    })
  })

  it('those that wait are refused when the server shuts down', () =>
    serving(echo, { ...text, maxConnections: 1, whenFull: 'queue' }, function* ({ connect, server }) {
      yield* connect()
      const waiting = yield* connect()
      while (server.stats().queued < 1) yield* turns(1)
      server.shutdown()
      expect(yield* wait(waiting.closed())).toBe('')
      yield* server
    }))
})

it('an address has so many connections at most, where that is limited', () =>
  serving(echo, { ...text, maxPerAddress: 2 }, function* ({ connect, server }) {
    const [a, b, c] = [yield* connect(), yield* connect(), yield* connect()]
    yield* wait(a.send('a\n').until('a'))
    yield* wait(b.send('b\n').until('b'))
    yield* wait(c.closed())
    a.close()
    while (server.stats().open > 1) yield* turns(1)
    const d = yield* connect()
    yield* wait(d.send('d\n').until('d'))
    expect(server.stats()).toMatchObject({ accepted: 3, refused: 1 })
  }))

it('the alarm is given once at four fifths, and again only after it was below seven tenths', () => {
  const alarms = chan<number>(100)
  const onAlarm = ({ open }: { open: number }) => {
    alarms.trySend(open)
  }
  return serving(echo, { ...text, maxConnections: 10, onAlarm }, function* ({ connect, server }) {
    const open = function* (count: number): Routine<void> {
      for (let i = 0; i < count; i++) {
        const client = yield* connect()
        yield* wait(client.send('a\n').until('a'))
      }
    }
    const close = function* (count: number): Routine<void> {
      const target = server.stats().open - count
      for (const conn of [...server.connections].slice(0, count)) conn.close()
      while (server.stats().open > target) yield* turns(1)
    }
    yield* open(9)
    expect(alarms.length).toBe(1)
    expect(yield* alarms.recv()).toBe(8)
    yield* close(2) // 7: not below seven tenths
    yield* open(2)
    expect(alarms.length).toBe(0)
    yield* close(3)
    yield* open(2)
    expect(yield* alarms.recv()).toBe(8)
  })
})

it('bytes are counted, also those of connections that have ended', () =>
  serving(echo, text, function* ({ connect, server }) {
    const client = yield* connect()
    yield* wait(client.send('hello\n').until('hello'))
    expect(server.stats()).toMatchObject({ bytesIn: 6, bytesOut: 6 })
    client.close()
    yield* emptied(server)
    expect(server.stats()).toMatchObject({ bytesIn: 6, bytesOut: 6, open: 0, peak: 1 })
  }))

describe('connections over which nothing goes', () => {
  it('are closed after the idle timeout, an eighth late at most; others stay', () =>
    serving(
      { frame() {}, open() {} },
      { ...text, idleTimeoutMs: 8000 },
      function* ({ connect, server, clock }) {
        const [idle, talking] = [yield* connect(), yield* connect()]
        while (server.stats().open < 2) yield* turns(1)
        for (let i = 0; i < 7; i++) {
          clock.pass(1000)
          talking.send('.\n')
          while (server.stats().bytesIn < 2 * (i + 1)) yield* turns(1)
        }
        clock.pass(900)
        yield* turns(3)
        expect(server.stats().idleClosed).toBe(0)
        clock.pass(1200)
        yield* wait(idle.closed())
        expect(server.stats()).toMatchObject({ idleClosed: 1 })
        expect(server.stats().open).toBe(1)
        clock.pass(8000)
        yield* wait(talking.closed())
      },
    ))

  it('are found although connections come and go during a pass, none early', () => {
    const clock = new TestClock()
    const { manager, members, open } = managed(clock, { idleTimeoutMs: 1000 })
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 10; i++) open()
      for (const each of members.filter((_, i) => i % 3 === round % 3)) each.touch()
      for (const each of members.filter((_, i) => i % 7 === 0)) each.leave()
      clock.pass(50)
      for (const each of members) {
        const silentMs = clock.now() - each.activeAtMs
        if (each.idledAtMs === undefined) expect(silentMs).toBeLessThan(1000 + 125 + 50)
        else expect(each.idledAtMs - each.activeAtMs).toBeGreaterThanOrEqual(1000)
      }
      for (const each of members.filter(({ idledAtMs }) => idledAtMs !== undefined)) each.leave()
    }
    expect(manager.size).toBe(members.length)
    expect([...manager]).toHaveLength(members.length)
  })

  it('are looked at a few at a time', () => {
    const clock = new TestClock()
    const { members, open } = managed(clock, { idleTimeoutMs: 8000 })
    for (let i = 0; i < 6400; i++) open()
    clock.pass(8100)
    const turnsOfClock = new Map<number, number>()
    clock.pass(1000)
    for (const { idledAtMs = 0 } of members)
      turnsOfClock.set(idledAtMs, (turnsOfClock.get(idledAtMs) ?? 0) + 1)
    expect(Math.max(...turnsOfClock.values())).toBeLessThanOrEqual(100)
    expect(turnsOfClock.size).toBeGreaterThanOrEqual(64)
  })

  it('cost no timer when there are none', () => {
    const clock = new TestClock()
    const { on, members, open } = managed(clock, { idleTimeoutMs: 1000 })
    expect(on.stats().timers).toBe(0)
    open()
    expect(on.stats().timers).toBe(1)
    members[0]?.leave()
    expect(on.stats().timers).toBe(0)
  })
})

/** A manager whose connections have no sockets, but for their bookkeeping. */
function managed(clock: TestClock, limits: ConnectionLimits) {
  const on = new Scheduler({ clock })
  const members: Managed[] = []
  const host = {
    open: (socket: Socket) => {
      const member = new Managed(socket, clock, () => {
        manager.leave(member)
        members.splice(members.indexOf(member), 1)
      })
      members.push(member)
      return member
    },
  }
  const manager = new ConnectionManager<Managed>(host, new TimerWheel(on), limits)
  return { on, manager, members, open: () => manager.admit({} as Socket) } // nobody looks at the socket
}

class Managed implements Member {
  readonly connection: { -readonly [K in keyof Account]: Account[K] }
  activeAtMs: number
  idledAtMs: number | undefined = undefined

  constructor(
    socket: Socket,
    private readonly clock: TestClock,
    readonly leave: () => void,
  ) {
    this.activeAtMs = clock.now()
    const counts = { receivedBytes: 0, sentBytes: 0, reads: 0, writes: 0 }
    this.connection = { socket, isClosed: false, ...counts, place: -1, seenActivity: 0, seenAt: 0 }
  }

  touch(): void {
    if (this.idledAtMs !== undefined) return
    this.activeAtMs = this.clock.now()
    this.connection.reads++
  }

  idled(): void {
    this.idledAtMs = this.clock.now()
    this.connection.isClosed = true
  }

  shutDown(): void {}
  cut(): void {}
}
