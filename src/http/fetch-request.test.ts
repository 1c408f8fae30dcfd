import { describe, expect, it } from 'vitest'
import { Canceled } from 'sluice'
import { background, withCancel } from 'sluice/context'
import { BodiedRequest, type Incoming } from '../../test/http/bodied-request.js'
import { ClientGone } from './body.js'
import { fetchHandler, type FetchOptions } from './fetch.js'
import { RefusedBody } from './fetch-request.js'
import { HttpError } from './http-error.js'
import { HttpResponse } from './response.js'

// As they are before a handler has put others in their place.
const real = { Request, Response, fetch }

type Line = `${string} ${string}`

/** The Request that an app is given. */
function given(req: BodiedRequest, options?: FetchOptions): Request {
  let request: Request | undefined
  const keep = (r: Request) => {
    request = r
    return new Response()
  }
  const reply = fetchHandler(keep, options)(req)
  if (request === undefined || reply === undefined) throw new Error('the app was not called')
  return request
}

/** What `look` sees in a light Request, in the platform's over the same request, and in one that was made by hand. */
async function three(
  line: Line,
  incoming: Incoming,
  look: (request: Request) => unknown,
): Promise<unknown[]> {
  const [method = '', target = ''] = line.split(' ')
  const { headers = {}, pieces } = incoming
  const made = new real.Request(`http://example.com${target}`, {
    method,
    headers,
    ...(pieces !== undefined && method !== 'GET' && { body: pieces.join(''), duplex: 'half' }),
  })
  // A stream has no Content-Type of its own, a text has one.
  if (headers['content-type'] === undefined) made.headers.delete('content-type')
  const requests = [
    given(new BodiedRequest(line, incoming)),
    given(new BodiedRequest(line, incoming), { classes: 'platform' }),
    made,
  ]
  return Promise.all(requests.map(async (request) => seen(() => look(request))))
}

async function seen(look: () => unknown): Promise<unknown> {
  try {
    return await look()
  } catch (error) {
    return (error as Error).constructor.name
  }
}

const form = 'a=1&b=%C3%BC&a=2'
const multipart =
  '--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x--\r\n'

