/**
 * One instance of a service with more calls than the limit of its cluster lets in. The argument is JSON: where Redis is, the
 * limit, how many calls come in a ms, and by how much its clocks are wrong. Prints `ready`, begins when its standard input
 * says so, goes on for `ms`, and prints when calls were let in and what else happened, in true time.
 */
import { once } from 'node:events'

const { path, skewMs = 0, ms, perMs, limit: settings } = JSON.parse(process.argv[2] ?? '{}')

const trueNow = Date.now.bind(Date)
const hostNow = performance.now.bind(performance)
Date.now = () => trueNow() + skewMs
performance.now = () => hostNow() + skewMs

const { go, run, sleep } = await import('sluice')
const { background } = await import('sluice/context')
const { policy, Refused } = await import('sluice/resilience')
const { clusterLimit } = await import('../../../src/resilience/cluster/cluster-limit.js')
const { redisStore } = await import('../../../src/resilience/cluster/redis-store.js')
const { storeLink } = await import('../../../src/resilience/cluster/store-link.js')
const { createClient } = await import('redis')

const client = createClient({ socket: { path, tls: false, reconnectStrategy: 50 } })
client.on('error', () => {})
await client.connect()
const store = redisStore(client)
const limit = clusterLimit({ store, ...settings })
const guarded = policy(limit)

const admitted: number[] = []
const events: { what: string; atMs: number; error?: string }[] = []
guarded.watch(({ what, detail }) => {
  if (what === 'refused' || what === 'waited') return
  const { error } = (detail ?? {}) as { error?: unknown }
  events.push({ what, atMs: trueNow(), ...(error !== undefined && { error: String(error) }) })
})

function* call() {
  try {
    yield* guarded.run(background(), () => admitted.push(trueNow()))
  } catch (error) {
    if (!(error instanceof Refused)) throw error
  }
}

console.log('ready')
await once(process.stdin, 'data')
await run(function* () {
  let due = 0
  const startMs = trueNow()
  for (let made = 0; trueNow() < startMs + ms; yield* sleep(1)) {
    for (due = (trueNow() - startMs) * perMs; made < due; made++) go(call)
  }
  yield* sleep(200)
})
client.destroy()
process.stdin.destroy()
console.log(JSON.stringify({ admitted, events, stats: limit.stats(), link: storeLink(store).stats() }))
