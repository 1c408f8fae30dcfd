import { describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { z } from 'zod'
import { chan, go, type Routine, run, wait, yieldNow } from 'sluice'
import { background } from 'sluice/context'
import { RequestBody } from './body.js'
import { body, type BodyOptions } from './body-schema.js'
import type { HttpError } from './http-error.js'
import { isRoutine } from './onward.js'
import { type Arrival, HttpRequest } from './request.js'
import { RequestHeaders } from './request-headers.js'
import { HttpResponse, json } from './response.js'
import { type Router, router } from './router.js'
import type { StandardSchemaV1 } from './standard-schema.js'

const arrival: Arrival = {
  remoteAddress: '',
  remotePort: 0,
  isSecure: false,
  closing: background(),
  ctx: background(),
}

class Request extends HttpRequest {
  readonly headers: RequestHeaders
  readonly httpVersion = '1.1'
  readonly host = ''
  protected readonly deadline = undefined

  constructor(body: RequestBody, type: string | undefined) {
    super(arrival, 'POST', '/x', body, 0)
    this.headers = new RequestHeaders(type === undefined ? [] : ['content-type', type])
  }
}

/** A body of which the server has received nothing yet; it takes 1000 bytes. */
const awaited = () => new RequestBody({ wanted() {} }, -1, 1000)

function received(content: string): RequestBody {
  const body = awaited()
  body.push(Buffer.from(content))
  body.end()
  return body
}

const jsonType = 'application/json'
const formType = 'application/x-www-form-urlencoded'

/** What a route behind `body(schema, options)` answers: `req.valid`. */
function appOf(schema: StandardSchemaV1, options?: BodyOptions) {
  return router().post('/x', body(schema, options), (req) => json(req.valid))
}

function* answer(app: Router, body: RequestBody, type: string | undefined): Routine<HttpResponse> {
  const reply = app.handle(new Request(body, type))
  return reply instanceof HttpResponse ? reply : isRoutine(reply) ? yield* reply : yield* wait(reply)
}

async function answerOf(
  content: string,
  type: string | undefined,
  schema: StandardSchemaV1,
  options?: BodyOptions,
) {
  const response = await run(() => answer(appOf(schema, options), received(content), type))
  return JSON.parse(`${response.body}`)
}

const order = z.object({ item: z.string(), count: z.coerce.number().int() })

describe('body', () => {
  it('gives the handler what the schema has made of the body', async () => {
    const sent = '{"item":"tea","count":"3","more":true}'
    expect(await answerOf(sent, jsonType, order)).toEqual({ item: 'tea', count: 3 })
    const same = v.object({ item: v.string(), count: v.pipe(v.string(), v.transform(Number)) })
    expect(await answerOf(sent, jsonType, same)).toEqual({ item: 'tea', count: 3 })
  })

  it('answers at once where the body is there and handler and schema are plain', () => {
    const reply = appOf(order).handle(new Request(received('{"item":"tea","count":3}'), jsonType))
    expect(reply).toBeInstanceOf(HttpResponse)
  })

  it('waits for the rest of the body', async () => {
    const rest = awaited()
    rest.push(Buffer.from('{"item":"tea",'))
    const { body } = await run(function* () {
      const g = go(answer, appOf(order), rest, jsonType)
      yield* yieldNow()
      expect(g.waitReason).toBe('request body')
      rest.push(Buffer.from('"count":3}'))
      rest.end()
      return yield* g
    })
    expect(body).toBe('{"item":"tea","count":3}')
  })

  it.each(['there', 'on its way'])(
    'waits for a schema that takes its time, with a body that is %s',
    async (when) => {
      const known = chan<boolean>()
      const slow = z.object({ item: z.string().refine(async () => (await known.recv()) === undefined) })
      const whole = when === 'there' ? received('{"item":"tea"}') : awaited()
      const { body } = await run(function* () {
        const g = go(answer, appOf(slow), whole, jsonType)
        yield* yieldNow()
        if (!whole.isWhole) {
          whole.push(Buffer.from('{"item":"tea"}'))
          whole.end()
        }
        known.close()
        return yield* g
      })
      expect(body).toBe('{"item":"tea"}')
    },
  )

  it('answers 422 with what is wrong and where', async () => {
    const answer = answerOf('{"item":7,"count":"x"}', jsonType, order)
    await expect(answer).rejects.toMatchObject({
      status: 422,
      extra: { errors: [{ pointer: '/item' }, { pointer: '/count' }] },
    } satisfies Partial<HttpError> | object)
  })

  it.each([
    ['{"item"', jsonType, 400],
    ['{"item":1,"item":2}', jsonType, 400],
    ['{}', 'text/plain', 415],
    ['{}', undefined, 415],
    ['item=tea', formType, 415],
    [`"${'x'.repeat(2000)}"`, jsonType, 413],
  ])('answers %s of type %s with %i', async (content, type, status) => {
    await expect(answerOf(content, type, z.unknown())).rejects.toMatchObject({ status })
  })

  it('takes a limit of its own', async () => {
    await expect(answerOf('{"a":1}', jsonType, z.unknown(), { maxBytes: 6 })).rejects.toMatchObject({
      status: 413,
    })
    expect(await answerOf('{"a":1}', jsonType, z.unknown(), { maxBytes: 7 })).toEqual({ a: 1 })
  })

  it('takes a form where it is told to', async () => {
    expect(await answerOf('item=tea&count=3', formType, order, { type: 'form' })).toEqual({
      item: 'tea',
      count: 3,
    })
    expect(await answerOf('item=tea&count=3', formType, order, { type: 'json or form' })).toEqual({
      item: 'tea',
      count: 3,
    })
    expect(await answerOf('{"item":"tea","count":3}', jsonType, order, { type: 'json or form' })).toEqual({
      item: 'tea',
      count: 3,
    })
    await expect(answerOf('{}', jsonType, order, { type: 'form' })).rejects.toMatchObject({ status: 415 })
  })

  it('gives the fields of a form that come several times as an array', async () => {
    const tags = z.object({ tag: z.array(z.string()), one: z.string() })
    expect(await answerOf('tag=a&one=x&tag=b', formType, tags, { type: 'form' })).toEqual({
      tag: ['a', 'b'],
      one: 'x',
    })
  })

  it('takes a field called __proto__ for a field', async () => {
    const seen = z.custom<object>(
      (fields) => Object.getPrototypeOf(fields) === null && '__proto__' in (fields as object),
    )
    expect(await answerOf('__proto__=x', formType, seen, { type: 'form' })).toBeDefined()
  })

  it('refuses at once what is no schema, and options that cannot be', () => {
    const untyped = body as (...args: unknown[]) => unknown
    expect(() => untyped({ type: 'object' })).toThrow(/Standard Schema/)
    expect(() => body(order, { maxBytes: -1 })).toThrow(/maxBytes has to be a whole number of bytes, not -1/)
    expect(() => untyped(order, { type: 'xml' })).toThrow(/type has to be json, form, json or form, not xml/)
  })
})
