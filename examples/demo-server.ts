// A server to try things on: a few routes whose delays and errors are drawn from a seed.
//   npx tsx examples/demo-server.ts --port 8080 --seed 1
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { chan, go, main, sleep } from 'sluice'

/** The value of a `--name NUMBER` option. */
function option(name: string, fallback: number): number {
  const { values } = parseArgs({ options: { [name]: { type: 'string' } }, strict: false })
  const value = Number(values[name] ?? fallback)
  if (Number.isInteger(value) && value >= 0 && value < 65_536) return value
  console.error(`demo server: --${name} ${values[name]} is not a whole number from 0 to 65535`)
  process.exit(2)
}

const port = option('port', 8080)

/** Park and Miller's generator: the same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed % 2147483647 || 1
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

const draw = random(option('seed', 1))
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
    .listen(port, '127.0.0.1', () => listening.trySend(undefined))
  const error = yield* listening.recv()
  if (error !== undefined) {
    console.error(`demo server: ${error.message}: give another --port, or --port 0 for any free one`)
    process.exit(2)
  }
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  console.log(address)
  // A program that started this one gets the address, and this ends with it, also where that one is killed.
  process.send?.(address)
  process.on('disconnect', () => process.exit(0))
  yield* ctx.done()
})
