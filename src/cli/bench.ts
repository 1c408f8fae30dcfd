import { Command, Option } from 'commander'
import type { Context } from '../context/context.js'
import { RequestError } from '../load/request-error.js'
import { loadTest, type Plan, type Run } from '../load/load-test.js'
import { duration, jsonReport, textReport } from '../load/report.js'
import { type Target, targetFor } from '../load/target.js'
import { ArgumentError } from '../runtime/errors.js'
import { complain } from '../runtime/host.js'
import type { Routine } from '../runtime/operation.js'
import { Progress } from './progress.js'
import { body, count, depth, header, time } from './values.js'

interface Options {
  connections: number
  pipeline: number
  rate?: number
  requests?: number
  duration?: number
  method?: string
  header?: [string, string][]
  body?: Buffer
  timeout: number
  keepalive: boolean
  latency?: boolean
  json?: boolean
}

/**
 * How a command runs: as a goroutine, whose value is the exit code of the process. One that a signal has ended throws
 * `Canceled`.
 */
export type Action = (ctx: Context) => Routine<number>

/** `sluice bench URL`. `run` gets what is to be done once the arguments are understood. */
export function benchCommand(run: (action: Action) => void): Command {
  return new Command('bench')
    .description(
      'Measure an HTTP server: connections that send one request after the other, as fast as it answers, or with --rate so many a second however fast it is.',
    )
    .argument('<url>', 'what to request, such as http://localhost:8080/path')
    .option('-c, --connections <n>', 'connections that work at the same time', count, 50)
    .option('--pipeline <n>', 'requests in flight on each connection, up to 256', depth, 1)
    .option('-q, --rate <n>', 'requests to send a second in all, on up to -c connections', count)
    .option('-n, --requests <n>', 'requests to send in all; also 10k or 1m', count)
    .option('-z, --duration <time>', 'how long to go on: 500ms, 30s, 3m (10s unless -n is given)', time)
    .option('-m, --method <method>', 'HTTP method (GET, or POST with a body)')
    .option('-H, --header <header>', "a header, as 'Name: value'; may be repeated", header)
    .option('-d, --body <body>', 'body of the request, or @file', body)
    .addOption(
      new Option('-t, --timeout <time>', 'after which a request without a response has failed')
        .argParser(time)
        .default(20_000, '20s'),
    )
    .option('--no-keepalive', 'open a connection for each request')
    .option('--latency', 'more percentiles, up to 99.999')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', help)
    .action((url: string, options: Options) => run((ctx) => bench(ctx, url, options)))
}

const help = `
Certificates of https servers are not checked.

Exit codes: 0 after a run with responses, 1 if every request failed, 2 for a wrong
argument, 130 after Ctrl-C and 143 after SIGTERM, which print what there is so far.

  $ sluice bench http://localhost:8080/ -c 100 -z 30s
  $ sluice bench http://localhost:8080/ --pipeline 16
  $ sluice bench http://localhost:8080/ --rate 500 -c 1000 -t 1s
  $ sluice bench http://localhost:8080/orders -n 10k -d @order.json -H 'Content-Type: application/json'
`

function* bench(ctx: Context, url: string, options: Options): Routine<number> {
  const target = targetFor(url, {
    method: (options.method ?? (options.body === undefined ? 'GET' : 'POST')).toUpperCase(),
    headers: options.header ?? [],
    keepAlive: options.keepalive,
    ...(options.body && { body: options.body }),
  })
  const plan = planFor(options)
  const progress = new Progress(plan)
  let run: Run
  try {
    run = yield* loadTest(ctx, target, plan, (now) => progress.update(now))
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    complain(
      `sluice: no connection to ${target.host}:${target.port}: ${error.kind}; is the server running there?`,
    )
    return 1
  } finally {
    progress.stop()
  }
  print(run, options)
  if (run.interrupted) throw ctx.err
  if (run.results.responses > 0) return 0
  complain(`sluice: ${whyFruitless(target, run)}`)
  return 1
}

function whyFruitless({ url }: Target, { results, elapsedMs }: Run): string {
  const [most] = [...results.errors].sort(([, a], [, b]) => b - a)
  if (most === undefined)
    return `no response from ${url} within ${duration(elapsedMs)}: raise -z, or find out why the server hangs`
  return `every request to ${url} failed, most with '${most[0]}': does an HTTP server answer there?`
}

function planFor({ connections, pipeline, rate, requests, duration, timeout, keepalive }: Options): Plan {
  if (pipeline > 1 && rate !== undefined)
    throw new ArgumentError('--rate sends each request when it is due: leave out --pipeline')
  if (pipeline > 1 && !keepalive)
    throw new ArgumentError('--pipeline needs connections that are kept: leave out --no-keepalive')
  const durationMs = duration ?? (requests === undefined ? 10_000 : Infinity)
  return {
    // As many as have something to send.
    connections: Math.min(connections, Math.ceil((requests ?? Infinity) / pipeline)),
    pipeline,
    rate,
    requests,
    durationMs,
    timeoutMs: timeout,
  }
}

function print(run: Run, { json, latency = false }: Options): void {
  const text = json ? JSON.stringify(jsonReport(run), undefined, 2) : textReport(run, { latency })
  process.stdout.write(`${text}\n`)
}
