import { setTimeout as sleep } from 'node:timers/promises'
import { file } from '../build.js'
import { PinnedProcess } from '../pinned-process.js'
import { chart, table } from './chart.js'
import { sluiceBench } from './load.js'

const perSecond = 200
const upSeconds = 10
const downSeconds = 20
const backSeconds = 15
const allSeconds = upSeconds + downSeconds + backSeconds
const everyMs = 100
const port = 18_080
const url = `http://127.0.0.1:${port}`

/** What `GET /guards` of the example says. */
interface Guards {
  readonly asked: number
  readonly fallback: { readonly fellBack: number }
  readonly resources: {
    readonly prices: readonly { readonly kind: string; readonly state: string }[]
    readonly warehouse: readonly { readonly active: number }[]
  }
}

interface Look {
  readonly atMs: number
  /** Requests that the dependency has had, and answers that the fallback gave, so far. */
  readonly asked: number
  readonly fellBack: number
  readonly breaker: string
  readonly isDown: boolean
}

/**
 * `examples/guarded-api.ts` under a steady load, whose dependency fails for 20 s: what clients see of it, what the dependency
 * gets to do meanwhile, and how soon all is as before.
 */
export async function outage(): Promise<string> {
  const api = new PinnedProcess(0, [
    'env',
    'NODE_ENV=production',
    `PORT=${port}`,
    `TSX_TSCONFIG_PATH=${file('../tsconfig.dist.json')}`,
    process.execPath,
    '--import',
    'tsx',
    file('../examples/guarded-api.ts'),
  ])
  try {
    while (!(await isUp())) await sleep(100)
    const startMs = performance.now()
    const looks: Look[] = []
    const looking = lookAtGuards(startMs, looks)
    const load = sluiceBench(
      `${url}/prices/tea`,
      '--rate',
      String(perSecond),
      '-c',
      '200',
      '-z',
      `${allSeconds}s`,
    )
    await sleep(upSeconds * 1000)
    console.error('the dependency fails')
    await breakDependency()
    await sleep(downSeconds * 1000)
    console.error('the dependency is back')
    const { goodPerSec, refusedPerSec, failedPerSec, p99Ms } = await load
    await looking
    const bad = refusedPerSec + failedPerSec
    const rows = [
      ['requests of clients that failed', percent(bad / (goodPerSec + bad)), 'under 1 %'],
      ['p99 of the others, all the time', `${p99Ms?.toFixed(1)} ms`, ''],
      ['calls to the dependency while it was down', percent(loadWhileDown(looks)), 'at most 5 %'],
      [
        'until the breaker was closed again',
        `${(backAfterMs(looks) / 1000).toFixed(1)} s`,
        'at most 3 s: a sleep window, and one more',
      ],
    ]
    const seconds = Array.from({ length: allSeconds }, (_, second) => second)
    return [
      `${perSecond} requests a second for ${allSeconds} s; the dependency fails from second ${upSeconds} to ${upSeconds + downSeconds}.`,
      table(['', 'measured', 'aim'], rows),
      chart('A second', 'second', seconds, {
        'calls to the dependency': seconds.map((second) => inSecond(looks, second, 'asked')),
        'answers of the fallback': seconds.map((second) => inSecond(looks, second, 'fellBack')),
      }),
    ].join('\n\n')
  } finally {
    await api.stop()
  }
}

async function isUp(): Promise<boolean> {
  return (await fetch(`${url}/prices/tea`).catch(() => undefined))?.status === 200
}

async function breakDependency(): Promise<void> {
  const rule = {
    name: `drill of ${new Date().toISOString()}`,
    error: { status: 503 },
    forMs: downSeconds * 1000,
  }
  const response = await fetch(`${url}/rules`, {
    method: 'PATCH',
    headers: { authorization: 'Bearer only-for-this-example', 'content-type': 'application/json' },
    body: JSON.stringify({ warehouse: { faults: { rules: [rule] } } }),
  })
  if (!response.ok) throw new Error(`PATCH /rules: ${response.status} ${await response.text()}`)
}

async function lookAtGuards(startMs: number, looks: Look[]): Promise<void> {
  for (let atMs = 0; atMs < allSeconds * 1000; atMs = performance.now() - startMs) {
    const guards = (await (await fetch(`${url}/guards`)).json()) as Guards
    looks.push({
      atMs: performance.now() - startMs,
      asked: guards.asked,
      fellBack: guards.fallback.fellBack,
      breaker: guards.resources.prices.find(({ kind }) => kind === 'breaker')?.state ?? '',
      isDown: (guards.resources.warehouse[0]?.active ?? 0) > 0,
    })
    await sleep(everyMs)
  }
}

/** What the dependency was asked while it was down, as a share of what it is asked at other times. */
function loadWhileDown(looks: readonly Look[]): number {
  const down = looks.filter(({ isDown }) => isDown)
  const [first, last] = [down[0], down.at(-1)]
  if (first === undefined || last === undefined) throw new Error('the dependency was never down')
  return (last.asked - first.asked) / ((last.atMs - first.atMs) / 1000) / perSecond
}

function backAfterMs(looks: readonly Look[]): number {
  const up = looks.map(({ isDown }) => isDown).lastIndexOf(true) + 1
  const closed = looks.find(({ breaker }, i) => i >= up && breaker === 'closed')
  return (closed?.atMs ?? Infinity) - (looks[up]?.atMs ?? 0)
}

function inSecond(looks: readonly Look[], second: number, what: 'asked' | 'fellBack'): number {
  const until = (ms: number) => (looks.filter(({ atMs }) => atMs <= ms).at(-1) ?? looks[0])?.[what] ?? 0
  return until((second + 1) * 1000) - until(second * 1000)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}
