import { type ClientRequest, get as nodeGet, type IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { get as nodeGetTls, type RequestOptions as TlsRequestOptions } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { bodyOf, MemoryRequest, MemoryWriter, through } from '../../test/http/memory-exchange.js'
import { Authority } from '../../test/serving/certificates.js'
import { RawClient } from '../../test/serving/raw-client.js'
import { withTimeout } from '../context/deadline.js'
import { background } from '../context/background.js'
import type { FaultRule } from '../resilience/faults/fault-rule.js'
import { type Faults, faults } from '../resilience/faults/faults.js'
import { rules } from '../resilience/rules/rules.js'
import { chan } from '../runtime/chan.js'
import { hostNow } from '../runtime/clock.js'
import { go } from '../runtime/go.js'
import type { Routine } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { sleep } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { accessLog } from './access-log.js'
import { ClientGone } from './body.js'
import { faulty } from './faulty.js'
import { HttpError } from './http-error.js'
import { produceBody } from './produce-body.js'
import { type BodySource, empty, type HttpResponse, json, stream, text } from './response.js'
import { router } from './router.js'
import { serve } from './serve.js'
import type { Server } from './server.js'

const forMs = 60_000

function faultsOf(...rules: readonly FaultRule[]): Faults {
  return faults({ name: 'orders', enabled: true, rules })
}

const nowMs = () => scheduler().clock.now()

function* answerOf(
  guard: Faults,
  answer: () => HttpResponse,
  req = new MemoryRequest('GET /'),
): Routine<HttpResponse> {
  return yield* through(faulty(guard), req, answer)
}

/** What a client gets of a body that is produced, and how that ends. */
function* sentOf({ body }: HttpResponse): Routine<{ bytes: string; error?: unknown }> {
  const out = new MemoryWriter()
  const outcome = yield* go(() => produceBody(body as BodySource, out)).outcome()
  return { bytes: `${out.bytes}`, ...('error' in outcome && { error: outcome.error }) }
}

const sources: Record<string, () => BodySource> = {
  'a generator function': () =>
    function* (out) {
      yield* out.send('0123')
      yield* out.send(Buffer.from('456789'))
    },
  'an async function': () => async (out) => {
    await out.send('0123')
    await out.send('456789')
  },
  'an async iterable': async function* () {
    yield '0123'
    yield '456789'
  },
  'a channel': () => {
    const pieces = chan<string>(2)
    pieces.trySend('0123')
    pieces.trySend('456789')
    pieces.close()
    return pieces
  },
}

/** While a promise is waited for, virtual time stands still. */
const timely = Object.entries(sources).filter(([name]) => !name.includes('async'))

describe('faulty', () => {
  it('lets requests through that no rule hits, with their bodies as they are', () =>
    bubble(function* () {
      using guard = faultsOf({ abort: 'request', share: 0, forMs }, { cpuLoad: 0.01, forMs })
      const response = yield* answerOf(guard, () => text('hello'))
      expect(response).toMatchObject({ status: 200, body: 'hello' })
      expect(guard.stats()).toMatchObject({ admitted: 1, aborted: 0 })
    }))

  it('takes the faults of a policy of rules, as they are at each request', () =>
    bubble(function* () {
      const all = rules({ orders: { faults: { rules: [] } } })
      const harm = faulty(all.policy('orders', { faults: { enabled: true } }))
      const ask = () => through(harm, new MemoryRequest('GET /'), () => text('hello'))
      expect((yield* ask()).status).toBe(200)
      yield* all.patch({ orders: { faults: { rules: [{ error: { status: 503 }, forMs }] } } })
      const failed = yield* go(ask).outcome()
      expect(failed.error).toMatchObject({ status: 503 })
      yield* all.patch({ orders: null })
      expect((yield* ask()).status).toBe(200)
    }))

  it('holds requests up before they are handled, for as long as their contexts last', () =>
    bubble(function* () {
      using guard = faultsOf({ latency: { distribution: 'fixed', ms: 120 }, forMs })
      let handledMs = 0
      yield* answerOf(guard, () => {
        handledMs = nowMs()
        return text('')
      })
      expect(handledMs).toBe(120)
      using limit = withTimeout(background(), 50)
      const { error } = yield* go(() =>
        answerOf(guard, () => text('too late'), new MemoryRequest('GET /', {}, { ctx: limit })),
      ).outcome()
      expect(`${error}`).toMatch(/deadline exceeded/)
      expect(nowMs()).toBe(170)
    }))

  it('answers with the status of an error, and does not handle the request', () =>
    bubble(function* () {
      using guard = faultsOf({ error: { status: 503, message: 'a drill', code: 'EDRILL' }, forMs })
      const { error } = yield* go(() =>
        answerOf(guard, () => {
          throw new Error('it is handled')
        }),
      ).outcome()
      expect(error).toBeInstanceOf(HttpError)
      expect(error).toMatchObject({ status: 503, detail: 'a drill', cause: { code: 'EDRILL' } })
      expect(guard.stats()).toMatchObject({ failed: 1 })
    }))

  it('sends a body that is there at so many bytes a second, with its length', () =>
    bubble(function* () {
      using guard = faultsOf({ bytesPerSecond: 1000, forMs }, { bytesPerSecond: 2000, forMs })
      const response = yield* answerOf(guard, () => text('ä'.repeat(100)))
      expect(response.headers.get('content-length')).toBe('200')
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
      expect(`${yield* bodyOf(response)}`).toBe('ä'.repeat(100))
      expect(nowMs()).toBe(200)
      expect(guard.stats()).toMatchObject({ slowed: 1 })
    }))

  it.each(timely)('sends the body of %s at so many bytes a second', (_, source) =>
    bubble(function* () {
      using guard = faultsOf({ bytesPerSecond: 20, forMs })
      const response = yield* answerOf(guard, () => stream(source()))
      expect(yield* sentOf(response)).toEqual({ bytes: '0123456789' })
      expect(nowMs()).toBe(500)
    }),
  )

  it('sends the rest as fast as ever when the rule has ended', () =>
    bubble(function* () {
      using guard = faultsOf({ bytesPerSecond: 20, forMs: 200 })
      const response = yield* answerOf(guard, () => text('0123456789'))
      expect(`${yield* bodyOf(response)}`).toBe('0123456789')
      expect(nowMs()).toBe(200)
    }))

  it.each(Object.entries(sources))('breaks the body of %s off at half of what is known of it', (_, source) =>
    bubble(function* () {
      using guard = faultsOf({ abort: 'answer', forMs })
      const headers = { 'Content-Length': '10' }
      const long = yield* answerOf(guard, () => stream(source(), { headers }))
      expect(yield* sentOf(long)).toEqual({ bytes: '01234', error: expect.any(ClientGone) })
      const endless = yield* answerOf(guard, () => stream(source()))
      expect(yield* sentOf(endless)).toEqual({ bytes: '01', error: expect.any(ClientGone) })
      expect(guard.stats()).toMatchObject({ aborted: 2 })
    }),
  )

  it('breaks off at a pace, and a body that has no piece, too', () =>
    bubble(function* () {
      using guard = faultsOf({ abort: 'answer', bytesPerSecond: 20, forMs })
      const slow = yield* answerOf(guard, () => text('0123456789'))
      expect(yield* sentOf(slow)).toMatchObject({ bytes: '01234', error: { cause: { code: 'ECONNRESET' } } })
      expect(nowMs()).toBe(250)
      const nothing = yield* answerOf(guard, () => stream(function* () {}))
      expect(yield* sentOf(nothing)).toMatchObject({ bytes: '', error: expect.any(ClientGone) })
    }))

  it('has the producer of a broken body clean up, and passes its own error on', () =>
    bubble(function* () {
      const seen: string[] = []
      const source: BodySource = function* (out) {
        try {
          for (;;) yield* out.send('more')
        } finally {
          seen.push('cleaned up')
        }
      }
      using guard = faultsOf({ abort: 'answer', forMs })
      yield* sentOf(yield* answerOf(guard, () => stream(source)))
      yield* waitIdle()
      expect(seen).toEqual(['cleaned up'])
      using slow = faultsOf({ bytesPerSecond: 1000, forMs })
      const own = new Error('its own')
      const failing = yield* answerOf(slow, () =>
        stream(function* (out) {
          yield* out.send('a')
          throw own
        }),
      )
      expect(yield* sentOf(failing)).toEqual({ bytes: 'a', error: own })
    }))

  it.each<[string, string, () => HttpResponse]>([
    ['HEAD', 'HEAD /', () => text('hello')],
    ['204', 'GET /', () => empty()],
    ['an empty text', 'GET /', () => text('')],
  ])('does not slow down what has no body: %s', (_, line, answer) =>
    bubble(function* () {
      using guard = faultsOf({ bytesPerSecond: 1, forMs })
      const response = yield* answerOf(guard, answer, new MemoryRequest(line as 'GET /'))
      expect(response.body).toBe(answer().body)
      expect(guard.stats()).toMatchObject({ slowed: 0 })
    }),
  )
})

const servers: Server[] = []
const problems: unknown[] = []
const logged: string[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close()
    await server
  }
  expect(problems).toEqual([])
  logged.length = 0
})

