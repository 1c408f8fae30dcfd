/** Servers on the loopback for tests of the HTTP client: our own, and those that do what no good one does. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net'
import { httpClient, type HttpClient } from '../../src/http/client/http-client.js'
import type { HttpClientOptions } from '../../src/http/client/client-options.js'
import { serve } from '../../src/http/serve.js'
import type { TlsOptions } from '../../src/net/tls-options.js'
import type { Served, Server } from '../../src/http/server.js'

const servers: Server[] = []
const peers: Peer[] = []
const clients: HttpClient[] = []

/** Ends all of them. */
export async function endPeers(): Promise<void> {
  for (const client of clients.splice(0)) client[Symbol.dispose]()
  for (const peer of peers.splice(0)) await peer.close()
  for (const server of servers.splice(0)) {
    server.close()
    await server
  }
}

/** A client that is closed with the others. */
export function clientOf(options: HttpClientOptions): HttpClient {
  const client = httpClient(options)
  clients.push(client)
  return client
}

/** A server of this package; errors of handlers are thrown away. */
export async function served(app: Served, tls?: TlsOptions): Promise<{ url: string; server: Server }> {
  const server = serve(app, {
    port: 0,
    host: '127.0.0.1',
    signals: false,
    onError: () => undefined,
    ...(tls !== undefined && { tls }),
  })
  servers.push(server)
  const { port } = await server.listening()
  return { url: `http${tls === undefined ? '' : 's'}://127.0.0.1:${port}`, server }
}

/** A server that answers connections as it is told to. */
export class Peer {
  /** Connections that it has accepted, in their order. */
  readonly sockets: Socket[] = []
  private readonly server: NetServer

  constructor(private readonly answer: (socket: Socket, request: string, count: number) => void) {
    let count = 0
    this.server = createServer((socket) => {
      this.sockets.push(socket)
      socket.on('error', () => undefined)
      let text = ''
      socket.setEncoding('latin1').on('data', (more: string) => {
        text += more
        if (!text.includes('\r\n\r\n')) return
        const request = text
        text = ''
        this.answer(socket, request, ++count)
      })
    })
    peers.push(this)
  }

  async listen(): Promise<string> {
    await once(this.server.listen(0, '127.0.0.1'), 'listening')
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  get open(): number {
    return this.sockets.filter((socket) => !socket.destroyed).length
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    if (this.server.listening) await once(this.server.close(), 'close')
  }
}

/** A whole response. */
export function responseOf(body: string, more = '', status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`
}
