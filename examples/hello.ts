// The smallest server:
//   npx tsx --tsconfig tsconfig.dist.json examples/hello.ts
//   curl http://localhost:8080/hello/gopher
// With PROCS=all it serves on every core; PORT chooses another port, 0 any free one.
import { main, sleep } from 'sluice'
import { health, router, serve, text } from 'sluice/http'

export const app = router()
app.use(health())
app.get('/', () => text('hello\n'))
// A goroutine: while it waits, others are served.
app.get('/hello/:name', function* (req) {
  yield* sleep(10)
  return text(`hello, ${req.params.name}\n`)
})

main(function* () {
  const { PORT = '8080', PROCS = '1' } = process.env
  const server = serve(app, { port: Number(PORT), procs: PROCS === 'all' ? 'all' : Number(PROCS) })
  const { port } = yield* server.listening()
  console.log(`http://localhost:${port}/  (Ctrl-C ends it in good order)`)
  yield* server
})
