// npm run conformance: the same tables against sluice and its peers; writes docs/reference/conformance.md.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { build } from 'esbuild'
import { applies, type ConformanceCase, cases } from './cases.js'
import type { Subject } from './subject.js'

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const subjects = {
  sluice: '..',
  effect: 'effect',
  effection: 'effection',
  'lesomnus-channel': '@lesomnus/channel',
}
type Name = keyof typeof subjects
type Result = { readonly mark: '✓' | '✗' | '–'; readonly why?: string }

if (process.argv[2] === 'one') await runOne()
else await runAll()

/** In a process of its own: one case of one subject, whose result is the exit code. */
async function runOne(): Promise<void> {
  const { subject } = (await import(process.argv[3] ?? '')) as { subject: Subject }
  const found = cases.find(({ id }) => id === process.argv[4])
  if (found === undefined || !applies(subject, found)) process.exit(3)
  try {
    await found.run(subject as Required<Subject>)
    process.exit(0)
  } catch (error) {
    console.error(difference(error))
    process.exit(1)
  }
}

function difference(error: unknown): string {
  const { code, actual, expected, message } = error as Error & {
    code?: string
    actual?: unknown
    expected?: unknown
  }
  if (code !== 'ERR_ASSERTION') return message
  if (message.startsWith('Missing expected rejection')) return 'it does not fail'
  if (!message.startsWith('Expected values')) return message
  return `${inspect(actual)} instead of ${inspect(expected)}`
}

async function runAll(): Promise<void> {
  const names = (Object.keys(subjects) as Name[]).filter(isInstalled)
  const columns = new Map<Name, Result[]>()
  for (const name of names) columns.set(name, await resultsOf(name))
  const lines = cases.map(({ id, title }, row) => {
    const marks = names.map((name) => columns.get(name)?.[row]?.mark ?? '?')
    return `| ${[id, title, ...marks].join(' | ')} |`
  })
  const notes = names.flatMap((name) =>
    cases.flatMap(({ id }, row) => {
      const { mark, why } = columns.get(name)?.[row] ?? { mark: '–' }
      return mark === '✗' ? [`- ${name}, ${id}: ${why}`] : []
    }),
  )
  const page = pageOf(names, lines, notes)
  if (names.length === Object.keys(subjects).length)
    writeFileSync(file('../../docs/reference/conformance.md'), page)
  console.log(page)
  process.exit(columns.get('sluice')?.some(({ mark }) => mark === '✗') === true ? 1 : 0)
}

function isInstalled(name: Name): boolean {
  const installed = name === 'sluice' || existsSync(file(`../../bench/node_modules/${subjects[name]}`))
  if (!installed)
    console.error(`conformance: ${name} is not installed and left out; \`npm run bench:peers\` installs it`)
  return installed
}

async function resultsOf(name: Name): Promise<Result[]> {
  const outfile = file(`../../bench/.build/conformance-${name}.mjs`)
  const program = file(`../../bench/.build/conformance-run.mjs`)
  const options = {
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  } as const
  await build({
    ...options,
    entryPoints: [file(name === 'sluice' ? 'sluice.ts' : `../../bench/peers/conformance/${name}.ts`)],
    outfile,
    packages: 'external',
  })
  await build({ ...options, entryPoints: [file('run.ts')], outfile: program, packages: 'external' })
  return cases.map((each) => resultOf(program, outfile, each))
}

function resultOf(program: string, subject: string, { id }: ConformanceCase): Result {
  const { status, stderr } = spawnSync(process.execPath, [program, 'one', subject, id], {
    encoding: 'utf8',
    timeout: 10_000,
  })
  if (status === 0) return { mark: '✓' }
  if (status === 3) return { mark: '–' }
  if (status === null) return { mark: '✗', why: 'it hangs' }
  return { mark: '✗', why: stderr.trim().split('\n').at(-1) || 'it waits for ever' }
}

function pageOf(names: Name[], lines: string[], notes: string[]): string {
  const versions = names.map((name) => `${name} ${versionOf(name)}`).join(', ')
  return `# Conformance

The numbered cases distilled from the tests of Go and golang.org/x/sync, asked of this library and of its peers through
small adapters (\`test/conformance/\`). Written by \`npm run conformance\`; ${versions}.

✓ as in Go · ✗ otherwise · – the library has no such part. Not being like Go is no fault where a library never said so.
All cases of Sluice, not only those that peers can be asked, are tests: \`npm test\`.

| case | what is asked | ${names.join(' | ')} |
|---|---|${names.map(() => '---').join('|')}|
${lines.join('\n')}

## What the others do

${notes.length === 0 ? 'The same.' : notes.join('\n')}
`
}

function versionOf(name: Name): string {
  const folder = name === 'sluice' ? '../..' : `../../bench/node_modules/${subjects[name]}`
  const { version } = JSON.parse(readFileSync(file(`${folder}/package.json`), 'utf8')) as { version: string }
  return version
}
