import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const pinned = spawnSync('taskset', ['-V']).status === 0 ? ['taskset', '-c', '0'] : []

/** A program that can be measured. */
export class Contender {
  constructor(
    readonly name: string,
    private readonly commands: readonly (readonly string[])[],
    /** It is so much slower that so much less of the work is enough. */
    private readonly lessWork: number,
    /** Rounds in one process; the first ones warm it up, the last three count. */
    private readonly rounds: number,
  ) {}

  /** The figures of one process, of its better command where there are several. */
  measure(id: string, n: number): number[] {
    const runs = this.commands.map((command) => this.run(command, id, n))
    return runs.reduce((best, run) => (mean(run) < mean(best) ? run : best))
  }

  private run(command: readonly string[], id: string, n: number): number[] {
    // A million parked goroutines are not worth repeating in one process: the second time is another program.
    const once = id.startsWith('parked')
    const [program = '', ...args] = [...(once ? command.filter((word) => !pinned.includes(word)) : command)]
    const output = execFileSync(
      program,
      [...args, id, String(Math.ceil(n / this.lessWork)), once ? '1' : String(this.rounds)],
      {
        encoding: 'utf8',
        cwd: file('.'),
        maxBuffer: 1e6,
      },
    )
    return output.trim().split('\n').map(Number).slice(-3)
  }
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

const programs = [
  'sluice',
  'no-pool',
  'async-await',
  'effect',
  'effection',
  'lesomnus-channel',
  'async-mutex',
  'p-limit',
]
const slow: Record<string, number> = {
  effection: 100,
  effect: 5,
  'async-mutex': 10,
  'lesomnus-channel': 10,
  'p-limit': 5,
}
const packages: Record<string, string> = { 'lesomnus-channel': '@lesomnus/channel' }
/** Written here; the other programs need their package. */
const ours = new Set(['sluice', 'no-pool', 'async-await'])

export const contenders = new Map<string, Contender>()

/** Compiles what is installed; what is not is named on standard error and left out. */
export async function buildPrograms(): Promise<void> {
  mkdirSync(file('.build'), { recursive: true })
  for (const name of programs) {
    if (!ours.has(name) && !existsSync(file(`node_modules/${packages[name] ?? name}`))) {
      console.error(`bench: ${name} is not installed and left out; \`npm run bench:peers\` installs it`)
      continue
    }
    await build({
      entryPoints: [file(ours.has(name) ? `programs/${name}.ts` : `peers/${name}.ts`)],
      outfile: file(`.build/${name}.mjs`),
      bundle: true,
      packages: 'external',
      format: 'esm',
      target: 'es2022',
      logLevel: 'error',
    })
    const node = [process.execPath, '--expose-gc', '--min-semi-space-size=16', `.build/${name}.mjs`]
    contenders.set(name, new Contender(name, [[...pinned, ...node]], slow[name] ?? 1, 7))
  }
  buildGo()
}

function buildGo(): void {
  const go = spawnSync('go', ['build', '-o', file('.build/go-peer'), file('peers/go/main.go')], {
    env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode' },
    encoding: 'utf8',
  })
  if (go.status !== 0) {
    const why = go.error === undefined ? go.stderr.trim().split('\n').at(-1) : 'it is not installed'
    console.error(`bench: go is left out (${why}); \`npm run bench:peers\` installs it`)
    return
  }
  const peer = file('.build/go-peer')
  contenders.set('go', new Contender('go', [[peer], ['env', 'GOMAXPROCS=1', peer]], 1, 5))
}

/** What the figures were taken on. */
export function machine(): Record<string, string | number> {
  const go = spawnSync('go', ['version'], { encoding: 'utf8' })
  return {
    cpu: cpus()[0]?.model.trim() ?? '',
    cores: cpus().length,
    node: process.version,
    go: go.status === 0 ? go.stdout.trim().replace('go version ', '') : 'not installed',
  }
}
