import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { areAlike, differences, explanation } from './differences.js'
import { bytesOf, drive } from './drive.js'
import { NodeServer } from './node-server.js'
import { damage, grow, random } from './random-requests.js'
import { rawRequests } from './raw-requests.js'

const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31)
console.log(`SLUICE_SEED=${seed} runs these again`)

const inputs = 4000
const atOnce = 32
const server = new NodeServer()

beforeAll(() => server.listen())
afterAll(() => server.close())

/** Differences that nobody has listed, and which of the listed ones were met. */
async function compare(texts: readonly string[]): Promise<{ unlisted: string[]; met: Set<string> }> {
  const unlisted: string[] = []
  const met = new Set<string>()
  const one = async (text: string) => {
    const ours = drive([bytesOf(text)])
    const theirs = await server.send(bytesOf(text))
    if (areAlike(ours, theirs)) return
    const difference = explanation(text, ours, theirs)
    if (difference !== undefined) met.add(difference.what)
    else unlisted.push(describeDifference(text, ours, theirs))
  }
  for (let k = 0; k < texts.length; k += atOnce) await Promise.all(texts.slice(k, k + atOnce).map(one))
  return { unlisted, met }
}

function describeDifference(
  text: string,
  ours: ReturnType<typeof drive>,
  theirs: Awaited<ReturnType<NodeServer['send']>>,
): string {
  const heads = ours.requests.map(({ method, target }) => `${method} ${target}`)
  const here = `${JSON.stringify(heads)} ${ours.end} ${ours.reason}`
  return `${JSON.stringify(text)}\n  here: ${here}\n  node: ${JSON.stringify(theirs)}`
}

/** Streams of one to three requests with up to three faults. */
function streams(count: number): string[] {
  const next = random(seed)
  return Array.from({ length: count }, () => {
    let text = ''
    for (let k = 1 + next(3); k > 0; k--) text += grow(next)
    for (let k = next(4); k > 0; k--) text = damage(next, text, grow(next))
    return text
  })
}

describe('node:http', () => {
  const texts = rawRequests.filter((row) => row.limits === undefined).map((row) => row.text)

  it('says the same of the table, but for the listed differences', async () => {
    const { unlisted, met } = await compare(texts)
    expect(unlisted).toEqual([])
    expect(met.size).toBeGreaterThan(20)
  })

  it('says the same of damaged requests, but for the listed differences', { timeout: 60_000 }, async () => {
    const { unlisted } = await compare(streams(inputs))
    expect(unlisted).toEqual([])
  })

  it('differs in each of the listed ways', async () => {
    const { met } = await compare([...texts, ...examples])
    const missing = differences.filter(({ what, isMendedLater }) => !met.has(what) && isMendedLater !== true)
    expect(missing).toEqual([])
  })
})

/** Of differences that the table has no row for. */
const host = 'Host: a\r\n'
const examples = [
  `POST / HTTP/1.1\r\n${host}Content-Length: 7x`,
  `POST / HTTP/1.1\r\n${host}Content-Length: 1\t\r\n\r\nx`,
  `POST / HTTP/1.1\r\n${host}Content-Length:\r\n`,
  `GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n`,
  'GET / Hx',
  'GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\nGET / HTTP/1.0\r\n\r\n',
]
