import { threadId } from 'node:worker_threads'
import { rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { handler as mortal } from '../../test/net/dying-app.js'
import { codec, events, handler, heartbeat, onlyHere } from '../../test/net/threaded-app.js'
import { RawClient } from '../../test/serving/raw-client.js'
import { background } from '../context/background.js'
import { procs, stopProcs } from '../parallel/gomaxprocs.js'
import { go } from '../runtime/go.js'
import { sleep } from '../runtime/sleep.js'
import { lines } from './lines.js'
import { listen } from './listen.js'
import type { NetOptions, NetServer } from './net-server.js'

const module = new URL('../../test/net/threaded-app.ts', import.meta.url).href
const two = { port: 0, host: '127.0.0.1', procs: 2, codec, module }
const clients: RawClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await stopProcs()
  procs(2)
})

/** Connections that stay open, at least one on each of so many threads, by the thread that answers. */
async function onEach<In, Out>(
  server: NetServer<In, Out>,
  count: number,
  line = 'which',
): Promise<Map<string, RawClient>> {
  const { port = 0 } = await server.listening()
  const found = new Map<string, RawClient>()
  while (found.size < count) {
    const some = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(port)))
    clients.push(...some)
    for (const client of some) found.set((await client.send(`${line}\n`).until('\n')).trim(), client)
  }
  return found
}

function* pause() {
  yield* sleep(20)
}

describe('listen() on several threads', () => {
  it('listens on all of them, answers on each, and shuts all of them down', async () => {
    procs(3)
    const server = listen(handler, { ...two, procs: 'all' })
    const { port = 0 } = await server.listening()
    expect(await server.threadStats()).toHaveLength(3)
    const found = await onEach(server, 3)
    const stats = await server.threadStats()
    expect(stats.every(({ open, bytesIn }) => open > 0 && bytesIn > 0)).toBe(true)
    expect(stats[0]).toEqual(server.stats())
    expect([...server.connections]).toHaveLength(stats[0]?.open ?? -1)
    server.shutdown()
    await server
    for (const client of found.values()) await client.closed()
    await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED')
  }, 60_000)

  it('cuts off on all of them what has not ended after the grace', async () => {
    const server = listen(handler, { ...two, graceMs: 600_000 })
    const found = await onEach(server, 2, 'stay')
    server.shutdown(50)
    await server
    for (const client of found.values()) await client.closed()
  }, 60_000)

  it('ends all of them with close, though a shutdown with more time has begun', async () => {
    const server = listen(handler, { ...two, graceMs: 600_000 })
    const { port = 0 } = await server.listening()
    const found = await onEach(server, 2, 'stay')
    server.shutdown()
    const isRefused = () =>
      RawClient.connect(port).then(
        (client) => client.close(),
        () => true,
      )
    while ((await isRefused()) !== true);
    server.close()
    await server
    for (const client of found.values()) await client.closed()
  }, 60_000)

  it('ends when it is closed before it listens', async () => {
    const server = listen(handler, two)
    server.close()
    await server
    await expect(server.listening()).rejects.toThrow('shuts down')
  }, 60_000)

  it('ends when it is closed while its threads begin', async () => {
    const server = listen(handler, two)
    const told = server.listening()
    while (server.address === undefined) await go(pause)
    server.close()
    await server
    await expect(told).rejects.toThrow('shuts down')
  }, 60_000)

  it('shuts down though a thread dies whenever it begins', async () => {
    const dying = new URL('../../test/net/dying-app.ts', import.meta.url).href
    const server = listen(mortal, { port: 0, procs: 2, module: dying })
    const told = server.listening()
    while (server.address === undefined) await go(pause)
    server.shutdown()
    await server
    await expect(told).rejects.toThrow('shuts down')
  }, 60_000)

  it('goes on when a thread dies, and puts another in its place', async () => {
    const server = listen(handler, two)
    const found = await onEach(server, 2)
    const [victim] = [...found.keys()].filter((id) => id !== String(threadId))
    const staying = found.get(String(threadId))
    found.get(victim ?? '')?.send('exit\n')
    await found.get(victim ?? '')?.closed()
    expect((await staying?.send('which\n').until('\n'))?.trim()).toBe(String(threadId))
    for (let threads = 0; threads < 2; threads = (await server.threadStats()).length) await go(pause)
    expect([...(await onEach(server, 2)).keys()]).not.toContain(victim)
    server.close()
    await server
  }, 60_000)

  it('sends limits, and takes the heartbeat of the module', async () => {
    const server = listen(handler, { ...two, heartbeat, maxConnections: 1, graceMs: 100 })
    const { port = 0 } = await server.listening()
    const open = new Set<RawClient>()
    while (open.size < 2) {
      const client = await RawClient.connect(port)
      clients.push(client)
      const outcome = await client.until('ping\n').catch(() => 'refused')
      if (outcome !== 'refused') open.add(client)
    }
    const stats = await server.threadStats()
    expect(stats.map(({ accepted }) => accepted)).toEqual([1, 1])
    server.shutdown()
    await server
  }, 60_000)

  it('takes handlers of events, and a Unix socket', async () => {
    const path = join(tmpdir(), `sluice-threads-${process.pid}.sock`)
    const server = listen(events, { path, procs: 2, module })
    await server.listening()
    const seen = new Set<string>()
    while (seen.size < 2) {
      const socket = connect({ path })
      const client = RawClient.over(socket)
      clients.push(client)
      seen.add(await client.send('which').until('\n'))
    }
    server.close()
    await server
    rmSync(path, { force: true })
  }, 60_000)
})

