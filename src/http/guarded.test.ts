import { afterEach, describe, expect, it } from 'vitest'
import { RawClient } from '../../test/serving/raw-client.js'
import { Figures } from '../resilience/figures.js'
import { type Call, type Gate, REFUSED } from '../resilience/guard.js'
import { policy } from '../resilience/policy.js'
import { Refused } from '../resilience/refused.js'
import { type Rules, rules } from '../resilience/rules/rules.js'
import { background } from '../context/background.js'
import { guarded, type GuardedOptions } from './guarded.js'
import { HttpError } from './http-error.js'
import { text } from './response.js'
import { router } from './router.js'
import { serve } from './serve.js'
import type { Server } from './server.js'

const servers: Server[] = []
const clients: RawClient[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) server.close()
})

/** A gate that refuses what it is told to, and keeps what it sees. */
function gateOf(kind: string, refuses: (call: Call) => boolean) {
  const figures = new Figures(kind, `a "${kind}"\n`)
  const seen: (Pick<Call, 'key' | 'priority' | 'cost'> & { ending: number })[] = []
  let last: Call
  const gate: Gate = {
    figures,
    stats: () => figures.stats('ok'),
    enter: (call) => {
      last = call
      return refuses(call) ? REFUSED : 0
    },
    wait: () => {
      throw new Error('nobody waits here')
    },
    leave: (_, ending) => {
      const { key, priority, cost } = last
      seen.push({ key, priority, cost, ending })
    },
    refusal: () =>
      new Refused(kind, figures.name, 'secret', 1200, { limit: 100, remaining: -0.5, resetMs: 1200 }),
  }
  return { gate, seen }
}

