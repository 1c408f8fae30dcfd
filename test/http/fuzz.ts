/**
 * Damages requests at random and gives them to the parsers: whole, cut at random places, sometimes byte by byte, and to
 * the naive twin. All have to say the same, and what is said has to make sense. Inputs with an outcome that is new are
 * kept and damaged again, so that the search gets deeper.
 *
 *     npx tsx test/http/fuzz.ts [--inputs N] [--seed S]
 */
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { defaultLimits, type Limits } from '../../src/http/limits.js'
import { bytesOf, cut, type Drive, drive, type Outcome, single } from './drive.js'
import { parseNaively } from './naive-parser.js'
import { damage, grow, type Random, random } from './random-requests.js'
import { rawRequests } from './raw-requests.js'

/** Limits that short inputs reach. */
const smallLimits: Limits = {
  ...defaultLimits,
  headBytes: 150,
  lineBytes: 50,
  headers: 4,
  extensionBytes: 10,
  trailerBytes: 30,
}
const statuses = new Set([400, 413, 414, 417, 431, 501, 505])
const mostBytes = 320
const mostKept = 4000

export interface Fuzzed {
  inputs: number
  /** Distinct outcomes: how it ended and why, and what stood before. */
  outcomes: number
  /** How many ended how. */
  ends: Record<string, number>
}

/** @throws Error for the first input that is read in two ways, with the input. */
export function fuzz(inputs: number, seed: number): Fuzzed {
  const next = random(seed)
  const rows = rawRequests.filter(({ text }) => text.length <= mostBytes)
  const corpus = rows.map((row) => row.text)
  /** After these the connection goes on. */
  const leading = rows.filter(({ end }) => end === 'between').map((row) => row.text)
  const known = new Set<string>()
  const ends: Record<string, number> = {}
  for (let k = 0; k < inputs; k++) {
    const text = choose(next, corpus, leading)
    const limits = next(3) === 0 ? smallLimits : defaultLimits
    const outcome = check(next, text, limits)
    ends[outcome.end] = (ends[outcome.end] ?? 0) + 1
    const signature = signatureOf(outcome)
    if (known.has(signature)) continue
    known.add(signature)
    if (corpus.length < mostKept) corpus.push(text)
    if (outcome.end === 'between' && leading.length < mostKept) leading.push(text)
  }
  return { inputs, outcomes: known.size, ends }
}

function choose(next: Random, corpus: readonly string[], leading: readonly string[]): string {
  const of = (list: readonly string[]) => list[next(list.length)] as string // none is empty
  let text = next(4) === 0 ? grow(next) : of(next(2) === 0 ? leading : corpus)
  for (let k = next(4); k > 0; k--) text = damage(next, text, of(corpus))
  return (next(3) === 0 ? of(leading) + text : text).slice(0, mostBytes)
}

/** @returns the outcome of the whole. @throws Error where it depends on the split, or is wrong. */
function check(next: Random, text: string, limits: Limits): Drive {
  const bytes = bytesOf(text)
  const whole = drive([bytes], limits)
  const said = textOf(whole)
  const expectSame = (other: Outcome, how: string) => {
    if (textOf(other) === said) return
    throw new Error(
      `${JSON.stringify(text)} is read in two ways\n  whole: ${said}\n  ${how}: ${textOf(other)}`,
    )
  }
  const places = [next(bytes.length + 1), next(bytes.length + 1)].sort((a, b) => a - b)
  expectSame(drive(cut(bytes, ...places), limits), `cut at ${places.join(' and ')}`)
  if (next(16) === 0) expectSame(drive(single(bytes), limits), 'byte by byte')
  expectSame(parseNaively(text, limits), 'naively')
  if (whole.consumed > bytes.length || (typeof whole.end === 'number' && !statuses.has(whole.end)))
    throw new Error(`${JSON.stringify(text)} makes no sense: ${said}`)
  return whole
}

function textOf({ requests, end, consumed }: Outcome): string {
  return `${end} ${consumed} ${requests.length === 0 ? '' : JSON.stringify(requests)}`
}

function signatureOf({ requests, end, reason }: Drive): string {
  const last = requests.at(-1)
  const flags = last && [
    last.method,
    last.minorVersion,
    last.isWhole,
    last.expectsContinue,
    last.wantsUpgrade,
  ]
  return `${end} ${reason} ${requests.length} ${flags} ${last?.body.length}`
}

function main(): void {
  const { values } = parseArgs({ options: { inputs: { type: 'string' }, seed: { type: 'string' } } })
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  const started = performance.now()
  console.log(`seed ${seed}`)
  const { inputs, outcomes, ends } = fuzz(Number(values.inputs ?? 1_000_000), seed)
  const seconds = (performance.now() - started) / 1000
  console.log(`${inputs} inputs, ${outcomes} outcomes, ${seconds.toFixed(1)} s`, ends)
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) main()
