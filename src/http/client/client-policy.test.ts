import { afterEach, describe, expect, it } from 'vitest'
import { run } from 'sluice'
import { clientOf, endPeers, Peer, responseOf, served } from '../../../test/http/client-peers.js'
import { background } from '../../context/background.js'
import { withCancel, type CancelNode } from '../../context/cancel.js'
import { withTimeout } from '../../context/deadline.js'
import { withValue } from '../../context/value.js'
import { breaker } from '../../resilience/breaker.js'
import { bulkhead } from '../../resilience/bulkhead.js'
import { fallback } from '../../resilience/fallback.js'
import { hedge } from '../../resilience/hedge.js'
import { policy } from '../../resilience/policy.js'
import { previousAttempts } from '../../resilience/previous-attempts.js'
import { Refused } from '../../resilience/refused.js'
import { retry } from '../../resilience/retry.js'
import { TimedOut } from '../../resilience/timed-out.js'
import { timeout } from '../../resilience/timeout.js'
import { now, sleep } from '../../runtime/sleep.js'
import { bytes, HttpResponse, text } from '../response.js'
import { router } from '../router.js'
import { ConnectError, ConnectionLost, ResponseTooLarge } from './client-errors.js'
import type { ClientResponse } from './client-response.js'

const ctx = background()
afterEach(endPeers)

const quick = { initialMs: 1, maxMs: 50 }

/** A server that answers with these statuses, one after the other; the last one again and again. */
async function answering(...answers: readonly string[]) {
  const requests: string[] = []
  const peer = new Peer((socket, request, count) => {
    requests.push(request)
    socket.write(answers[count - 1] ?? answers.at(-1) ?? '')
  })
  return { url: await peer.listen(), peer, requests }
}

const busy = (more = '', body = 'busy') => responseOf(body, more, '503 Service Unavailable')
const error = (outcome: PromiseLike<unknown>) => outcome.then(undefined, (error: unknown) => error)

