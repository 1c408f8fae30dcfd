import { Hono } from 'hono'
import { basicAuth } from 'hono/basic-auth'
import { bodyLimit } from 'hono/body-limit'
import { compress } from 'hono/compress'
import { getCookie, setCookie } from 'hono/cookie'
import { cors } from 'hono/cors'
import { csrf } from 'hono/csrf'
import { etag } from 'hono/etag'
import { HTTPException } from 'hono/http-exception'
import { methodOverride } from 'hono/method-override'
import { poweredBy } from 'hono/powered-by'
import { prettyJSON } from 'hono/pretty-json'
import { secureHeaders } from 'hono/secure-headers'
import { stream, streamSSE, streamText } from 'hono/streaming'
import { validator } from 'hono/validator'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { BodiedRequest, type Incoming } from '../../test/http/bodied-request.js'
import { fetchHandler, type FetchOptions } from './fetch.js'
import type { HttpResponse } from './response.js'

const orderSchema = z.object({ item: z.string(), count: z.number().int().positive() })

function makeApp(): Hono {
  const app = new Hono()
  app.onError((error, c) =>
    error instanceof HTTPException || 'getResponse' in error
      ? (error as HTTPException).getResponse()
      : c.text(`failed: ${error.message}`, 500),
  )
  app.use('/cors/*', cors({ origin: 'https://a.example', credentials: true, maxAge: 60 }))
  app.use('/etag/*', etag())
  app.use('/limited/*', bodyLimit({ maxSize: 8 }))
  app.use('/secure/*', secureHeaders(), poweredBy(), async (c, next) => {
    await next()
    c.header('x-after', '1')
    c.res.headers.append('set-cookie', 'late=1')
  })
  app.use('/pretty/*', prettyJSON())
  app.use('/zipped/*', compress({ threshold: 1 }))
  app.use('/private/*', basicAuth({ username: 'a', password: 'b' }))
  app.use('/csrf/*', csrf())
  app.use('/override', methodOverride({ app }))
  for (const path of ['/', '/cors/a', '/etag/a', '/secure/a', '/zipped/a', '/private/a'])
    app.get(path, (c) => c.text('hello'))
  app.get('/json', (c) => c.json({ a: [1, 'ü'] }))
  app.get('/pretty/json', (c) => c.json({ a: 1 }))
  app.get('/html', (c) => c.html('<p>hi</p>', 201, { 'x-a': 'b' }))
  app.get('/bytes', (c) => c.body(new Uint8Array([1, 2, 3]), 200, { 'content-type': 'image/png' }))
  app.get('/none', (c) => c.body(null, 204))
  app.get('/moved', (c) => c.redirect('/else?a=ü', 301))
  app.get('/thrown', () => {
    throw new Error('oh')
  })
  app.get('/refused', () => {
    throw new HTTPException(403, { message: 'not you' })
  })
  app.get('/things/:id/*', (c) =>
    c.json([c.req.param('id'), c.req.query('q'), c.req.queries('r'), c.req.path, c.req.url]),
  )
  app.get('/cookies', (c) => {
    setCookie(c, 'seen', getCookie(c, 'name') ?? 'nobody', { httpOnly: true, path: '/' })
    setCookie(c, 'second', '2')
    return c.text('ok')
  })
  app.get('/headers', (c) => c.json(c.req.header()))
  app.post('/echo', async (c) =>
    c.body(await c.req.text(), 200, { 'content-type': c.req.header('content-type') ?? 'none' }),
  )
  app.post('/limited/echo', async (c) => c.text(await c.req.text()))
  app.post('/csrf/post', (c) => c.text('posted'))
  app.post('/twice', async (c) =>
    c.json([await c.req.text(), await c.req.json(), [...new Uint8Array(await c.req.arrayBuffer())]]),
  )
  app.post('/form', async (c) => {
    const { file, ...fields } = await c.req.parseBody({ all: true })
    return c.json([fields, file instanceof File ? [file.name, file.type, await file.text()] : null])
  })
  app.delete('/override', (c) => c.text('deleted'))
  app.post(
    '/orders',
    validator('json', (value, c) => {
      const parsed = orderSchema.safeParse(value)
      return parsed.success
        ? parsed.data
        : c.json({ issues: parsed.error.issues.map((issue) => issue.path) }, 422)
    }),
    (c) => c.json({ got: c.req.valid('json') }, 201),
  )
  app.get('/stream', (c) =>
    stream(c, async (out) => {
      await out.write('a')
      await out.write(new Uint8Array([98]))
    }),
  )
  app.get('/text', (c) =>
    streamText(c, async (out) => {
      await out.writeln('a')
      await out.write('b')
    }),
  )
  app.get('/events', (c) =>
    streamSSE(c, async (out) => {
      for (const id of ['1', '2']) await out.writeSSE({ data: `event ${id}`, event: 'tick', id })
    }),
  )
  const inner = new Hono().get('/a', (c) => c.text(`inner ${c.req.path}`))
  app.route('/inner', inner)
  app.mount(
    '/mounted',
    (request: Request) => new Response(`${request.method} ${new URL(request.url).pathname}`),
  )
  return app
}

