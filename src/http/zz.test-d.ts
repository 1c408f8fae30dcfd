import { z } from 'zod'
import { body } from './body-schema.js'
import type { Middleware } from './handler.js'
import { router } from './router.js'
import { json } from './response.js'
const order = z.object({ item: z.string(), count: z.coerce.number() })
declare const log: Middleware
const app = router()
app.post('/1', log, body(order), (req) => json(req.valid.item))
app.post('/2', body(order), log, (req) => json(req.valid.item))
app.post('/3', body(order), function* (req) { return json(req.valid.item) })
app.post('/4', body(order, { maxBytes: 1 }), (req) => json(req.valid.item))
app.post('/5', log, body(order), log, (req) => json(req.valid.item))
const b = body(order)
app.post('/6', log, b, log, (req) => json(req.valid.item))
