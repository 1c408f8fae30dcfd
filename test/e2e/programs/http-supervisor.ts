/**
 * Keeps two processes that accept on one socket, which it has inherited itself as descriptor 3, as a supervisor does: it
 * never accepts. The argument is for both of them. On SIGHUP it replaces one after the other: first the new one listens,
 * then the old one gets SIGTERM. Prints `ready`, `replaced` after each round, and the code with which each has ended.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const site = fileURLToPath(new URL('http-site.ts', import.meta.url))
const options = JSON.stringify({ ...JSON.parse(process.argv[2] ?? '{}'), fd: 3 })

/** Whatever happens here, none of them stays behind. */
const all = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of all) child.kill('SIGKILL')
})

async function start(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', site, options], {
    stdio: ['ignore', 'pipe', 'inherit', 3],
  })
  all.add(child)
  let isListening = false
  child.on('exit', (code) => {
    all.delete(child)
    if (!isListening) throw new Error(`a server has ended with ${code} before it listened`)
  })
  child.stdout?.on('data', () => {})
  await once(child.stdout ?? child, 'data')
  isListening = true
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`a server has ended by itself, with ${child.exitCode}`)
  child.kill('SIGTERM')
  const [code, signal] = await once(child, 'exit')
  console.log(`ended with ${code ?? signal}`)
}

let children: readonly ChildProcess[] = await Promise.all([start(), start()])
let round: Promise<void> = Promise.resolve()

process.on('SIGHUP', () => {
  round = round.then(async () => {
    const replaced: ChildProcess[] = []
    for (const old of children) {
      replaced.push(await start())
      await end(old)
    }
    children = replaced
    console.log('replaced')
  })
})

process.on('SIGTERM', () => {
  void round.then(async () => {
    await Promise.all(children.map(end))
    process.exit()
  })
})

// Last: until its handler is there, a SIGHUP would end this.
console.log('ready')
