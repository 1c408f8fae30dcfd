// Counts the words of all files in some folders, on every processor, in bounded memory.
//   npx tsx --tsconfig tsconfig.dist.json examples/parallel/word-count.ts [FOLDER …] --top 20
//   … --procs 1      on so many processors, the main thread's among them
//   … --compare      counts 64 MB, the files again and again, on one processor and on two
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main, type Routine } from 'sluice'
import { procs, task } from 'sluice/parallel'
import { compare } from './compare.js'
import { options, refuse, wholeNumber } from './options.js'

/** A part of a file, in bytes. It ends with the word that its last byte is in, and begins where the one before ended. */
interface Part {
  readonly path: string
  readonly from: number
  readonly to: number
}

/** What one task found. One string and one array of numbers cross threads faster than a thousand entries of a map. */
interface Count {
  /** One a line. */
  readonly words: string
  readonly counts: Uint32Array
  /** A sentence about each part that could not be read. */
  readonly failures: readonly string[]
}

/** Bytes for one task: some milliseconds. */
const batchBytes = 256 * 1024
/** Tasks on their way, which is what bounds the memory. */
const window = 16
/** A word that goes on for longer past the end of a part is cut. */
const longestWord = 4096

export const count = task(import.meta.url, 'count', (parts: readonly Part[]): Count => {
  const found = new Map<string, number>()
  const failures: string[] = []
  for (const part of parts) {
    try {
      for (const [word] of textOf(part)
        .toLowerCase()
        .matchAll(/\p{L}[\p{L}\p{N}]*/gu))
        found.set(word, (found.get(word) ?? 0) + 1)
    } catch (error) {
      failures.push(sentence(error))
    }
  }
  return { words: [...found.keys()].join('\n'), counts: Uint32Array.from(found.values()), failures }
})

function textOf({ path, from, to }: Part): string {
  const bytes = Buffer.alloc(to - from + longestWord)
  const file = openSync(path, 'r')
  const read = bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from))
  closeSync(file)
  const start = from === 0 ? 0 : endOfWord(read, 0)
  return read.toString('utf8', start, endOfWord(read, to - from))
}

/** Where the white space is that ends the word at `at`: the same for the part that ends and the one that begins there. */
function endOfWord(bytes: Buffer, at: number): number {
  const last = Math.min(at + longestWord, bytes.length)
  for (let i = at; i < last; i++) if ((bytes[i] ?? 0) <= 32) return i
  return last < at + longestWord ? bytes.length : at
}

/** The files below a folder, in parts; what cannot be looked at is reported and left out. */
function* partsOf(path: string, failed: (why: string) => void): Generator<Part> {
  try {
    const found = statSync(path)
    if (found.isDirectory())
      for (const name of readdirSync(path).sort()) yield* partsOf(join(path, name), failed)
    else if (found.isFile())
      for (let from = 0; from < found.size; from += batchBytes)
        yield { path, from, to: Math.min(from + batchBytes, found.size) }
  } catch (error) {
    failed(sentence(error))
  }
}

/** Parts together until they are worth a task. */
function* batches(parts: Iterable<Part>): Generator<Part[]> {
  let [batch, bytes]: [Part[], number] = [[], 0]
  for (const part of parts) {
    batch.push(part)
    bytes += part.to - part.from
    if (bytes < batchBytes) continue
    yield batch
    ;[batch, bytes] = [[], 0]
  }
  if (batch.length > 0) yield batch
}

/** How often each word occurs. */
function* countWords(parts: Iterable<Part>, failed: (why: string) => void): Routine<Map<string, number>> {
  const total = new Map<string, number>()
  const counting = count.map(batches(parts), { window })
  for (let each = yield* counting.recv(); each !== undefined; each = yield* counting.recv()) {
    each.failures.forEach(failed)
    if (each.counts.length === 0) continue
    for (const [i, word] of each.words.split('\n').entries())
      total.set(word, (total.get(word) ?? 0) + (each.counts[i] ?? 0))
  }
  return total
}

/** The same parts again and again until they are 64 MB. */
function* repeated(parts: readonly Part[]): Generator<Part> {
  let bytes = 0
  while (parts.length > 0 && bytes < 64e6)
    for (const part of parts) {
      bytes += part.to - part.from
      yield part
    }
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function* printTop(folders: readonly string[], top: number): Routine<void> {
  let skipped = 0
  const total = yield* countWords(allParts(folders, report), report)
  const all = [...total].sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
  for (const [word, times] of all.slice(0, top)) console.log(`${String(times).padStart(8)} ${word}`)
  const words = all.reduce((sum, [, times]) => sum + times, 0)
  console.log(`${words} words, ${all.length} different${skipped === 0 ? '' : `; ${skipped} not read`}`)

  function report(why: string): void {
    skipped++
    console.error(`word-count: left out: ${why}`)
  }
}

function* allParts(folders: readonly string[], failed: (why: string) => void): Generator<Part> {
  for (const folder of folders) yield* partsOf(folder, failed)
}

main(function* () {
  const { values, positionals } = options({
    top: { type: 'string', default: '20' },
    procs: { type: 'string', default: String(procs()) },
    compare: { type: 'boolean', default: false },
  })
  const ours = ['docs', 'src'].map((name) => fileURLToPath(new URL(`../../${name}`, import.meta.url)))
  const folders = positionals.length === 0 ? ours : positionals
  for (const folder of folders)
    if (statSync(folder, { throwIfNoEntry: false }) === undefined) refuse(`word-count: there is no ${folder}`)
  procs(wholeNumber('procs', values.procs, 1, 64))
  if (!values.compare) return yield* printTop(folders, wholeNumber('top', values.top, 1, 1e6))
  const parts = [...allParts(folders, () => {})]
  yield* compare(() => countWords(repeated(parts), () => {}))
})
