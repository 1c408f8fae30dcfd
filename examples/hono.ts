// A Hono app, unchanged, served by sluice:
//   npx tsx --tsconfig tsconfig.dist.json examples/hono.ts
//   curl -i localhost:8080/orders/7
//   curl -i localhost:8080/orders -H 'Content-Type: application/json' -d '{"item":"tea"}'
//   curl -N localhost:8080/ticks
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import { streamSSE } from 'hono/streaming'
import { main } from 'sluice'
import { serve } from 'sluice/http'

const app = new Hono()
app.use('/orders/*', cors(), bodyLimit({ maxSize: 64 * 1024 }))
app.get('/', (c) => c.text('hello\n'))
app.get('/orders/:id', (c) => c.json({ id: c.req.param('id'), full: c.req.query('full') === '1' }))
app.post('/orders', async (c) => c.json({ got: await c.req.json() }, 201))
app.get('/ticks', (c) =>
  streamSSE(c, async (stream) => {
    for (let tick = 1; tick <= 5 && !stream.aborted; tick++) {
      await stream.writeSSE({ event: 'tick', data: String(tick) })
      await stream.sleep(1000)
    }
  }),
)

main(function* () {
  const server = serve(app, { port: Number(process.env['PORT'] ?? 8080) })
  const { port } = yield* server.listening()
  console.log(`http://localhost:${port}/`)
  yield* server
})
