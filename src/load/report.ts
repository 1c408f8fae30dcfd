import type { Distribution } from './distribution.js'
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
  if (results.responses > 0) {
    sections.push(histogram(results.latencies), spread(results.latencies, latency), details(results))
  }
  if (results.statuses.size > 0) sections.push(table('Status code distribution:', statusRows(results)))
  if (results.errors.size > 0) sections.push(table('Error distribution:', errorRows(results)))
  if (results.unfinished > 0) sections.push(`  ${unfinished(results.unfinished)}; not counted above.`)
  return sections.join('\n\n')
}

/** A report for machines, in the shape of oha's JSON and more; times in seconds, `null` for what was not measured. */
export function jsonReport({ results, elapsedMs, rate, interrupted }: Run): object {
  const { latencies, firstBytes, responses, bytes } = results
  const ifAny = (value: number) => (responses === 0 ? null : value)
  return {
    summary: {
      successRate: successRate(results) ?? null,
      total: elapsedMs / 1000,
      slowest: ifAny(latencies.max / 1e6),
      fastest: ifAny(latencies.min / 1e6),
      average: ifAny(latencies.mean / 1e6),
      requestsPerSec: (responses * 1000) / elapsedMs,
      totalData: bytes,
      sizePerRequest: ifAny(Math.round(bytes / responses)),
      sizePerSec: (bytes * 1000) / elapsedMs,
      interrupted,
      unfinished: results.unfinished,
      ...(rate !== undefined && { offeredPerSec: rate, late: results.late }),
    },
    responseTimeHistogram: histogramEntries(latencies),
    latencyPercentiles: percentileEntries(latencies, 1e6),
    firstByteHistogram: histogramEntries(firstBytes),
    firstBytePercentiles: percentileEntries(firstBytes, 1e6),
    rps: rates(results.rates),
    details: {
      DNSDialup: triple(results.dials),
      DNSLookup: triple(results.lookups),
      firstByte: triple(firstBytes),
    },
    statusCodeDistribution: Object.fromEntries(
      [...results.statuses].map(([code, { count }]) => [code, count]),
    ),
    errorDistribution: Object.fromEntries(results.errors),
    statusCodeLatencies: Object.fromEntries(
      [...results.statuses].map(([code, latencies]) => [code, percentileEntries(latencies, 1e6)]),
    ),
  }
}

/** Responses in all requests that ended, from 0 to 1; `undefined` if none did. A response counts whatever its status. */
function successRate({ responses, failures }: Results): number | undefined {
  return responses + failures === 0 ? undefined : responses / (responses + failures)
}

function histogramEntries(times: Distribution): Record<string, number> {
  const steps = times.count === 0 ? [] : times.steps(histogramRows)
  return Object.fromEntries(steps.map(({ upTo, count }) => [upTo / 1e6, count]))
}

function percentileEntries(values: Distribution, unit: number): Record<string, number | null> {
  return Object.fromEntries(
    percentiles.map((p) => [`p${p}`, values.count === 0 ? null : values.percentile(p) / unit]),
  )
}

function rates(perSecond: Distribution): object {
  return {
    mean: perSecond.mean,
    stddev: perSecond.standardDeviation,
    max: perSecond.max,
    min: perSecond.min,
    percentiles: percentileEntries(perSecond, 1),
  }
}

function triple({ mean, min, max }: Distribution): object {
  return { average: mean / 1e6, fastest: min / 1e6, slowest: max / 1e6 }
}

function summary({ results, elapsedMs, rate, interrupted }: Run): string {
  const { latencies, bytes, responses } = results
  const success = successRate(results)
  const ifAny = (text: string) => (responses === 0 ? '-' : text)
  return table(interrupted ? 'Summary (interrupted):' : 'Summary:', [
    ['Success rate:', success === undefined ? '-' : `${(success * 100).toFixed(2)}%`],
    ['Total:', duration(elapsedMs)],
    ['Slowest:', ifAny(micros(latencies.max))],
    ['Fastest:', ifAny(micros(latencies.min))],
    ['Average:', ifAny(micros(latencies.mean))],
    ['Requests/sec:', ((responses * 1000) / elapsedMs).toFixed(4)],
    ...(rate === undefined ? [] : [offered(rate, results)]),
    ['', ''],
    ['Total data:', size(bytes)],
    ['Size/request:', ifAny(size(bytes / responses))],
    ['Size/sec:', size((bytes * 1000) / elapsedMs)],
  ])
}

/** What was asked for, beside what came of it. */
function offered(rate: number, { late }: Results): [string, string] {
  const text = rate.toFixed(4)
  return [
    'Offered/sec:',
    late === 0 ? text : `${text}, ${late} requests while no connection was free: raise -c`,
  ]
}

function histogram(times: Distribution): string {
  const steps = times.steps(histogramRows)
  const most = Math.max(...steps.map(({ count }) => count))
  const digits = String(most).length
  const rows = steps.map(({ upTo, count }) => {
    const bar = '■'.repeat(Math.round((count / most) * barWidth))
    return `  ${micros(upTo).padStart(12)} [${String(count).padEnd(digits)}] |${bar}`
  })
  return ['Response time histogram:', ...rows].join('\n')
}

function spread(times: Distribution, fine: boolean): string {
  const rows = (fine ? finePercentiles : percentiles).map((p) => {
    return `  ${p.toFixed(fine ? 3 : 2)}% in ${micros(times.percentile(p))}`
  })
  return ['Response time distribution:', ...rows].join('\n')
}

function details({ dials, lookups }: Results): string {
  const row = ({ mean, min, max }: Distribution) => [mean, min, max].map(micros).join(', ')
  return table('Details (average, fastest, slowest):', [
    ['DNS+dialup:', row(dials)],
    ['DNS-lookup:', row(lookups)],
  ])
}

/** With several statuses also how long each took: refusals are faster than what they refuse. */
function statusRows({ statuses }: Results): [string, string][] {
  return [...statuses]
    .sort(([a], [b]) => a - b)
    .map(([status, latencies]) => {
      const { count } = latencies
      const times = [50, 99].map((p) => `, ${p}% in ${micros(latencies.percentile(p))}`).join('')
      return [`[${status}]`, `${count} response${count === 1 ? '' : 's'}${statuses.size > 1 ? times : ''}`]
    })
}

function errorRows({ errors }: Results): [string, string][] {
  return [...errors].sort(([, a], [, b]) => b - a).map(([name, count]) => [`[${count}]`, name])
}

function unfinished(count: number): string {
  return count === 1
    ? '1 request was under way when the run ended'
    : `${count} requests were under way when the run ended`
}

function table(title: string, rows: [string, string][]): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return [
    title,
    ...rows.map(([name, value]) => (name === '' ? '' : `  ${name.padEnd(width)} ${value}`)),
  ].join('\n')
}

function micros(value: number): string {
  return duration(value / 1000)
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
