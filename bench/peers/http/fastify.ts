import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import { accepted, announce, greeting, type Order } from '../../programs/http-server.js'

const body = {
  type: 'object',
  required: ['item', 'quantity'],
  properties: { item: { type: 'string', minLength: 1 }, quantity: { type: 'integer', minimum: 1 } },
} as const
const answer = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    item: { type: 'string' },
    quantity: { type: 'integer' },
    total: { type: 'integer' },
  },
} as const

const app = Fastify()
app.get('/', (_req, reply) => {
  reply.type('text/plain').send(greeting)
})
app.post<{ Params: { id: string }; Body: Order }>(
  '/orders/:id',
  { schema: { body, response: { 200: answer } } },
  (req, reply) => {
    reply.send(accepted(req.params.id, req.body))
  },
)
await app.listen({ port: 0, host: '127.0.0.1' })
announce((app.server.address() as AddressInfo).port)