/** What is answered to `GET path`, and what was told to `onError`. */
async function ask(gate: Gate, path: string, options?: GuardedOptions) {
  const errors: unknown[] = []
  const app = router()
  app.use(guarded(policy(gate), options))
  app.get('/', () => text('hello'))
  app.get('/broken', () => {
    throw new Error('broken')
  })
  app.get('/busy', () => {
    throw new HttpError(503)
  })
  app.get('/dependency', () =>
    policy(gateOf('token bucket', () => true).gate).run(background(), () => text('')),
  )
  const server = serve(app, {
    port: 0,
    host: '127.0.0.1',
    signals: false,
    onError: (error) => errors.push(error),
  })
  servers.push(server)
  const { port = 0 } = await server.listening()
  const client = await RawClient.connect(port)
  clients.push(client)
  client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nX-Tenant: t\r\n\r\n`)
  const [response] = await client.responses(1)
  return { response, errors }
}

describe('guarded', () => {
  it.each([undefined, null, {}, 'GET /'])('needs a policy or rules, not %j', (none) => {
    expect(() => guarded(none as never)).toThrow('guarded() needs a policy or rules')
  })

  it('lets requests pass the guards, which see who asks for how much', async () => {
    const { gate, seen } = gateOf('bulkhead', () => false)
    const { response } = await ask(gate, '/', {
      key: (req) => req.header('x-tenant'),
      priority: () => 'high',
      cost: () => 3,
    })
    expect(response).toMatchObject({ status: 200, body: 'hello' })
    expect(seen).toEqual([{ key: 't', priority: 'high', cost: 3, ending: 0 }])
  })

  it.each([
    ['token bucket', 429],
    ['leaky bucket', 429],
    ['sliding window', 429],
    ['breaker', 503],
    ['bulkhead', 503],
    ['shedder', 503],
  ])(
    'answers who is refused by a %s with %i, when to come back, and nothing of the inside',
    async (kind, status) => {
      const { response, errors } = await ask(gateOf(kind, () => true).gate, '/')
      expect(response?.status).toBe(status)
      for (const line of [
        'Retry-After: 2',
        'RateLimit: "default";r=0;t=2',
        'RateLimit-Policy: "default";q=100',
        'Content-Type: application/problem+json',
      ])
        expect(response?.head).toContain(line)
      expect(response?.body).not.toMatch(/secret|bucket|breaker|shedder/)
      expect(errors).toEqual([])
    },
  )

  it.each([
    ['/broken', 1],
    ['/busy', 1],
    ['/', 0],
  ])('tells the guards how %s went', async (path, ending) => {
    const { gate, seen } = gateOf('breaker', () => false)
    await ask(gate, path)
    expect(seen).toMatchObject([{ key: undefined, priority: 'normal', cost: 1, ending }])
  })

  it('answers with 503 where something that the handler calls was refused: the client has not asked too much', async () => {
    const { response, errors } = await ask(gateOf('token bucket', () => false).gate, '/dependency')
    expect(response?.status).toBe(503)
    expect(response?.head).toContain('Retry-After: 2')
    expect(errors).toEqual([])
  })
})

describe('guarded by rules', () => {
  /** An app under rules; `ask` gives the status of a request. */
  async function appOf(all: Rules, options?: GuardedOptions) {
    const app = router()
    app.use(guarded(all, options))
    app.all('/orders/:id', (req) => text(req.params.id))
    app.all('/broken', () => {
      throw new HttpError(500)
    })
    const server = serve(app, { port: 0, host: '127.0.0.1', signals: false, onError: () => {} })
    servers.push(server)
    const { port = 0 } = await server.listening()
    return async (target: string, method = 'GET') => {
      const client = await RawClient.connect(port)
      clients.push(client)
      client.send(`${method} ${target} HTTP/1.1\r\nHost: a\r\nX-Tenant: t\r\n\r\n`)
      const [response] = await client.responses(1)
      return response?.status
    }
  }

  const none = { tokenBucket: { rate: 0, burst: 1 } }

  it('has a request pass the guards of the resource that its method and its path are', async () => {
    const all = rules({ 'GET /orders/:id': none, 'GET /orders/new': {} })
    const ask = await appOf(all)
    expect(await ask('/orders/7?full=1')).toBe(200)
    expect(await ask('/orders/8')).toBe(429)
    expect(await ask('/orders/new')).toBe(200)
    expect(await ask('/orders/7', 'POST')).toBe(200)
    expect(await ask('/elsewhere')).toBe(404)
    expect(all.policy('GET /orders/:id').stats()).toMatchObject([{ admitted: 1, refused: 1 }])
  })

  it('applies changes to the next request, and makes no policies of what clients ask for', async () => {
    const all = rules({})
    const ask = await appOf(all)
    await ask('/orders/7')
    await all.replace({ '/orders/:id': none, '/broken': { breaker: { consecutiveErrors: 1 } } })
    expect([await ask('/orders/7'), await ask('/orders/7')]).toEqual([200, 429])
    expect([await ask('/broken'), await ask('/broken')]).toEqual([500, 503])
    await all.patch({ '/orders/:id': null })
    expect(await ask('/orders/7')).toBe(200)
    for (let i = 0; i < 20; i++) await ask(`/made-up/${i}`)
    expect(Object.keys(all.stats().resources)).toEqual(['/orders/:id', '/broken'])
  })

  it('asks which resource a request is, where that is not its path', async () => {
    const all = rules({ 'tenant t': none })
    const tenant = await appOf(all, { resource: (req) => `tenant ${req.header('x-tenant')}` })
    expect([await tenant('/orders/1'), await tenant('/orders/2')]).toEqual([200, 429])
    const path = await appOf(all, { resource: (req) => req.path.slice(1) })
    expect([await path('/__proto__'), await path('/toString')]).toEqual([404, 404])
    expect(Object.keys(all.stats().resources)).toEqual(['tenant t'])
  })

  it('counts each client apart where the rules say so', async () => {
    const all = rules({ '/orders/:id': { tokenBucket: { rate: 0, burst: 1, perKey: true } } })
    const ask = await appOf(all, { key: (req) => req.target })
    expect([await ask('/orders/1'), await ask('/orders/1'), await ask('/orders/2')]).toEqual([200, 429, 200])
  })
})
