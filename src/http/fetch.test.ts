import { describe, expect, it } from 'vitest'
import { ArgumentError, type Routine, run, wait } from 'sluice'
import { BodiedRequest } from '../../test/http/bodied-request.js'
import { type FetchApp, fetchHandler, type FetchOptions } from './fetch.js'
import { HttpError } from './http-error.js'
import { produceBody } from './produce-body.js'
import type { BodySource, HttpResponse } from './response.js'

const real = { Request, Response, Headers, fetch }

type Line = `${string} ${string}`

/** What the server is given to send. */
async function answer(app: FetchApp, line: Line = 'GET /', options?: FetchOptions): Promise<HttpResponse> {
  return (await fetchHandler(app, options)(new BodiedRequest(line))) as HttpResponse
}

/** A stream whose pieces are made when they are asked for, and what has become of it. */
function watched(pieces: number) {
  const state = { pulled: 0, canceled: false, stream: undefined as ReadableStream | undefined }
  state.stream = new ReadableStream(
    {
      pull(controller) {
        if (state.pulled === pieces) controller.close()
        else controller.enqueue(new Uint8Array([state.pulled++]))
      },
      cancel() {
        state.canceled = true
      },
    },
    { highWaterMark: 0 },
  )
  return state as typeof state & { stream: ReadableStream }
}

const asIterator = (body: HttpResponse['body']) => (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()

describe('fetchHandler', () => {
  it('answers with what a function or the fetch method of an object gives, now or later', async () => {
    const apps: FetchApp[] = [
      () => new Response('a'),
      async () => new Response('a'),
      { fetch: () => new Response('a') },
      { fetch: async () => new Response('a') },
    ]
    for (const app of apps) {
      const { status, body, headers } = await answer(app)
      expect([status, body, headers.get('content-type')]).toEqual([200, 'a', 'text/plain;charset=UTF-8'])
    }
  })

  it('calls the method on its object, with the request of the server beside', async () => {
    const req = new BodiedRequest('GET /')
    const app = {
      name: 'x',
      fetch(_request: Request, env: { req: unknown }) {
        return new Response(`${this.name} ${env.req === req}`)
      },
    }
    expect(((await fetchHandler(app)(req)) as HttpResponse).body).toBe('x true')
  })

  it('refuses what is no fetch handler', () => {
    for (const app of [undefined, {}, 'x', { fetch: 1 }])
      expect(() => fetchHandler(app as never)).toThrow(ArgumentError)
  })

  it('fails with what the handler throws, so that the server answers', async () => {
    const error = new Error('no')
    expect(() =>
      fetchHandler(() => {
        throw error
      })(new BodiedRequest('GET /')),
    ).toThrow(error)
    await expect(
      answer(async () => {
        throw error
      }),
    ).rejects.toBe(error)
    await expect(answer(() => 'text' as never)).rejects.toThrow('has to give a Response, not text')
    await expect(answer(() => undefined as never)).rejects.toThrow('not undefined')
  })

  it('answers 400 to a host that is none, and does not call the app', () => {
    let calls = 0
    const handler = fetchHandler(() => {
      calls++
      return new Response()
    })
    expect(() => handler(new BodiedRequest('GET /', { host: 'a b' }))).toThrow(HttpError)
    expect(calls).toBe(0)
  })

  it('cannot send what has been read, what is locked, or an error', async () => {
    const read = async () => {
      const response = new Response('a')
      await response.text()
      return response
    }
    const locked = () => {
      const response = new Response('a')
      response.body?.getReader()
      return response
    }
    const platformRead = async () => {
      const response = new real.Response('a')
      await response.text()
      return response
    }
    for (const app of [read, locked, platformRead])
      await expect(async () => answer(app)).rejects.toThrow('Body is unusable')
    await expect(async () => answer(() => Response.error())).rejects.toThrow(ArgumentError)
  })

  it('keeps cookies apart and puts other values of one name together', async () => {
    const app = () => {
      const response = new Response('a')
      for (const cookie of ['a=1', 'b=2, 3']) response.headers.append('set-cookie', cookie)
      for (const vary of ['origin', 'accept']) response.headers.append('vary', vary)
      return response
    }
    const { headers } = await answer(app)
    expect(headers.getAll('set-cookie')).toEqual(['a=1', 'b=2, 3'])
    expect(headers.getAll('vary')).toEqual(['origin, accept'])
  })

  it('does not let a header hold more than a header', async () => {
    await expect(answer(async () => new Response('', { headers: { a: 'b\r\nc: d' } }))).rejects.toThrow(
      TypeError,
    )
    await expect(
      answer(async () => new Response('', { headers: { 'content-type': 'b\r\nc: d' } })),
    ).rejects.toThrow(TypeError)
  })
})

describe('the body of a Response', () => {
  it('is read one piece at a time, as the client takes them', async () => {
    const source = watched(3)
    const { body } = await answer(() => new Response(source.stream))
    const pieces = asIterator(body)
    expect(source.pulled).toBe(0)
    expect(await pieces.next()).toEqual({ done: false, value: new Uint8Array([0]) })
    expect(source.pulled).toBe(1)
    await pieces.next()
    await pieces.next()
    expect(await pieces.next()).toEqual({ done: true, value: undefined })
    expect(source.canceled).toBe(false)
  })

  it('is canceled when the client leaves, also while it waits for a piece that never comes', async () => {
    let canceled = false
    const silent = new ReadableStream({
      pull: () => new Promise<void>(() => undefined),
      cancel() {
        canceled = true
      },
    })
    const { body } = await answer(() => new Response(silent))
    await run(function* (): Routine<void> {
      const producing = produceBody(body as BodySource, { send: () => wait(undefined) })
      const step = producing.next()
      expect(step.done).toBe(false)
      producing.return()
      yield* wait(Promise.resolve())
    }).catch(() => undefined)
    expect(canceled).toBe(true)
  })

  it('fails when its stream does, or gives something else than bytes', async () => {
    const failing = new ReadableStream({ pull: () => Promise.reject(new Error('broken')) })
    const { body } = await answer(() => new Response(failing))
    await expect(asIterator(body).next()).rejects.toThrow('broken')
    const texts = new ReadableStream({ start: (controller) => controller.enqueue('text') })
    const other = await answer(() => new Response(texts))
    await expect(asIterator(other.body).next()).rejects.toThrow('gives bytes, not string')
  })

  it('is canceled where nobody will read it', async () => {
    for (const [line, status] of [
      ['HEAD /', 200],
      ['GET /', 204],
      ['GET /', 304],
    ] as const) {
      const source = watched(100)
      const app = () => {
        const response = new real.Response(source.stream)
        Object.defineProperty(response, 'status', { value: status })
        return response
      }
      const { body } = await answer(app, line)
      expect(source.canceled).toBe(true)
      if (line === 'GET /') expect(body).toBe(undefined)
    }
  })

  it('of a HEAD is kept where its length is known', async () => {
    expect((await answer(() => new Response('four'), 'HEAD /')).body).toBe('four')
  })
})

describe('a Response of the platform', () => {
  const made = (body: ConstructorParameters<typeof Response>[0]) => () =>
    new real.Response(body, { headers: { 'x-a': 'b' } })

  it('is sent at once where all of it is there', async () => {
    const response = await answer(made('hello'))
    expect([Buffer.from(response.body as Uint8Array).toString(), response.headers.get('x-a')]).toEqual([
      'hello',
      'b',
    ])
    expect((await answer(made(null))).body).toBe(undefined)
    expect(Buffer.from((await answer(made(new Uint8Array([1, 2])))).body as Uint8Array)).toEqual(
      Buffer.from([1, 2]),
    )
  })

  it('is not collected where there is much of it', async () => {
    const source = watched(100)
    const { body } = await answer(made(source.stream))
    expect(source.pulled).toBeLessThan(5)
    const pieces = asIterator(body)
    for (let i = 0; i < 100; i++) expect((await pieces.next()).value).toEqual(new Uint8Array([i]))
    expect((await pieces.next()).done).toBe(true)
  })

  it('is sent as it comes where it waits for something, with nothing lost', async () => {
    let next = (_piece: string) => {}
    const slow = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array([1]))
        next = (piece) => {
          controller.enqueue(Buffer.from(piece))
          controller.close()
        }
      },
    })
    const { body } = await answer(made(slow))
    const pieces = asIterator(body)
    expect(await pieces.next()).toEqual({ done: false, value: new Uint8Array([1]) })
    const second = pieces.next()
    next('x')
    expect((await second).value).toEqual(Buffer.from('x'))
    expect((await pieces.next()).done).toBe(true)
  })
})

