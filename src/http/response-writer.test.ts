import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { Connection } from '../net/connection.js'
import { TimerWheel } from '../net/timer-wheel.js'
import { scheduler } from '../runtime/scheduler.js'
import { DateHeader } from './date-header.js'
import { HttpResponse, type ResponseBody, stream, text } from './response.js'
import { writeResponse } from './response-writer.js'

const sockets: Socket[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

interface Written {
  readonly head: string
  readonly body: string
  readonly keepAlive: boolean
  readonly isProduced: boolean
}

/** What a client gets of a response, without the body that is still to be produced. */
async function written(response: HttpResponse, method = 'GET', minorVersion = 1): Promise<Written> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [Socket]
  server.close()
  sockets.push(client, socket)
  const on = scheduler()
  const connection = new Connection(socket, on, { received() {}, ended() {}, drained() {}, closed() {} })
  const asked = { method, minorVersion, keepAlive: true }
  const date = new DateHeader(new TimerWheel(on), () => 0)
  const sender = writeResponse(connection, asked, response, date)
  connection.end()
  let all = ''
  for await (const piece of client.setEncoding('latin1')) all += piece
  const end = all.indexOf('\r\n\r\n')
  return {
    head: all.slice(0, end),
    body: all.slice(end + 4),
    keepAlive: asked.keepAlive,
    isProduced: sender !== undefined,
  }
}

const produced = () => stream(function* () {})
const lengths = (head: string) => head.match(/^content-length: .*$/gim) ?? []

describe('writeResponse', () => {
  it.each([
    ['GET', 200, 'text', ['Content-Length: 4'], 'text'],
    ['HEAD', 200, 'text', ['Content-Length: 4'], ''],
    ['GET', 204, 'text', [], ''],
    ['GET', 304, 'text', [], ''],
    ['GET', 404, undefined, ['Content-Length: 0'], ''],
    ['HEAD', 404, undefined, [], ''],
    ['GET', 500, Buffer.from([0xff]), ['Content-Length: 1'], '\xff'],
    ['GET', 200, '☃', ['Content-Length: 3'], '\xe2\x98\x83'],
  ] as [string, number, ResponseBody, string[], string][])(
    'frames %s %i with the body %s',
    async (method, status, body, length, sent) => {
      const { head, body: got } = await written(new HttpResponse(status, body), method)
      expect([lengths(head), got]).toEqual([length, sent])
      expect(head).not.toContain('Transfer-Encoding')
    },
  )

  it.each([
    ['HTTP/1.1', 1, 200, { keepAlive: true, isProduced: true }, /Transfer-Encoding: chunked/],
    ['HTTP/1.0', 0, 200, { keepAlive: false, isProduced: true }, /Connection: close/],
    ['HTTP/1.1', 1, 304, { keepAlive: true, isProduced: false }, /304 Not Modified/],
    ['HTTP/1.0', 0, 204, { keepAlive: true, isProduced: false }, /Connection: keep-alive/],
  ])('frames a body that is produced in %s', async (_name, version, status, expected, pattern) => {
    const response = produced()
    response.status = status
    const got = await written(response, 'GET', version)
    expect(got).toMatchObject(expected)
    expect(got.head).toMatch(pattern)
    expect(lengths(got.head)).toEqual([])
  })

  it('leaves the response as it is, so that it can be sent again', async () => {
    const response = text('x', { headers: { Connection: 'close', 'Content-Length': '99', 'X-A': '1' } })
    const before = [...response.headers]
    const first = await written(response)
    expect([...response.headers]).toEqual(before)
    expect(await written(response)).toEqual(first)
    expect(first.keepAlive).toBe(false)
  })

  it.each([100, 101, 199, 600, Number.NaN, '200\r\nA: b'])(
    'refuses a status that was set to %s',
    async (status) => {
      const response = text('x')
      response.status = status as number
      await expect(written(response)).rejects.toThrow(/a whole number from 200 to 599/)
    },
  )

  it('says the length once, or chunked, or closes, whatever the handler has set', async () => {
    const fields = fc.dictionary(
      fc.constantFrom(
        'Content-Length',
        'content-length',
        'Transfer-Encoding',
        'Connection',
        'Keep-Alive',
        'Trailer',
      ),
      fc.constantFrom('0', '4', 'abc', '4, 4', 'chunked', 'gzip, chunked', 'keep-alive', 'close', ''),
    )
    const bodies = fc.constantFrom<ResponseBody>(undefined, '', 'text', Buffer.from('text'), produced().body)
    await fc.assert(
      fc.asyncProperty(
        fields,
        bodies,
        fc.constantFrom('GET', 'HEAD'),
        fc.constantFrom(200, 204, 304, 404),
        fc.constantFrom(0, 1),
        async (headers, body, method, status, version) => {
          const got = await written(new HttpResponse(status, body, headers), method, version)
          const isChunked = /^transfer-encoding: chunked$/im.test(got.head)
          const found = lengths(got.head)
          expect(found.length + Number(isChunked)).toBeLessThanOrEqual(1)
          expect(
            got.head.match(/^(connection|transfer-encoding|keep-alive): /gim)?.length ?? 0,
          ).toBeLessThanOrEqual(2)
          for (const line of found) expect(line).toMatch(/^content-length: \d+$/i)
          const hasBody = method !== 'HEAD' && status !== 204 && status !== 304
          if (!hasBody) expect([got.body, got.isProduced]).toEqual(['', false])
          else if (got.isProduced) expect(isChunked || found.length === 1 || !got.keepAlive).toBe(true)
          else expect(found[0]).toMatch(new RegExp(`: ${got.body.length}$`))
        },
      ),
      { numRuns: 100 },
    )
  })
})
