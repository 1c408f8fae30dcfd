import { afterEach } from 'vitest'
import type { Handler } from '../../src/http/handler.js'
import type { HttpRequest } from '../../src/http/request.js'
import { empty, text } from '../../src/http/response.js'
import { routeOf } from '../../src/http/route.js'
import { serve } from '../../src/http/serve.js'
import type { ServeOptions } from '../../src/http/serve-options.js'
import type { Server } from '../../src/http/server.js'
import { sleep } from '../../src/runtime/sleep.js'
import { RawClient } from './raw-client.js'

const servers: Server[] = []
const clients: RawClient[] = []

/** What the servers of this test have reported to `onError`. */
export const problems: unknown[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) {
    server.close()
    await server
  }
  problems.length = 0
})

/** A server with a handler a path, closed after the test. */
export async function served(
  handlers: Record<string, Handler>,
  options: ServeOptions = {},
): Promise<{ server: Server; port: number }> {
  const routes = new Map(
    Object.entries(handlers).map(([path, handler]) => [path, routeOf([], handler, path)]),
  )
  const missing = routeOf([], () => empty(404), 'nothing')
  const app = { route: (req: HttpRequest) => routes.get(req.path) ?? missing }
  const server = serve(app, {
    port: 0,
    host: '127.0.0.1',
    signals: false,
    onError: (error) => problems.push(error),
    ...options,
  })
  servers.push(server)
  const { port = 0 } = await server.listening()
  return { server, port }
}

/** A server with a handler a path, and a client connected to it. */
export async function serving(
  handlers: Record<string, Handler>,
  options: ServeOptions = {},
): Promise<{ server: Server; client: RawClient; port: number }> {
  const { server, port } = await served(handlers, options)
  return { server, client: await connected(port), port }
}

/** A client that is closed after the test. */
export async function connected(port: number, allowHalfOpen = false): Promise<RawClient> {
  const client = await RawClient.connect(port, allowHalfOpen)
  clients.push(client)
  return client
}

export const get = (path: string, ...headers: string[]) =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers.map((each) => `${each}\r\n`).join('')}\r\n`
export const post = (path: string, body: string, ...headers: string[]) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n${headers.map((each) => `${each}\r\n`).join('')}\r\n${body}`

/** For what happens outside, in kernels and their buffers. */
export function* pause(ms: number) {
  yield* sleep(ms)
}

export const hello: Handler = () => text('hello')
