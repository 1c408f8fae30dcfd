import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { httpClient, type HttpClient } from '../../src/http/client/http-client.js'
import { background } from '../../src/context/background.js'
import { type CancelNode, withCancel } from '../../src/context/cancel.js'
import { withTimeout } from '../../src/context/deadline.js'
import { breaker } from '../../src/resilience/breaker.js'
import { policy } from '../../src/resilience/policy.js'
import { retry } from '../../src/resilience/retry.js'
import { timeout } from '../../src/resilience/timeout.js'
import { go } from '../../src/runtime/go.js'
import type { Hop } from './programs/http-tier.js'
import { cleanUp, newFolder, pause, program, start } from './processes.js'

const ctx = background()
const clients: HttpClient[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client[Symbol.dispose]()
})
afterAll(cleanUp, 30_000)

interface TierOptions {
  readonly attempts?: number
  readonly skewMs?: number
}

/** Services in a row, the last first; the URL of each, the first first. */
async function tiers(...options: readonly TierOptions[]): Promise<string[]> {
  const urls: string[] = []
  for (let i = options.length - 1; i >= 0; i--) {
    const next = urls[0]
    const tier = { name: `tier ${i}`, ...(next !== undefined && { next }), ...options[i] }
    const [, port] = await program('http-tier', [JSON.stringify(tier)]).until(/^listening (\d+)$/m)
    urls.unshift(`http://127.0.0.1:${port}`)
  }
  return urls
}

function clientOf(...options: Parameters<typeof httpClient>): HttpClient {
  const client = httpClient(...options)
  clients.push(client)
  return client
}

interface TierStats {
  readonly calls: number
  readonly waiting: number
  readonly leftMs: number
}

async function statsOf(url: string): Promise<TierStats> {
  return (await (await clientOf({ base: url }).get(ctx, '/stats')).json()) as TierStats
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; !(await isSo()); i++) {
    if (i > 500) throw new Error('it has not come to that within five seconds')
    await pause(10)
  }
}

async function hopsOf(url: string, ms: number): Promise<Hop[]> {
  using soon = withTimeout(ctx, ms)
  const response = await clientOf({ base: url }).get(soon, '/hops')
  expect(response.status).toBe(200)
  return (await response.json()) as Hop[]
}

