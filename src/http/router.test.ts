import { METHODS } from 'node:http'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { run, wait } from 'sluice'
import { background } from 'sluice/context'
import type { Handler, Middleware } from './handler.js'
import { isRoutine } from './onward.js'
import { type Arrival, HttpRequest, noParams } from './request.js'
import { RequestHeaders } from './request-headers.js'
import { HttpResponse, text } from './response.js'
import { RouteError } from './route-error.js'
import { type Router, router } from './router.js'

const arrival: Arrival = {
  remoteAddress: '',
  remotePort: 0,
  isSecure: false,
  closing: background(),
  ctx: background(),
}

class Request extends HttpRequest {
  readonly headers = new RequestHeaders([])
  readonly httpVersion = '1.1'
  readonly host = ''
  protected readonly deadline = undefined

  constructor(method: string, target: string) {
    super(arrival, method, target, undefined, 0)
  }
}

/** What `app` answers. */
function ask(app: Router, method: string, target: string): Promise<HttpResponse> {
  return run(function* () {
    const reply = app.handle(new Request(method, target))
    return reply instanceof HttpResponse ? reply : isRoutine(reply) ? yield* reply : yield* wait(reply)
  })
}

/** Status and body of what `app` answers to a GET: `200 orders`. */
async function get(app: Router, target: string): Promise<string> {
  const { status, body } = await ask(app, 'GET', target)
  return status < 400 ? `${status} ${body}` : `${status}`
}

/** Answers with what it is called and the parameters. */
const named =
  (name: string): Handler =>
  (req) =>
    text(`${name} ${JSON.stringify(req.params)}`)

/** Puts its name before the body of the response. */
const mark =
  (name: string): Middleware =>
  async (_req, next) => {
    const response = await next()
    response.body = `${name} > ${response.body}`
    return response
  }

describe('routes', () => {
  const app = router()
    .get('/', named('root'))
    .get('/orders', named('list'))
    .get('/orders/recent', named('recent'))
    .get('/orders/:id', named('one'))
    .post('/orders/:id', named('change'))
    .get('/orders/:id/items/:item', named('item'))
    .get('/shops/:shop/orders/:order/items/:item', named('deep'))
    .get('/files/*', named('file'))
    .get('/files/:kind/index', named('index'))
    .get('/café', named('café'))

  it.each([
    ['/', '200 root {}'],
    ['/orders', '200 list {}'],
    ['/orders?sort=date', '200 list {}'],
    ['/orders/recent', '200 recent {}'],
    ['/orders/7', '200 one {"id":"7"}'],
    ['/orders/7?x=/a/b', '200 one {"id":"7"}'],
    ['/orders/7/items/3', '200 item {"id":"7","item":"3"}'],
    ['/orders/recent/items/3', '200 item {"id":"recent","item":"3"}'],
    ['/shops/1/orders/2/items/3', '200 deep {"shop":"1","order":"2","item":"3"}'],
    ['/files/css/site.css', '200 file {"*":"css/site.css"}'],
    ['/files/css/index', '200 index {"kind":"css"}'],
    ['/files/css/index/', '200 file {"*":"css/index/"}'],
    ['/files/', '200 file {"*":""}'],
    ['/caf%C3%A9', '200 café {}'],
  ])('answers %s', async (target, answer) => {
    expect(await get(app, target)).toBe(answer)
  })

  it.each([
    '/files',
    '/order',
    '/orders/',
    '/Orders',
    '/orders/7/',
    '/orders/7/items',
    '/orders//items/3',
    '//orders',
  ])('answers %s with 404: case and slashes matter, and a parameter is never empty', async (target) => {
    expect(await get(app, target)).toBe('404')
  })

  it('compares literals as they are sent, encoding and all', async () => {
    expect(await get(app, '/%6Frders')).toBe('404')
    expect(await get(app, '/caf%c3%a9')).toBe('404')
  })

  it('prefers literals to parameters and these to wildcards, whatever was registered first', async () => {
    const app = router()
      .get('/*', named('rest'))
      .get('/:a', named('parameter'))
      .get('/x', named('literal'))
      .get('/:a/y', named('behind'))
    expect(await get(app, '/x')).toBe('200 literal {}')
    expect(await get(app, '/z')).toBe('200 parameter {"a":"z"}')
    expect(await get(app, '/x/y')).toBe('200 behind {"a":"x"}')
    expect(await get(app, '/x/z')).toBe('200 rest {"*":"x/z"}')
    expect(await get(app, '/')).toBe('200 rest {"*":""}')
  })

  it('takes a method for all of the others', async () => {
    const app = router()
      .all('/x', named('all'))
      .get('/x', named('get'))
      .method(['REPORT', 'PURGE'], '/calendar', named('calendar'))
    expect((await ask(app, 'GET', '/x')).body).toBe('get {}')
    expect((await ask(app, 'DELETE', '/x')).body).toBe('all {}')
    expect((await ask(app, 'OPTIONS', '/x')).body).toBe('all {}')
    expect((await ask(app, 'PURGE', '/calendar')).body).toBe('calendar {}')
  })

  it('looks on when the more special route has another method', async () => {
    const app = router().post('/orders/new', named('new')).get('/orders/:id', named('one'))
    expect((await ask(app, 'GET', '/orders/new')).body).toBe('one {"id":"new"}')
  })
})

