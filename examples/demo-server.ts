// A server to try things on: a few routes whose delays and errors are drawn from a seed.
//   npx tsx examples/demo-server.ts --port 8080 --seed 1
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { chan, go, main, sleep } from 'sluice'

const { values } = parseArgs({
  options: { port: { type: 'string', default: '8080' }, seed: { type: 'string', default: '1' } },
})

/** Park and Miller's generator: the same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed % 2147483647 || 1
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

const draw = random(Number(values.seed))
const orders = Array.from({ length: 1000 }, (_, id) => ({
  id,
  item: `item ${id}`,
  price: Math.round(draw() * 10_000) / 100,
}))

/** Most orders are there at once, one in twenty takes some milliseconds, one in two hundred fails. */
function* answer(path: string, response: ServerResponse) {
  if (path === '/') return response.end('hello\n')
  const order = /^\/orders\/(\d+)$/.exec(path)
  const found = orders[order === null ? Math.floor(draw() * orders.length) : Number(order[1])]
  if (found === undefined || !path.startsWith('/orders')) return response.writeHead(404).end('not found\n')
  const luck = draw()
  if (luck < 0.05) yield* sleep(1 + 9 * draw())
  if (luck > 0.995) return response.writeHead(503).end('overloaded\n')
  return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found))
}

main(function* (ctx) {
  const server = createServer((request, response) => void go(answer, request.url ?? '/', response))
  const listening = chan<Error | undefined>(1)
  server
    .on('error', (error) => listening.trySend(error))
    .listen(Number(values.port), '127.0.0.1', () => listening.trySend(undefined))
  const error = yield* listening.recv()
  if (error !== undefined) {
    console.error(`demo server: ${error.message}; give another --port, or --port 0 for any free one`)
    process.exit(2)
  }
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  // Without its parent, a demo that was started by another program ends.
  process.stdin.on('end', () => process.exit(0)).resume()
  yield* ctx.done()
})
