import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type { Routine } from 'sluice'
import { body } from './body-schema.js'
import type { Handler, Middleware } from './handler.js'
import { type HttpResponse, json, text } from './response.js'
import { router } from './router.js'

const app = router()
const log: Middleware = (_req, next) => next()

describe('types of a router', () => {
  it('knows the parameters by the path', () => {
    app.get('/orders/:id/items/:item', (req) => {
      expectTypeOf(req.params).toEqualTypeOf<{ id: string; item: string }>()
      return text(req.params.item)
    })
    app.get('/files/:kind/*', (req) => {
      expectTypeOf(req.params).toEqualTypeOf<{ kind: string; '*': string }>()
      return text(req.params['*'])
    })
    app.get('/', (req) => {
      // @ts-expect-error a path without parameters has none
      return text(req.params.id)
    })
    app.get('/orders/:id', (req) => {
      // @ts-expect-error another name
      return text(req.params.order)
    })
  })

  it('leaves the parameters open where the path is no literal', () => {
    app.get('/orders'.concat('/:id'), (req) => {
      expectTypeOf(req.params).toEqualTypeOf<Record<string, string>>()
      return text('')
    })
  })

  it('knows them in generator and async functions, behind middleware, and for several methods', () => {
    app.put('/orders/:id', log, function* (req): Routine<HttpResponse> {
      return text(req.params.id)
    })
    app.delete('/orders/:id', log, log, async (req) => text(req.params.id))
    app.method(['PATCH', 'POST'], '/orders/:id', (req) => text(req.params.id))
    app.all('/orders/:id/*', function* (req) {
      return text(req.params['*'])
    })
  })

  it('types a middleware that is written in place', () => {
    app.get(
      '/orders/:id',
      function* (req, next) {
        expectTypeOf(req.method).toEqualTypeOf<string>()
        const response = yield* next()
        expectTypeOf(response).toEqualTypeOf<HttpResponse>()
        return response
      },
      (req) => text(req.params.id),
    )
    app.use(async (_req, next) => {
      expectTypeOf(await next()).toEqualTypeOf<HttpResponse>()
      return json({})
    })
  })

  it('takes handlers that know less of the request', () => {
    const handler: Handler = (req) => text(req.params['id'] ?? '')
    app.get('/health', handler).get('/orders/:id', handler).notFound(handler)
  })

  it('knows what a body is by its schema', () => {
    const order = z.object({ item: z.string(), count: z.coerce.number() })
    app.post('/orders/:id', body(order), (req) => {
      expectTypeOf(req.valid).toEqualTypeOf<{ item: string; count: number }>()
      expectTypeOf(req.params).toEqualTypeOf<{ id: string }>()
      return json(req.valid)
    })
    app.post('/orders', log, body(order, { maxBytes: 100 }), log, function* (req) {
      expectTypeOf(req.valid).toEqualTypeOf<{ item: string; count: number }>()
      return json(req.valid.item)
    })
    app.post('/anything', log, (req) => {
      expectTypeOf(req.valid).toEqualTypeOf<unknown>()
      return text('')
    })
    // @ts-expect-error no schema
    body({ type: 'object' })
  })

  it('knows the parameters of the prefix that a router says it stands under', () => {
    const shop = router<{ shop: string }>()
    shop.get('/orders/:order', (req) => {
      expectTypeOf(req.params.shop).toEqualTypeOf<string>()
      return text(req.params.order)
    })
    app.use('/shops/:shop', log, shop)
    app.use('/anywhere', router())
    app.use('/shops/:shop', router())
    // @ts-expect-error this prefix has no such parameter
    app.use('/shops/:id', shop)
    // @ts-expect-error no prefix
    app.use(shop)
  })

  it('refuses what is no handler', () => {
    // @ts-expect-error a handler is missing
    app.get('/orders')
    // @ts-expect-error no response
    app.get('/orders', () => 'text')
    // @ts-expect-error nothing is returned
    app.get('/orders', function* () {})
    // @ts-expect-error a schema is no middleware
    app.post('/orders', z.object({}), () => text(''))
  })
})
