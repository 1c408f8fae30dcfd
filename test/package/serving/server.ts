// A server as a user writes one: two threads, a page, a socket, and a client that asks for them.
import { main, wait } from 'sluice'
import { compress, json, router, serve, websocket } from 'sluice/http'
import { lines, listen } from 'sluice/net'
import { procs } from 'sluice/parallel'

export const app = router()
app.use(compress())
app.get('/hello/:name', function* (req) {
  return json({ hello: req.params.name.toUpperCase() })
})
app.get(
  '/socket',
  websocket(function* (socket) {
    const message = yield* socket.recv()
    yield* socket.send(`got ${String(message)}`)
  }),
)

main(function* () {
  procs(2)
  const server = serve(app, { port: 0, host: '127.0.0.1', procs: 2 })
  const { port } = yield* server.listening()
  const answers = new Set<string>()
  for (let i = 0; i < 20; i++) {
    const response = yield* wait(fetch(`http://127.0.0.1:${port}/hello/world`))
    answers.add(yield* wait(response.text()))
  }
  console.log([...answers].join())
  server.shutdown()
  yield* server
  const echo = listen(
    function* (conn) {
      const line = yield* conn.recv()
      if (line !== undefined) yield* conn.send(line)
    },
    { port: 0, codec: lines() },
  )
  yield* echo.listening()
  echo.close()
  yield* echo
  console.log('closed')
})
