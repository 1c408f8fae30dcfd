// An API behind guard rails, and a dependency that can be made to fail. Rules change while it runs:
//   npx tsx --tsconfig tsconfig.dist.json examples/guarded-api.ts
//   npx sluice bench http://localhost:8080/prices/tea --rate 200 -z 60s      # in another terminal, and meanwhile:
//   curl -s localhost:8080/guards
//   curl -X PATCH localhost:8080/rules -H 'Authorization: Bearer only-for-this-example' -H 'Content-Type: application/json' \
//     -d '{"GET /prices/:item": {"tokenBucket": {"rate": 50}}}'
//   curl -X PATCH localhost:8080/rules -H 'Authorization: Bearer only-for-this-example' -H 'Content-Type: application/json' \
//     -d '{"warehouse": {"faults": {"rules": [{"error": {"status": 503}, "forMs": 20000}]}}}'
import { main, sleep } from 'sluice'
import { deadlines, faulty, guarded, health, httpClient, json, router, rulesApi, serve } from 'sluice/http'
import { fallback, policy, retryBudget, rules } from 'sluice/resilience'

const guards = rules({
  // Requests that come in: each client's rate, how many at once, and less of all of it when this thread is too busy.
  'GET /prices/:item': {
    shedder: {},
    tokenBucket: { rate: 1000, burst: 200, perKey: true },
    bulkhead: { limit: 500 },
  },
  // Calls that go out.
  prices: {
    timeout: { ms: 1000 },
    retry: { attempts: 2, initialMs: 5, maxMs: 20 },
    breaker: { consecutiveErrors: 5, sleepWindowMs: 2000 },
    attemptTimeout: { ms: 200 },
  },
  // Harm for the dependency, when a drill asks for it.
  warehouse: { faults: { rules: [] } },
})

// The dependency: it knows what things cost.
let asked = 0
const warehouse = router()
warehouse.use((_, next) => {
  asked++
  return next()
})
warehouse.use(faulty(guards.policy('warehouse', { faults: { enabled: true } })))
warehouse.get('/items/:item', function* (req) {
  yield* sleep(2)
  return json({ item: req.params.item, price: req.params.item.length })
})

main(function* () {
  const behind = serve(warehouse, { port: 0, host: '127.0.0.1' })
  const { port } = yield* behind.listening()

  // What the dependency said last is better than no answer; after it, the guards of the rules.
  const toPrices = policy(
    fallback({ lastGood: true, maxAgeMs: 600_000, name: 'prices' }),
    guards.policy('prices', { retry: { budget: retryBudget() } }),
  )
  using client = httpClient({ base: `http://127.0.0.1:${port}` })

  const app = router()
  app.use(health())
  app.get('/guards', () => json({ asked, fallback: toPrices.stats()[0], ...guards.stats() }))
  app.use(rulesApi(guards, { token: 'only-for-this-example' }))
  app.use(deadlines({ maxMs: 2000 }))
  app.use(guarded(guards, { key: (req) => req.remoteAddress }))
  app.get('/prices/:item', function* (req) {
    const { item } = req.params
    const price = yield* toPrices.run(
      req.ctx,
      function* (ctx) {
        const response = yield* client.get(ctx, `/items/${encodeURIComponent(item)}`)
        if (!response.ok) throw new Error(`the warehouse answers with ${response.status}`)
        return yield* response.json()
      },
      { key: item },
    )
    return json(price)
  })

  const server = serve(app, { port: Number(process.env['PORT'] ?? 8080) })
  console.error(`http://localhost:${(yield* server.listening()).port}/prices/tea`)
  yield* server
  behind.shutdown()
  yield* behind
})
