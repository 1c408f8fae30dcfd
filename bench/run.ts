// npm run bench -- SUITE [--json] [--smoke] [--rounds N] [--case TEXT]: ours and the peers', in one run.
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { buildPrograms, type Contender, contenders, machine, ours } from './contenders.js'
import { parallel } from './suites/parallel.js'
import { pool } from './suites/pool.js'
import { runtime } from './suites/runtime.js'
import type { BenchCase } from './suites/suite.js'
import { type Row, textTable } from './table.js'

const suites: Record<string, readonly BenchCase[]> = { runtime, parallel, pool }
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
      if (!Object.hasOwn(suites, name)) fail(`there is no suite '${name}': ${Object.keys(suites).join(', ')}`)
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

interface Lane {
  readonly contender: Contender
  readonly way: string
  readonly figures: number[]
}

/** One case: a process for each contender and each way to run it, each round, one after the other in turn. */
function measure(bench: BenchCase, rounds: number, smoke: boolean): Row {
  const { name, unit, n, program = ours, peers, targets } = bench
  const racing = [program, ...peers].map((peer) => contenders.get(peer)).filter((each) => each !== undefined)
  const lanes = racing.flatMap((contender) =>
    contender.ways.map((way): Lane => ({ contender, way, figures: [] })),
  )
  const failed = new Set<Contender>()
  const count = smoke ? Math.min(n, Math.max(10_000, Math.ceil(n / 100))) : n
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`\r\u001b[K${name}: round ${round} of ${rounds}`)
    for (const lane of lanes)
      if (!failed.has(lane.contender) && !runLane(lane, bench, count)) failed.add(lane.contender)
  }
  process.stderr.write('\r\u001b[K')
  const best = racing.filter((each) => !failed.has(each)).map((each) => bestOf(lanes, each))
  const theirs = best.filter(({ contender }) => contender.name !== ours)
  const figures = Object.fromEntries(theirs.map(({ contender, figure }) => [contender.name, figure]))
  const ways = theirs.filter(({ contender }) => contender.ways.length > 1)
  const notes = ways.map(({ contender, way }) => `${contender.name}: ${way}`)
  if (bench.note !== undefined) notes.push(bench.note)
  // One round of so little work says that it runs, and judges nothing.
  const figure = best.find(({ contender }) => contender.name === ours)?.figure ?? Number.NaN
  return {
    case: name,
    unit,
    better: 'lower',
    ours: figure,
    peers: figures,
    targets: smoke ? {} : targets,
    notes,
  }
}

/** Runs one process. A peer that fails is left out of this row; that we fail is not to be passed over. */
function runLane({ contender, way, figures }: Lane, bench: BenchCase, count: number): boolean {
  try {
    figures.push(median(contender.measure(way, bench, count)))
    return true
  } catch (error) {
    if (contender.name === ours) throw error
    console.error(
      `bench: ${contender.name} failed at '${bench.name}' and is left out: ${(error as Error).message}`,
    )
    return false
  }
}

/** Go runs with one processor and with all of them; its better figure counts. */
function bestOf(lanes: readonly Lane[], contender: Contender) {
  const each = lanes.filter((lane) => lane.contender === contender)
  const results = each.map(({ way, figures }) => ({ contender, way, figure: median(figures) }))
  return results.reduce((best, result) => (result.figure < best.figure ? result : best))
}

const { names, rounds, smoke, json, case: only } = args()
const chosen = (suite: string) =>
  (suites[suite] ?? []).filter(({ name, id }) => name.includes(only) || id.includes(only))
if (names.every((suite) => chosen(suite).length === 0))
  fail(`no case of ${names.join(', ')} has '${only}' in its name`)
try {
  await buildPrograms()
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  process.exit(1)
}
for (const suite of names) {
  const cases = chosen(suite)
  const rows = cases.map((each) => measure(each, rounds, smoke))
  const result = {
    suite,
    machine: machine(),
    rows: rows.map(({ targets: _targets, notes: _notes, ...row }) => row),
  }
  const folder = new URL('results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  if (!smoke && only === '')
    writeFileSync(new URL(`${suite}.json`, folder), `${JSON.stringify(result, undefined, 2)}\n`)
  console.log(json ? JSON.stringify(result) : textTable(suite, rows))
}
