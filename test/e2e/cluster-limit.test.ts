import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { clusterLimit } from '../../src/resilience/cluster/cluster-limit.js'
import type { ClusterLimitOptions } from '../../src/resilience/cluster/cluster-settings.js'
import { redisStore } from '../../src/resilience/cluster/redis-store.js'
import { storeLink } from '../../src/resilience/cluster/store-link.js'
import { background } from '../../src/context/background.js'
import { policy } from '../../src/resilience/policy.js'
import { limitStoreContract } from '../resilience/limit-store-contract.js'
import { RedisServer, type TestClient } from '../resilience/redis-server.js'
import { cleanUp, pause, program, type Running } from './processes.js'

let server: RedisServer
const clients: TestClient[] = []
const ctx = background()

async function connected(user?: { username: string; password: string }): Promise<TestClient> {
  const client = await server.client(user)
  clients.push(client)
  return client
}

let shared: TestClient
beforeAll(async () => {
  server = await RedisServer.start()
  shared = await connected()
})
afterEach(async () => {
  for (const client of clients.splice(1)) client.destroy()
})
afterAll(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await cleanUp()
})

limitStoreContract('redisStore', () => ({
  store: redisStore(shared),
  pass: (ms) => pause(ms + 2),
}))

let keys = 0
function limitOver(client: TestClient, options: Partial<ClusterLimitOptions> = {}) {
  const all = { key: `e2e-${keys++}`, rate: 100, burst: 10, instances: 2, store: redisStore(client) }
  const limit = clusterLimit({ ...all, ...options })
  const events: { what: string; error: string | undefined }[] = []
  limit.figures.watch(({ what, detail }) => {
    const { error } = (detail ?? {}) as { error?: unknown }
    if (what === 'fallback' || what === 'shared')
      events.push({ what, error: error && String(error) } as never)
  })
  const guarded = policy(limit)
  const call = () => guarded.run(ctx, () => true).then(undefined, () => false)
  /** How many of `count` calls are let in, one after the other. */
  const calls = async (count: number) => {
    let sum = 0
    for (let i = 0; i < count; i++) if (await call()) sum++
    return sum
  }
  return { limit, events, call, calls, ...all, ...options }
}

describe('redisStore', () => {
  it('leaves nothing behind of a limit that is full again', async () => {
    const { calls, key } = limitOver(shared, { rate: 100, burst: 10 })
    expect(await calls(3)).toBe(3)
    expect(await shared.exists(`sluice:limit:${key}`)).toBe(1)
    await pause(250)
    expect(await shared.exists(`sluice:limit:${key}`)).toBe(0)
  })

  it('does not write for those whom it refuses', async () => {
    const { calls, key } = limitOver(shared, { rate: 0.1, burst: 2, aheadMs: 0 })
    expect(await calls(2)).toBe(2)
    const before = await shared.get(`sluice:limit:${key}`)
    const other = clusterLimit({ store: redisStore(shared), key, rate: 0.1, burst: 2, instances: 2 })
    expect(
      await policy(other)
        .run(ctx, () => 1)
        .then(undefined, String),
    ).toContain('refused the call')
    expect(await shared.get(`sluice:limit:${key}`)).toBe(before)
  })

  it('takes names of keys as they are told', async () => {
    const store = redisStore(shared, { prefix: 'mine:' })
    const { calls, key } = limitOver(shared, { store, rate: 1 })
    await calls(1)
    expect(await shared.exists(`mine:${key}`)).toBe(1)
  })

  it('works where a burst comes in less than half a second', async () => {
    const { calls, events } = limitOver(shared, { rate: 100, burst: 10, aheadMs: 0 })
    expect(await calls(10)).toBe(10)
    expect(events).toEqual([])
  })

  it('loads its script again after SCRIPT FLUSH, which nobody notices', async () => {
    const { calls, events, limit } = limitOver(shared, { rate: 1, burst: 50, aheadMs: 0 })
    for (let i = 0; i < 5; i++) {
      await shared.scriptFlush()
      expect(await calls(5)).toBe(5)
    }
    expect(events).toEqual([])
    expect(limit.stats()).toMatchObject({ mode: 'shared', admitted: 25, roundTrips: 25 })
  })

  it('does with a client of another kind, that speaks as ioredis does', async () => {
    // The adapter of the docs, from the other side: positional arguments.
    const io = {
      status: 'ready',
      eval: (script: string, count: number, ...rest: string[]) =>
        shared.eval(script, { keys: rest.slice(0, count), arguments: rest.slice(count) }),
      evalsha: (sha1: string, count: number, ...rest: string[]) =>
        shared.evalSha(sha1, { keys: rest.slice(0, count), arguments: rest.slice(count) }),
    }
    const store = redisStore({
      eval: (script, { keys, arguments: args }) => io.eval(script, keys.length, ...keys, ...args),
      evalSha: (sha1, { keys, arguments: args }) => io.evalsha(sha1, keys.length, ...keys, ...args),
      get isReady() {
        return io.status === 'ready'
      },
    })
    const { calls, events } = limitOver(shared, { store, rate: 1 })
    expect(await calls(12)).toBe(10)
    expect(events).toEqual([])
  })

  it('refuses what is no client', () => {
    expect(() => redisStore({} as never)).toThrow('redisStore() needs a client with eval() and evalSha()')
    expect(() => redisStore(undefined as never)).toThrow('needs a client')
  })
})