describe('services that call one another', () => {
  it('give each other less and less time, and one trace', async () => {
    const [first = ''] = await tiers({}, {}, {})
    await hopsOf(first, 30_000) // until all have loaded everything
    const hops = await hopsOf(first, 5000)
    expect(hops.map(({ name }) => name)).toEqual(['tier 0', 'tier 1', 'tier 2'])
    let leftMs = 5000
    for (const hop of hops) {
      expect(hop.leftMs).toBeLessThanOrEqual(leftMs - 5) // the margin
      expect(hop.leftMs).toBeGreaterThan(leftMs - 2000)
      leftMs = hop.leftMs ?? 0
    }
    expect(new Set(hops.map((hop) => hop.requestId)).size).toBe(1)
    const traces = hops.map((hop) => hop.traceparent?.split('-') ?? [])
    expect(new Set(traces.map(([, traceId]) => traceId)).size).toBe(1)
    expect(new Set(traces.map(([, , spanId]) => spanId)).size).toBe(3)
  })

  it.each([-3_600_000, 3_600_000])(
    'understand each other where a clock is wrong by %i ms',
    async (skewMs) => {
      const [first = ''] = await tiers({}, { skewMs }, {})
      const hops = await hopsOf(first, 20_000)
      for (const { leftMs } of hops) {
        expect(leftMs).toBeGreaterThan(5000)
        expect(leftMs).toBeLessThanOrEqual(20_000)
      }
    },
  )

  it('do not work for a client that has too little time', async () => {
    const [first = ''] = await tiers({})
    const asked = await fetch(`${first}/down`, { headers: { 'X-Timeout-Ms': '0' } })
    expect(asked.status).toBe(504)
    expect((await statsOf(first)).calls).toBe(0)
  })

  it('answer 504 when the time is over, and so does the one that was asked first', async () => {
    const [first = '', second = ''] = await tiers({}, {})
    await hopsOf(first, 30_000)
    const beganMs = Date.now()
    const asked = await fetch(`${first}/wait`, { headers: { 'X-Timeout-Ms': '200' } })
    expect(asked.status).toBe(504)
    expect(Date.now() - beganMs).toBeGreaterThanOrEqual(190)
    await until(async () => (await statsOf(second)).waiting === 0)
  })

  it('stop working for a client that has left, as fast as the network tells', async () => {
    const [first = '', second = '', third = ''] = await tiers({}, {}, {})
    const leaving = withCancel(ctx)
    const asked = go(function* () {
      yield* clientOf({ base: first }).get(leaving, '/wait')
    })
    const outcome = asked.outcome().then(({ error }) => error)
    await until(async () => (await statsOf(third)).waiting === 1)
    const leftMs = Date.now()
    leaving.cancel()
    expect(await outcome).toMatchObject({ code: 'ERR_SLUICE_CANCELED' })
    for (const url of [first, second, third]) await until(async () => (await statsOf(url)).waiting === 0)
    // Three hops of the loopback, and processes that have to be woken.
    expect((await statsOf(third)).leftMs - leftMs).toBeLessThan(500)
  })

  it('call the last one no more often than the retries of each allow, where that is down', async () => {
    const attempts = 3
    const urls = await tiers({ attempts }, { attempts }, {})
    const client = clientOf({
      base: urls[0] ?? '',
      policy: policy(retry({ attempts, initialMs: 1, maxMs: 10 })),
    })
    const response = await client.get(ctx, '/down')
    expect(response.status).toBe(503)
    const [first = 0, second = 0, last = 0] = await Promise.all(
      urls.map(async (url) => (await statsOf(url)).calls),
    )
    expect(first).toBe(attempts)
    expect(second).toBe(attempts + (attempts - 1))
    expect(last).toBe(1 + 3 * (attempts - 1)) // not 3 ** 3
  })
})

describe('where undici is not installed', () => {
  it('a client says what to install', async () => {
    const folder = newFolder()
    cpSync(new URL('../../src', import.meta.url), join(folder, 'src'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    const asking = `
      import { background } from './src/context/background.js'
      import { httpClient } from './src/http/client/http-client.js'
      const client = httpClient({ base: 'http://127.0.0.1:1' })
      for (let i = 0; i < 2; i++) await client.get(background(), '/').then(undefined, (error) => console.log(String(error)))
    `
    writeFileSync(join(folder, 'ask.ts'), asking)
    const { stdout, stderr, code } = await start(process.execPath, [
      '--import',
      'tsx',
      join(folder, 'ask.ts'),
    ]).ended
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.trim().split('\n')).toEqual(
      Array(2).fill(expect.stringMatching(/^MisuseError: .*which is not installed: npm install undici$/)),
    )
  })
})

describe('a hundred thousand requests', () => {
  it('leave nothing at the context that they share', { timeout: 240_000 }, async () => {
    const [url = ''] = await tiers({})
    const guards = policy(
      timeout({ ms: 60_000 }),
      retry(),
      breaker({ name: 'tier' }),
      timeout({ ms: 30_000 }),
    )
    const client = clientOf({ base: url, maxSize: 32, policy: guards })
    const shared = withCancel(ctx) as CancelNode
    const workers = Array.from({ length: 100 }, () =>
      go(function* () {
        for (let i = 0; i < 1000; i++) {
          const response = yield* client.get(shared, '/stats')
          yield* response.text()
        }
      }),
    )
    await Promise.all(workers)
    expect(shared.dependentCount).toBe(0)
    expect(client.stats()).toMatchObject({
      requests: 100_000,
      opened: 32,
      origins: [{ connections: 32, busy: 0, waiting: 0 }],
    })
  })
})