describe('a router', () => {
  const segment = fc.constantFrom('a', 'ab', 'b', ':x', ':y')
  const pattern = fc
    .tuple(fc.array(segment, { maxLength: 4 }), fc.boolean())
    .map(([segments, isOpen]) => `/${[...segments, ...(isOpen ? ['*'] : [])].join('/')}`)
  const path = fc
    .array(fc.constantFrom('a', 'ab', 'b', 'c', ''), { maxLength: 5 })
    .map((parts) => `/${parts.join('/')}`)

  it('finds what looking at all routes finds', () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 12 }), path, (patterns, path) => {
        const app = router()
        const known: string[] = []
        for (const each of patterns) {
          try {
            app.get(each, named(each))
            known.push(each)
          } catch (error) {
            expect(error).toBeInstanceOf(RouteError) // twice the same route, or the same parameter
          }
        }
        const expected = naive(known, path)
        const req = new Request('GET', path)
        const { label } = app.route(req)
        expect(label).toBe(
          `the handler of ${expected === undefined ? 'requests without a route' : `GET ${expected.pattern}`}`,
        )
        expect(req.params).toEqual(expected?.params ?? {})
      }),
      { numRuns: 2000 },
    )
  })
})

/** The first of all patterns that match, in the order literal, parameter, wildcard of their segments. */
function naive(patterns: readonly string[], path: string) {
  const rank = (pattern: string) =>
    pattern
      .replace(/:\w+/g, '1')
      .replace(/\*/g, '2')
      .replace(/[a-z]+/g, '0')
  const sorted = [...patterns].sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
  for (const pattern of sorted) {
    const source = pattern.replace(/:(\w+)/g, '(?<$1>[^/]+)').replace('*', '(?<rest>.*)')
    const match = new RegExp(`^${source}$`).exec(path)
    if (match === null) continue
    const { rest, ...params } = match.groups ?? {}
    return { pattern, params: rest === undefined ? params : { ...params, '*': rest } }
  }
  return undefined
}