const large = 'x'.repeat(400_000)

/** A server, and how often it has handled a request. */
async function serving(guard: Faults, tls?: { cert: string; key: string }) {
  const handled = { count: 0 }
  const app = router()
  app.use(
    accessLog({
      format: ({ status }) => `${status}`,
      write: (lines) => logged.push(...lines.trim().split('\n')),
    }),
  )
  app.use('/harmed', faulty(guard))
  const answers: Record<string, () => HttpResponse> = {
    '/fine': () => text('fine'),
    '/harmed/small': () => text('0123456789'),
    '/harmed/large': () => text(large),
    '/harmed/empty': () => empty(),
    '/harmed/json': () => json({ a: 1 }),
    '/harmed/stream': () =>
      stream(function* (out) {
        for (let i = 0; i < 10; i++) yield* out.send('0123456789')
      }),
  }
  for (const [path, answer] of Object.entries(answers))
    app.get(path as '/fine', () => {
      handled.count++
      return answer()
    })
  const server = serve(app, {
    port: 0,
    host: '127.0.0.1',
    signals: false,
    onError: (error) => problems.push(error),
    ...(tls && { tls }),
  })
  servers.push(server)
  const { port = 0 } = await server.listening()
  return { handled, port, server }
}

interface Got {
  readonly status?: number | undefined
  readonly bytes?: number
  readonly code?: string | undefined
}

