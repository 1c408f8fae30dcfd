/**
 * The server under the soak: a plain handler, goroutines with a parameter and with a body, and what its memory is after a
 * full collection. Prints its URL.
 */
import { main } from 'sluice'
import { json, router, serve, text } from 'sluice/http'

/** What `/sample` answers. */
export interface Sample {
  readonly heapUsed: number
  readonly arrayBuffers: number
  readonly rss: number
  /** Open connections, without the one that asks. */
  readonly open: number
}

const app = router()
app.get('/', () => text('hello'))
app.get('/orders/:id', function* (req) {
  return json({ id: req.params.id, full: req.query.get('full') === '1', agent: req.header('user-agent') })
})
app.post('/orders', function* (req) {
  return json({ order: yield* req.json() }, { status: 201 })
})
app.get('/sample', async () => {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50)) // what has closed is let go of between two collections
    globalThis.gc?.()
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  const sample: Sample = { heapUsed, arrayBuffers, rss, open: server.stats().connections.open - 1 }
  return json(sample)
})

const server = serve(app, { host: '127.0.0.1', port: 0, timeouts: { idleMs: 3_600_000 } })

main(function* () {
  const { port } = yield* server.listening()
  console.log(`http://127.0.0.1:${port}`)
  yield* server
})