describe('what the engine gets', () => {
  const app = router()
    .get('/plain', named('plain'))
    .get('/async', async () => text(''))
    .get('/generator', function* () {
      return text('')
    })
    .get(
      '/behind',
      (_req, next) => next(),
      function* () {
        return text('')
      },
    )
    .get('/orders/:id', named('one'))

  it('is told whether the handler makes a routine', () => {
    const of = (path: string) => app.route(new Request('GET', path)).isGenerator
    expect([of('/plain'), of('/async'), of('/generator'), of('/behind')]).toEqual([false, false, true, false])
  })

  it('is the same route each time, with new parameters', () => {
    const first = new Request('GET', '/orders/1')
    const second = new Request('GET', '/orders/1')
    expect(app.route(first)).toBe(app.route(second))
    expect(first.params).toEqual({ id: '1' })
    expect(first.params).not.toBe(second.params)
    expect('toString' in first.params).toBe(false)
    expect('constructor' in first.params).toBe(false)
  })

  it('has no parameters of its own where the route has none', () => {
    const req = new Request('GET', '/plain')
    app.route(req)
    expect(req.params).toBe(noParams)
  })
})

describe('parameters', () => {
  const app = router()
    .get('/one/:name', (req) => text(req.params.name))
    .get('/rest/*', (req) => text(req.params['*']))
    .get('/in/:__proto__/:constructor', (req) => text(Object.keys(req.params).join()))

  it.each([
    ['/one/a%20b', 'a b'],
    ['/one/a+b', 'a+b'],
    ['/one/a%2Fb', 'a/b'],
    ['/one/%E2%82%AC', '€'],
    ['/one/%2525', '%25'],
    ['/one/...', '...'],
    ['/one/.git', '.git'],
    ['/rest/a/b%2Fc', 'a/b/c'],
    ['/rest/a/.b/c..d', 'a/.b/c..d'],
    ['/rest//a', '/a'],
    ['/in/a/b', '__proto__,constructor'],
  ])('decodes those of %s', async (target, value) => {
    expect((await ask(app, 'GET', target)).body).toBe(value)
  })

  it.each([
    '/one/%',
    '/one/%zz',
    '/one/%C3',
    '/one/%00',
    '/one/.',
    '/one/..',
    '/one/%2e%2E',
    '/one/..%2Fsecret',
    '/rest/../secret',
    '/rest/a/%2e%2e/b',
    '/rest/a/..%5Cb',
    '/rest/./a',
    '/rest/a/..',
  ])('answers %s with 400: only an attack sends that', async (target) => {
    const { status, headers } = await ask(app, 'GET', target)
    expect(status).toBe(400)
    expect(headers.get('content-type')).toBe('application/problem+json')
  })

  it('answers one of more than 1024 characters with 414; a wildcard may have them', async () => {
    expect((await ask(app, 'GET', `/one/${'x'.repeat(1024)}`)).status).toBe(200)
    expect((await ask(app, 'GET', `/one/${'x'.repeat(1025)}`)).status).toBe(414)
    expect((await ask(app, 'GET', `/one/${'%E2%82%AC'.repeat(1024)}`)).status).toBe(200)
    expect((await ask(app, 'GET', `/rest/${'x'.repeat(5000)}`)).status).toBe(200)
  })
})

