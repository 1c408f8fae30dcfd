/**
 * One of several services that call one another. The argument is JSON: `name`, the URL of the `next` one (the last has none),
 * how often a call to it is tried (`attempts`), and by how much its clock is wrong (`skewMs`). Prints `listening PORT`.
 */
import { main, now } from 'sluice'
import { empty, HttpError, json, requestId, requestIdOf, router, serve } from 'sluice/http'
import { policy, retry } from 'sluice/resilience'
import { httpClient } from '../../../src/http/client/http-client.js'
import { deadlines } from '../../../src/http/deadlines.js'

interface Tier {
  readonly name: string
  readonly next?: string
  readonly attempts?: number
  readonly skewMs?: number
}

/** What a service saw of a request. */
export interface Hop {
  readonly name: string
  readonly leftMs: number | undefined
  readonly requestId: string | undefined
  readonly traceparent: string | undefined
}

const { name, next, attempts = 1, skewMs = 0 }: Tier = JSON.parse(process.argv[2] ?? '{}')
const hostNow = Date.now
Date.now = () => hostNow() + skewMs

const client =
  next === undefined
    ? undefined
    : httpClient({ base: next, policy: policy(retry({ attempts, initialMs: 1, maxMs: 10 })) })
const seen = { calls: 0, waiting: 0, leftMs: 0 }

const app = router()
app.get('/stats', () => json({ ...seen, client: client?.stats() }))
app.use(requestId({ trusted: true }))
app.use(deadlines())

app.get('/hops', function* (req) {
  const { deadline } = req.ctx
  const hop: Hop = {
    name,
    leftMs: deadline === undefined ? undefined : deadline.getTime() - now(),
    requestId: requestIdOf(req),
    traceparent: req.header('traceparent'),
  }
  if (client === undefined) return json([hop])
  const response = yield* client.get(req.ctx, '/hops')
  if (!response.ok) throw new HttpError(response.status)
  return json([hop, ...((yield* response.json()) as Hop[])])
})

app.get('/down', function* (req) {
  seen.calls++
  if (client === undefined) throw new HttpError(503)
  const response = yield* client.get(req.ctx, '/down')
  return empty(response.status)
})

app.get('/wait', function* (req) {
  seen.waiting++
  try {
    if (client !== undefined) return empty((yield* client.get(req.ctx, '/wait')).status)
    yield* req.ctx.done()
    return empty()
  } finally {
    seen.waiting--
    seen.leftMs = hostNow()
  }
})

main(function* () {
  const server = serve(app, { port: 0, host: '127.0.0.1' })
  const { port } = yield* server.listening()
  console.log(`listening ${port}`)
  yield* server
})
