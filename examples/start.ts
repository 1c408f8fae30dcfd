// npm start: a demo server, and a load test against it for ten seconds.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Ctrl-C reaches all three; the load test ends with its report, and then so does this.
process.on('SIGINT', () => {})

const server = spawn(process.execPath, ['--import', 'tsx', file('demo-server.ts'), '--port', '0'], {
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  cwd: file('..'),
})
// A server that cannot start has said why; then there is nothing to measure.
const giveUp = (code: number | null) => process.exit(code ?? 1)
server.once('exit', giveUp)
const [address] = (await once(server, 'message')) as [string]
server.off('exit', giveUp)

const duration = process.env['SLUICE_START_DURATION'] ?? '10s'
const command = ['bench', `${address}/orders`, '-c', '50', '-z', duration]
console.log(`A demo server is running at ${address}.\n$ sluice ${command.join(' ')}\n`)
const code = await exitCode(
  spawn(process.execPath, [file('../dist/cli/main.js'), ...command], { stdio: 'inherit' }),
)
server.kill()
await exitCode(server)

console.log(`
What to try next:
  npx sluice bench --help               what else the load test can do
  npx tsx --tsconfig tsconfig.dist.json examples/hello.ts      the smallest server; PROCS=all for every core
  npx tsx --tsconfig tsconfig.dist.json examples/json-api.ts   validated bodies, parameters, errors as problems
  npx tsx --tsconfig tsconfig.dist.json examples/chat.ts       WebSocket rooms, with a page
  npx tsx --tsconfig tsconfig.dist.json examples/guarded-api.ts   guard rails, whose rules change while it serves
  npx tsx examples/density.ts           a million goroutines: their memory, and how soon they run
  npx tsx examples/dispatch.ts          a pipeline with back-pressure
  npx tsx --tsconfig tsconfig.dist.json examples/parallel/mandelbrot.ts   every core: a picture, in bands`)
process.exit(code)

async function exitCode(child: ChildProcess): Promise<number> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode ?? 1
}
