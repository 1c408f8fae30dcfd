import { readFileSync } from 'node:fs'
import { deepStrictEqual, ok } from 'node:assert/strict'
import { median } from './measure-programs.js'
import { PinnedProcess, pins } from './pinned-process.js'
import { greeting } from './programs/http-server.js'
import { type Server, type ServerName, servers } from './servers.js'
import type { ServerCase } from './suites/http.js'
import type { Row } from './table.js'

const loadCore = 0
const serverCore = 1
const warmUpMs = 1000
const measuredMs = 2000
const smokeConnections = 1000

/** What every row of the suite was measured with. */
export function servingFacts(): { pinning: string; versions: string } {
  return {
    pinning: pins
      ? 'the server on core 1, what asks it on core 0'
      : 'nobody is pinned: the server and what asks it share the cores',
    versions: [...servers.values()].flatMap(({ version }) => version || []).join(', '),
  }
}

type Load = Pick<ServerCase, 'id' | 'connections'>

interface Lane {
  readonly server: Server
  readonly isOurs: boolean
  readonly figures: number[]
  /** Which part of the time that was measured the server ran. */
  readonly busy: number[]
}

/** One case: each round a new process for each server, one after the other. A row for each server of ours. */
export async function measureServers(bench: ServerCase, rounds: number, smoke: boolean): Promise<Row[]> {
  if (bench.id === 'idle' && !mayOpen(smoke ? smokeConnections : bench.connections)) return []
  const racing = new Set<ServerName>([...bench.rows.map((row) => row.ours), ...bench.peers])
  const ourNames = new Set<ServerName>(bench.rows.map((row) => row.ours))
  const lanes = [...servers.values()]
    .filter(({ name }) => racing.has(name))
    .map((server): Lane => ({ server, isOurs: ourNames.has(server.name), figures: [], busy: [] }))
  const failed = new Set<Lane>()
  for (let round = 1; round <= rounds; round++)
    for (const lane of lanes) {
      if (failed.has(lane)) continue
      process.stderr.write(`\r\u001b[K${bench.name}: round ${round} of ${rounds}, ${lane.server.name}`)
      if (!(await runLane(lane, bench, smoke))) failed.add(lane)
    }
  process.stderr.write('\r\u001b[K')
  return rowsOf(
    bench,
    new Map(lanes.filter((each) => !failed.has(each)).map((each) => [each.server.name, each])),
    smoke,
  )
}

function rowsOf(bench: ServerCase, lanes: ReadonlyMap<ServerName, Lane>, smoke: boolean): Row[] {
  const idle = [...lanes.values()].flatMap(idleShare)
  return bench.rows.flatMap(({ ours, peers = bench.peers, targets }) => {
    const lane = lanes.get(ours)
    if (lane === undefined) return []
    const theirs = peers.flatMap((name) => lanes.get(name) ?? [])
    const notes = Object.values(servingFacts())
    if (bench.note !== undefined) notes.push(bench.note)
    if (idle.length > 0)
      notes.push(
        `wrk or a busy machine set the figure of who had its core for part of the time: ${idle.join(', ')}`,
      )
    return {
      case: `${bench.name}; ${ours}`,
      unit: bench.unit,
      better: bench.better,
      ours: median(lane.figures),
      peers: Object.fromEntries(theirs.map(({ server, figures }) => [server.name, median(figures)])),
      targets: smoke ? {} : targets,
      notes,
    }
  })
}

/** A server that has time left is not what was measured. */
function idleShare({ server, busy }: Lane): string[] {
  const part = median(busy)
  return part < 0.9 ? [`${server.name} ${Math.round(part * 100)} %`] : []
}

/** A peer that fails is left out of this case; that we fail is not to be passed over. */
async function runLane(lane: Lane, bench: ServerCase, smoke: boolean): Promise<boolean> {
  const { server, isOurs, figures, busy } = lane
  const running = new PinnedProcess(serverCore, server.command)
  try {
    const port = Number(await running.line())
    await (bench.id === 'orders' ? checkOrders(port) : checkGreeting(port))
    figures.push(await figureOf({ running, port, busy }, bench, smoke))
    return true
  } catch (error) {
    const what = `${server.name} failed at '${bench.name}'`
    const { message } = error as Error
    const why = message.includes(running.complaints) ? message : `${message}\n${running.complaints}`
    if (isOurs) throw new Error(`${what}: ${why}`)
    console.error(`\nbench: ${what} and is left out: ${why}`)
    return false
  } finally {
    await running.stop()
  }
}