describe('a Redis that does not do what it should', () => {
  /** Calls fall back to the share of one of two instances, and the event says why. */
  async function fallsBack(client: TestClient, why: RegExp, key?: string) {
    const { calls, events, limit } = limitOver(client, {
      rate: 0.1,
      burst: 8,
      ...(key !== undefined && { key }),
    })
    expect(await calls(10)).toBe(4)
    expect(events.map(({ what }) => what)).toEqual(['fallback'])
    expect(events[0]?.error).toMatch(why)
    expect(limit.stats()['mode']).toBe('fallback')
    return limit
  }

  it('holds something else under the key', async () => {
    await shared.hSet('sluice:limit:a-hash', 'field', 'value')
    await fallsBack(shared, /WRONGTYPE/, 'a-hash')
    expect(await shared.hGet('sluice:limit:a-hash', 'field')).toBe('value')
    for (const text of ['hello', '', '1', '1 2 3', 'nan 5', '5 nan', '-', '1e 7']) {
      await shared.set('sluice:limit:a-text', text)
      await fallsBack(await connected(), /NOTALIMIT the key holds something else than a limit/, 'a-text')
      expect(await shared.get('sluice:limit:a-text')).toBe(text)
    }
  })

  it('is out of memory', async () => {
    await shared.configSet('maxmemory', '1')
    try {
      await fallsBack(await connected(), /OOM command not allowed/)
    } finally {
      await shared.configSet('maxmemory', '0')
    }
  })

  it('is a replica', async () => {
    await shared.replicaOf('127.0.0.1', 1)
    try {
      await fallsBack(await connected(), /READONLY/)
    } finally {
      await shared.sendCommand(['REPLICAOF', 'NO', 'ONE'])
    }
  })

  it('does not let this user touch the keys', async () => {
    await shared.sendCommand(['ACL', 'SETUSER', 'poor', 'on', '>secret', '~others:*', '+@all'])
    await fallsBack(await connected({ username: 'poor', password: 'secret' }), /NOPERM/)
  })

  it('wants a password by now', async () => {
    const client = await connected()
    await shared.sendCommand(['CONFIG', 'SET', 'requirepass', 'secret'])
    try {
      await client.sendCommand(['RESET'])
      await fallsBack(client, /NOAUTH/)
    } finally {
      await shared.sendCommand(['CONFIG', 'SET', 'requirepass', ''])
    }
  })

  it('has no connection: the client was closed, or never connected', async () => {
    const client = await connected()
    client.destroy()
    await fallsBack(client, /LimitStoreError: the Redis client has no connection/)
  })

  it('answers with nonsense', async () => {
    for (const reply of [null, 'OK', [], ['1'], ['x', '1'], ['', ''], [{}, {}], [[], []], 7]) {
      const answer = async () => reply
      const store = redisStore({ eval: answer, evalSha: answer })
      const { calls, events } = limitOver(shared, { store, rate: 0.1, burst: 8 })
      expect(await calls(10)).toBe(4)
      expect(events[0]?.error).toMatch(/LimitStoreError: Redis did not answer with two numbers/)
    }
  })

  it('stands still: one question is under way meanwhile, and it is back when Redis is', async () => {
    const client = await connected()
    const store = redisStore(client)
    const { call, limit, events } = limitOver(client, { store, rate: 1000, burst: 100, timeoutMs: 50 })
    expect(await call()).toBe(true)
    await shared.configResetStat()
    server.pause()
    const endMs = performance.now() + 900
    let slowestMs = 0
    while (performance.now() < endMs) {
      const beganMs = performance.now()
      await call()
      slowestMs = Math.max(slowestMs, performance.now() - beganMs)
      await pause(2)
    }
    expect(limit.stats()['mode']).toBe('fallback')
    expect(events[0]?.error).toBe('LimitStoreError: Redis did not answer within 50 ms')
    expect(slowestMs).toBeLessThan(150)
    // Its only question, and one that asks whether it is back: both wait in the connection.
    expect(storeLink(store).stats()).toMatchObject({ state: 'down', probes: 1 })
    server.resume()
    const resumedMs = performance.now()
    while (limit.stats()['mode'] === 'fallback') {
      await call()
      await pause(2)
      expect(performance.now() - resumedMs).toBeLessThan(300)
    }
    expect(events.map(({ what }) => what)).toEqual(['fallback', 'shared'])
  })
})

