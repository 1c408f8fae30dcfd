/** The server whose allocations are counted. The argument is `pools` or `no pools`. Prints its URL. */
import { PerformanceObserver } from 'node:perf_hooks'
import { main } from 'sluice'
import { json, router, serve, text } from 'sluice/http'
import type { Pool } from 'sluice/sync'

/** What `/usage` answers. */
export interface Usage {
  readonly heapUsed: number
  readonly arrayBuffers: number
  /** Collections so far. */
  readonly collections: number
  readonly hits: number
  readonly misses: number
}

let collections = 0
new PerformanceObserver((list) => {
  collections += list.getEntries().length
}).observe({ entryTypes: ['gc'] })

const app = router()
app.get('/plain', () => text('hello'))
app.get('/goroutine', function* () {
  return text('hello')
})
app.get('/async', async () => text('hello'))
app.get('/orders/:id', function* (req) {
  return json({ id: req.params.id, full: req.query.get('full') === '1' })
})
app.post('/orders', function* (req) {
  return json({ order: yield* req.json() }, { status: 201 })
})
app.get('/usage', async (req) => {
  if (req.query.get('collect') === '1') {
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      globalThis.gc?.()
    }
    await new Promise((resolve) => setTimeout(resolve, 100)) // those are told of later
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  const { hits, misses } = parsers.stats()
  const usage: Usage = { heapUsed, arrayBuffers, collections, hits, misses }
  return json(usage)
})

const server = serve(app, { host: '127.0.0.1', port: 0 })
// The server keeps its pools to itself; nobody else has a reason to look.
const { service } = server as unknown as { service: { parsers: Pool<object>; limits: unknown } }
const { parsers } = service
if (process.argv[2] === 'no pools') {
  const Parser = parsers.get().constructor as new (limits: unknown) => object
  parsers.get = () => new Parser(service.limits)
  parsers.put = () => {}
}

main(function* () {
  const { port } = yield* server.listening()
  console.log(`http://127.0.0.1:${port}`)
  yield* server
})