const cases: readonly [name: string, line: Line, incoming: Incoming, look: (request: Request) => unknown][] =
  [
    ['method and url', 'PUT /a/../b?c=d', {}, (r) => [r.method, r.url]],
    ['headers', 'GET /', { headers: { accept: 'x', cookie: 'a=1' } }, (r) => [...r.headers]],
    [
      'what is seldom asked for',
      'GET /',
      {},
      (r) => [
        r.redirect,
        r.mode,
        r.credentials,
        r.cache,
        r.destination,
        r.referrer,
        r.integrity,
        r.keepalive,
      ],
    ],
    [
      'what it is',
      'GET /',
      {},
      (r) => [r instanceof Request, Object.prototype.toString.call(r), Object.keys(r), r.constructor.name],
    ],
    ['text', 'POST /', { pieces: ['hel', 'lo'] }, async (r) => [await r.text(), r.bodyUsed]],
    [
      'text with a byte order mark and malformed bytes',
      'POST /',
      { pieces: ['\ufeffa\ufffd'] },
      (r) => r.text(),
    ],
    ['json', 'POST /', { pieces: ['{"a":', '1}'] }, (r) => r.json()],
    ['bad json', 'POST /', { pieces: ['{'] }, (r) => r.json()],
    [
      'arrayBuffer',
      'POST /',
      { pieces: ['ab', 'c'] },
      async (r) => {
        const buffer = await r.arrayBuffer()
        return [buffer instanceof ArrayBuffer, buffer.byteLength, [...new Uint8Array(buffer)]]
      },
    ],
    [
      'blob',
      'POST /',
      { headers: { 'content-type': 'image/png' }, pieces: ['ab'] },
      async (r) => {
        const blob = await r.blob()
        return [blob.type, blob.size, await blob.text()]
      },
    ],
    [
      'a form',
      'POST /',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' }, pieces: [form] },
      async (r) => [...(await r.formData())],
    ],
    [
      'a multipart form',
      'POST /',
      { headers: { 'content-type': 'multipart/form-data; boundary=x' }, pieces: [multipart] },
      async (r) => {
        const file = (await r.formData()).get('f') as File
        return [file.name, file.type, await file.text()]
      },
    ],
    ['no form', 'POST /', { headers: { 'content-type': 'text/plain' }, pieces: ['a'] }, (r) => r.formData()],
    [
      'the body twice',
      'POST /',
      { pieces: ['a'] },
      async (r) => [await r.text(), await seen(() => r.text()), await seen(() => r.json())],
    ],
    ['no body', 'GET /', {}, async (r) => [r.body, await r.text(), r.bodyUsed, await r.text()]],
    ['no body json', 'GET /', {}, (r) => r.json()],
    [
      'the stream',
      'POST /',
      { pieces: ['a', 'b'] },
      async (r) => {
        const chunks: Uint8Array[] = []
        for await (const chunk of r.body ?? []) chunks.push(chunk)
        return [Buffer.concat(chunks).toString(), r.bodyUsed, await seen(() => r.text())]
      },
    ],
    [
      'the same stream each time',
      'POST /',
      { pieces: ['a'] },
      (r) => {
        const { body } = r
        return [body instanceof ReadableStream, r.body === body, r.bodyUsed]
      },
    ],
    [
      'text where the stream was looked at',
      'POST /',
      { pieces: ['a'] },
      async (r) => [
        r.body?.locked,
        await r.text(),
        r.bodyUsed,
        await seen(() => r.text()),
        await seen(() => r.body?.getReader()),
      ],
    ],
    [
      'a locked stream',
      'POST /',
      { pieces: ['a'] },
      async (r) => [r.body?.getReader() !== undefined, r.bodyUsed, await seen(() => r.text())],
    ],
    [
      'a stream that was canceled',
      'POST /',
      { pieces: ['a'] },
      async (r) => [await r.body?.cancel(), r.bodyUsed, await seen(() => r.text())],
    ],
    [
      'a clone',
      'POST /x',
      { headers: { a: 'b' }, pieces: ['ab', 'c'] },
      async (r) => {
        const copy = r.clone()
        return [
          copy.url,
          copy.method,
          copy.headers.get('a'),
          r.bodyUsed,
          await copy.text(),
          await r.text(),
          r.bodyUsed,
        ]
      },
    ],
    [
      'a clone of a clone',
      'POST /',
      { pieces: ['a'] },
      async (r) => [await r.clone().clone().text(), await r.clone().text(), await r.text()],
    ],
    ['a clone without a body', 'GET /', {}, (r) => r.clone().body],
    [
      'a clone of what was read',
      'POST /',
      { pieces: ['a'] },
      async (r) => {
        await r.text()
        return seen(() => r.clone())
      },
    ],
    [
      'a new Request of it',
      'POST /x',
      { headers: { a: 'b' }, pieces: ['ab'] },
      async (r) => {
        const next = new Request(r, { headers: { c: 'd' } })
        return [next.url, next.method, [...next.headers], await next.text(), r.bodyUsed]
      },
    ],
    [
      'a new Request with another body',
      'POST /x',
      { pieces: ['ab'] },
      async (r) => new Request(r, { body: 'new' }).text(),
    ],
    [
      'a new Request of what was read',
      'POST /',
      { pieces: ['a'] },
      async (r) => {
        await r.text()
        return new Request(r)
      },
    ],
    [
      'a new Request of what was read, with another body',
      'POST /',
      { pieces: ['a'] },
      async (r) => {
        await r.text()
        return new Request(r, { body: 'new' }).text()
      },
    ],
    [
      'changed headers',
      'GET /',
      { headers: { a: '1' } },
      (r) => {
        r.headers.set('b', '2')
        r.headers.delete('a')
        return [[...r.headers], [...r.clone().headers]]
      },
    ],
    [
      'a signal',
      'GET /',
      {},
      (r) => {
        const { signal } = r
        return [signal instanceof AbortSignal, signal.aborted, r.signal === signal]
      },
    ],
  ]

