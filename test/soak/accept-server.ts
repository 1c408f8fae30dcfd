/** `accept-server serve|listen THREADS`: a server whose answers say which thread they come from. Prints its port. */
import { threadId } from 'node:worker_threads'
import { main } from 'sluice'
import { router, serve, text } from 'sluice/http'
import { type Conn, lines, listen } from 'sluice/net'
import { procs } from 'sluice/parallel'

export const app = router()
app.get('/', () => text(`${threadId};`))

export const codec = lines()
export const handler = { frame: (conn: Conn<string, string>): unknown => conn.send(`${threadId};`) }

const [kind, threads] = process.argv.slice(2)
const place = { host: '127.0.0.1', port: 0, procs: Number(threads) }

main(function* () {
  procs(place.procs)
  const server = kind === 'serve' ? serve(app, place) : listen(handler, { ...place, codec })
  const { port } = yield* server.listening()
  console.log(`listening on ${port}`)
  yield* server
})
