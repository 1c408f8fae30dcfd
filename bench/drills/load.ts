import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { file } from '../build.js'
import { pins } from '../pinned-process.js'

/** What a run of `sluice bench` came to. */
export interface Load {
  /** Responses a second with status 200, and with another one. */
  readonly goodPerSec: number
  readonly refusedPerSec: number
  /** Requests a second that got none. */
  readonly failedPerSec: number
  /** Of the responses with status 200; `undefined` where there was none. */
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
}

interface Report {
  readonly summary: { readonly total: number }
  readonly statusCodeDistribution: Readonly<Record<string, number>>
  readonly statusCodeLatencies: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly errorDistribution: Readonly<Record<string, number>>
}

/** Runs `sluice bench`, on the second core where there are two. */
export async function sluiceBench(url: string, ...args: readonly string[]): Promise<Load> {
  const command = [process.execPath, file('../dist/cli/main.js'), 'bench', url, '--json', ...args]
  const [program = '', ...rest] = pins ? ['taskset', '-c', '1', ...command] : command
  const ran = promisify(execFile)(program, rest, { maxBuffer: 1e7 })
  // A run in which every request failed ends with 1, and has its report all the same.
  const { stdout } = await ran.catch((error: { stdout?: string }) => {
    if (!error.stdout) throw error
    return { stdout: error.stdout }
  })
  const { summary, statusCodeDistribution, statusCodeLatencies, errorDistribution }: Report =
    JSON.parse(stdout)
  const good = statusCodeDistribution['200'] ?? 0
  const ms = (percentile: string) => {
    const seconds = statusCodeLatencies['200']?.[percentile]
    return seconds === undefined ? undefined : seconds * 1000
  }
  return {
    goodPerSec: good / summary.total,
    refusedPerSec: (sum(statusCodeDistribution) - good) / summary.total,
    failedPerSec: sum(errorDistribution) / summary.total,
    p50Ms: ms('p50'),
    p99Ms: ms('p99'),
  }
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0)
}
