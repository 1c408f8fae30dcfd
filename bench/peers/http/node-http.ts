import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { accepted, announce, greeting, orderSchema } from '../../programs/http-server.js'

function answer(res: ServerResponse, status: number, type: string, body: string): void {
  res.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body)
}

function order(req: IncomingMessage, res: ServerResponse, id: string): void {
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => {
    const parsed = orderSchema.safeParse(JSON.parse(Buffer.concat(chunks).toString()))
    if (!parsed.success) return answer(res, 400, 'text/plain', parsed.error.message)
    answer(res, 200, 'application/json', JSON.stringify(accepted(id, parsed.data)))
  })
}

const server = createServer((req, res) => {
  const { method, url = '' } = req
  if (method === 'GET' && url === '/') answer(res, 200, 'text/plain', greeting)
  else if (method === 'POST' && url.startsWith('/orders/')) order(req, res, url.slice('/orders/'.length))
  else answer(res, 404, 'text/plain', 'not found')
})
// Five seconds, its default, would close the first of many idle connections before the last is opened.
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => announce((server.address() as AddressInfo).port))
