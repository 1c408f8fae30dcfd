import { afterEach, describe, expect, it } from 'vitest'
import { bubble } from 'sluice/testing'
import { MemoryRequest, through } from '../../test/http/memory-exchange.js'
import { RawClient } from '../../test/serving/raw-client.js'
import { background } from '../context/background.js'
import { type CancelNode, withCancel } from '../context/cancel.js'
import type { Context } from '../context/context.js'
import { DeadlineExceeded, withTimeout } from '../context/deadline.js'
import { policy } from '../resilience/policy.js'
import { previousAttempts } from '../resilience/previous-attempts.js'
import { timeout } from '../resilience/timeout.js'
import { chan } from '../runtime/chan.js'
import { go } from '../runtime/go.js'
import type { Routine } from '../runtime/operation.js'
import { scheduler } from '../runtime/scheduler.js'
import { now, sleep } from '../runtime/sleep.js'
import { ClientGone } from './body.js'
import { type DeadlinesOptions, deadlines } from './deadlines.js'
import type { HttpRequest } from './request.js'
import { type HttpResponse, text } from './response.js'
import { router } from './router.js'
import { serve } from './serve.js'
import type { Server } from './server.js'

type Fields = Readonly<Record<string, string>>

/** A request that comes now. */
function requestOf(fields: Fields, ctx: Context = background()): MemoryRequest {
  const req = new MemoryRequest('GET /', fields, { ctx })
  req.startedMs = scheduler().clock.now()
  return req
}

/** How much time a handler sees that it has; `undefined` without a deadline. */
function* timeSeen(fields: Fields, options?: DeadlinesOptions): Routine<number | undefined> {
  const req = requestOf(fields)
  let seenMs: number | undefined
  yield* through(deadlines(options), req, ({ ctx }) => {
    seenMs = ctx.deadline === undefined ? undefined : ctx.deadline.getTime() - now()
    return text('')
  })
  return seenMs
}

function outcomeOf(
  options: DeadlinesOptions,
  req: HttpRequest,
  handler: (req: HttpRequest) => Routine<HttpResponse>,
) {
  return go(function* () {
    return yield* through(deadlines(options), req, handler)
  }).outcome()
}

describe('deadlines', () => {
  it.each([
    [{ 'x-timeout-ms': '250' }, {}, 250],
    [{ 'grpc-timeout': '250m' }, {}, 250],
    [{ 'x-timeout-ms': '250' }, { maxMs: 100 }, 100],
    [{ 'x-timeout-ms': '250' }, { maxMs: 1000 }, 250],
    [{ 'x-timeout-ms': '250' }, { marginMs: 50 }, 200],
    [{}, { maxMs: 100, marginMs: 50 }, 100],
    [{}, {}, undefined],
    [{ 'x-timeout-ms': 'soon' }, {}, undefined],
    [{ 'x-timeout-ms': '99999999999' }, {}, 86_400_000],
  ])('of %j under %j give a handler %s ms', (fields, options, ms) =>
    bubble(function* () {
      expect(yield* timeSeen(fields, options)).toBe(ms)
    }),
  )

  it.each([-3_600_000, 3_600_000])('do not mind that the clock of the client is %i ms off', (skew) =>
    bubble(function* () {
      const fields = { 'x-timeout-ms': '300', 'x-timeout-at': String(now() + 300 + skew) }
      expect(yield* timeSeen(fields)).toBe(300)
    }),
  )

  it('take off what the request has waited already', () =>
    bubble(function* () {
      const req = requestOf({ 'x-timeout-ms': '250' })
      yield* sleep(100)
      let seenMs: number | undefined
      yield* through(deadlines(), req, ({ ctx }) => {
        seenMs = Number(ctx.deadline) - now()
        return text('')
      })
      expect(seenMs).toBe(150)
    }))

  it.each([
    ['that had none when it came', { 'x-timeout-ms': '0' }, 0],
    ['that waited for too long here', { 'x-timeout-ms': '250' }, 250],
    ['whose absolute one has passed', { 'x-timeout-at': '946684799000' }, 0],
    ['that leaves less than the margin', { 'x-timeout-ms': '20' }, 0],
  ])('refuse a request %s before it is handled', (_, fields, waitedMs) =>
    bubble(function* () {
      const req = requestOf(fields)
      yield* sleep(waitedMs)
      let isHandled = false
      const { error } = yield* outcomeOf({ marginMs: 20 }, req, function* () {
        isHandled = true
        return text('')
      })
      expect(error).toMatchObject({
        status: 504,
        detail: expect.stringContaining('before it could be handled'),
      })
      expect(isHandled).toBe(false)
    }),
  )

  it('end the context of a handler, and answer 504, at that moment', () =>
    bubble(function* () {
      const req = requestOf({ 'x-timeout-ms': '250' })
      let ended: unknown
      const { error } = yield* outcomeOf({}, req, function* ({ ctx }) {
        yield* ctx.done()
        ended = ctx.err
        return text('late')
      })
      expect(scheduler().clock.now()).toBe(250)
      expect(error).toMatchObject({ status: 504, cause: expect.any(DeadlineExceeded) })
      yield* sleep(0)
      expect(ended).toBeInstanceOf(DeadlineExceeded)
    }))

  it('stop a handler that does not listen to its context', () =>
    bubble(function* () {
      const req = requestOf({ 'x-timeout-ms': '250' })
      let isStopped = false
      const { error } = yield* outcomeOf({}, req, function* () {
        try {
          yield* sleep(100_000)
        } finally {
          isStopped = true
        }
        return text('late')
      })
      expect(error).toMatchObject({ status: 504 })
      expect([scheduler().clock.now(), isStopped]).toEqual([250, true])
    }))

  it('let the error of a handler pass', () =>
    bubble(function* () {
      const broken = new Error('broken')
      const outcome = yield* outcomeOf({ maxMs: 100 }, requestOf({}), function* () {
        yield* sleep(1)
        throw broken
      })
      expect(outcome.error).toBe(broken)
    }))

  it('stay with the context after the handler has answered, for a body that is still produced', () =>
    bubble(function* () {
      const ctx = withCancel(background())
      const req = requestOf({ 'x-timeout-ms': '250' }, ctx)
      yield* through(deadlines(), req, () => text(''))
      expect(req.ctx.err).toBeUndefined()
      yield* sleep(250)
      expect(req.ctx.err).toBeInstanceOf(DeadlineExceeded)
      ctx.cancel()
    }))

  it('tell a handler that its client has gone', () =>
    bubble(function* () {
      const req = requestOf({ 'x-timeout-ms': '250' })
      go(function* () {
        yield* sleep(10)
        req.finish(new ClientGone())
      })
      const { error } = yield* outcomeOf({}, req, function* () {
        yield* sleep(1000)
        return text('')
      })
      expect(error).toMatchObject({ code: 'ERR_SLUICE_CANCELED', cause: expect.any(ClientGone) })
      expect(scheduler().clock.now()).toBe(10)
    }))

  it('never last longer than those of the context around them', () =>
    bubble(function* () {
      using ctx = withTimeout(background(), 100)
      const req = requestOf({ 'x-timeout-ms': '250' }, ctx)
      yield* through(deadlines(), req, ({ ctx }) => text(String(Number(ctx.deadline) - now())))
      expect(Number(req.ctx.deadline) - now()).toBe(100)
    }))

  it('leave nothing behind at the context of the server', () =>
    bubble(function* () {
      const ctx = withCancel(background())
      for (let i = 0; i < 10_000; i++) {
        const req = requestOf({ 'x-timeout-ms': '60000' }, ctx)
        yield* through(deadlines(), req, () => text(''))
        req.answered()
      }
      expect((ctx as CancelNode).dependentCount).toBe(0)
      expect(scheduler().timers.size).toBe(0)
    }))

  it.each([
    ['2', 2],
    ['0', undefined],
    ['-1', undefined],
    ['many', undefined],
    [undefined, undefined],
  ])('take over that a request was sent %s times before', (value, attempts) =>
    bubble(function* () {
      const req = requestOf(value === undefined ? {} : { 'x-previous-attempts': value })
      yield* through(deadlines(), req, () => text(''))
      expect(req.ctx.value(previousAttempts)).toBe(attempts)
    }),
  )

  it.each([
    [{ maxMs: 0 }, /maxMs, not 0/],
    [{ maxMs: Number.NaN }, /maxMs, not NaN/],
    [{ marginMs: -1 }, /marginMs, not -1/],
    [{ marginMs: Infinity }, /marginMs, not Infinity/],
  ])('cannot be %j', (options, message) => {
    expect(() => deadlines(options)).toThrow(message)
  })
})

