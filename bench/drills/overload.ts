import { bundle } from '../build.js'
import { PinnedProcess } from '../pinned-process.js'
import { chart, table } from './chart.js'
import { type Load, sluiceBench } from './load.js'

/** Shares of its capacity that the service is offered. */
const shares = [0.25, 0.5, 0.75, 1, 1.5, 2, 3]
const seconds = 8
const warmUpSeconds = 3
/** How long a client waits for its answer. What it has given up is worked off all the same, for nobody. */
const patience = '1s'

/**
 * A service that is offered up to three times what it can do, with a shedder and without. Goodput are the answers that
 * reached somebody who still waited.
 */
export async function overload(): Promise<string> {
  await bundle('drills/login-service.ts', '.build/login-service.mjs')
  const capacity = await measureCapacity()
  const without: Load[] = []
  const withIt: Load[] = []
  for (const share of shares) {
    without.push(await offered(share * capacity, []))
    withIt.push(await offered(share * capacity, ['shedder']))
    console.error(`offered ${share} of ${Math.round(capacity)} a second`)
  }
  const ofCapacity = (loads: Load[]) => loads.map(({ goodPerSec }) => goodPerSec / capacity)
  const p99 = (loads: Load[]) => loads.map(({ p99Ms }) => p99Ms ?? Number.NaN)
  return [
    `Capacity: ${Math.round(capacity)} a second. Each row: ${seconds} s of \`sluice bench --rate\`, with ${patience} of patience, after ${warmUpSeconds} s of the same.`,
    table(
      ['offered', 'goodput without', 'p99 without', 'goodput with', 'refused with', 'p99 with'],
      shares.map((share, i) => [
        `${share} C`,
        `${(ofCapacity(without)[i] ?? 0).toFixed(2)} C`,
        milliseconds(p99(without)[i]),
        `${(ofCapacity(withIt)[i] ?? 0).toFixed(2)} C`,
        `${((withIt[i]?.refusedPerSec ?? 0) / capacity).toFixed(2)} C`,
        milliseconds(p99(withIt)[i]),
      ]),
    ),
    chart('Goodput, in parts of the capacity', 'offered, in parts of the capacity', shares, {
      'without a shedder': ofCapacity(without),
      'with a shedder': ofCapacity(withIt),
    }),
    chart('p99 of what was answered, in ms', 'offered, in parts of the capacity', shares, {
      'without a shedder': p99(without),
      'with a shedder': p99(withIt),
    }),
  ].join('\n\n')
}

/** What the service can do: asked by a few that wait for their answers. */
async function measureCapacity(): Promise<number> {
  const { goodPerSec } = await against([], (url) => sluiceBench(url, '-c', '16', '-z', `${seconds}s`))
  return goodPerSec
}

function offered(rate: number, args: readonly string[]): Promise<Load> {
  // As many connections as can be under way at a time, so that none is missing.
  const options = ['--rate', String(Math.round(rate)), '-c', String(Math.ceil(rate * 2)), '-t', patience]
  return against(args, async (url) => {
    await sluiceBench(url, ...options, '-z', `${warmUpSeconds}s`) // what comes of it later is asked, not how it begins
    return sluiceBench(url, ...options, '-z', `${seconds}s`)
  })
}

/** Starts the service anew, on the first core. */
async function against(args: readonly string[], ask: (url: string) => Promise<Load>): Promise<Load> {
  const service = new PinnedProcess(0, [
    'env',
    'NODE_ENV=production',
    process.execPath,
    '.build/login-service.mjs',
    ...args,
  ])
  try {
    return await ask(`http://127.0.0.1:${await service.line()}/`)
  } finally {
    await service.stop()
  }
}

function milliseconds(ms: number | undefined): string {
  return ms === undefined || Number.isNaN(ms) ? '-' : `${ms.toFixed(1)} ms`
}
