/**
 * Bytes that a request allocates, exactly: the server's young generation is so large that nothing is collected while it is
 * measured, so what is used afterwards and was not before is what was allocated.
 *   npm run build && npx tsx test/soak/http-allocation.ts [--requests 50000]
 */
import { parseArgs } from 'node:util'
import { cleanUp, run, start } from '../e2e/processes.js'
import type { Usage } from './allocation-server.js'

const { values } = parseArgs({ options: { requests: { type: 'string', default: '40000' } } })
const requests = Number(values.requests)
const semiSpaceMiB = 1024

const order = ['-H', 'Content-Type: application/json', '-d', '{"item":"tea","quantity":2}']
const cases = [
  { name: 'plain handler, text', path: '/plain', more: [] },
  { name: 'goroutine handler, text', path: '/goroutine', more: [] },
  { name: 'async handler, text', path: '/async', more: [] },
  { name: 'goroutine, parameter, query, JSON', path: '/orders/17?full=1', more: [] },
  { name: 'goroutine, JSON body, JSON', path: '/orders', more: order },
]

/** What a number of requests has allocated: measured again where something was collected all the same. */
async function measured(url: string, path: string, more: readonly string[]) {
  for (let tries = 1; ; tries++) {
    const found = await measuredOnce(url, path, more)
    if (found.collections === 0 || tries === 4) return found
  }
}

async function measuredOnce(url: string, path: string, more: readonly string[]) {
  const usage = async (collect: boolean) =>
    (await (await fetch(`${url}/usage?collect=${Number(collect)}`)).json()) as Usage
  const send = async () =>
    await run(process.execPath, [
      'dist/cli/main.js',
      'bench',
      url + path,
      '-n',
      `${requests}`,
      '-c',
      '16',
      ...more,
    ])
  await send() // compiled, and pools filled
  const before = await usage(true)
  await send()
  const after = await usage(false)
  return {
    heap: (after.heapUsed - before.heapUsed) / requests,
    buffers: (after.arrayBuffers - before.arrayBuffers) / requests,
    collections: after.collections - before.collections,
    hits: after.hits - before.hits,
    misses: after.misses - before.misses,
  }
}

async function measure(withPools: boolean): Promise<void> {
  const flags = [`--min-semi-space-size=${semiSpaceMiB}`, `--max-semi-space-size=${semiSpaceMiB}`]
  const server = start(
    process.execPath,
    [
      ...['--import', 'tsx', '--expose-gc', ...flags],
      new URL('allocation-server.ts', import.meta.url).pathname,
      withPools ? 'pools' : 'no pools',
    ],
    { env: { TSX_TSCONFIG_PATH: 'tsconfig.dist.json' } },
  )
  const [, url = ''] = await server.until(/^(http:.*)$/m)
  for (const { name, path, more } of cases) {
    for (const pipeline of [1, 16]) {
      const found = await measured(url, path, [...more, '--pipeline', `${pipeline}`])
      const { heap, buffers, collections, hits, misses } = found
      const cells = [heap.toFixed(0), buffers.toFixed(0), hits, misses, collections]
      const row = [`${name}${withPools ? '' : ', no pools'}`.padEnd(46), String(pipeline).padStart(8)]
      console.log([...row, ...cells.map((cell) => String(cell).padStart(10))].join(''))
      if (collections > 0) {
        console.log('  collected meanwhile: too low, send fewer requests')
        process.exitCode = 1
      }
    }
  }
  await server.end()
}

try {
  const names = ['heap B', 'buffers B', 'pool hits', 'misses', 'GCs']
  console.log(['handler'.padEnd(46), 'pipeline', ...names.map((name) => name.padStart(10))].join(''))
  await measure(true)
  await measure(false)
} finally {
  await cleanUp()
}