describe('the classes of fetch', () => {
  it('are not touched on import, nor for a handler that wants those of the platform', async () => {
    const { execFileSync } = await import('node:child_process')
    const program = `
      const before = [Request, Response, Headers, fetch]
      const { fetchHandler } = await import(${JSON.stringify(new URL('./fetch.ts', import.meta.url).href)})
      const same = () => [Request, Response, Headers, fetch].every((each, i) => each === before[i])
      const steps = [same()]
      fetchHandler(() => new Response(), { classes: 'platform' })
      steps.push(same())
      fetchHandler(() => new Response())
      steps.push([Request, Response, Headers, fetch].map((each, i) => each === before[i]))
      console.log(JSON.stringify(steps))`
    const output = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      encoding: 'utf8',
    })
    expect(JSON.parse(output)).toEqual([true, true, [false, false, true, false]])
  })

  it('are replaced once, and a later replacement is left alone', () => {
    fetchHandler(() => new Response())
    const mine = class extends Response {}
    const before = Response
    globalThis.Response = mine
    fetchHandler(() => new Response())
    expect(Response).toBe(mine)
    globalThis.Response = before
  })

  it('give a Request of the platform to a handler that wants it', async () => {
    let given: Request | undefined
    const app = async (request: Request) => {
      given = request
      return new real.Response(await request.text())
    }
    const req = new BodiedRequest('POST /a?b', { headers: { c: 'd' }, pieces: ['x', 'y'] })
    const { body } = (await fetchHandler(app, { classes: 'platform' })(req)) as HttpResponse
    expect(Buffer.from(body as Uint8Array).toString()).toBe('xy')
    expect([given?.constructor, given?.url, given?.headers.get('c')]).toEqual([
      real.Request,
      'http://example.com/a?b',
      'd',
    ])
  })
})
