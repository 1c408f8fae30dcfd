/** Ours in the suite `http`: `sluice-http HANDLERS`, which are goroutines or plain functions. */
import { body, json, router, serve, text } from 'sluice/http'
import { accepted, announce, greeting, orderSchema } from './http-server.js'

const goroutines = router()
goroutines.get('/', function* () {
  return text(greeting)
})
goroutines.post('/orders/:id', body(orderSchema), function* (req) {
  return json(accepted(req.params.id, req.valid))
})

const plain = router()
plain.get('/', () => text(greeting))
plain.post('/orders/:id', body(orderSchema), (req) => json(accepted(req.params.id, req.valid)))

const app = process.argv[2] === 'plain' ? plain : goroutines
const server = serve(app, { port: 0, host: '127.0.0.1' })
const { port } = await server.listening()
announce(port)
