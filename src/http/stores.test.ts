import { AsyncLocalStorage } from 'node:async_hooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient } from '../../test/serving/raw-client.js'
import { yieldNow } from '../runtime/sleep.js'
import { text } from './response.js'
import { router } from './router.js'
import { serve } from './serve.js'
import type { Server } from './server.js'

const user = new AsyncLocalStorage<string>()
const app = router()
app.get('/plain/:name', (req) => {
  user.enterWith(req.params.name)
  return text(String(user.getStore()))
})
app.get('/async/:name', async (req) => {
  user.enterWith(req.params.name)
  await Promise.resolve()
  return text(String(user.getStore()))
})
app.get('/goroutine/:name', function* (req) {
  user.enterWith(req.params.name)
  yield* yieldNow()
  return text(String(user.getStore()))
})
app.get('/nobody', () => text(String(user.getStore())))

let server: Server
let port: number
beforeAll(async () => {
  server = serve(app, { port: 0, host: '127.0.0.1', signals: false })
  port = (await server.listening()).port ?? 0
})
afterAll(() => server.close())

/** What is answered to requests of one connection, sent at once or each after the answer to the last. */
async function answers(paths: readonly string[], atOnce: boolean): Promise<string[]> {
  const client = await RawClient.connect(port)
  const line = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
  if (atOnce) client.send(paths.map(line).join(''))
  const bodies: string[] = []
  if (atOnce) bodies.push(...(await client.responses(paths.length)).map(({ body }) => body))
  else
    for (const path of paths) {
      client.send(line(path))
      bodies.push((await client.responses(1))[0]?.body ?? '')
    }
  client.close()
  return bodies
}

describe('what a handler enters into an AsyncLocalStorage', () => {
  // The first one of the process is the one for which nothing was watched before.
  it.each(['plain', 'async', 'goroutine', 'plain'])('is not seen by the next request: %s', async (kind) => {
    const paths = [`/${kind}/ann`, '/nobody', `/${kind}/bob`, '/nobody']
    const expected = ['ann', 'undefined', 'bob', 'undefined']
    expect(await answers(paths, true)).toEqual(expected)
    expect(await answers(paths, false)).toEqual(expected)
  })
})
