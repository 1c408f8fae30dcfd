/** The same app for @hono/node-server and for ours. */
import { Hono } from 'hono'
import { validator } from 'hono/validator'
import { accepted, greeting, orderSchema } from '../../programs/http-server.js'

export const app = new Hono()
app.get('/', (c) => c.text(greeting))
app.post(
  '/orders/:id',
  validator('json', (value, c) => {
    const parsed = orderSchema.safeParse(value)
    return parsed.success ? parsed.data : c.text(parsed.error.message, 400)
  }),
  (c) => c.json(accepted(c.req.param('id'), c.req.valid('json'))),
)