const multipart =
  '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="b.txt"\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x--\r\n'
const type = (value: string, more: Record<string, string> = {}) => ({ 'content-type': value, ...more })

type Line = `${string} ${string}`
// biome-ignore format: a table
const requests: readonly [line: Line, incoming?: Incoming][] = [
  ['GET /'], ['HEAD /'], ['POST /'], ['GET /nowhere'], ['GET /json'], ['GET /html'], ['GET /bytes'], ['GET /none'], ['GET /moved'],
  ['GET /thrown'], ['GET /refused'], ['GET /things/7%2F8/x/y?q=a+b&r=1&r=2'], ['GET /inner/a'], ['GET /mounted/b/c'],
  ['GET /cookies'], ['GET /cookies', { headers: { cookie: 'name=somebody; other=1' } }],
  ['GET /headers', { headers: { a: '1', 'x-b': '2' } }],
  ['GET /cors/a', { headers: { origin: 'https://a.example' } }], ['GET /cors/a', { headers: { origin: 'https://b.example' } }],
  ['OPTIONS /cors/a', { headers: { origin: 'https://a.example', 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a' } }],
  ['GET /etag/a'], ['GET /etag/a', { headers: { 'if-none-match': '"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"' } }], ['HEAD /etag/a'],
  ['GET /secure/a'], ['GET /pretty/json?pretty'], ['GET /zipped/a', { headers: { 'accept-encoding': 'gzip' } }],
  ['GET /private/a'], ['GET /private/a', { headers: { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` } }],
  ['POST /csrf/post', { headers: type('text/plain', { origin: 'https://evil.example' }), pieces: ['a'] }],
  ['POST /csrf/post', { headers: type('text/plain', { origin: 'http://example.com' }), pieces: ['a'] }],
  ['POST /echo', { headers: type('text/x'), pieces: ['he', 'llo'] }], ['POST /echo', { pieces: [] }],
  ['POST /twice', { pieces: ['[1,', '2]'] }],
  ['POST /limited/echo', { headers: { 'content-length': '5' }, pieces: ['he', 'llo'] }],
  ['POST /limited/echo', { headers: { 'content-length': '9' }, pieces: ['hello', 'worl'] }],
  ['POST /limited/echo', { headers: { 'transfer-encoding': 'chunked' }, pieces: ['hello', 'world'] }],
  ['POST /limited/echo', { headers: { 'transfer-encoding': 'chunked' }, pieces: ['he', 'llo'] }],
  ['POST /form', { headers: type('application/x-www-form-urlencoded'), pieces: ['a=1&a=2&b=%C3%BC'] }],
  ['POST /form', { headers: type('multipart/form-data; boundary=x'), pieces: [multipart] }], ['POST /form', { headers: type('text/plain'), pieces: ['a'] }],
  ['POST /orders', { headers: type('application/json'), pieces: ['{"item":"a",', '"count":2}'] }],
  ['POST /orders', { headers: type('application/json'), pieces: ['{"item":"a","count":-2}'] }],
  ['POST /orders', { headers: type('application/json'), pieces: ['{'] }],
  ['POST /override', { headers: type('application/x-www-form-urlencoded'), pieces: ['_method=DELETE&a=1'] }],
  ['POST /echo', { pieces: ['hello'], limitBytes: 4 }],
  ['GET /stream'], ['GET /text'], ['GET /events'], ['HEAD /events'],
]

/** What the client sees. */
async function answer(app: Hono, line: Line, incoming?: Incoming, options?: FetchOptions): Promise<unknown> {
  const response = (await fetchHandler(app, options)(new BodiedRequest(line, incoming))) as HttpResponse
  const { status, body, headers } = response
  const chunks: Uint8Array[] = []
  if (typeof body === 'string') chunks.push(Buffer.from(body))
  else if (body instanceof Uint8Array) chunks.push(body)
  else if (body !== undefined) for await (const chunk of body as AsyncIterable<Uint8Array>) chunks.push(chunk)
  const lines = [...headers].map(([name, value]) => `${name.toLowerCase()}: ${value}`).sort()
  const text = line.startsWith('HEAD') ? '' : Buffer.concat(chunks).toString('latin1')
  return [status, lines, text]
}

/** What it sees of each request when Hono works with the classes of the platform: asked before there are others. */
const expected = await Promise.all(
  requests.map(([line, incoming]) => answer(makeApp(), line, incoming, { classes: 'platform' })),
)
const app = makeApp()

describe('a Hono app', () => {
  for (const [i, [line, incoming]] of requests.entries()) {
    it(`answers as it does with the classes of the platform: ${line} ${JSON.stringify(incoming ?? {}).slice(0, 100)}`, async () => {
      expect(await answer(app, line, incoming)).toEqual(expected[i])
    })
  }

  it('answers what it is meant to', async () => {
    expect(await answer(app, 'GET /')).toEqual([200, ['content-type: text/plain;charset=UTF-8'], 'hello'])
    expect(await answer(app, 'GET /none')).toEqual([204, [], ''])
    expect(await answer(app, 'POST /echo', { pieces: ['hello'], limitBytes: 4 })).toEqual([
      413,
      ['content-type: application/problem+json'],
      JSON.stringify({
        type: 'about:blank',
        title: 'Payload Too Large',
        status: 413,
        detail: 'the body has more than 4 bytes',
      }),
    ])
    expect(await answer(app, 'GET /events')).toMatchObject([
      200,
      {},
      'event: tick\ndata: event 1\nid: 1\n\nevent: tick\ndata: event 2\nid: 2\n\n',
    ])
  })

  it('tells a client that its body is too large, though Hono answers errors itself', async () => {
    const plain = new Hono().post('/', async (c) => c.text(await c.req.text()))
    const [status] = (await answer(plain, 'POST /', { pieces: ['hello'], limitBytes: 4 })) as [number]
    expect(status).toBe(413)
  })

  it('is told when the client leaves a stream of events', async () => {
    let left = () => {}
    const hasLeft = new Promise<void>((resolve) => {
      left = resolve
    })
    const endless = new Hono().get('/', (c) =>
      streamSSE(c, async (out) => {
        out.onAbort(left)
        await out.writeSSE({ data: 'one' })
        await hasLeft
      }),
    )
    const { body } = (await fetchHandler(endless)(new BodiedRequest('GET /'))) as HttpResponse
    const pieces = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
    expect(Buffer.from((await pieces.next()).value).toString()).toBe('data: one\n\n')
    const next = pieces.next()
    await pieces.return?.()
    await hasLeft
    expect((await next).done).toBe(true)
  })

  it('reaches the request of the server as c.env.req', async () => {
    const app = new Hono<{ Bindings: { req: BodiedRequest } }>().get('/', (c) =>
      c.text(c.env.req.remoteAddress),
    )
    expect(await answer(app as unknown as Hono, 'GET /')).toMatchObject([200, {}, '192.0.2.1'])
  })
})
