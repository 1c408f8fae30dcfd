// Servers as a user writes them: two threads, a page, a socket, frames, and clients that ask for them.
import { once } from 'node:events'
import { connect } from 'node:net'
import { main, wait } from 'sluice'
import { compress, json, router, serve, websocket } from 'sluice/http'
import { type Conn, lines, listen } from 'sluice/net'
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

export const codec = lines()
export function* echo(conn: Conn<string, string>) {
  const line = yield* conn.recv()
  if (line !== undefined) yield* conn.send(line)
}

async function echoed(port: number): Promise<string> {
  const client = connect({ port, host: '127.0.0.1' })
  client.write('hello\n')
  const [answer] = await once(client, 'data')
  client.destroy()
  return String(answer).trim()
}

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
  const echoing = listen(echo, { port: 0, host: '127.0.0.1', codec, procs: 2 })
  const { port: echoPort = 0 } = yield* echoing.listening()
  const echoes = new Set<string>()
  for (let i = 0; i < 20; i++) echoes.add(yield* wait(echoed(echoPort)))
  console.log([...echoes].join(), (yield* echoing.threadStats()).length)
  echoing.close()
  yield* echoing
  console.log('closed')
})
