import { execFileSync, spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { bundle, file, isInstalled } from './build.js'
import type { BenchCase } from './suites/suite.js'

const pinned = spawnSync('taskset', ['-V']).status === 0 ? ['taskset', '-c', '0'] : []

/** A program that can be measured. */
export class Contender {
  constructor(
    readonly name: string,
    /** What starts it; several where it can be run in several ways, of which the best counts. */
    private readonly commands: Readonly<Record<string, readonly string[]>>,
    /** It is so much slower that so much less of the work is enough. */
    private readonly lessWork: number,
    /** Rounds in one process; the first ones warm it up, the last three count. */
    private readonly rounds: number,
  ) {}

  get ways(): string[] {
    return Object.keys(this.commands)
  }

  /** The figures of one process. */
  measure(way: string, { id, batch = 1, threads }: BenchCase, n: number): number[] {
    const command = this.commands[way] ?? []
    const count = Math.ceil(n / this.lessWork / batch) * batch
    // A million parked goroutines are not worth repeating in one process: the second time is another program.
    const once = id.startsWith('parked')
    const free = once || threads !== undefined
    const [program = '', ...args] = [...(free ? command.filter((word) => !pinned.includes(word)) : command)]
    const output = execFileSync(program, [...args, id, String(count), once ? '1' : String(this.rounds)], {
      encoding: 'utf8',
      cwd: file('.'),
      maxBuffer: 1e6,
    })
    return output.trim().split('\n').map(Number).slice(-3)
  }
}

/** The one that the others are compared with. */
export const ours = 'sluice'

const programs = [
  ours,
  'sluice-parallel',
  'no-pool',
  'async-await',
  'effect',
  'effection',
  'lesomnus-channel',
  'async-mutex',
  'p-limit',
  'piscina',
  'tinypool',
  'poolifier',
  'sluice-guards',
  'cockatiel',
  'opossum',
  'rate-limiter-flexible',
]
const slow: Record<string, number> = {
  effection: 100,
  effect: 5,
  'async-mutex': 10,
  'lesomnus-channel': 10,
  'p-limit': 5,
  piscina: 10,
  tinypool: 10,
  poolifier: 10,
  cockatiel: 5,
  opossum: 5,
  'rate-limiter-flexible': 5,
}
const packages: Record<string, string> = { 'lesomnus-channel': '@lesomnus/channel' }
/** Written here; the other programs need their package. */
const written = new Set(['sluice', 'sluice-parallel', 'sluice-guards', 'no-pool', 'async-await'])
/** The settings that were the best of those tried, each in some case; the best of them counts. */
const poolSettings: Record<string, readonly string[]> = {
  piscina: [
    'threads=1,concurrent=256,atomics=sync',
    'threads=1,concurrent=256,atomics=async',
    'threads=1,concurrent=256,atomics=disabled',
  ],
  tinypool: ['threads=1,concurrent=256', 'threads=2,concurrent=128'],
  poolifier: ['threads=1', 'threads=2'],
}

export const contenders = new Map<string, Contender>()

/** Compiles what is installed; what is not is named on standard error and left out. */
export async function buildPrograms(): Promise<void> {
  for (const name of programs) {
    if (!written.has(name) && !isInstalled(packages[name] ?? name)) {
      console.error(`bench: ${name} is not installed and left out; \`npm run bench:peers\` installs it`)
      continue
    }
    await bundle(written.has(name) ? `programs/${name}.ts` : `peers/${name}.ts`, `.build/${name}.mjs`)
    addProgram(name)
  }
  buildGo()
}

function addProgram(name: string): void {
  const node = [...pinned, process.execPath, '--expose-gc', '--min-semi-space-size=16', `.build/${name}.mjs`]
  const settings = poolSettings[name]?.map((each) => [each, ['env', `SETTINGS=${each}`, ...node]])
  const ways = settings === undefined ? { node } : Object.fromEntries(settings)
  const isOurs = name.startsWith('sluice-')
  contenders.set(name, new Contender(isOurs ? ours : name, ways, slow[name] ?? 1, 7))
  if (name !== 'sluice-parallel') return
  const alone = { 'one processor': ['env', 'PROCS=1', ...node] }
  contenders.set('one-processor', new Contender('one processor', alone, 1, 7))
}

function buildGo(): void {
  const go = spawnSync(
    'go',
    ['build', '-o', file('.build/go-peer'), file('peers/go/main.go'), file('peers/go/parallel.go')],
    {
      env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode' },
      encoding: 'utf8',
    },
  )
  if (go.status !== 0) {
    const why = go.error === undefined ? go.stderr.trim().split('\n').at(-1) : 'it is not installed'
    console.error(`bench: go is left out (${why}); \`npm run bench:peers\` installs it`)
    return
  }
  const peer = file('.build/go-peer')
  const ways = { [`GOMAXPROCS=${cpus().length}`]: [peer], 'GOMAXPROCS=1': ['env', 'GOMAXPROCS=1', peer] }
  contenders.set('go', new Contender('go', ways, 1, 5))
  // Where the case is about two threads, one would be another case.
  const two = { 'GOMAXPROCS=2': ['env', 'GOMAXPROCS=2', peer] }
  contenders.set('go-on-two', new Contender('go', two, 1, 5))
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