describe('what several threads cannot do', () => {
  const own = { frame() {} }

  it.each([
    [
      'the handler',
      own,
      {},
      'the handler, so no thread could load it; write `export const handler = …` there',
    ],
    [
      'the codec',
      handler,
      { codec: lines() },
      'the codec, so no thread could load it; write `export const codec',
    ],
    [
      'several',
      own,
      { codec: lines(), heartbeat: { everyMs: 1, ping: () => '' } },
      'the handler and the codec and the heartbeat, so no thread could load them; write `export const handler = …` and `export const codec = …` and',
    ],
  ])('says that the module does not export %s', async (_, given, options, message) => {
    const server = listen<string, string>(given, { ...two, ...options })
    const told = server.listening()
    await expect(server).rejects.toThrow(`listen() on several threads: ${module} does not export ${message}`)
    await expect(told).rejects.toThrow('say with `module`')
    expect(server.fd).toBeUndefined()
  })

  it('is told, and ends what has begun, where a thread does not get what the module exports here', async () => {
    procs(3)
    if (onlyHere === undefined) throw new Error('this is not the main thread')
    const server = listen(onlyHere, { port: 0, procs: 3, module })
    const told = server.listening()
    await expect(server).rejects.toThrow(`${module} has no export onlyHere there`)
    await expect(told).rejects.toThrow('has no export onlyHere')
    expect(server.fd).toBeUndefined()
  }, 60_000)

  it('takes the module that calls it by default', async () => {
    const { module: _, ...others } = two
    await expect(listen(own, others)).rejects.toThrow(/listen-threads\.test\.ts does not export the handler/)
  })

  it.each<[string, NetOptions<string, string>, string]>([
    ['ctx', { ctx: background() }, 'afterFunc(ctx, () => server.shutdown())'],
    ['onError', { onError: () => {} }, 'catch errors in the handler'],
    ['onAlarm', { onAlarm: () => {} }, 'look at what threadStats() says'],
    ['createServer', { createServer: () => ({}) as never }, 'listen on one thread where it is needed'],
  ])('refuses %s, and says what to do', (name, options, instead) => {
    const message = `listen() on several threads cannot send ${name} to them: leave it out, and `
    expect(() => listen(handler, { ...two, ...options })).toThrow(message)
    expect(() => listen(handler, { ...two, ...options })).toThrow(instead)
  })

  it.each([0, 65, 1.5, 'some' as never])('refuses procs: %s', (count) => {
    expect(() => listen(handler, { ...two, procs: count })).toThrow(/listen\(\) needs procs from 1 to \d+/)
  })

  it('has the figures of one thread where there is only one', async () => {
    const server = listen(own, { port: 0 })
    await server.listening()
    expect(await server.threadStats()).toEqual([server.stats()])
    server.close()
    await server
  })
})