interface Result {
  readonly admitted: readonly number[]
  readonly events: readonly { readonly what: string; readonly atMs: number; readonly error?: string }[]
  readonly stats: Record<string, number | string>
  readonly link: Record<string, number | string>
}

describe('several processes', () => {
  interface Load {
    readonly rate: number
    readonly burst: number
    readonly ms: number
    /** By how much the clocks of each process are wrong. */
    readonly skewsMs?: readonly number[]
  }

  /** Starts processes that all together make three times as many calls as the limit lets in. */
  async function begin({ rate, burst, ms, skewsMs = [0, 0, 0] }: Load): Promise<Running[]> {
    const key = `processes-${keys++}`
    const instances = skewsMs.length
    const limit = { key, rate, burst, instances }
    const perMs = (3 * rate) / instances / 1000
    const all = skewsMs.map((skewMs) =>
      program('cluster-load', [JSON.stringify({ path: server.path, skewMs, ms, perMs, limit })], {
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    )
    for (const each of all) await each.until(/ready/)
    for (const each of all) each.child.stdin?.write('go')
    return all
  }

  async function resultsOf(all: readonly Running[]): Promise<Result[]> {
    const ended = await Promise.all(all.map((each) => each.ended))
    return ended.map(({ code, stdout, stderr }) => {
      expect([code, stderr]).toEqual([0, ''])
      return JSON.parse(stdout.slice(stdout.indexOf('{'))) as Result
    })
  }

  function totalOf(results: readonly Result[]) {
    const times = results.flatMap(({ admitted }) => admitted).sort((a, b) => a - b)
    const first = times[0] ?? 0
    const last = times.at(-1) ?? 0
    return {
      count: times.length,
      seconds: (last - first) / 1000,
      between: (fromMs: number, toMs: number) =>
        times.filter((atMs) => atMs >= first + fromMs && atMs < first + toMs).length,
    }
  }

  it.each([
    { rate: 1000, burst: 250, ms: 4000 },
    { rate: 200, burst: 50, ms: 4000 },
  ])('let in the limit together: at most a burst and rate × time, and within 2 % of it: %o', async (load) => {
    const { rate, burst } = load
    const running = await begin(load)
    await pause(1500)
    await shared.scriptFlush()
    const results = await resultsOf(running)
    const { count, seconds, between } = totalOf(results)
    expect(seconds).toBeGreaterThan(3.5)
    expect(count).toBeLessThanOrEqual(burst + rate * seconds + 1)
    expect(Math.abs(between(1000, 3500) / (rate * 2.5) - 1)).toBeLessThan(0.02)
    for (const { events, stats } of results) {
      expect(events).toEqual([])
      expect(stats['admitted']).toBeGreaterThan(0)
    }
  })

  it('get the same with clocks that are 30 s apart', async () => {
    const results = await resultsOf(
      await begin({ rate: 300, burst: 75, ms: 3000, skewsMs: [-15_000, 15_000] }),
    )
    const { count, seconds, between } = totalOf(results)
    expect(count).toBeLessThanOrEqual(75 + 300 * seconds + 1)
    expect(Math.abs(between(500, 2500) / 600 - 1)).toBeLessThan(0.02)
    const shares = results.map(({ admitted }) => admitted.length / count)
    for (const share of shares) expect(share).toBeGreaterThan(0.25)
  })

  it('keep under the limit and a burst each while Redis is gone, and are back soon after it', async () => {
    const [rate, burst] = [600, 60]
    const running = await begin({ rate, burst, ms: 5000 })
    await pause(1500)
    await server.kill()
    const killedMs = Date.now()
    await pause(1500)
    await server.start()
    const startedMs = Date.now()
    const results = await resultsOf(running)
    const { count, seconds } = totalOf(results)
    expect(count).toBeLessThanOrEqual(burst + rate * seconds + results.length * burst + 1)
    expect(count).toBeGreaterThan(0.9 * rate * seconds)
    for (const { events, stats, link, admitted } of results) {
      expect(events.map(({ what }) => what)).toEqual(['fallback', 'shared'])
      const [fallback, back] = events
      expect((fallback?.atMs ?? 0) - killedMs).toBeLessThan(300)
      expect((back?.atMs ?? 0) - startedMs).toBeLessThan(300)
      const outageMs = (back?.atMs ?? 0) - (fallback?.atMs ?? 0)
      expect(link['probes']).toBeLessThanOrEqual(outageMs / 100 + 1)
      expect(link['probes']).toBeGreaterThanOrEqual(outageMs / 100 / 2)
      expect(stats['mode']).toBe('shared')
      const meanwhile = admitted.filter((atMs) => atMs > (fallback?.atMs ?? 0) && atMs < (back?.atMs ?? 0))
      expect(meanwhile.length / ((rate / 3) * (outageMs / 1000))).toBeGreaterThan(0.9)
      expect(meanwhile.length).toBeLessThanOrEqual((rate / 3) * (outageMs / 1000) + burst)
    }
  })
})