describe('where there is no route', () => {
  const app = router()
    .get('/orders', named('list'))
    .post('/orders', named('add'))
    .put('/orders/:id', named('put'))
    .delete('/orders/:id', named('delete'))

  it('answers 404 with a problem', async () => {
    const response = await ask(app, 'GET', '/nothing')
    expect(JSON.parse(`${response.body}`)).toMatchObject({ status: 404, title: 'Not Found' })
    expect(response.headers.get('content-type')).toBe('application/problem+json')
  })

  it.each([
    ['PATCH', '/orders', 'GET, HEAD, OPTIONS, POST'],
    ['GET', '/orders/7', 'DELETE, OPTIONS, PUT'],
  ])('answers %s %s with 405 and Allow', async (method, path, allow) => {
    const { status, headers } = await ask(app, method, path)
    expect(status).toBe(405)
    expect(headers.get('allow')).toBe(allow)
  })

  it('answers HEAD like GET, unless there is a route for it', async () => {
    const app = router().get('/a', named('get')).get('/b', named('get')).head('/b', named('head'))
    expect((await ask(app, 'HEAD', '/a')).body).toBe('get {}')
    expect((await ask(app, 'HEAD', '/b')).body).toBe('head {}')
  })

  it('answers OPTIONS with Allow, unless there is a route for it', async () => {
    const own = router().get('/a', named('get')).options('/a', named('options'))
    expect((await ask(own, 'OPTIONS', '/a')).body).toBe('options {}')
    const { status, headers } = await ask(app, 'OPTIONS', '/orders')
    expect(status).toBe(204)
    expect(headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST')
    expect((await ask(app, 'OPTIONS', '/nothing')).status).toBe(404)
  })

  it('answers OPTIONS * with all methods', async () => {
    const { status, headers } = await ask(app, 'OPTIONS', '*')
    expect(status).toBe(204)
    expect(headers.get('allow')).toBe('DELETE, GET, HEAD, OPTIONS, POST, PUT')
  })

  it('answers a method that does not exist with 501, even where a route is for all', async () => {
    const app = router().all('/x', named('all')).method(['BREW'], '/pot', named('pot'))
    expect(METHODS).not.toContain('BREW')
    expect((await ask(app, 'BREW', '/pot')).status).toBe(200)
    expect((await ask(app, 'BREW', '/x')).status).toBe(200)
    expect((await ask(app, 'STEEP', '/x')).status).toBe(501)
    expect((await ask(app, 'get', '/x')).status).toBe(501)
  })

  it('lets the program answer what is not found', async () => {
    const app = router()
      .get('/orders', named('list'))
      .notFound((req) => text(`no ${req.path}`, { status: 404 }))
    const { status, body } = await ask(app, 'GET', '/nothing?x')
    expect([status, body]).toEqual([404, 'no /nothing'])
    expect((await ask(app, 'POST', '/orders')).status).toBe(405)
  })

  it('answers nothing to a target that is no path', async () => {
    const app = router().get('/*', named('rest')).get('/:a', named('one'))
    expect(await get(app, '*')).toBe('404')
    expect(await get(app, 'xa')).toBe('404')
  })
})

describe('middleware', () => {
  it('stands before the routes that are registered after it', async () => {
    const app = router()
      .get('/before', named('before'))
      .use(mark('a'), mark('b'))
      .get('/after', mark('c'), named('after'))
    expect(await get(app, '/before')).toBe('200 before {}')
    expect(await get(app, '/after')).toBe('200 a > b > c > after {}')
  })

  it('stands before what answers where there is no route', async () => {
    const seen: string[] = []
    const app = router()
      .get('/orders', named('list'))
      .use((req, next) => {
        seen.push(`${req.method} ${req.path}`)
        return next()
      })
    expect((await ask(app, 'GET', '/nothing')).status).toBe(404)
    expect((await ask(app, 'POST', '/orders')).status).toBe(405)
    expect((await ask(app, 'OPTIONS', '/orders')).status).toBe(204)
    expect(seen).toEqual(['GET /nothing', 'POST /orders', 'OPTIONS /orders'])
  })

  it('stands under its prefix only', async () => {
    const app = router()
      .use('/admin', mark('admin'))
      .get('/admin', named('root'))
      .get('/admin/users/:id', named('user'))
      .get('/administrators', named('other'))
      .notFound(() => text('nothing'))
    expect(await get(app, '/admin')).toBe('200 admin > root {}')
    expect(await get(app, '/admin/users/7')).toBe('200 admin > user {"id":"7"}')
    expect(await get(app, '/administrators')).toBe('200 other {}')
    expect(await get(app, '/admin/nothing')).toBe('200 admin > nothing')
    expect(await get(app, '/nothing')).toBe('200 nothing')
  })

  it('is not got around by a route that matches its prefix with a parameter, nor by encoding', async () => {
    const app = router()
      .use('/admin', mark('admin'))
      .get('/:section/users', named('users'))
      .get('/*', named('rest'))
    expect(await get(app, '/admin/users')).toBe('200 admin > users {"section":"admin"}')
    expect(await get(app, '/%61dmin/users')).toBe('200 admin > users {"section":"admin"}')
    expect(await get(app, '/other/users')).toBe('200 users {"section":"other"}')
    expect(await get(app, '/admin/x')).toBe('200 admin > rest {"*":"admin/x"}')
    expect(await get(app, '/x')).toBe('200 rest {"*":"x"}')
  })

  it('is not got around by an encoded slash that a wildcard decodes', async () => {
    const app = router().use('/admin/users', mark('admin')).get('/*', named('rest'))
    expect(await get(app, '/admin%2Fusers')).toBe('200 admin > rest {"*":"admin/users"}')
  })

  it('stands under a prefix with parameters', async () => {
    const app = router()
      .use('/shops/:shop', mark('shop'))
      .get('/shops/:id/x', named('x'))
      .get('/shops', named('all'))
    expect(await get(app, '/shops/7/x')).toBe('200 shop > x {"id":"7"}')
    expect(await get(app, '/shops')).toBe('200 all {}')
  })
})

describe('mounted routers', () => {
  it('answer under their prefix, with its parameters', async () => {
    const items = router<{ shop: string; order: string }>()
      .get('/:item', named('item'))
      .get('/', named('items'))
    const orders = router<{ shop: string }>().use('/:order/items', items).get('/:order', named('order'))
    const app = router().use('/shops/:shop/orders', orders)
    expect(await get(app, '/shops/1/orders/2')).toBe('200 order {"shop":"1","order":"2"}')
    expect(await get(app, '/shops/1/orders/2/items')).toBe('200 items {"shop":"1","order":"2"}')
    expect(await get(app, '/shops/1/orders/2/items/3')).toBe('200 item {"shop":"1","order":"2","item":"3"}')
  })

  it('have middleware of their own, behind those that were there before them', async () => {
    const inner = router().use(mark('inner')).get('/x', named('x'))
    const app = router()
      .use(mark('a'))
      .use('/in', mark('b'), inner)
      .use(mark('late'))
      .get('/out', named('out'))
    expect(await get(app, '/in/x')).toBe('200 a > b > inner > x {}')
    expect(await get(app, '/out')).toBe('200 a > late > out {}')
  })

  it('take routes after they were mounted, and after the first request', async () => {
    const inner = router()
    const app = router().use('/in', inner)
    inner.get('/x', named('x'))
    expect(await get(app, '/in/x')).toBe('200 x {}')
    inner.get('/y', named('y'))
    expect(await get(app, '/in/y')).toBe('200 y {}')
  })

  it('leave to others what they do not have, and say together what a path allows', async () => {
    const inner = router().get('/x', named('inner'))
    const app = router().use('/in', inner).get('/in/y', named('outer')).post('/in/x', named('outer'))
    expect(await get(app, '/in/y')).toBe('200 outer {}')
    expect((await ask(app, 'PUT', '/in/x')).headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST')
  })

  it('answer what is not found under their prefix, the innermost first', async () => {
    const deep = router().notFound(() => text('deep'))
    const inner = router().notFound(() => text('inner'))
    const app = router()
      .use('/in', inner)
      .use('/in/deep', deep)
      .use('/silent', router())
      .notFound(() => text('outer'))
    expect(await get(app, '/in/deep/x')).toBe('200 deep')
    expect(await get(app, '/in/x')).toBe('200 inner')
    expect(await get(app, '/silent/x')).toBe('200 outer')
    expect(await get(app, '/x')).toBe('200 outer')
  })

  it('may be mounted at the root, and at two places', async () => {
    const inner = router().get('/x', named('x'))
    const app = router().use(inner).use('/again', inner)
    expect(await get(app, '/x')).toBe('200 x {}')
    expect(await get(app, '/again/x')).toBe('200 x {}')
  })
})

describe('what cannot be registered', () => {
  const handler = named('')
  // What the compiler would have said, for those who have none.
  const untyped = router() as unknown as Record<string, (...args: unknown[]) => unknown>

  it.each([
    ['orders', /"orders" has to begin with a slash/],
    ['', /"" has to begin with a slash/],
    [undefined, /undefined has to begin with a slash/],
    ['/a//b', /empty segment in the path "\/a\/\/b"/],
    ['/a/../b', /no client sends the segment \.\./],
    ['/a/:', /a parameter without a name in the path "\/a\/:"/],
    ['/a/:id?', /the segment ":id\?" in the path/],
    ['/a/:1st', /the segment ":1st"/],
    ['/a/:a-:b', /the segment ":a-:b"/],
    ['/a/b:c', /the segment "b:c"/],
    ['/a/*.css', /the segment "\*\.css"/],
    ['/a/*/b', /the wildcard \* has to be the last segment/],
    ['/a?x=1', /the segment "a\?x=1"/],
    ['/:id/:id', /GET \/:id\/:id \(.*router\.test\.ts:\d+:\d+\) has a parameter twice/],
  ])('is a route of the path %s', (path, message) => {
    expect(() => untyped['get']?.(path, handler)).toThrow(message)
    expect(() => untyped['get']?.(path, handler)).toThrow(RouteError)
  })

  it.each([
    [[], /the route \/x has no handler/],
    [[undefined], /the handler of \/x is undefined: it has to be a function/],
    [[text('')], /the handler of \/x is object/],
    [[{}, handler], /the middleware of \/x is object/],
    [[async function* () {}], /the handler of \/x is an async generator function/],
  ])('is a route with the handlers %o', (handlers, message) => {
    expect(() => untyped['get']?.('/x', ...handlers)).toThrow(message)
  })

  it('is a middleware, an answer or a method that is none', () => {
    expect(() => untyped['use']?.('/x', undefined)).toThrow(/the middleware of \/x is undefined/)
    expect(() => untyped['notFound']?.('x')).toThrow(/notFound\(\) is string/)
    expect(() => router().method(['get'], '/x', handler)).toThrow(/"get" of the route \/x is no method/)
    expect(() => router().use('/x/*', mark(''))).toThrow(/leave the \* away/)
    expect(() => router().notFound(handler).notFound(handler)).toThrow(/already/)
  })

  it('is a route that is there already: both places are told', () => {
    const app = router().get('/orders/:id', handler)
    const again = () => app.get('/orders/:key', handler)
    expect(again).toThrow(
      /GET \/orders\/:key \(.*router\.test\.ts:\d+:\d+\) is there already: \/orders\/:id \(.*:\d+:\d+\)/,
    )
    expect(again).toThrow(expect.objectContaining({ code: 'ERR_SLUICE_ROUTE' }))
    expect(() => app.post('/orders/:key', handler).get('/orders/*', handler)).not.toThrow()
  })

  it('is one in a mounted router that is there already, whichever was first', () => {
    const inner = router().get('/x', handler)
    expect(() => router().get('/in/x', handler).use('/in', inner)).toThrow(/GET \/in\/x .* is there already/)
    const app = router().use('/in', inner)
    expect(() => app.get('/in/x', handler)).toThrow(/is there already/)
    app.get('/in/y', handler)
    expect(() => inner.get('/y', handler)).toThrow(/is there already/)
  })

  it('is a router in itself, or one with a parameter that its prefix has', () => {
    const app = router()
    const inner = router().use('/app', app)
    expect(() => app.use('/app', app)).toThrow(/cannot be mounted in itself, at \/app/)
    expect(() => app.use('/in', inner)).toThrow(/cannot be mounted in itself, at \/in/)
    expect(() => router().use('/:id', router().get('/x/:id', handler))).toThrow(/has a parameter twice/)
  })
})
