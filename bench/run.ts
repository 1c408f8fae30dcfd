// npm run bench -- SUITE [--json] [--smoke] [--rounds N] [--case TEXT]: ours and the peers', in one run.
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { file, linkSluice } from './build.js'
import { buildPrograms, machine } from './contenders.js'
import { measurePrograms } from './measure-programs.js'
import { measureServers, servingFacts } from './measure-servers.js'
import { buildServers } from './servers.js'
import { guards } from './suites/guards.js'
import { http } from './suites/http.js'
import { parallel } from './suites/parallel.js'
import { pool } from './suites/pool.js'
import { runtime } from './suites/runtime.js'
import { type Row, textTable } from './table.js'

/** A suite of programs that each measure themselves, or of servers that one asks. */
interface Suite {
  /** Compiles what is measured. */
  readonly build: () => Promise<void>
  readonly cases: readonly Case[]
  /** What its figures were taken with, besides the machine. */
  readonly facts?: () => Record<string, string>
}

interface Case {
  readonly name: string
  readonly id: string
  readonly measure: (rounds: number, smoke: boolean) => Row[] | Promise<Row[]>
}

function suiteOf<C extends { readonly name: string; readonly id: string }>(
  build: Suite['build'],
  measure: (bench: C, rounds: number, smoke: boolean) => Row[] | Promise<Row[]>,
  cases: readonly C[],
): Suite {
  return {
    build,
    cases: cases.map((each) => ({
      name: each.name,
      id: each.id,
      measure: (rounds, smoke) => measure(each, rounds, smoke),
    })),
  }
}

const suites: Record<string, Suite> = {
  runtime: suiteOf(buildPrograms, measurePrograms, runtime),
  parallel: suiteOf(buildPrograms, measurePrograms, parallel),
  pool: suiteOf(buildPrograms, measurePrograms, pool),
  guards: suiteOf(buildPrograms, measurePrograms, guards),
  http: { ...suiteOf(buildServers, measureServers, http), facts: servingFacts },
}
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

const { names, rounds, smoke, json, case: only } = args()
const chosen = (suite: string) =>
  (suites[suite]?.cases ?? []).filter(({ name, id }) => name.includes(only) || id.includes(only))
if (names.every((suite) => chosen(suite).length === 0))
  fail(`no case of ${names.join(', ')} has '${only}' in its name`)
try {
  mkdirSync(file('.build'), { recursive: true })
  linkSluice()
  for (const build of new Set(names.map((name) => suites[name]?.build))) await build?.()
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  process.exit(1)
}
for (const suite of names) {
  const rows: Row[] = []
  for (const each of chosen(suite)) rows.push(...(await each.measure(rounds, smoke)))
  const result = {
    suite,
    machine: { ...machine(), ...suites[suite]?.facts?.() },
    rows: rows.map(({ targets: _targets, notes: _notes, ...row }) => row),
  }
  const folder = new URL('results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  if (!smoke && only === '')
    writeFileSync(new URL(`${suite}.json`, folder), `${JSON.stringify(result, undefined, 2)}\n`)
  console.log(json ? JSON.stringify(result) : textTable(suite, rows))
}
