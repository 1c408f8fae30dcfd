/**
 * The site that real clients, proxies and attackers talk to in the end-to-end tests. The argument is JSON: options of
 * `serve`, a folder whose files are served, and whether to do without `main`. Prints `listening PORT`, and at the end how
 * many handlers were left by their clients.
 */
import { createHash } from 'node:crypto'
import { go, main, sleep } from 'sluice'
import {
  bytes,
  empty,
  events,
  file,
  files,
  health,
  json,
  router,
  serve,
  stream,
  text,
  websocket,
} from 'sluice/http'

const { folder = '.', isBare = false, ...options } = JSON.parse(process.argv[2] ?? '{}')
/** What handlers have failed with. */
const problems: string[] = []
/** What the backend of a proxy has seen. */
const seen: unknown[] = []
/** Requests whose client left before the answer. */
let left = 0

const app = router()
app.use(health())
app.get('/', () => text('hello'))
app.post('/unread', () => text('done'))
app.get('/stats', () => {
  const { rss, heapUsed } = process.memoryUsage()
  return json({ ...server.stats(), rss, heapUsed, problems, left })
})

app.post('/upload', function* (req) {
  req.body.limit(Infinity)
  const hash = createHash('sha256')
  let size = 0
  for (;;) {
    const { done, value } = yield* req.body.next()
    if (done) return json({ bytes: size, sha256: hash.digest('hex') })
    size += value.length
    hash.update(value)
  }
})

const blob = Buffer.alloc(64 * 1024 * 1024, 'gate\n')
app.get('/blob', (req) => bytes(blob.subarray(0, Number(req.query.get('bytes')))))
app.get('/download', (req) => {
  const piece = Buffer.alloc(16_384, 'sluice gate\n')
  return stream(function* (out) {
    for (let rest = Number(req.query.get('bytes')); rest > 0; rest -= piece.length)
      yield* out.send(rest < piece.length ? piece.subarray(0, rest) : piece)
  })
})
app.get('/page', (req) => file(req, new URL('http-page.html', import.meta.url)))
app.post('/report', function* (req) {
  console.log(`report ${yield* req.text()}`)
  return empty()
})
app.get('/slow', function* (req) {
  try {
    yield* sleep(Number(req.query.get('ms'))).within(req.ctx)
  } catch (error) {
    left++
    throw error
  }
  return text('slow')
})

app.get('/files/*', files(folder))
app.post('/form', function* (req) {
  return json(Object.fromEntries(yield* req.form()))
})
app.get('/events', (req) =>
  events(req, function* (out) {
    for (let id = 1; ; id++) {
      yield* out.send({ id: `${id}`, event: 'tick', data: `${id}` })
      yield* sleep(Number(req.query.get('ms') ?? 50))
    }
  }),
)
app.get(
  '/ws',
  websocket(async (socket) => {
    for await (const message of socket) await socket.send(message)
  }),
)

/** Says what it has received, and is remembered at once: also a request whose body never comes. */
app.all('/echo/*', function* (req) {
  const { method, target, host, httpVersion } = req
  const id = req.header('x-proxy-id')
  seen.push({ id, target, meant: req.header('x-meant-target'), method })
  const body = yield* req.text()
  return json({ id, method, target, host, httpVersion, body })
})
app.get('/seen', () => json(seen.splice(0)))

const server = serve(app, { ...options, onError: (error: unknown) => problems.push(String(error)) })

function* live() {
  const { port } = yield* server.listening()
  console.log(`listening ${port}`)
  yield* server
  console.log(`ended, ${left} left`)
}

if (isBare) await go(live)
else main(live)