/** A wrong answer may be a fast one. */
async function checkGreeting(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: 'close' } })
  deepStrictEqual([answer.status, await answer.text()], [200, greeting])
  ok(answer.headers.get('content-type')?.startsWith('text/plain'), 'the greeting is not text/plain')
  deepStrictEqual(answer.headers.get('content-length'), String(greeting.length))
}

async function checkOrders(port: number): Promise<void> {
  const post = (order: unknown) =>
    fetch(`http://127.0.0.1:${port}/orders/7`, {
      method: 'POST',
      headers: { Connection: 'close', 'Content-Type': 'application/json' },
      body: JSON.stringify(order),
    })
  const good = await post({ item: 'lamp', quantity: 3 })
  deepStrictEqual([good.status, await good.json()], [200, { id: '7', item: 'lamp', quantity: 3, total: 750 }])
  for (const wrong of [{ item: 'lamp', quantity: 0 }, { item: '', quantity: 3 }, { item: 'lamp' }]) {
    const { status } = await post(wrong)
    ok(status === 400 || status === 422, `${JSON.stringify(wrong)} was answered with ${status}`)
  }
}

interface Asked {
  readonly running: PinnedProcess
  readonly port: number
  readonly busy: number[]
}

async function figureOf({ running, port, busy }: Asked, bench: ServerCase, smoke: boolean): Promise<number> {
  if (bench.id === 'idle') return await idleBytes(running, port, smoke ? smokeConnections : bench.connections)
  if (smoke) return await wrk(port, bench, 150)
  await wrk(port, bench, warmUpMs)
  const startedMs = performance.now()
  const ranBeforeMs = running.ranMs()
  const requestsPerSecond = await wrk(port, bench, measuredMs)
  busy.push((running.ranMs() - ranBeforeMs) / (performance.now() - startedMs))
  return requestsPerSecond
}

async function wrk(port: number, { id, connections }: Load, ms: number): Promise<number> {
  const seconds = Math.ceil(ms / 1000)
  const load = new PinnedProcess(loadCore, [
    'wrk',
    ...['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`],
    ...['--script', 'peers/http/wrk.lua', `http://127.0.0.1:${port}/`, '--', id],
  ])
  // It counts in whole seconds, but stops and reports when it is interrupted.
  const early = ms < seconds * 1000 ? setTimeout(() => load.signal('SIGINT'), ms) : undefined
  try {
    let line = ''
    while (!line.startsWith('result ')) line = await load.line(ms + 10_000)
    const [requests = 0, microseconds = 0, errors = 0] = line.split(' ').slice(1).map(Number)
    if (errors > 0) throw new Error(`wrk counted ${errors} errors in ${requests} requests`)
    if (requests === 0) throw new Error('wrk got no answer')
    return requests / (microseconds / 1e6)
  } finally {
    clearTimeout(early)
    await load.stop()
  }
}

/** Node raises its limit as far as it may, and what it starts inherits that. */
function mayOpen(connections: number): boolean {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const allowed = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  const needed = connections + Math.ceil(connections / 10) + 100
  if (allowed >= needed) return true
  console.error(
    `bench: the idle connections are left out: ${needed} open files are needed, ${allowed} allowed`,
  )
  return false
}

/** Resident bytes that each of `count` connections adds, when it has had an answer and waits. */
async function idleBytes(server: PinnedProcess, port: number, count: number): Promise<number> {
  await wrk(port, { id: 'hello', connections: 64 }, 500)
  // What the warm-up has left free in the heap is filled up first: it would make some connections cost nothing.
  const first = await openConnections(port, Math.ceil(count / 10))
  const before = await residentBytes(server)
  const second = await openConnections(port, count)
  const after = await residentBytes(server)
  const stayed = first.isRunning && second.isRunning
  await Promise.all([first.stop(), second.stop()])
  if (!stayed) throw new Error('the server closed connections that were to be idle')
  return (after - before) / count
}

async function openConnections(port: number, count: number): Promise<PinnedProcess> {
  const program = [process.execPath, '.build/idle-connections.mjs']
  const load = new PinnedProcess(loadCore, [...program, String(port), String(count)])
  await load.line(60_000)
  return load
}

async function residentBytes(server: PinnedProcess): Promise<number> {
  server.signal('SIGUSR2')
  await server.line()
  const [, kilobytes] =
    /^Rss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/smaps_rollup`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}
