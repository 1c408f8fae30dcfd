// npm start: a demo server, and a load test against it for ten seconds.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const server = spawn(process.execPath, ['--import', 'tsx', file('demo-server.ts'), '--port', '0'], {
  stdio: ['pipe', 'pipe', 'inherit'],
  cwd: file('..'),
})
// Ctrl-C reaches all three; the load test ends with its report, and then so does this.
process.on('SIGINT', () => {})

const [address] = (await once(createInterface({ input: server.stdout }), 'line')) as [string]
const command = [
  'bench',
  `${address}/orders`,
  '-c',
  '50',
  '-z',
  process.env['SLUICE_START_DURATION'] ?? '10s',
]
console.log(`A demo server is running at ${address}.\n$ sluice ${command.join(' ')}\n`)

const bench = spawn(process.execPath, [file('../dist/cli/main.js'), ...command], { stdio: 'inherit' })
const [code] = (await once(bench, 'exit')) as [number | null]
server.kill()
console.log(`
What to try next:
  npx sluice bench --help                 more of the load test
  npx tsx examples/density.ts             a million goroutines
  npx tsx examples/dispatch.ts            a pipeline with back-pressure
  docs/guide/goroutines.md                the guide`)
process.exit(code ?? 1)
