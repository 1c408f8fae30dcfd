// A JSON API: a validated body, a parameterised route, errors as problems (RFC 9457).
//   npx tsx --tsconfig tsconfig.dist.json examples/json-api.ts
//   curl -i localhost:8080/orders -H 'Content-Type: application/json' -d '{"item":"tea","quantity":2}'
//   curl -i localhost:8080/orders/1
//   curl -i localhost:8080/orders -H 'Content-Type: application/json' -d '{"item":"","quantity":0}'
import { main } from 'sluice'
import { accessLog, body, HttpError, health, json, router, securityHeaders, serve } from 'sluice/http'
import { z } from 'zod'

const newOrder = z.object({ item: z.string().min(1), quantity: z.number().int().positive() })
type Order = z.infer<typeof newOrder> & { id: number }

const orders = new Map<number, Order>()

export const app = router()
app.use(accessLog())
app.use(securityHeaders())
app.use(health())

app.post('/orders', body(newOrder), (req) => {
  const order = { id: orders.size + 1, ...req.valid }
  orders.set(order.id, order)
  return json(order, { status: 201, headers: { Location: `/orders/${order.id}` } })
})

app.get('/orders', (req) => {
  const limit = Number(req.query.get('limit') ?? 20)
  if (!(limit >= 1 && limit <= 100)) throw new HttpError(400, `limit is a number from 1 to 100, not ${limit}`)
  return json([...orders.values()].slice(0, limit))
})

app.get('/orders/:id', (req) => {
  const order = orders.get(Number(req.params.id))
  if (order === undefined) throw new HttpError(404, `there is no order ${req.params.id}`)
  return json(order)
})

main(function* () {
  const server = serve(app, { port: Number(process.env['PORT'] ?? 8080) })
  const { port } = yield* server.listening()
  console.error(`http://localhost:${port}/orders`)
  yield* server
})
