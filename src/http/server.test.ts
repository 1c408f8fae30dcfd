import { createServer } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { RawClient } from '../../test/serving/raw-client.js'
import { app as threadedApp } from '../../test/serving/threaded-app.js'
import { background } from '../context/background.js'
import { type CancelNode, withCancel } from '../context/cancel.js'
import { procs, stopProcs } from '../parallel/gomaxprocs.js'
import { chan } from '../runtime/chan.js'
import type { Context } from '../context/context.js'
import { health } from './health.js'
import type { HttpRequest } from './request.js'
import { text } from './response.js'
import { router } from './router.js'
import { serve } from './serve.js'
import type { ServeOptions } from './serve-options.js'
import type { Server } from './server.js'

const servers: Server[] = []
const clients: RawClient[] = []
const quiet: ServeOptions = { port: 0, host: '127.0.0.1', signals: false }
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) {
    server.close()
    await server.then(undefined, () => undefined)
  }
})

function started(options: ServeOptions = {}, entered = chan<HttpRequest>(1)) {
  const app = router()
  app.use(health())
  app.get('/', () => text('hello'))
  app.get('/wait', function* (req) {
    yield* entered.send(req)
    yield* req.ctx.done()
    return text('late')
  })
  const server = serve(app, { ...quiet, ...options })
  servers.push(server)
  return { server, entered }
}

async function connected(server: Server): Promise<RawClient> {
  const { port = 0 } = await server.listening()
  const client = await RawClient.connect(port)
  clients.push(client)
  return client
}

async function isRefused(port: number): Promise<boolean> {
  return RawClient.connect(port).then(
    (client) => {
      client.close()
      return false
    },
    () => true,
  )
}

describe('a server', () => {
  it('that is shut down before it listens opens, and ends', async () => {
    const { server } = started()
    server.shutdown()
    await server
    expect((await server.listening()).port).toBeGreaterThan(0)
  })

  it('whose context has ended already opens, and ends', async () => {
    const ctx = withCancel(background())
    ctx.cancel()
    const { server } = started({ ctx })
    await server
  })

  it('may be shut down and closed as often as one likes', async () => {
    const { server } = started()
    await server.listening()
    server.shutdown()
    server.shutdown(5)
    server.close()
    await server
    server.shutdown()
    server.close()
    await server
  })

  it('that cannot listen says so to all who wait, and may be closed', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const { server } = started({ port })
    server.shutdown()
    await expect(server).rejects.toThrow('another server listens there')
    await expect(server.listening()).rejects.toThrow('another server listens there')
    server.close()
    await expect(server).rejects.toThrow('another server listens there')
    taken.close()
  })

  it('leaves nothing with the context that it was given, however it ends', async () => {
    const ctx = withCancel(background()) as CancelNode
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const failing = started({ port, ctx }).server
    await expect(failing).rejects.toThrow()
    const good = started({ ctx }).server
    await good.listening()
    good.shutdown()
    await good
    expect(ctx.dependentCount).toBe(0)
    taken.close()
  })

  it('ends at once with close, though a shutdown with more time has begun', async () => {
    const { server, entered } = started({ graceMs: 60_000 })
    const client = await connected(server)
    client.send(get('/wait'))
    const req = await entered.recv()
    server.shutdown()
    const closing: Context | undefined = req?.arrival.closing
    await closing?.done()
    expect(await isRefused((await server.listening()).port ?? 0)).toBe(true)
    server.close()
    await server
    expect(await client.closed()).toBe('')
    expect(req?.ctx.err).toBeDefined()
  })

  it('ends at once with close, though it is a lame duck', async () => {
    const { server } = started({ lameDuckMs: 60_000 })
    const client = await connected(server)
    server.shutdown()
    client.send(get('/readyz'))
    expect(await client.responses(1)).toMatchObject([{ status: 503 }])
    server.close()
    await server
  })

  it('still accepts connections while it is a lame duck', async () => {
    const { server } = started({ lameDuckMs: 100 })
    await server.listening()
    server.shutdown()
    const client = await connected(server)
    client.send(get('/'))
    expect(await client.closed()).toMatch(/Connection: close.*hello$/s)
    await server
  })

  it.each([-1, Number.NaN, '1'])('refuses %s ms to be a lame duck', (lameDuckMs) => {
    expect(() => serve(router(), { ...quiet, lameDuckMs: lameDuckMs as number })).toThrow(/lameDuckMs/)
  })
})

describe('a server on several threads', () => {
  const module = new URL('../../test/serving/threaded-app.ts', import.meta.url).href

  afterEach(async () => {
    await stopProcs()
    procs(2)
  })

  /** Clients whose requests wait for their end, on each of the threads. */
  async function waitingOnBoth(server: Server): Promise<void> {
    const { port = 0 } = await server.listening()
    for (let i = 0; i < 100; i++) {
      const client = await RawClient.connect(port)
      clients.push(client)
      client.send(get('/wait'))
      const stats = await server.threadStats()
      if (stats.length === 2 && stats.every(({ requests }) => requests > 0)) return
    }
    throw new Error('no request came to one of the threads')
  }

  it('gives all of them the time that shutdown was told', async () => {
    procs(2)
    const server = serve(threadedApp, { ...quiet, procs: 2, module, graceMs: 600_000 })
    await waitingOnBoth(server)
    server.shutdown(50)
    await server
  }, 30_000)

  it('ends on all of them with close, though a shutdown with more time has begun', async () => {
    procs(2)
    const server = serve(threadedApp, { ...quiet, procs: 2, module, graceMs: 600_000 })
    await waitingOnBoth(server)
    const { port = 0 } = await server.listening()
    server.shutdown()
    while (!(await isRefused(port)));
    server.close()
    await server
  }, 30_000)

  it('does not listen any more once it is known that the app cannot be loaded', async () => {
    procs(2)
    const server = serve(router(), { ...quiet, procs: 2, module, port: 0 })
    await expect(server).rejects.toThrow('does not export the app')
    expect(server['listener'].fd).toBeUndefined()
  })

  it('refuses functions, which cannot be sent to them', () => {
    procs(2)
    const connections = { onAlarm: () => {} }
    expect(() => serve(threadedApp, { ...quiet, procs: 2, module, connections })).toThrow(
      /connections\.onAlarm/,
    )
    expect(() => serve(threadedApp, { ...quiet, procs: 2, module, onError: () => {} })).toThrow(/onError/)
  })
})
