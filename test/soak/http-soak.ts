/**
 * The engine for a long time: millions of requests, with thousands of idle connections beside them, and what memory does.
 *   npm run build && npx tsx test/soak/http-soak.ts --requests 10000000 --idle 10000
 * Ends with code 1 if memory grows. Requests come from `sluice bench` in a process of its own, which counts every answer;
 * a tenth of them after the other, each on new connections: plain ones, routed ones for goroutines, and uploads.
 */
import { parseArgs } from 'node:util'
import { cleanUp, run, type Running, start } from '../e2e/processes.js'
import type { Sample } from './soak-server.js'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '10000000' },
    idle: { type: 'string', default: '10000' },
  },
})
const requests = Number(values.requests)
const idle = Number(values.idle)
/** How often memory is looked at: at each million, or ten times in a shorter run. */
const steps = Math.max(10, Math.round(requests / 1_000_000))
/** Code is compiled, and caches and pools fill up, in the beginning: what is before this share is not judged. */
const warmUp = 0.2
/** How much memory may have grown from there to the end, by the line through all samples. */
const mostGrowthBytes = { heapUsed: 1024 * 1024, rss: 48 * 1024 * 1024 }

/** Shares of the requests, and what they ask. */
const mix = [
  { share: 0.5, path: '/', more: ['--pipeline', '16'] },
  { share: 0.3, path: '/orders/17?full=1', more: ['--pipeline', '16'] },
  {
    share: 0.2,
    path: '/orders',
    more: ['--pipeline', '8', '-H', 'Content-Type: application/json', '-d', '{"item":"tea","quantity":2}'],
  },
]

interface Row extends Sample {
  readonly done: number
  readonly seconds: number
}

function tsx(file: string, args: readonly string[]): Running {
  const path = new URL(file, import.meta.url).pathname
  return start(process.execPath, ['--import', 'tsx', '--expose-gc', path, ...args], {
    env: { TSX_TSCONFIG_PATH: 'tsconfig.dist.json' }, // `sluice` means what a user gets
  })
}

/** Sends a share of the requests; fails if one is not answered well. */
async function load(url: string, count: number): Promise<void> {
  for (const { share, path, more } of mix) {
    const n = Math.round(count * share)
    const args = ['dist/cli/main.js', 'bench', url + path, '-n', `${n}`, '-c', '32', '--json', ...more]
    const { statusCodeDistribution, errorDistribution } = JSON.parse(await run(process.execPath, args))
    const good = (statusCodeDistribution[200] ?? 0) + (statusCodeDistribution[201] ?? 0)
    if (good !== n || Object.keys(errorDistribution).length > 0)
      throw new Error(`${path}: ${JSON.stringify({ n, statusCodeDistribution, errorDistribution })}`)
  }
}

/** How much the line of least squares through the points rises from the first to the last. */
function growth(rows: readonly Row[], of: 'heapUsed' | 'rss'): number {
  const xs = rows.map(({ done }) => done)
  const ys = rows.map((row) => row[of])
  const mean = (list: readonly number[]) => list.reduce((sum, each) => sum + each, 0) / list.length
  const [mx, my] = [mean(xs), mean(ys)]
  const covariance = mean(xs.map((x, i) => (x - mx) * ((ys[i] ?? 0) - my)))
  const slope = covariance / mean(xs.map((x) => (x - mx) ** 2))
  return slope * (Math.max(...xs) - Math.min(...xs))
}

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(2)

function print({ done, seconds, heapUsed, arrayBuffers, rss, open }: Row): void {
  const cells = [done, seconds.toFixed(0), mib(heapUsed), mib(arrayBuffers), mib(rss), open]
  console.log(cells.map((cell) => String(cell).padStart(12)).join(''))
}

async function soak(): Promise<boolean> {
  const server = tsx('soak-server.ts', [])
  const [, url = ''] = await server.until(/^(http:.*)$/m)
  const sample = async () => (await (await fetch(`${url}/sample`)).json()) as Sample
  const startMs = performance.now()
  const row = async (done: number): Promise<Row> => ({
    ...(await sample()),
    done,
    seconds: (performance.now() - startMs) / 1000,
  })

  console.log(
    ['requests', 'seconds', 'heap MiB', 'buffers MiB', 'rss MiB', 'connections']
      .map((name) => name.padStart(12))
      .join(''),
  )
  await load(url, Math.min(requests / 10, 100_000))
  const before = await row(0)
  print(before)
  const clients = tsx('idle-clients.ts', [new URL(url).port, `${idle}`])
  await clients.until(/^open$/m)
  const rows: Row[] = [await row(0)]
  print(rows[0] as Row)
  const perConnection = (of: 'heapUsed' | 'rss') =>
    (((rows[0] as Row)[of] - before[of]) / Math.max(1, idle)).toFixed(0)
  console.log(
    `an idle connection: ${perConnection('heapUsed')} bytes of heap, ${perConnection('rss')} of rss`,
  )

  for (let step = 1; step <= steps; step++) {
    await load(url, requests / steps)
    const next = await row(Math.round((requests / steps) * step))
    rows.push(next)
    print(next)
    if (next.open < idle) throw new Error(`of ${idle} idle connections ${idle - next.open} were closed`)
  }
  await clients.end()
  const after = await row(requests)
  print(after)

  const judged = rows.slice(Math.ceil(rows.length * warmUp))
  const grown = { heapUsed: growth(judged, 'heapUsed'), rss: growth(judged, 'rss') }
  const left = after.heapUsed - before.heapUsed
  console.log(
    `growth over the last ${judged.length} samples: heap ${mib(grown.heapUsed)} MiB, rss ${mib(grown.rss)} MiB`,
  )
  console.log(`heap once the idle connections are gone: ${mib(left)} MiB more than before them`)
  const isSteady =
    grown.heapUsed < mostGrowthBytes.heapUsed && grown.rss < mostGrowthBytes.rss && left < 4 * 1024 * 1024
  console.log(isSteady ? 'steady' : 'NOT STEADY')
  return isSteady
}

try {
  process.exitCode = (await soak()) ? 0 : 1
} finally {
  await cleanUp()
}
