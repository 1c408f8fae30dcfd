// Long connections with heartbeats: a server that sends lines back, and clients that talk, fall silent or die.
//   npx tsx examples/echo.ts                       server and clients in one program, for five seconds
//   npx tsx examples/echo.ts --port 7000           the server alone; try it with: nc 127.0.0.1 7000
import { once } from 'node:events'
import { connect } from 'node:net'
import { parseArgs } from 'node:util'
import { go, main, type Routine, select, sleep, wait } from 'sluice'
import { type Conn, ConnectionTimeout, lines, listen } from 'sluice/net'

const { values } = parseArgs({ options: { port: { type: 'string' } } })
const isDemo = values.port === undefined
const port = Number(values.port ?? 0)
const heartbeatMs = isDemo ? 500 : 10_000

function say(text: string): void {
  console.log(`${(performance.now() / 1000).toFixed(1).padStart(4)} s  ${text}`)
}

/** One connection: what it receives, it sends back. */
function* echo(conn: Conn<string, string>): Routine<void> {
  try {
    for (let line = yield* conn.recv(); line !== undefined; line = yield* conn.recv()) yield* conn.send(line)
    say(`${conn}: ${conn.ctx.err === undefined ? 'the peer has ended it' : 'goodbye, the server shuts down'}`)
  } catch (error) {
    if (!(error instanceof ConnectionTimeout)) throw error
    say(`${error.message}`)
  }
}

/** A client that sends a line now and then and answers heartbeats, until it falls silent. */
function* client(name: string, talkMs: number, isAlive: () => boolean): Routine<void> {
  const socket = connect({ port: (yield* server.listening()).port ?? 0, host: '127.0.0.1' })
  socket.on('error', () => {}) // the server may be gone first
  socket.on('data', (bytes) => {
    for (const line of String(bytes).trim().split('\n')) {
      if (line !== 'ping') say(`${name} gets its line back: ${line}`)
      else if (isAlive()) socket.write('pong\n')
    }
  })
  yield* wait(once(socket, 'connect'))
  for (let i = 1; isAlive() && !socket.destroyed; i++) {
    socket.write(`${name} says ${i}\n`)
    yield* sleep(talkMs)
  }
  say(`${name} hangs: it neither talks nor answers`)
}

const server = listen(echo, {
  port,
  host: '127.0.0.1',
  codec: lines({ maxLineBytes: 4096 }),
  heartbeat: { everyMs: heartbeatMs, ping: () => 'ping', isPong: (line) => line === 'pong', maxMissed: 2 },
  graceMs: 1000,
})

main(function* (ctx) {
  const address = yield* server.listening()
  say(`listening on ${address.host}:${address.port}; a heartbeat every ${heartbeatMs} ms`)
  if (isDemo) {
    go(client, 'anna', 1500, () => true)
    go(client, 'bert', 700, () => performance.now() < 2000)
  }
  yield* isDemo ? select({ stop: ctx.done(), over: sleep(5000) }) : ctx.done()
  server.shutdown()
  yield* server
  const { accepted, heartbeatsMissed, bytesIn, bytesOut } = server.stats()
  say(`${accepted} connections, ${heartbeatsMissed} heartbeats missed, ${bytesIn} bytes in, ${bytesOut} out`)
})
