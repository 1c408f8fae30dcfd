import { afterEach, describe, expect, it } from 'vitest'
import { type Rules, rules } from '../resilience/rules/rules.js'
import { text } from './response.js'
import { router } from './router.js'
import { rulesApi } from './rules-api.js'
import { serve } from './serve.js'
import type { Server } from './server.js'

const token = 'correct horse battery staple'.replaceAll(' ', '-')
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

interface Asked {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Asks the API of some rules, with the token and JSON unless said otherwise. */
async function apiOf(all: Rules) {
  const errors: unknown[] = []
  const app = router()
  app.use('/admin', rulesApi(all, { token }))
  app.get('/', () => text('home'))
  const server = serve(app, {
    port: 0,
    host: '127.0.0.1',
    signals: false,
    onError: (error) => errors.push(error),
  })
  servers.push(server)
  const { port = 0 } = await server.listening()
  const ask = async (path: string, { method = 'GET', body, headers }: Asked = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const answer = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: (answer.startsWith('{') ? JSON.parse(answer) : answer) as Record<string, unknown>,
    }
  }
  return Object.assign(ask, { errors })
}

const some = { payments: { breaker: {}, timeout: { ms: 100 } } }

describe('the API of rules', () => {
  it('shows the rules with their version, and once only to one who has them', async () => {
    const ask = await apiOf(rules(some))
    const { status, headers, body } = await ask('/admin/rules')
    expect(status).toBe(200)
    expect(body).toEqual({ version: 1, source: 'memory', rules: some })
    const etag = headers.get('etag') ?? ''
    expect(etag).toMatch(/^"1-[\w-]{16}"$/)
    expect((await ask('/admin/rules', { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await ask('/admin/rules', { headers: { 'if-none-match': '"1-other"' } })).status).toBe(200)
  })

  it('replaces them for one who says which, by the tag, the version, or any', async () => {
    const all = rules(some)
    const ask = await apiOf(all)
    const etag = (await ask('/admin/rules')).headers.get('etag') ?? ''
    const first = await ask('/admin/rules', { method: 'PUT', body: {}, headers: { 'if-match': etag } })
    expect(first).toMatchObject({
      status: 200,
      body: {
        version: 2,
        dryRun: false,
        changes: [
          { resource: 'payments', guard: 'breaker', what: 'removed' },
          { resource: 'payments', guard: 'timeout', what: 'removed' },
        ],
      },
    })
    for (const ifMatch of [first.headers.get('etag') ?? '', '"3"', '*', 'W/"5", "5"']) {
      const body = { payments: { bulkhead: { limit: all.version } } }
      expect(
        await ask('/admin/rules', { method: 'PUT', body, headers: { 'if-match': ifMatch } }),
      ).toMatchObject({
        status: 200,
      })
    }
    expect(all.version).toBe(6)
    expect(all.versions().at(-1)).toMatchObject({ by: '127.0.0.1' })
  })

  it('does not replace them blindly, nor for one who has seen others', async () => {
    const all = rules(some)
    const ask = await apiOf(all)
    expect(await ask('/admin/rules', { method: 'PUT', body: {} })).toMatchObject({ status: 428 })
    for (const ifMatch of ['"2"', 'W/"1"', '1', '', '"1-0000000000000000"']) {
      const { status, headers } = await ask('/admin/rules', {
        method: 'PUT',
        body: {},
        headers: { 'if-match': ifMatch },
      })
      expect(status).toBe(412)
      expect(headers.get('etag')).toMatch(/^"1-/)
    }
    expect(all.document).toEqual(some)
  })

  it('lets one of many who change them at the same time win', async () => {
    const all = rules({})
    const ask = await apiOf(all)
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        ask('/admin/rules', { method: 'PUT', body: { [`r${i}`]: {} }, headers: { 'if-match': '"1"' } }),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(412)])
    expect(all.version).toBe(2)
  })

  it('changes some of them by a merge patch, and says before what it would do', async () => {
    const all = rules(some)
    const ask = await apiOf(all)
    const body = { payments: { breaker: null, retry: { attempts: 2 } } }
    const changes = [
      { resource: 'payments', guard: 'breaker', what: 'removed' },
      { resource: 'payments', guard: 'retry', what: 'added' },
    ]
    const dry = await ask('/admin/rules?dryRun=true', { method: 'PATCH', body })
    expect(dry).toMatchObject({ status: 200, body: { version: 1, dryRun: true, changes } })
    expect(all.document).toEqual(some)
    const headers = { 'content-type': 'application/merge-patch+json; charset=utf-8', 'if-match': '"1"' }
    expect(await ask('/admin/rules', { method: 'PATCH', body, headers })).toMatchObject({
      status: 200,
      body: { version: 2, changes },
    })
    expect(all.document).toEqual({ payments: { timeout: { ms: 100 }, retry: { attempts: 2 } } })
    expect(await ask('/admin/rules', { method: 'PATCH', body, headers })).toMatchObject({ status: 412 })
    expect(await ask('/admin/rules?dryRun=yes', { method: 'PATCH', body })).toMatchObject({ status: 400 })
  })

  it('shows the versions that there were, and brings one back', async () => {
    const all = rules(some)
    const ask = await apiOf(all)
    await all.replace({}, { by: 'ann' })
    const { body } = await ask('/admin/rules/history')
    expect(body).toMatchObject({
      versions: [
        { version: 1, by: 'memory', at: expect.stringMatching(/^\d{4}-.*Z$/) },
        { version: 2, by: 'ann', changes: [{ what: 'removed' }, { what: 'removed' }], moreChanges: 0 },
      ],
    })
    expect(await ask('/admin/rules/history/1')).toMatchObject({
      status: 200,
      body: { version: 1, rules: some },
    })
    for (const version of ['0', '3', '-1', '1e0', 'x', '9'.repeat(400)])
      expect(await ask(`/admin/rules/history/${version}`)).toMatchObject({ status: 404 })
    const back = await ask('/admin/rules/rollback', { method: 'POST', body: { version: 1 } })
    expect(back).toMatchObject({ status: 200, body: { version: 3 } })
    expect(all.document).toEqual(some)
    expect(all.versions().at(-1)).toMatchObject({ by: '127.0.0.1, rollback to 1' })
    for (const [wrong, status] of [
      [{ version: 99 }, 404],
      [{ version: '1' }, 422],
      [{ version: 1.5 }, 422],
      [{}, 422],
      [null, 422],
      ['[]', 422],
    ] as const)
      expect(await ask('/admin/rules/rollback', { method: 'POST', body: wrong ?? 'null' })).toMatchObject({
        status,
      })
  })

  it('shows what rules may be, as a JSON Schema', async () => {
    const ask = await apiOf(rules({}))
    expect(await ask('/admin/rules/schema')).toMatchObject({
      status: 200,
      body: {
        additionalProperties: {
          additionalProperties: false,
          properties: { tokenBucket: { required: ['rate', 'burst'], properties: { rate: { minimum: 0 } } } },
        },
      },
    })
  })

  it('says what is wrong with what came from the source, and what cannot be written there', async () => {
    let document: unknown = some
    const all = await rules({
      name: 'remote',
      read: async () => document,
      watch: () => ({ [Symbol.dispose]: () => {} }),
      write: () => Promise.reject(new Error('secret: no disk')),
    })
    const ask = await apiOf(all)
    document = { payments: { timeout: { ms: 0 } } }
    const answer = await ask('/admin/rules', { method: 'PUT', body: {}, headers: { 'if-match': '"1"' } })
    expect(answer.status).toBe(503)
    expect(JSON.stringify(answer.body)).not.toContain('secret')
    expect(await ask('/admin/rules')).toMatchObject({
      body: {
        version: 1,
        rules: some,
        lastError: { errors: [{ pointer: '/payments/timeout/ms', detail: 'must be above 0, not 0' }] },
      },
    })
  })
})

describe('an attack on the API of rules', () => {
  const routes: readonly (readonly [method: string, path: string])[] = [
    ['GET', '/admin/rules'],
    ['PUT', '/admin/rules'],
    ['PATCH', '/admin/rules'],
    ['GET', '/admin/rules/schema'],
    ['GET', '/admin/rules/history'],
    ['GET', '/admin/rules/history/1'],
    ['POST', '/admin/rules/rollback'],
  ]

  it.each(routes)('does nothing without the token: %s %s', async (method, path) => {
    const all = rules(some)
    const ask = await apiOf(all)
    for (const authorization of [
      '',
      'Bearer',
      'Bearer ',
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token.toUpperCase()}`,
      `Basic ${token}`,
      token,
      `Bearer ${token} ${token}`,
      `Bearer undefined`,
    ]) {
      const body = method === 'GET' ? undefined : { version: 1 }
      const headers = { authorization, 'if-match': '*' }
      const answer = await ask(path, { method, body, headers })
      expect([authorization, answer.status]).toEqual([authorization, 401])
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="rules"/)
      expect(JSON.stringify(answer.body)).not.toContain('payments')
    }
    expect(all.version).toBe(1)
  })

  it('finds the rest of the service as it was', async () => {
    const ask = await apiOf(rules(some))
    const headers = { authorization: '' }
    expect(await ask('/', { headers })).toMatchObject({ status: 200, body: 'home' })
    expect(await ask('/nowhere', { headers })).toMatchObject({ status: 404 })
    expect(await ask('/admin/rules', { method: 'DELETE', headers })).toMatchObject({ status: 405 })
  })

  it.each([
    ['', 'at least 16 characters'],
    ['short', 'openssl rand -hex 32'],
    [undefined, 'at least 16 characters'],
    ['a token with spaces in it', 'letters, digits and'],
    ['a-token-with-ümlauts', 'letters, digits and'],
  ])('cannot count on a token that is none: %j', (weak, message) => {
    expect(() => rulesApi(rules({}), { token: weak as string })).toThrow(message)
  })

  const deep = (levels: number) =>
    `{"a": {"fallback": {"value": ${'['.repeat(levels)}${']'.repeat(levels)}}}}`
  const manyGuards = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`guard${i}`, {}]))
  const attacks: readonly (readonly [what: string, status: number, body: string, pointer?: string])[] = [
    ['a huge body', 413, `{"a": "${'x'.repeat(1_100_000)}"}`],
    ['deep nesting', 400, deep(100_000)],
    ['nesting that JSON may have, and rules not', 422, deep(50), `/a/fallback/value${'/0'.repeat(29)}`],
    ['half of a document', 400, '{"a": {'],
    ['nothing', 400, ''],
    ['two of a key', 400, '{"a": {}, "a": {"breaker": {}}}'],
    ['a key __proto__', 400, '{"__proto__": {"breaker": {}}}'],
    ['a key __proto__ further in', 400, '{"a": {"breaker": {"__proto__": {"probes": 5}}}}'],
    ['a prototype of a constructor', 400, '{"constructor": {"prototype": {"polluted": 1}}}'],
    ['a key constructor', 422, '{"constructor": {}}', '/constructor'],
    ['a guard constructor', 422, '{"a": {"constructor": {}}}', '/a/constructor'],
    ['an option toString', 422, '{"a": {"breaker": {"toString": 1}}}', '/a/breaker/toString'],
    ['a number', 422, '7', ''],
    ['an array', 422, '[{"a": {}}]', ''],
    ['null', 422, 'null', ''],
    ['text for a number', 422, '{"a": {"timeout": {"ms": "100"}}}', '/a/timeout/ms'],
    ['an object for a number', 422, '{"a": {"timeout": {"ms": {"valueOf": 1}}}}', '/a/timeout/ms'],
    ['a number beyond the range', 400, '{"a": {"timeout": {"ms": 1e999}}}'],
    [
      'a number beyond what a guard takes',
      422,
      '{"a": {"slidingWindow": {"limit": 1, "windowMs": 1, "buckets": 1e15}}}',
      '/a/slidingWindow/buckets',
    ],
    ['twenty thousand guards', 422, JSON.stringify({ a: manyGuards }), '/a/guard0'],
    [
      'ten thousand and one resources',
      422,
      JSON.stringify(Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`r${i}`, {}]))),
      '',
    ],
    ['a name that is not one line', 422, '{"a\\nSet-Cookie: x": {}}', '/a\nSet-Cookie: x'],
    ['a name of a megabyte', 422, `{"${'x'.repeat(1_000_000)}": {}}`, `/${'x'.repeat(298)}…`],
    ['half a surrogate pair', 400, '{"\\ud800": {}}'],
  ]
  it.each(attacks)('changes nothing, and is told why: %s (%i)', async (_, status, body, pointer) => {
    for (const method of ['PUT', 'PATCH']) {
      const all = rules(some)
      const ask = await apiOf(all)
      const before = all.policy('payments').guards
      const answer = await ask('/admin/rules', {
        method,
        body,
        headers: { 'if-match': '*', 'content-type': 'application/json' },
      })
      expect(answer.status).toBe(status)
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      const errors = answer.body['errors'] as readonly { readonly pointer: string }[] | undefined
      expect(errors?.[0]?.pointer).toBe(pointer)
      expect(JSON.stringify(answer.body).length).toBeLessThan(100_000)
      expect(all.document).toEqual(some)
      expect(all.policy('payments').guards).toEqual(before)
      expect(all.version).toBe(1)
      expect(({} as { polluted?: unknown }).polluted).toBe(undefined)
      expect(ask.errors).toEqual([])
    }
  })

  it.each([
    ['PUT', 'text/plain'],
    ['PUT', 'application/merge-patch+json'],
    ['PUT', 'application/x-www-form-urlencoded'],
    ['PUT', 'application/jsonp'],
    ['PATCH', 'application/json-patch+json'],
    ['PATCH', 'text/json'],
  ])('of another type is not read: %s %s', async (method, type) => {
    const all = rules(some)
    const ask = await apiOf(all)
    const answer = await ask('/admin/rules', {
      method,
      body: '{}',
      headers: { 'if-match': '*', 'content-type': type },
    })
    expect(answer.status).toBe(415)
    expect(all.version).toBe(1)
    if (method === 'PATCH')
      expect(answer.headers.get('accept-patch')).toContain('application/merge-patch+json')
  })

  it('may be ten thousand resources that are right: they apply', async () => {
    const all = rules(some)
    const ask = await apiOf(all)
    const many = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i) => [`r${i}`, { timeout: { ms: i + 1 } }]),
    )
    const headers = { 'if-match': '*' }
    expect(await ask('/admin/rules', { method: 'PUT', body: many, headers })).toMatchObject({ status: 200 })
    expect(Object.keys(all.document)).toHaveLength(10_000)
  })
})
