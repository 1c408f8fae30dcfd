import { afterEach, beforeEach, expect, it } from 'vitest'
import { cleanUp, pause, type Site, site, start, statsOf, tool } from './processes.js'

/** Short ones, so that the attack is over in seconds. */
const timeouts = { headMs: 1500, bodyMs: 2000, idleMs: 2000, handlerMs: 5000, writeMs: 2000 }
const attackers = 300
/** What the attack may cost: for each attacker what may wait for it on both sides, and slack for the collector. */
const mostBytes = attackers * 192 * 1024 + 48 * 1024 * 1024

let server: Site

beforeEach(async () => {
  server = await site({ timeouts, folder: '.' })
})

afterEach(cleanUp)

/** What a client with good manners meets until the attack is over, or so many connections were cut off. */
async function goodClient(attack: Promise<unknown>, timedOut: number) {
  const met = { answers: 0, failures: [] as string[], slowestMs: 0, mostRss: 0 }
  let isOver = false
  void attack.then(() => {
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
    const stats = await statsOf(server)
    met.mostRss = Math.max(met.mostRss, stats.rss)
    if (timedOut > 0 && stats.timedOut >= timedOut) isOver = true
    await pause(20)
  }
  return met
}

const slowBody = ['-B', '-i', '1', '-s', '8192', '-x', '10']
const slowRead = ['-X', '-w', '1', '-y', '512', '-n', '1', '-z', '5', '-k', '1']

it.each([
  { what: 'heads that never end', args: ['-H', '-i', '1', '-x', '24'], path: '/', timedOut: attackers },
  {
    what: 'heads that grow by the byte',
    args: ['-H', '-i', '1', '-x', '1', '-t', 'POST'],
    path: '/',
    timedOut: attackers,
  },
  { what: 'bodies that never end', args: slowBody, path: '/upload', timedOut: attackers },
  { what: 'bodies that never end and nobody reads', args: slowBody, path: '/unread', timedOut: 0 },
  { what: 'ranges without end', args: ['-R', '-b', '3000'], path: '/files/package.json', timedOut: 0 },
  { what: 'a hundred ranges', args: ['-R', '-b', '100'], path: '/files/package.json', timedOut: 0 },
  { what: 'answers that are hardly read', args: slowRead, path: '/blob?bytes=8000000', timedOut: attackers },
  {
    what: 'streams that are hardly read',
    args: slowRead,
    path: '/download?bytes=8000000',
    timedOut: attackers,
  },
])('stands $what, and answers others meanwhile', async ({ args, path, timedOut }) => {
  const before = await statsOf(server)
  const count = ['-c', `${attackers}`, '-r', `${attackers}`, '-l', '25', '-p', '3', '-v', '0']
  const attack = start(tool('slowhttptest', 'slowhttptest'), [...args, '-u', server.url + path, ...count])
  const { answers, failures, slowestMs, mostRss } = await goodClient(attack.ended, timedOut)
  const after = await statsOf(server)

  expect(failures).toEqual([])
  expect(answers).toBeGreaterThan(20)
  expect(slowestMs).toBeLessThan(2000)
  expect(after.connections.accepted - before.connections.accepted).toBeGreaterThanOrEqual(attackers)
  expect(after.timedOut - before.timedOut).toBeGreaterThanOrEqual(timedOut)
  expect(after.connections.open).toBeLessThan(10) // while the attackers think that they are connected
  expect(mostRss - before.rss).toBeLessThan(mostBytes)
  expect(after.problems).toEqual([])
})
