import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe('examples/guarded-api', () => {
  let api: ChildProcess
  let origin = ''

  beforeAll(async () => {
    api = spawn(process.execPath, ['--import', 'tsx', 'examples/guarded-api.ts'], {
      cwd: root,
      env: { ...process.env, PORT: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const [line] = await once(api.stderr as NonNullable<ChildProcess['stderr']>, 'data')
    origin = new URL(String(line).trim()).origin
  })

  afterAll(async () => {
    const ended = once(api, 'exit')
    api.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
  })

  const price = (item: string) => fetch(`${origin}/prices/${item}`)
  interface Guards {
    readonly asked: number
    readonly version: number
    readonly resources: { readonly prices: readonly { readonly kind: string; readonly state: string }[] }
  }
  const guards = async () => (await (await fetch(`${origin}/guards`)).json()) as Guards
  const patch = (rules: object, token = 'only-for-this-example') =>
    fetch(`${origin}/rules`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(rules),
    })

  it('gives the last good price while the dependency fails, which is then asked no more', async () => {
    expect(await (await price('tea')).json()).toEqual({ item: 'tea', price: 3 })
    const fails = { faults: { rules: [{ error: { status: 503 }, forMs: 60_000 }] } }
    expect((await patch({ warehouse: fails })).status).toBe(200)
    for (let i = 0; i < 20; i++) expect(await (await price('tea')).json()).toEqual({ item: 'tea', price: 3 })
    const { asked, resources } = await guards()
    expect(asked).toBeLessThan(10)
    expect(resources.prices.find(({ kind }) => kind === 'breaker')?.state).toBe('open')
    expect((await price('coffee')).status).toBe(503) // nobody knows what it costs
    expect((await patch({ warehouse: { faults: { rules: [] } } })).status).toBe(200)
    while ((await price('coffee')).status !== 200);
    expect((await guards()).version).toBe(3)
  })

  it('counts each client by rules that change for the next request, and asks for the token', async () => {
    const limit = { 'GET /prices/:item': { tokenBucket: { rate: 1, burst: 1 } } }
    expect((await patch(limit, 'not-the-token-of-it')).status).toBe(401)
    expect((await patch({ 'GET /prices/:item': { tokenBucket: { rate: -1 } } })).status).toBe(422)
    expect((await price('tea')).status).toBe(200)
    expect((await patch(limit)).status).toBe(200)
    const statuses = [await price('tea'), await price('tea')].map(({ status }) => status)
    expect(statuses.at(-1)).toBe(429)
  })
})