describe('a server', () => {
  const servers: Server[] = []
  const clients: RawClient[] = []
  afterEach(() => {
    for (const client of clients.splice(0)) client.close()
    for (const server of servers.splice(0)) server.close()
  })

  async function connected(handler: (req: HttpRequest) => Routine<HttpResponse>) {
    const errors: unknown[] = []
    const app = router()
    app.use('/kept', deadlines())
    app.get('/kept', handler)
    app.get('/', handler)
    const onError = (error: unknown) => errors.push(error)
    const server = serve(app, { port: 0, host: '127.0.0.1', signals: false, onError })
    servers.push(server)
    const client = await RawClient.connect((await server.listening()).port ?? 0)
    clients.push(client)
    return { client, errors, server }
  }

  it('answers 504 at the deadline of a client, and reports nothing', async () => {
    const { client, errors } = await connected(function* () {
      yield* sleep(60_000)
      return text('late')
    })
    client.send('GET /kept HTTP/1.1\r\nHost: a\r\nX-Timeout-Ms: 30\r\n\r\n')
    const [response] = await client.responses(1)
    expect(response?.status).toBe(504)
    expect(JSON.parse(response?.body ?? '')).toMatchObject({ title: 'Gateway Timeout' })
    expect(errors).toEqual([])
  })

  it.each([
    [
      'a context',
      function* (): Routine<HttpResponse> {
        using ctx = withTimeout(background(), 1)
        yield* sleep(60_000).within(ctx)
        return text('')
      },
    ],
    [
      'a guard',
      function* (): Routine<HttpResponse> {
        return yield* policy(timeout({ ms: 1 })).run(background(), function* () {
          yield* sleep(60_000)
          return text('')
        })
      },
    ],
  ])('answers 504 where the time limit of %s has ended what a handler called', async (_, handler) => {
    const { client, errors } = await connected(handler)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const [response] = await client.responses(1)
    expect(response?.status).toBe(504)
    expect(response?.body).not.toContain('context')
    expect(errors).toEqual([])
  })

  it('tells what a handler called, when its client disconnects', async () => {
    const entered = chan<void>(1)
    const stopped = chan<unknown>(1)
    const { client } = await connected(function* ({ ctx }) {
      yield* entered.send()
      yield* ctx.done()
      yield* stopped.send(ctx.cause)
      return text('')
    })
    client.send('GET /kept HTTP/1.1\r\nHost: a\r\nX-Timeout-Ms: 60000\r\n\r\n')
    await entered.recv()
    client.close()
    expect(await stopped.recv()).toBeInstanceOf(ClientGone)
  })
})
