import type { Run } from './load-test.js'
import type { Results } from './results.js'

/** The percentiles of a report, as oha prints them. */
const percentiles = [10, 25, 50, 75, 90, 95, 99, 99.9, 99.99] as const
/** With `--latency`, as wrk prints its spectrum: down to one response in a hundred thousand. */
const finePercentiles = [
  50, 75, 80, 85, 90, 92.5, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 99.999, 100,
] as const
const histogramRows = 11
const barWidth = 32

/** A report as text, in the order and the words of oha. */
export function textReport(run: Run, { latency = false }: { latency?: boolean } = {}): string {
  const { results } = run
  const sections = [summary(run)]
  if (results.responses > 0) sections.push(histogram(results), distribution(results, latency))
  if (results.statuses.size > 0) sections.push(table('Status code distribution:', statusRows(results)))
  if (results.errors.size > 0) sections.push(table('Error distribution:', errorRows(results)))
  if (results.unfinished > 0) {
    sections.push(
      `  ${results.unfinished} requests were under way when the run ended; they are not counted above.`,
    )
  }
  return sections.join('\n\n')
}

/** A report for machines, in the shape of oha's JSON; times in seconds. */
export function jsonReport({ results, elapsedMs, interrupted }: Run): object {
  const seconds = (ms: number) => (results.responses === 0 ? null : ms / 1000)
  return {
    summary: {
      successRate: successRate(results),
      total: elapsedMs / 1000,
      slowest: seconds(results.slowestMs),
      fastest: seconds(results.fastestMs),
      average: seconds(results.averageMs),
      requestsPerSec: (results.responses * 1000) / elapsedMs,
      totalData: results.bytes,
      sizePerRequest: results.responses === 0 ? null : results.bytes / results.responses,
      sizePerSec: (results.bytes * 1000) / elapsedMs,
      interrupted,
      unfinished: results.unfinished,
    },
    responseTimeHistogram: Object.fromEntries(
      results.responses === 0
        ? []
        : results.steps(histogramRows).map(({ upToMs, count }) => [upToMs / 1000, count]),
    ),
    latencyPercentiles: Object.fromEntries(
      percentiles.map((p) => [`p${p}`, seconds(results.percentileMs(p))]),
    ),
    statusCodeDistribution: Object.fromEntries(results.statuses),
    errorDistribution: Object.fromEntries(results.errors),
  }
}

/** Responses in all requests that ended, from 0 to 1. A response counts whatever its status. */
export function successRate({ responses, failures }: Results): number {
  return responses + failures === 0 ? 0 : responses / (responses + failures)
}

function summary({ results, elapsedMs, interrupted }: Run): string {
  const perSecond = (value: number) => (value * 1000) / elapsedMs
  const time = (ms: number) => (results.responses === 0 ? '-' : duration(ms))
  return table(interrupted ? 'Summary (interrupted):' : 'Summary:', [
    ['Success rate:', `${(successRate(results) * 100).toFixed(2)}%`],
    ['Total:', duration(elapsedMs)],
    ['Slowest:', time(results.slowestMs)],
    ['Fastest:', time(results.fastestMs)],
    ['Average:', time(results.averageMs)],
    ['Requests/sec:', perSecond(results.responses).toFixed(4)],
    ['', ''],
    ['Total data:', size(results.bytes)],
    ['Size/request:', results.responses === 0 ? '-' : size(results.bytes / results.responses)],
    ['Size/sec:', size(perSecond(results.bytes))],
  ])
}

function histogram(results: Results): string {
  const steps = results.steps(histogramRows)
  const most = Math.max(...steps.map(({ count }) => count))
  const digits = String(most).length
  const rows = steps.map(({ upToMs, count }) => {
    const bar = '■'.repeat(Math.round((count / most) * barWidth))
    return `  ${duration(upToMs).padStart(12)} [${String(count).padEnd(digits)}] |${bar}`
  })
  return ['Response time histogram:', ...rows].join('\n')
}

function distribution(results: Results, fine: boolean): string {
  const rows = (fine ? finePercentiles : percentiles).map((p) => {
    return `  ${p.toFixed(fine ? 3 : 2)}% in ${duration(results.percentileMs(p))}`
  })
  return ['Response time distribution:', ...rows].join('\n')
}

function statusRows({ statuses }: Results): [string, string][] {
  return [...statuses]
    .sort(([a], [b]) => a - b)
    .map(([status, count]) => [`[${status}]`, `${count} responses`])
}

function errorRows({ errors }: Results): [string, string][] {
  return [...errors].sort(([, a], [, b]) => b - a).map(([name, count]) => [`[${count}]`, name])
}

function table(title: string, rows: [string, string][]): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return [
    title,
    ...rows.map(([name, value]) => (name === '' ? '' : `  ${name.padEnd(width)} ${value}`)),
  ].join('\n')
}

/** A time in the unit that fits it. */
export function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(4)} secs`
  return ms >= 1 ? `${ms.toFixed(4)} ms` : `${(ms * 1000).toFixed(1)} µs`
}

/** A size in the unit that fits it. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1)
  return `${power === 0 ? Math.round(bytes) : (bytes / 1024 ** power).toFixed(2)} ${units[power]}`
}
