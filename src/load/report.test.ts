import { describe, expect, it } from 'vitest'
import type { Run } from './load-test.js'
import { duration, jsonReport, size, textReport } from './report.js'
import { Results } from './results.js'

/** A run of one second with a hundred responses, of 1 to 100 ms, and three failures. */
function exampleRun(): Run {
  const results = new Results()
  results.add({ dialMs: 2, lookupMs: 0.5 })
  for (let latencyMs = 1; latencyMs <= 100; latencyMs++) {
    results.add({
      latencyMs,
      firstByteMs: latencyMs / 2,
      status: latencyMs > 98 ? 503 : 200,
      bytes: 1024,
      count: 1,
    })
    if (latencyMs === 40) results.countRate(500)
  }
  results.countRate(1000)
  results.add({ error: 'timeout', count: 2 })
  results.add({ error: 'connection reset', count: 1 })
  results.unfinished = 7
  return { results, elapsedMs: 1000, rate: undefined, interrupted: false }
}

function emptyRun(): Run {
  return { results: new Results(), elapsedMs: 500, rate: undefined, interrupted: true }
}

describe('the report as text', () => {
  it('has the sections of oha, in its order', () => {
    expect(textReport(exampleRun())).toBe(
      `
Summary:
  Success rate: 97.09%
  Total:        1.0000 secs
  Slowest:      100.0000 ms
  Fastest:      1.0000 ms
  Average:      50.5000 ms
  Requests/sec: 100.0000

  Total data:   100.00 KiB
  Size/request: 1.00 KiB
  Size/sec:     100.00 KiB

Response time histogram:
     1.0000 ms [1 ] |■■■
    10.9000 ms [9 ] |■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
    20.8000 ms [10] |■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
    30.7000 ms [10] |■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
    40.6000 ms [10] |■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
    50.5000 ms [10] |■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
    60.4000 ms [10] |■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
    70.3000 ms [10] |■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
    80.2000 ms [10] |■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
    90.1000 ms [10] |■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
   100.0000 ms [10] |■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■

Response time distribution:
  10.00% in 10.0070 ms
  25.00% in 25.0070 ms
  50.00% in 50.0150 ms
  75.00% in 75.0070 ms
  90.00% in 90.0470 ms
  95.00% in 95.0390 ms
  99.00% in 99.0070 ms
  99.90% in 100.0000 ms
  99.99% in 100.0000 ms

Details (average, fastest, slowest):
  DNS+dialup: 2.0000 ms, 2.0000 ms, 2.0000 ms
  DNS-lookup: 500.0 µs, 500.0 µs, 500.0 µs

Status code distribution:
  [200] 98 responses, 50% in 49.0230 ms, 99% in 98.0000 ms
  [503] 2 responses, 50% in 99.0070 ms, 99% in 100.0000 ms

Error distribution:
  [2] timeout
  [1] connection reset

  7 requests were under way when the run ended; not counted above.`.slice(1),
    )
  })

  it('goes up to the last percentile with --latency', () => {
    const text = textReport(exampleRun(), { latency: true })
    expect(text).toContain('\n  50.000% in 50.0150 ms\n')
    expect(text).toContain('\n  99.999% in 100.0000 ms\n  100.000% in 100.0000 ms\n')
  })

  it('has no figures for what did not happen', () => {
    const text = textReport(emptyRun())
    expect(text).toContain('Summary (interrupted):')
    expect(text).toContain('Success rate: -\n')
    expect(text).toContain('Slowest:      -\n')
    expect(text).not.toMatch(/NaN|Infinity|histogram|distribution/)
  })

  it.each([
    [0.0421, '42.1 µs'],
    [1.5, '1.5000 ms'],
    [61_000, '61.0000 secs'],
  ])('writes a time of %d ms as %s', (ms, text) => expect(duration(ms)).toBe(text))

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [3 * 2 ** 40, '3.00 TiB'],
  ])('writes a size of %d bytes as %s', (bytes, text) => expect(size(bytes)).toBe(text))
})

describe('the report as JSON', () => {
  const report = jsonReport(exampleRun()) as Record<string, Record<string, unknown>>

  it('has the keys of oha, in its order, and then its own', () => {
    expect(Object.keys(report)).toEqual([
      'summary',
      'responseTimeHistogram',
      'latencyPercentiles',
      'firstByteHistogram',
      'firstBytePercentiles',
      'rps',
      'details',
      'statusCodeDistribution',
      'errorDistribution',
      'statusCodeLatencies',
    ])
    expect(Object.keys(report['latencyPercentiles'] ?? {})).toEqual([
      'p10',
      'p25',
      'p50',
      'p75',
      'p90',
      'p95',
      'p99',
      'p99.9',
      'p99.99',
    ])
  })

  it('gives times in seconds, and counts as they are', () => {
    expect(report['summary']).toEqual({
      successRate: 100 / 103,
      total: 1,
      slowest: 0.1,
      fastest: 0.001,
      average: expect.closeTo(0.0505, 9),
      requestsPerSec: 100,
      totalData: 102_400,
      sizePerRequest: 1024,
      sizePerSec: 102_400,
      interrupted: false,
      unfinished: 7,
    })
    expect(report['latencyPercentiles']).toMatchObject({ p50: 0.050015, 'p99.99': 0.1 })
    expect(report['firstBytePercentiles']).toMatchObject({ 'p99.99': 0.05 })
    expect(report['rps']).toMatchObject({ mean: 100, max: 120, min: 80 })
    expect(report['details']).toMatchObject({
      DNSDialup: { average: 0.002, fastest: 0.002, slowest: 0.002 },
      DNSLookup: { average: 0.0005 },
    })
    expect(report['statusCodeDistribution']).toEqual({ 200: 98, 503: 2 })
    expect(report['errorDistribution']).toEqual({ timeout: 2, 'connection reset': 1 })
    expect(report['statusCodeLatencies']).toMatchObject({
      200: { p99: 0.098 },
      503: { p50: 0.099007, p99: 0.1 },
    })
  })

  it('says what was offered, where that was given, and what found no connection', () => {
    const run = { ...exampleRun(), rate: 150 }
    run.results.late = 12
    expect(jsonReport(run)).toMatchObject({ summary: { offeredPerSec: 150, late: 12 } })
    expect(textReport(run)).toContain(
      'Offered/sec:  150.0000, 12 requests while no connection was free: raise -c\n',
    )
  })

  it('has null, and no NaN, for what was not measured', () => {
    const text = JSON.stringify(jsonReport(emptyRun()))
    const { summary, latencyPercentiles } = JSON.parse(text)
    expect(summary).toMatchObject({ successRate: null, slowest: null, average: null, requestsPerSec: 0 })
    expect(latencyPercentiles.p50).toBeNull()
    expect(jsonReport(emptyRun())).toEqual(JSON.parse(text))
  })
})

describe('the results', () => {
  it('count further kinds of errors as one, so that noise does not fill the memory', () => {
    const results = new Results()
    for (let i = 0; i < 1000; i++) results.add({ error: `noise ${i}`, count: 1 })
    results.add({ error: 'noise 0', count: 1 })
    expect(results.failures).toBe(1001)
    expect(results.errors.size).toBe(51)
    expect([results.errors.get('noise 0'), results.errors.get('other errors')]).toEqual([2, 950])
  })
})
