// An HTTP service that computes slow password hashes on every processor, while its event loop stays free.
//   npx tsx --tsconfig tsconfig.dist.json examples/parallel/hash-service.ts --port 8080
//   curl -d 'correct horse' 'http://127.0.0.1:8080/hash?salt=abc&rounds=100'     computes for some 200 ms
//   curl http://127.0.0.1:8080/health                                           answers at once, meanwhile too
//   … --procs 1      on so many processors, the main thread's among them
//   … --compare      200 hashes without HTTP, on one processor and on two
import { scryptSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { go, main, type Routine, wait, yieldNow } from 'sluice'
import { procs, task } from 'sluice/parallel'
import { compare } from './compare.js'
import { options, refuse, wholeNumber } from './options.js'

const mostRounds = 10_000
const mostBytes = 64 * 1024

interface Order {
  readonly secret: Uint8Array
  readonly salt: string
  readonly rounds: number
}

/**
 * Rounds of scrypt, each about two milliseconds. Between two of them a generator gives up its turn: so the event loop of
 * the main thread, whose processor takes tasks too, is never held up for longer, and a canceled task ends there.
 */
export const hash = task(
  import.meta.url,
  'hash',
  function* ({ secret, salt, rounds }: Order): Routine<string> {
    let key = secret
    for (let round = 0; round < rounds; round++) {
      key = scryptSync(key, salt, 32, { N: 1024 })
      yield* yieldNow()
    }
    return Buffer.from(key).toString('hex')
  },
)

/** Answers one request. When its client goes away, its task is canceled with it. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (url.pathname === '/health') {
    response.end('ok\n')
    return
  }
  if (url.pathname !== '/hash' || request.method !== 'POST') {
    response.writeHead(404).end('POST /hash?salt=TEXT&rounds=N, GET /health\n')
    return
  }
  const answering = go(answerHash, url.searchParams, request, response)
  response.once('close', () => answering.cancel())
  answering.outcome().then(({ error }) => {
    if (error === undefined || response.writableEnded || response.destroyed) return
    response.writeHead(500).end('the hash could not be computed\n')
    console.error(error)
  })
}

function* answerHash(
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Routine<void> {
  const rounds = Number(query.get('rounds') ?? 100)
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > mostRounds) {
    response.writeHead(400).end(`rounds is a whole number from 1 to ${mostRounds}\n`)
    return
  }
  const secret = yield* wait(bodyOf(request))
  if (secret === undefined) {
    response.writeHead(413, { connection: 'close' }).end(`at most ${mostBytes} bytes\n`)
    return
  }
  response.end(`${yield* hash({ secret, salt: query.get('salt') ?? '', rounds })}\n`)
}

/** The body; nothing when it is too large. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > mostBytes) return undefined
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function* orders(count: number): Generator<Order> {
  for (let i = 0; i < count; i++) yield { secret: Uint8Array.of(i), salt: 'salt', rounds: 8 }
}

function* hashMany(): Routine<void> {
  const hashing = hash.map(orders(200), { window: 64 })
  while ((yield* hashing.recv()) !== undefined) {}
}

main(function* (ctx) {
  const { values } = options({
    port: { type: 'string', default: '8080' },
    procs: { type: 'string', default: String(procs()) },
    compare: { type: 'boolean', default: false },
  })
  procs(wholeNumber('procs', values.procs, 1, 64))
  if (values.compare) return yield* compare(hashMany)
  const server = createServer(answer)
  try {
    yield* wait(once(server.listen(wholeNumber('port', values.port, 0, 65_535), '127.0.0.1'), 'listening'))
  } catch (error) {
    refuse(
      `hash-service: ${error instanceof Error ? error.message : error}: give another --port, or 0 for any`,
    )
  }
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  yield* ctx.done()
  console.log('finishing what is under way; a second signal ends at once')
  server.close()
  yield* wait(once(server, 'close'))
})