/** What Node's own client gets: the code of the error where the connection breaks. */
function got(
  port: number,
  path: string,
  get: (options: TlsRequestOptions, heard: (res: IncomingMessage) => void) => ClientRequest = nodeGet,
  options: TlsRequestOptions = {},
): Promise<Got> {
  return new Promise((resolve) => {
    const req = get({ port, host: '127.0.0.1', path, agent: false, ...options }, (res: IncomingMessage) => {
      let bytes = 0
      const { statusCode: status } = res
      res.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      res.on('error', (error: NodeJS.ErrnoException) => resolve({ status, bytes, code: error.code }))
      res.on('end', () => resolve({ status, bytes }))
    })
    req.on('error', (error: NodeJS.ErrnoException) => resolve({ code: error.code }))
  })
}

describe('faulty, before real clients', () => {
  it('resets the connection of a request that it does not let through', async () => {
    using guard = faultsOf({ abort: 'request', forMs })
    const { port, handled } = await serving(guard)
    const client = await RawClient.connect(port)
    const errors: unknown[] = []
    client.socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
    client.send('GET /harmed/small HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await client.closed()).toBe('')
    expect(errors).toEqual(['ECONNRESET'])
    expect(await got(port, '/harmed/large')).toEqual({ code: 'ECONNRESET' })
    expect(handled.count).toBe(0)
    expect(await got(port, '/fine')).toEqual({ status: 200, bytes: 4 })
    expect(logged).toEqual(['499', '499', '200'])
  })

  it.each([
    ['/harmed/small', 5],
    ['/harmed/stream', 5],
    ['/harmed/large', 200_000],
  ])('breaks the connection in the middle of the body of %s', async (path, bytes) => {
    using guard = faultsOf({ abort: 'answer', forMs })
    const { port, handled } = await serving(guard)
    expect(await got(port, path)).toEqual({ status: 200, bytes, code: 'ECONNRESET' })
    expect(handled.count).toBe(1)
    await expect(fetch(`http://127.0.0.1:${port}${path}`).then((res) => res.text())).rejects.toThrow(
      'terminated',
    )
    guard.configure({})
    expect(await got(port, path)).toMatchObject({ status: 200 })
  })

  it('breaks the connection of an answer without a body behind its handler', async () => {
    using guard = faultsOf({ abort: 'answer', forMs })
    const { port, handled } = await serving(guard)
    expect(await got(port, '/harmed/empty')).toEqual({ code: 'ECONNRESET' })
    expect(await got(port, '/harmed/small', nodeGet, { method: 'HEAD' })).toEqual({ code: 'ECONNRESET' })
    expect(handled.count).toBe(2)
  })

  it('answers with an error’s status, which is no failure of the server', async () => {
    using guard = faultsOf({ error: { status: 502, message: 'a drill' }, forMs })
    const { port } = await serving(guard)
    const response = await fetch(`http://127.0.0.1:${port}/harmed/small`)
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ status: 502, detail: 'a drill' })
  })

  it('sends a body no faster than the rule says, and the next one over the same connection', async () => {
    using guard = faultsOf({ bytesPerSecond: 1_000_000, forMs })
    const { port } = await serving(guard)
    const client = await RawClient.connect(port)
    for (let i = 0; i < 2; i++) {
      const beginMs = hostNow()
      client.send('GET /harmed/large HTTP/1.1\r\nHost: a\r\n\r\n')
      const [response] = await client.responses(1)
      const elapsedMs = hostNow() - beginMs
      expect(response?.body.length).toBe(large.length)
      expect(response?.head).toContain('Content-Length: 400000')
      expect(elapsedMs).toBeGreaterThan(399)
      expect(elapsedMs).toBeLessThan(4000)
    }
    client.close()
  })

  it('stops sending when the client leaves in the middle of a slow body', async () => {
    using guard = faultsOf({ bytesPerSecond: 10, forMs })
    const { port, server } = await serving(guard)
    const client = await RawClient.connect(port)
    client.send('GET /harmed/stream HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until('\r\n\r\n')
    client.close()
    while (server.stats().connections.open > 0) await go(() => sleep(5))
  })

  it('ends TLS connections and streams of HTTP/2 as well', async () => {
    const authority = new Authority()
    const own = authority.issue('localhost', 'DNS:localhost')
    using guard = faultsOf({ abort: 'request', forMs })
    const { port } = await serving(guard, own)
    const options = { ca: authority.ca, servername: 'localhost' }
    expect(await got(port, '/harmed/small', nodeGetTls, options)).toEqual({ code: 'ECONNRESET' })

    const client = connectHttp2(`https://localhost:${port}`, {
      createConnection: () => connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], ...options }),
    })
    const codeOf = (path: string) =>
      new Promise<number | undefined>((resolve) => {
        const req = client.request({ ':path': path })
        req.on('error', () => {})
        req.resume()
        req.on('close', () => resolve(req.rstCode))
      })
    for (let i = 0; i < 20; i++) expect(await codeOf('/harmed/small')).toBe(2) // INTERNAL_ERROR
    guard.configure({ rules: [{ abort: 'answer', forMs }] })
    for (const path of ['large', 'small', 'empty', 'stream']) expect(await codeOf(`/harmed/${path}`)).toBe(2)
    expect(await codeOf('/fine')).toBe(0)
    client.destroy()
    authority.remove()
  })
})