describe('a policy of a client', () => {
  it('tries again what failed with an error of the server, and says how often it has', async () => {
    const { url, requests } = await answering(busy(), busy(), responseOf('hello'))
    const client = clientOf({ base: url, policy: policy(retry({ attempts: 3, ...quick })) })
    expect(await (await client.get(ctx, '/')).text()).toBe('hello')
    expect(requests.map((each) => /x-previous-attempts: (\d)/i.exec(each)?.[1])).toEqual([
      undefined,
      '1',
      '2',
    ])
    expect(client.stats()).toMatchObject({ requests: 3, opened: 1 })
  })

  it('gives the last response where all have failed, with its body', async () => {
    const { url, requests } = await answering(busy('', 'one'), busy('', 'two'), busy('', 'three'))
    const client = clientOf({ base: url, policy: policy(retry({ attempts: 3, ...quick })) })
    const response = await client.get(ctx, '/')
    expect([response.status, await response.text(), requests.length]).toEqual([503, 'three', 3])
  })

  it('keeps no connection for responses that nobody sees', async () => {
    let asked = 0
    const { url } = await served(
      router().get('/', () => {
        const isGood = ++asked % 3 === 0
        return isGood
          ? text('hello')
          : new HttpResponse(500, new Uint8Array(asked % 3 === 1 ? 1000 : 5_000_000))
      }),
    )
    const client = clientOf({ base: url, maxSize: 1, policy: policy(retry({ attempts: 3, ...quick })) })
    for (let i = 0; i < 5; i++) expect(await (await client.get(ctx, '/')).text()).toBe('hello')
    expect(client.stats()).toMatchObject({ requests: 15, origins: [{ connections: 1, busy: 0 }] })
  })

  it('keeps of a response that failed no more than it is worth', async () => {
    const { url } = await served(
      router()
        .get('/short', () => new HttpResponse(500, 'a'.repeat(60_000)))
        .get('/long', () => new HttpResponse(500, new Uint8Array(5_000_000))),
    )
    const client = clientOf({ base: url, policy: policy(breaker({ name: 'a' })) })
    const short = await client.get(ctx, '/short')
    expect(client.stats().origins).toMatchObject([{ busy: 0 }])
    expect((await short.text()).length).toBe(60_000)
    const long = await client.get(ctx, '/long')
    expect(long.status).toBe(500)
    expect(await error(long.bytes())).toBeInstanceOf(ResponseTooLarge)
  })

  it.each([
    ['in seconds', 'Retry-After: 1\r\n', 1000],
    [
      'as a date, by the clock of the server',
      'Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:38 GMT\r\n',
      1000,
    ],
    ['as a date that is over', 'Retry-After: Sun, 06 Nov 1994 08:49:38 GMT\r\n', 0],
  ])('comes back when the server says, %s', async (_, fields, ms) => {
    for (const status of ['429 Too Many Requests', '503 Service Unavailable']) {
      const { url } = await answering(responseOf('', fields, status), responseOf('hello'))
      const client = clientOf({
        base: url,
        policy: policy(retry({ attempts: 2, initialMs: 1, maxMs: 5000 })),
      })
      const beganMs = now()
      expect((await client.get(ctx, '/')).status).toBe(200)
      expect(now() - beganMs).toBeGreaterThanOrEqual(ms - 2)
      expect(now() - beganMs).toBeLessThan(ms + 3000)
    }
  })

  it.each([
    ['503 Service Unavailable', 'Retry-After: 120\r\n', 120_000],
    ['503 Service Unavailable', 'Retry-After: 0\r\n', 0],
    ['503 Service Unavailable', 'Retry-After: soon\r\n', undefined],
    ['503 Service Unavailable', 'Retry-After: -1\r\n', undefined],
    ['503 Service Unavailable', 'Retry-After: 99999999999999\r\n', undefined],
    ['503 Service Unavailable', '', undefined],
    ['500 Internal Server Error', 'Retry-After: 120\r\n', undefined],
    ['200 OK', 'Retry-After: 120\r\n', undefined],
  ])('reads of %s with %j when to come back: %s', async (status, fields, ms) => {
    const { url } = await answering(responseOf('', fields, status))
    expect((await clientOf({ base: url }).get(ctx, '/')).retryAfterMs).toBe(ms)
  })

  it('does not come back where that is later than it waits', async () => {
    const { url, requests } = await answering(busy('Retry-After: 120\r\n'))
    const client = clientOf({ base: url, policy: policy(retry({ attempts: 3, ...quick })) })
    expect((await client.get(ctx, '/')).status).toBe(503)
    expect(requests.length).toBe(1)
  })

  it('sends a request again that may have had an effect only if that would be the same', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'POST', 'PATCH']) {
      const { url, requests } = await answering(busy())
      const client = clientOf({ base: url, policy: policy(retry({ attempts: 2, ...quick })) })
      expect((await client.request(ctx, { method, path: '/' })).status).toBe(503)
      expect([method, requests.length]).toEqual([method, method.startsWith('P') && method !== 'PUT' ? 1 : 2])
      await client.request(ctx, { method, path: '/', idempotent: true })
      await client.request(ctx, { method, path: '/', idempotent: false })
      expect(requests.length - (method.startsWith('P') && method !== 'PUT' ? 1 : 2)).toBe(3)
    }
  })

  it('sends any request again that was not sent', async () => {
    const peer = new Peer(() => undefined)
    const base = await peer.listen()
    await peer.close()
    const guard = retry({ attempts: 3, ...quick })
    const client = clientOf({ base, policy: policy(guard) })
    async function* once() {
      yield 'a'
    }
    expect(await error(client.post(ctx, '/', { body: once() }))).toBeInstanceOf(ConnectError)
    expect(guard.stats()['retries']).toBe(2)
  })

  it('loses nothing where a server closes an idle connection just when it is used', async () => {
    let isClosing = false
    const requests: string[] = []
    const peer = new Peer((socket, request) => {
      requests.push(request.split(' ', 1)[0] ?? '')
      if (isClosing)
        socket.destroy() // it had decided so before the request came
      else socket.write(responseOf('hello'))
      isClosing = false
    })
    const client = clientOf({ base: await peer.listen(), policy: policy(retry({ attempts: 2, ...quick })) })
    await client.get(ctx, '/')
    isClosing = true
    expect(await (await client.get(ctx, '/')).text()).toBe('hello')
    isClosing = true
    expect(await error(client.post(ctx, '/'))).toBeInstanceOf(ConnectionLost)
    expect(requests).toEqual(['GET', 'GET', 'GET', 'POST'])
  })

  it('sends a body that is produced again if it can be produced again', async () => {
    const { url, requests } = await answering(busy(), responseOf('hello'))
    const client = clientOf({ base: url, policy: policy(retry({ attempts: 2, ...quick })) })
    let produced = 0
    const response = await client.put(ctx, '/', {
      *body(out) {
        produced++
        yield* out.send('a')
      },
    })
    expect([response.status, produced, requests.length]).toEqual([200, 2, 2])
  })

  it('does not send half a body, whatever it is told', async () => {
    async function* once() {
      yield 'a'
    }
    const { url, requests } = await answering(busy(), responseOf('hello'))
    const patient = clientOf({ base: url, policy: policy(retry({ attempts: 2, ...quick })) })
    expect((await patient.put(ctx, '/', { body: once(), idempotent: true })).status).toBe(503)
    expect(requests.length).toBe(1)
    const { url: other } = await answering(busy())
    const told = clientOf({ base: other, policy: policy(retry({ attempts: 2, idempotent: true, ...quick })) })
    expect(await error(told.put(ctx, '/', { body: once() }))).toMatchObject({ code: 'ERR_SLUICE_MISUSE' })
  })

  it.each([
    ['500 Internal Server Error', 1],
    ['503 Service Unavailable', 1],
    ['429 Too Many Requests', 1],
    ['404 Not Found', 0],
    ['200 OK', 0],
  ])('takes %s for %i failures', async (status, failures) => {
    const { url } = await answering(responseOf('', '', status))
    const guard = breaker({ name: 'orders' })
    const client = clientOf({ base: url, policy: policy(guard) })
    await client.get(ctx, '/')
    expect(guard.stats()).toMatchObject({ calls: 1, failures })
  })

  it('takes for a failure what it is told to', async () => {
    const { url } = await answering(responseOf('', '', '404 Not Found'))
    const guard = breaker({ name: 'orders' })
    const isFailure = ({ status }: ClientResponse) => status === 404
    await clientOf({ base: url, policy: policy(guard), isFailure }).get(ctx, '/')
    expect(guard.stats()).toMatchObject({ failures: 1 })
  })

  it('asks nobody while a breaker is open, and does not hold a refusal of its own against the server', async () => {
    const { url, requests } = await answering(busy())
    const guard = breaker({ name: 'orders', consecutiveErrors: 2 })
    const client = clientOf({ base: url, policy: policy(guard), maxSize: 1, queue: 0 })
    await run(function* () {
      yield* client.get(ctx, '/')
      yield* client.get(ctx, '/')
    })
    expect(await error(client.get(ctx, '/'))).toBeInstanceOf(Refused)
    expect(requests.length).toBe(2)
  })

  it('gives a call up after its time, and its connection with it', async () => {
    const peer = new Peer(() => undefined)
    const client = clientOf({ base: await peer.listen(), policy: policy(timeout({ ms: 30 })) })
    expect(await error(client.get(ctx, '/'))).toBeInstanceOf(TimedOut)
    expect(client.stats().origins).toMatchObject([{ connections: 0 }])
  })

  it('tells the server how much time an attempt has, not the whole call', async () => {
    const { url, requests } = await answering(responseOf(''))
    const client = clientOf({ base: url, policy: policy(timeout({ ms: 300 })) })
    using soon = withTimeout(ctx, 5000)
    await client.get(soon, '/')
    const ms = Number(/x-timeout-ms: (\d+)/i.exec(requests[0] ?? '')?.[1])
    expect(ms).toBeGreaterThan(0)
    expect(ms).toBeLessThan(300)
  })

  it('bounds no body: that lasts as long as the context of the caller', async () => {
    const { url } = await served(router().get('/', () => bytes(new Uint8Array(5_000_000))))
    const client = clientOf({ base: url, policy: policy(timeout({ ms: 300 })) })
    await run(function* () {
      const caller = withCancel(ctx) as CancelNode
      const response = yield* client.get(caller, '/')
      yield* sleep(400)
      expect((yield* response.bytes()).length).toBe(5_000_000)
      expect(caller.dependentCount).toBe(0)
      const other = yield* client.get(caller, '/')
      caller.cancel()
      expect(client.stats().origins).toMatchObject([{ busy: 0 }])
      expect(yield* asError(other)).toMatchObject({ code: 'ERR_SLUICE_CANCELED' })
    })
  })

  it('calls the losers of a hedge off, and keeps no connection for them', async () => {
    let asked = 0
    const { url } = await served(
      router().get('/', function* (req) {
        if (++asked === 1) yield* req.ctx.done()
        return bytes(new Uint8Array(1_000_000))
      }),
    )
    const client = clientOf({ base: url, policy: policy(hedge({ delayMs: 20 })) })
    const response = await client.get(ctx, '/')
    expect((await response.bytes()).length).toBe(1_000_000)
    expect([asked, client.stats().origins[0]?.busy]).toEqual([2, 0])
  })

  it('does not hedge what must not be made twice', async () => {
    let asked = 0
    const { url } = await served(
      router().post('/', function* () {
        asked++
        yield* sleep(100)
        return text('hello')
      }),
    )
    const client = clientOf({ base: url, policy: policy(hedge({ delayMs: 10 })) })
    expect((await client.post(ctx, '/')).status).toBe(200)
    expect(asked).toBe(1)
  })

  it('may give something else instead', async () => {
    const { url } = await answering(responseOf('of old'), busy())
    const client = clientOf({ base: url })
    const old = await client.get(ctx, '/')
    const guarded = clientOf({ base: url, policy: policy(fallback({ value: old })) })
    expect(await guarded.get(ctx, '/')).toBe(old)
  })

  it('knows who asks for how much', async () => {
    const { url } = await answering(responseOf(''))
    const seen: unknown[] = []
    const limit = bulkhead({ limit: 1 })
    const enter = limit.enter.bind(limit)
    limit.enter = (call) => {
      seen.push([call.key, call.priority, call.cost])
      return enter(call)
    }
    const client = clientOf({ base: url, policy: policy(limit) })
    await client.get(ctx, '/', { key: 'a', priority: 'high', cost: 1 })
    await client.get(ctx, '/')
    expect(seen).toEqual([
      ['a', 'high', 1],
      [undefined, 'normal', 1],
    ])
  })

  it('makes no retries of its own where the request is one already', async () => {
    const { url, requests } = await answering(busy())
    const client = clientOf({ base: url, policy: policy(retry({ attempts: 3, ...quick })) })
    await client.get(withValue(ctx, previousAttempts, 1), '/')
    expect(requests.length).toBe(1)
    expect(requests[0]).toMatch(/x-previous-attempts: 1/i)
  })
})

function* asError(response: ClientResponse) {
  try {
    yield* response.bytes()
  } catch (error) {
    return error
  }
  return undefined
}

describe('a client that does not propagate', () => {
  it('tells nothing of the context', async () => {
    const { url, requests } = await answering(responseOf(''))
    using soon = withTimeout(withValue(ctx, previousAttempts, 1), 60_000)
    await clientOf({ base: url, propagate: false }).get(soon, '/')
    expect(requests[0]).not.toMatch(/^x-|^trace/im)
    await clientOf({ base: url }).get(soon, '/')
    expect(requests[1]?.match(/^x-[\w-]+|^trace\w+/gim)).toEqual([
      'X-Timeout-Ms',
      'X-Timeout-At',
      'traceparent',
      'X-Previous-Attempts',
    ])
  })
})
