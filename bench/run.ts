// npm run bench -- SUITE [--json] [--smoke] [--rounds N] [--case TEXT]: ours and the peers', in one run.
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { buildPrograms, type Contender, contenders, machine } from './contenders.js'
import { pool } from './suites/pool.js'
import { runtime } from './suites/runtime.js'
import type { BenchCase } from './suites/suite.js'
import { type Row, textTable } from './table.js'

const suites: Record<string, readonly BenchCase[]> = { runtime, pool }
const options = {
  json: { type: 'boolean', default: false },
  smoke: { type: 'boolean', default: false },
  rounds: { type: 'string', default: '5' },
  case: { type: 'string', default: '' },
} as const

function fail(message: string): never {
  console.error(`bench: ${message}`)
  process.exit(2)
}

function args() {
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true })
    const names = positionals.length === 0 && values.smoke ? Object.keys(suites) : positionals
    const rounds = Number(values.rounds)
    if (names.length === 0) fail(`name a suite: ${Object.keys(suites).join(', ')}`)
    for (const name of names)
      if (!(name in suites)) fail(`there is no suite '${name}': ${Object.keys(suites).join(', ')}`)
    if (!Number.isInteger(rounds) || rounds < 1)
      fail(`--rounds ${values.rounds} is not a whole number from 1`)
    return { ...values, rounds: values.smoke ? 1 : rounds, names }
  } catch (error) {
    return fail(
      `${(error as Error).message.split('. ')[0]}; the options are --json, --smoke, --rounds N, --case TEXT`,
    )
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** One case: a process for each contender, each round, one after the other in turn. */
function measure({ id, n, peers, name, unit, targets }: BenchCase, rounds: number, smoke: boolean): Row {
  const racing = ['sluice', ...peers].map((peer) => contenders.get(peer)).filter((each) => each !== undefined)
  const figures = new Map<Contender, number[]>(racing.map((each) => [each, []]))
  const count = smoke ? Math.max(10_000, Math.ceil(n / 100)) : n
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`\r\u001b[K${name}: round ${round} of ${rounds}`)
    for (const each of racing) figures.get(each)?.push(median(each.measure(id, count)))
  }
  process.stderr.write('\r\u001b[K')
  const result = (each: Contender) => median(figures.get(each) ?? [])
  const [ours, ...theirs] = racing as [Contender, ...Contender[]]
  // Go runs with one processor and with all of them; its better figure counts.
  const best: Record<string, number> = {}
  for (const each of theirs) best[each.name] = result(each)
  return { case: name, unit, better: 'lower', ours: result(ours), peers: best, targets }
}

const { names, rounds, smoke, json, case: only } = args()
await buildPrograms()
for (const suite of names) {
  const cases = (suites[suite] ?? []).filter(({ name, id }) => name.includes(only) || id.includes(only))
  const rows = cases.map((each) => measure(each, rounds, smoke))
  const result = { suite, machine: machine(), rows: rows.map(({ targets: _, ...row }) => row) }
  const folder = new URL('results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  if (!smoke && only === '')
    writeFileSync(new URL(`${suite}.json`, folder), `${JSON.stringify(result, undefined, 2)}\n`)
  console.log(json ? JSON.stringify(result) : textTable(suite, rows))
}
