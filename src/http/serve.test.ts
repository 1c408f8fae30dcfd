import { afterEach, describe, expect, it } from 'vitest'
import { app } from '../../test/serving/threaded-app.js'
import { RawClient } from '../../test/serving/raw-client.js'
import { procs, stopProcs } from '../parallel/gomaxprocs.js'
import { go } from '../runtime/go.js'
import { sleep } from '../runtime/sleep.js'
import { router } from './router.js'
import { text } from './response.js'
import { serve } from './serve.js'

const module = new URL('../../test/serving/threaded-app.ts', import.meta.url).href
const quiet = { port: 0, host: '127.0.0.1', signals: false }

afterEach(async () => {
  await stopProcs()
  procs(2)
})

/** Which threads have answered so many requests, each over a connection of its own. */
async function threads(port: number, count: number): Promise<Map<string, number>> {
  const answered = new Map<string, number>()
  const clients = await Promise.all(Array.from({ length: count }, () => RawClient.connect(port)))
  for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  for (const client of clients) {
    const [response] = await client.responses(1)
    answered.set(response?.body ?? '', (answered.get(response?.body ?? '') ?? 0) + 1)
    client.close()
  }
  return answered
}

function* pause() {
  yield* sleep(20)
}

describe('serve() on several threads', () => {
  it('answers on each of them, and shuts all of them down', async () => {
    procs(3)
    const server = serve(app, { ...quiet, procs: 'all', module })
    const { port = 0 } = await server.listening()
    const seen = new Set<string>()
    // A thread begins to accept some time after the first one; the test's own limit ends the wait for one that never does.
    while (seen.size < 3) for (const id of (await threads(port, 10)).keys()) seen.add(id)
    const stats = await server.threadStats()
    expect(stats).toHaveLength(3)
    expect(stats.every(({ requests }) => requests > 0)).toBe(true)
    server.shutdown(100)
    await server
    await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED')
  }, 60_000)

  it('goes on when a thread dies, and puts another in its place', async () => {
    procs(2)
    const server = serve(app, { ...quiet, procs: 2, module })
    const { port = 0 } = await server.listening()
    let dying = false
    while (!dying) {
      const client = await RawClient.connect(port)
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      const [response] = await client.responses(1)
      if (
        response?.body !== '0' &&
        response?.body !== String((await import('node:worker_threads')).threadId)
      ) {
        client.send('GET /exit HTTP/1.1\r\nHost: a\r\n\r\n')
        await client.closed()
        dying = true
      }
      client.close()
    }
    for (let answering = 0; answering < 2; answering = (await threads(port, 5)).size) await go(pause)
    server.close()
    await server
  }, 60_000)

  it('says that the module has to export the app', async () => {
    procs(2)
    const hidden = router()
    hidden.get('/', () => text('x'))
    const server = serve(hidden, { ...quiet, procs: 2, module })
    await expect(server).rejects.toThrow(/does not export the app.*export const app/)
    const own = serve(hidden, { ...quiet, procs: 2 })
    await expect(own).rejects.toThrow(/serve\.test\.ts does not export the app/)
  })

  it.each([0, 65, 1.5, 'some' as never])('refuses procs: %s', (count) => {
    expect(() => serve(app, { ...quiet, procs: count })).toThrow(/procs from 1 to \d+/)
  })
})
