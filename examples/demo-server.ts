// A server to try things on: a few routes whose delays and errors are drawn from a seed.
//   npx tsx examples/demo-server.ts --port 8080 --seed 1
import { parseArgs } from 'node:util'
import { main, sleep } from 'sluice'
import { HttpError, health, json, router, serve, text } from 'sluice/http'

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

type Order = (typeof orders)[number]

const app = router()
app.use(health())
app.get('/', () => text('hello\n'))
app.get('/orders', () => answer(orders[Math.floor(draw() * orders.length)]))
app.get('/orders/:id', (req) => answer(orders[Number(req.params.id)]))

/** Most orders are there at once, one in twenty takes some milliseconds, one in two hundred fails. */
function* answer(order: Order | undefined) {
  if (order === undefined) throw new HttpError(404, 'no such order')
  const luck = draw()
  if (luck < 0.05) yield* sleep(1 + 9 * draw())
  if (luck > 0.995) throw new HttpError(503, 'overloaded')
  return json(order)
}

main(function* () {
  const server = serve(app, { port, host: '127.0.0.1' })
  const address = `http://127.0.0.1:${(yield* server.listening()).port}`
  console.log(address)
  // A program that started this one gets the address, and this ends with it, also where that one is killed.
  process.send?.(address)
  process.on('disconnect', () => process.exit(0))
  yield* server
})
