/**
 * How evenly threads that accept on one socket share its connections: `serve` and `listen`, each with 2 and 4 threads.
 *   npx tsx test/soak/accept-evenness.ts --connections 2000 --open 500 --rounds 5
 * Prints the share of each thread, and that of the worst one in parts of a fair share:
 * - "in turn": connections one after the other, each with one request;
 * - "at once": connections that are opened at the same time and stay;
 * - "under load": connections that come one after the other and stay, while those that are open ask without a pause.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { cleanUp, start } from '../e2e/processes.js'

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '2000' },
    open: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '1' },
  },
})
const count = Number(values.connections)
const open = Number(values.open)
/** How many of the open connections ask without a pause: enough to keep all threads busy. */
const busy = 32

type Kind = 'serve' | 'listen'
const question = { serve: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', listen: 'which\n' }

class Client {
  private constructor(
    private readonly socket: Socket,
    private readonly kind: Kind,
  ) {}

  static async connect(port: number, kind: Kind): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new Client(socket, kind)
  }

  /** Which thread answers. */
  async ask(): Promise<string> {
    this.socket.write(question[this.kind])
    for (let answer = ''; ; ) {
      answer += String((await once(this.socket, 'data'))[0])
      const thread = /(\d+);/.exec(answer)?.[1]
      if (thread !== undefined) return thread
    }
  }

  close(): void {
    this.socket.destroy()
  }
}

/** Connections by the thread that answers on them. */
type Shares = Map<string, number>

function add(shares: Shares, thread: string): void {
  shares.set(thread, (shares.get(thread) ?? 0) + 1)
}

async function inTurn(port: number, kind: Kind): Promise<Shares> {
  const shares: Shares = new Map()
  for (let i = 0; i < count; i++) {
    const client = await Client.connect(port, kind)
    add(shares, await client.ask())
    client.close()
  }
  return shares
}

async function atOnce(port: number, kind: Kind): Promise<Shares> {
  const shares: Shares = new Map()
  const clients = await Promise.all(Array.from({ length: open }, () => Client.connect(port, kind)))
  for (const thread of await Promise.all(clients.map((client) => client.ask()))) add(shares, thread)
  for (const client of clients) client.close()
  return shares
}

async function underLoad(port: number, kind: Kind): Promise<Shares> {
  const shares: Shares = new Map()
  const clients: Client[] = []
  const askers: Promise<void>[] = []
  let isOver = false
  const askOn = async (client: Client) => {
    while (!isOver) await client.ask()
  }
  for (let i = 0; i < open; i++) {
    const client = await Client.connect(port, kind)
    clients.push(client)
    add(shares, await client.ask())
    if (i < busy) askers.push(askOn(client))
  }
  isOver = true
  await Promise.all(askers)
  for (const client of clients) client.close()
  return shares
}

function report(name: string, shares: Shares, threads: number): void {
  const counts = [...shares.values(), ...new Array<number>(threads - shares.size).fill(0)]
  const total = counts.reduce((sum, each) => sum + each, 0)
  const percent = counts
    .sort((a, b) => b - a)
    .map((each) => `${((each / total) * 100).toFixed(1)} %`.padStart(8))
  const worst = ((Math.min(...counts) / total) * threads).toFixed(2)
  console.log(`${name.padEnd(22)} worst ${worst} of its share:${percent.join('')}`)
}

async function measure(kind: Kind, threads: number): Promise<void> {
  const path = new URL('accept-server.ts', import.meta.url).pathname
  const server = start(process.execPath, ['--import', 'tsx', path, kind, `${threads}`])
  const [, port] = await server.until(/^listening on (\d+)$/m)
  const name = `${kind} ${threads}`
  report(`${name} in turn`, await inTurn(Number(port), kind), threads)
  report(`${name} at once`, await atOnce(Number(port), kind), threads)
  report(`${name} under load`, await underLoad(Number(port), kind), threads)
  await server.end()
}

try {
  for (let round = 0; round < Number(values.rounds); round++)
    for (const kind of ['serve', 'listen'] as const)
      for (const threads of [2, 4]) await measure(kind, threads)
} finally {
  await cleanUp()
}