describe('the Request of a fetch handler', () => {
  for (const [name, line, incoming, look] of cases) {
    it(`is what a Request of the platform is: ${name}`, async () => {
      const [light, platform, made] = await three(line, incoming, look)
      expect(light).toEqual(made)
      expect(platform).toEqual(made)
    })
  }

  it('shows itself to the console', async () => {
    const { inspect } = await import('node:util')
    const shown = inspect(given(new BodiedRequest('GET /a', { headers: { b: 'c' } })))
    expect(shown).toContain("url: 'http://example.com/a'")
    expect(shown).toContain("b: 'c'")
  })

  it('is taken by fetch', async () => {
    const request = given(new BodiedRequest('POST /a', { pieces: ['x'] }))
    const other = new Request('data:text/plain,hello')
    expect(await (await fetch(other)).text()).toBe('hello')
    // There is nobody at this address: what matters is that it is asked.
    await expect(fetch(new Request('http://127.0.0.1:1/', request))).rejects.toThrow('fetch failed')
    await expect(fetch(given(new BodiedRequest('GET /', { host: '127.0.0.1:1000' })))).rejects.toThrow(
      'fetch failed',
    )
  })

  it('asks for a piece of the body only when the stream is read', async () => {
    const req = new BodiedRequest('POST /', { pieces: ['a', 'b', 'c'] })
    const reader = given(req).body?.getReader()
    expect(req.left).toEqual(['a', 'b', 'c'])
    expect(await reader?.read()).toEqual({ done: false, value: new Uint8Array([97]) })
    expect(req.left).toEqual(['b', 'c'])
  })

  it('has a body of nothing where nothing is declared, and none where nothing comes', async () => {
    const empty = given(new BodiedRequest('POST /'))
    expect([empty.body, await empty.text()]).toEqual([null, ''])
    const chunked = given(new BodiedRequest('POST /', { pieces: [] }))
    expect(chunked.body).toBeInstanceOf(ReadableStream)
    expect(await chunked.text()).toBe('')
  })

  it('rejects reads of a body beyond the limit, with what the client is to be told', async () => {
    const large = () => given(new BodiedRequest('POST /', { pieces: ['aa', 'bb'], limitBytes: 3 }))
    const reads = [(r: Request) => r.text(), (r: Request) => r.formData(), (r: Request) => r.clone().text()]
    for (const read of reads) {
      const error: unknown = await read(large()).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(HttpError)
      expect(error).toBeInstanceOf(RefusedBody)
      expect(error).toMatchObject({
        status: 413,
        message: '413 Payload Too Large: the body has more than 3 bytes',
      })
    }
    const reader = large().body?.getReader()
    await reader?.read()
    await expect(reader?.read()).rejects.toMatchObject({ status: 413 })
    const told = new RefusedBody(new HttpError(413, 'too much')).getResponse()
    expect([told.status, told.headers.get('content-type'), await told.json()]).toEqual([
      413,
      'application/problem+json',
      { type: 'about:blank', title: 'Payload Too Large', status: 413, detail: 'too much' },
    ])
  })

  it('aborts its signal when the context of the request ends before the answer', () => {
    using ctx = withCancel(background())
    const { signal } = given(new BodiedRequest('GET /', { ctx }))
    const late = given(new BodiedRequest('GET /', { ctx }))
    expect(signal.aborted).toBe(false)
    ctx.cancel(new ClientGone())
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toBeInstanceOf(Canceled)
    expect(late.signal.aborted).toBe(true)
  })

  it('does not abort its signal when the request has been answered, but when the client leaves during the answer', () => {
    using ctx = withCancel(background())
    const answered = new BodiedRequest('GET /', { ctx })
    const { signal } = given(answered)
    answered.response = new HttpResponse(200)
    answered.finish(new HttpError(500, 'the request has been answered'))
    expect(signal.aborted).toBe(false)

    const left = new BodiedRequest('GET /', { ctx })
    const other = given(left).signal
    left.response = new HttpResponse(200)
    left.finish(new ClientGone())
    expect(other.aborted).toBe(true)
  })
})
