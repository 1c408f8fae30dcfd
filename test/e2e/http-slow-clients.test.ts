import { afterAll, afterEach, beforeEach, expect, it } from 'vitest'
import { cleanUp, pause, type Site, site, start, statsOf, tool } from './processes.js'

/** Short ones, so that the attack is over in seconds. */
const timeouts = { headMs: 1500, bodyMs: 2000, idleMs: 2000, handlerMs: 5000, writeMs: 2000 }
const attackers = 300
/** How much memory an attack may cost: what one of these attackers holds at most, and some slack for the collector. */
const mostBytes = attackers * 128 * 1024 + 64 * 1024 * 1024

let server: Site

beforeEach(async () => {
  server = await site({ timeouts })
})

afterEach(cleanUp)
afterAll(cleanUp)

/** What a client with good manners meets meanwhile. */
async function goodClient(until: Promise<unknown>) {
  const met = { answers: 0, failures: [] as string[], slowestMs: 0, mostRss: 0 }
  let isOver = false
  void until.finally(() => {
    isOver = true
  })
  while (!isOver) {
    const startMs = performance.now()
    try {
      const response = await fetch(`${server.url}/`, { signal: AbortSignal.timeout(5000) })
      if ((await response.text()) === 'hello') met.answers++
      else met.failures.push(`status ${response.status}`)
    } catch (error) {
      met.failures.push(String(error))
    }
    met.slowestMs = Math.max(met.slowestMs, performance.now() - startMs)
    met.mostRss = Math.max(met.mostRss, (await statsOf(server)).rss)
    await pause(20)
  }
  return met
}

it.each([
  ['heads that never end', ['-H', '-i', '1', '-x', '24', '-u', '/']],
  ['heads that never end, one byte at a time', ['-H', '-i', '1', '-x', '1', '-t', 'POST', '-u', '/']],
  ['bodies that never end', ['-B', '-i', '1', '-s', '8192', '-x', '10', '-u', '/upload']],
  ['bodies for a handler that reads none of it', ['-B', '-i', '1', '-s', '8192', '-x', '10', '-u', '/unread']],
  ['ranges without end', ['-R', '-u', '/files/package.json']],
  [
    'answers that are hardly read',
    ['-X', '-w', '1', '-y', '512', '-n', '1', '-z', '5', '-k', '1', '-u', '/blob?bytes=8000000'],
  ],
  [
    'streams that are hardly read',
    ['-X', '-w', '1', '-y', '512', '-n', '1', '-z', '5', '-k', '1', '-u', '/download?bytes=8000000'],
  ],
])('stands %s, and answers others meanwhile', async (_what, args) => {
  const before = await statsOf(server)
  const path = args.at(-1) ?? '/'
  const attack = start(tool('slowhttptest', 'slowhttptest'), [
    ...args.slice(0, -1),
    `${server.url}${path}`,
    ...['-c', `${attackers}`, '-r', '300', '-l', '9', '-p', '3', '-v', '1'],
  ])
  const { answers, failures, slowestMs, mostRss } = await goodClient(attack.ended)
  const after = await statsOf(server)
  const taken = after.connections.accepted - before.connections.accepted
  console.log(_what, { answers, slowestMs, rss: (mostRss - before.rss) / 2 ** 20, taken, peak: after.connections.peak, open: after.connections.open, timedOut: after.timedOut, responses: after.responses, refused: after.refused }, attack.stdout.slice(-300))
  expect(failures).toEqual([])
  expect(answers).toBeGreaterThan(20)
  expect(slowestMs).toBeLessThan(2000)
  expect(taken).toBeGreaterThanOrEqual(attackers)
  expect(after.connections.open).toBeLessThan(10)
  expect(mostRss - before.rss).toBeLessThan(mostBytes)
  expect(after.failed).toBe(0)
})
