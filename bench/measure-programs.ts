import { type Contender, contenders, ours } from './contenders.js'
import type { BenchCase } from './suites/suite.js'
import type { Row } from './table.js'

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

interface Lane {
  readonly contender: Contender
  readonly way: string
  readonly figures: number[]
}

/** One case: a process for each contender and each way to run it, each round, one after the other in turn. */
export function measurePrograms(bench: BenchCase, rounds: number, smoke: boolean): Row[] {
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
  return [
    {
      case: name,
      unit,
      better: 'lower',
      ours: figure,
      peers: figures,
      targets: smoke ? {} : targets,
      notes,
    },
  ]
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
