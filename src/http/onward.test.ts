import { describe, expect, it } from 'vitest'
import { chan, go, MisuseError, type Routine, run, wait, yieldNow } from 'sluice'
import { background } from 'sluice/context'
import type { Handler, Middleware, Next, Onward } from './handler.js'
import { asResponse, isRoutine } from './onward.js'
import { type Arrival, HttpRequest } from './request.js'
import { RequestHeaders } from './request-headers.js'
import { HttpResponse, text } from './response.js'
import { type Router, router } from './router.js'

const arrival: Arrival = {
  remoteAddress: '',
  remotePort: 0,
  isSecure: false,
  closing: background(),
  ctx: background(),
}

class Request extends HttpRequest {
  readonly headers = new RequestHeaders([])
  readonly httpVersion = '1.1'
  readonly host = ''
  protected readonly deadline = undefined

  constructor() {
    super(arrival, 'GET', '/x', undefined, 0)
  }
}

/** What the last of `stack` answers behind the others, as an engine asks for it. */
function answerOf(...stack: [...Middleware[], Handler]): Promise<HttpResponse> {
  const app = router().get('/x', ...stack)
  return run(() => answer(app))
}

function* answer(app: Router): Routine<HttpResponse> {
  const req = new Request()
  const reply = app.handle(req)
  const value = reply instanceof HttpResponse ? reply : isRoutine(reply) ? yield* reply : yield* wait(reply)
  return asResponse(value, app.route(req))
}

const generator: Middleware = function* (_req, next) {
  const response = yield* next()
  response.body = `generator > ${response.body}`
  return response
}
const async: Middleware = async (_req, next) => {
  const response = await next()
  response.body = `async > ${response.body}`
  return response
}
const plain: Middleware = (_req, next) => next()

const handlers: Record<string, Handler> = {
  plain: () => text('x'),
  async: async () => text('x'),
  *generator() {
    yield* yieldNow()
    return text('x')
  },
  'plain, with a routine': () => handlers['generator']?.(new Request()) as Routine<HttpResponse>,
  'plain, with an operation': () => {
    const ch = chan<HttpResponse>(1)
    ch.trySend(text('x'))
    return ch.recv() as PromiseLike<HttpResponse>
  },
  'plain, with a goroutine': () =>
    go(function* () {
      return text('x')
    }),
}

describe('next', () => {
  const middleware = { generator, async, plain }
  for (const [kind, first] of Object.entries(middleware))
    for (const [inner, second] of Object.entries(middleware))
      for (const [last, handler] of Object.entries(handlers))
        it(`leads from a ${kind} middleware over a ${inner} one to a handler that is ${last}`, async () => {
          const { body } = await answerOf(first, second, handler)
          const names = [kind, inner].filter((each) => each !== 'plain').map((each) => `${each} > `)
          expect(body).toBe(`${names.join('')}x`)
        })

  it('runs what is behind when it is waited for, and not before', async () => {
    const order: string[] = []
    await answerOf(
      function* (_req, next) {
        const onward = next()
        order.push('called')
        const response = yield* onward
        order.push('waited')
        return response
      },
      () => {
        order.push('ran')
        return text('')
      },
    )
    expect(order).toEqual(['called', 'ran', 'waited'])
  })

  it('need not be called', async () => {
    const never: Handler = () => {
      throw new Error('this must not run')
    }
    expect((await answerOf(() => text('no', { status: 403 }), never)).status).toBe(403)
    expect((await answerOf(generator, async () => text('no', { status: 403 }), never)).status).toBe(403)
  })

  it.each(Object.entries({ plain: generator, async }))(
    'throws what was thrown behind it',
    async (_kind, outer) => {
      const failure = new Error('behind')
      const failing: Handler[] = [
        () => {
          throw failure
        },
        () => Promise.reject(failure),
        function* () {
          yield* yieldNow()
          throw failure
        },
      ]
      for (const handler of failing) await expect(answerOf(outer, plain, handler)).rejects.toBe(failure)
    },
  )

  it('lets a middleware catch what was thrown behind it', async () => {
    const rescue: Middleware = function* (_req, next) {
      try {
        return yield* next()
      } catch (error) {
        return text(`caught ${error}`)
      }
    }
    const { body } = await answerOf(rescue, function* () {
      yield* yieldNow()
      throw new TypeError('x')
    })
    expect(body).toBe('caught TypeError: x')
  })

  it('is native to a goroutine: canceling it ends the handler at its wait', async () => {
    const order: string[] = []
    const app = router().get('/x', generator, function* () {
      try {
        yield* chan().recv()
        return text('')
      } finally {
        order.push('ended')
      }
    })
    await run(function* () {
      const g = go(answer, app)
      yield* yieldNow()
      expect(g.waitReason).toBe('chan receive')
      g.cancel()
      yield* g.outcome()
    })
    expect(order).toEqual(['ended'])
  })
})

describe('misuse of next', () => {
  it('is to call it twice', async () => {
    const twice: Middleware = function* (_req, next) {
      yield* next()
      return yield* next()
    }
    await expect(answerOf(twice, () => text(''))).rejects.toThrow(
      'next() was called twice before the handler of GET /x: keep what it returned the first time',
    )
  })

  it('is to wait twice for what it returned, in any way', async () => {
    const uses: ((onward: Onward) => Routine<unknown> | PromiseLike<unknown>)[] = [
      function* (onward) {
        return yield* onward
      },
      (onward) => onward,
    ]
    for (const first of uses)
      for (const second of uses) {
        const twice: Middleware = function* (_req, next) {
          const onward = next()
          yield* go(first, onward)
          yield* go(second, onward)
          return text('')
        }
        const misuse = answerOf(twice, () => text(''))
        await expect(misuse).rejects.toThrow(/waited for twice before the handler of GET \/x: it runs once/)
        await expect(misuse).rejects.toBeInstanceOf(MisuseError)
      }
  })
})

describe('what is no response', () => {
  // What the compiler would have said, for those who have none.
  const untyped = (fn: (req: HttpRequest, next: Next) => unknown) => fn as Middleware & Handler

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['text', 'a string'],
    [{ ok: true }, 'an object of Object'],
    [Object.create(null), 'an object of no class'],
  ])('%o is told with the name of the route', async (value, what) => {
    const message = `the handler of GET /x returned ${what}: return json(…), text(…) or what next() gave`
    const returning = [
      untyped(() => value),
      untyped(async () => value),
      untyped(function* () {
        return value
      }),
    ]
    for (const handler of returning) {
      await expect(answerOf(handler)).rejects.toThrow(message)
      for (const outer of [generator, async]) await expect(answerOf(outer, handler)).rejects.toThrow(message)
    }
  })

  it('is told of a plain middleware together with what it passes on', async () => {
    const handler = untyped(function* () {})
    await expect(answerOf(plain, handler)).rejects.toThrow(
      'the middleware plain of GET /x, or what stands behind it, returned undefined: return json(…), text(…) or what next() gave',
    )
  })

  it('is told of a middleware by its name', async () => {
    const forgetful = untyped(function* forgetful(_req, next) {
      yield* next()
    })
    await expect(answerOf(forgetful, () => text(''))).rejects.toThrow(
      'the middleware forgetful of GET /x returned undefined: return json(…), text(…) or what next() gave',
    )
  })

  it('is no response of another class with the same members', async () => {
    const { status, headers, body } = new HttpResponse(200)
    await expect(answerOf(untyped(() => ({ status, headers, body })))).rejects.toBeInstanceOf(MisuseError)
  })
})
