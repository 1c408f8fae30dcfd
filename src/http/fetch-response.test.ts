import { describe, expect, it } from 'vitest'
import { BodiedRequest } from '../../test/http/bodied-request.js'
import { fetchHandler } from './fetch.js'
import { LightResponse } from './fetch-response.js'
import type { HttpResponse } from './response.js'

const real = Response
// Puts the light one in its place.
fetchHandler(() => new Response())
const light = Response

type Made = typeof Response

async function seen(look: () => unknown): Promise<unknown> {
  try {
    return await look()
  } catch (error) {
    return (error as Error).constructor.name
  }
}

const stream = (...pieces: string[]) =>
  new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece))
      controller.close()
    },
  })

/** How a Response is made, by a given class. */
const makings: readonly [name: string, make: (Class: Made) => Response][] = [
  ['nothing', (R) => new R()],
  ['null', (R) => new R(null)],
  ['a text', (R) => new R('hällo')],
  ['an empty text', (R) => new R('')],
  ['a text with a byte order mark and half a pair', (R) => new R('\ufeffa\ud800b')],
  ['bytes', (R) => new R(new Uint8Array([1, 2, 3]))],
  ['a part of bytes', (R) => new R(new Uint8Array([1, 2, 3]).subarray(1))],
  ['a buffer', (R) => new R(new Uint8Array([1, 2]).buffer)],
  ['a view', (R) => new R(new DataView(new ArrayBuffer(2)))],
  ['a stream', (R) => new R(stream('a', 'b'))],
  ['a blob', (R) => new R(new Blob(['x'], { type: 'image/png' }))],
  ['a form', (R) => new R(new URLSearchParams({ a: 'b' }))],
  ['a number', (R) => new R(7 as never)],
  ['a status', (R) => new R('x', { status: 404, statusText: 'Gone Fishing' })],
  ['no content', (R) => new R(null, { status: 204 })],
  ['no content with a body', (R) => new R('x', { status: 204 })],
  ['status 304 with an empty text', (R) => new R('', { status: 304 })],
  ['status 101', (R) => new R(null, { status: 101 })],
  ['status 600', (R) => new R(null, { status: 600 })],
  ['status 199.5', (R) => new R(null, { status: 201.5 })],
  ['a status of letters', (R) => new R(null, { status: 'x' as never })],
  ['a bad status text', (R) => new R(null, { statusText: 'a\nb' })],
  ['status undefined', (R) => new R('x', { status: undefined as never, headers: undefined as never })],
  ['status null', (R) => new R('x', { status: null as never })],
  ['headers null', (R) => new R('x', { headers: null as never })],
  ['a type', (R) => new R('{}', { headers: { 'Content-Type': ' application/json ' } })],
  ['a type for no body', (R) => new R(null, { headers: { 'content-type': 'a/b' } })],
  ['a bad type', (R) => new R('{}', { headers: { 'Content-Type': 'a\r\nb: c' } })],
  ['two spellings', (R) => new R('', { headers: { 'Content-Type': 'a', 'content-type': 'b' } })],
  ['headers', (R) => new R('x', { headers: { 'X-B': '2', 'x-a': '1' } })],
  [
    'pairs',
    (R) =>
      new R('x', {
        headers: [
          ['set-cookie', 'a'],
          ['set-cookie', 'b'],
          ['x', '1'],
          ['x', '2'],
        ],
      }),
  ],
  ['Headers', (R) => new R('x', { headers: new Headers({ 'content-type': 'a/b' }) })],
  ['bad headers', (R) => new R('x', { headers: { 'a b': '' } })],
  ['json()', (R) => R.json({ a: 1 })],
  ['json() with init', (R) => R.json([1], { status: 201, headers: { 'x-a': 'b' } })],
  ['json() with a type', (R) => R.json([1], { headers: { 'content-type': 'a/b' } })],
  ['json() of nothing', (R) => R.json(undefined, {})],
  ['redirect()', (R) => R.redirect('https://a.example/b c', 307)],
  ['redirect() to nowhere', (R) => R.redirect('b', 302)],
  ['redirect() with 200', (R) => R.redirect('https://a.example', 200 as never)],
  ['error()', (R) => R.error()],
  ['another one as init', (R) => new R('y', new R('x', { status: 201, headers: { 'x-a': 'b' } }))],
  [
    'another one as init, and its type',
    (R) => new R('y', new R('x', { headers: { 'content-type': 'a/b' } })),
  ],
  [
    "another one's body",
    (R) => {
      const first = new R('x', { status: 201, headers: { a: 'b' } })
      return new R(first.body, first)
    },
  ],
  ["the body of another one's body", (R) => new R(new R(new R(new Uint8Array([1, 2])).body).body)],
  [
    'a body that has been read',
    (R) => {
      const first = new R('x')
      void first.text()
      return new R(first.body)
    },
  ],
  [
    'a body that is being read',
    (R) => {
      const body = stream('x')
      body.getReader()
      return new R(body)
    },
  ],
  ['a clone', (R) => new R('x', { status: 201, headers: { a: 'b' } }).clone()],
  [
    'one that was cloned',
    (R) => {
      const first = new R(stream('a', 'b'), { headers: { a: 'b' } })
      first.clone()
      return first
    },
  ],
  ['a clone of a stream', (R) => new R(stream('a', 'b'), { headers: { a: 'b' } }).clone()],
  [
    'one whose headers were changed',
    (R) => {
      const response = new R('x', { headers: { a: 'b' } })
      response.headers.append('set-cookie', 'a=1')
      response.headers.append('set-cookie', 'b=2')
      response.headers.delete('a')
      return response
    },
  ],
  ['one of a class that extends it', (R) => new (class Mine extends R {})('x')],
]

/** What is looked at. */
const looks: readonly [name: string, look: (response: Response, Class: Made) => unknown][] = [
  [
    'its parts',
    (r) => [
      r.status,
      r.statusText,
      r.ok,
      r.type,
      r.url,
      r.redirected,
      r.bodyUsed,
      r.body === null,
      [...r.headers],
    ],
  ],
  ['text()', async (r) => [await r.text(), r.bodyUsed, await seen(() => r.text())]],
  ['arrayBuffer()', async (r) => [...new Uint8Array(await r.arrayBuffer())]],
  [
    'blob()',
    async (r) => {
      const blob = await r.blob()
      return [blob.type, await blob.text()]
    },
  ],
  ['json()', (r) => r.json()],
  ['formData()', async (r) => [...(await r.formData())]],
  [
    'its stream',
    async (r) => {
      const chunks: Uint8Array[] = []
      for await (const chunk of r.body ?? []) chunks.push(chunk)
      return [Buffer.concat(chunks).toString(), r.bodyUsed, await seen(() => r.text())]
    },
  ],
  [
    'its clone',
    async (r) => {
      const copy = r.clone()
      await seen(() => copy.headers.set('only', 'here')) // those of a redirect() of the platform are frozen
      return [await copy.text(), await r.text(), copy.status, r.headers.has('only')]
    },
  ],
  [
    'the clone of what was read',
    async (r) => {
      await r.text()
      return seen(() => r.clone().status)
    },
  ],
  [
    'text() after a look at the stream',
    async (r) => [r.body?.locked, r.bodyUsed, await r.text(), r.bodyUsed],
  ],
  ['whose it is', (r, R) => [r instanceof R, Object.prototype.toString.call(r), Object.keys(r)]],
]

describe('LightResponse', () => {
  for (const [name, make] of makings) {
    it(`is what the Response of the platform is, made of ${name}`, async () => {
      for (const [what, look] of looks) {
        const mine = await seen(() => look(make(light), light))
        const theirs = await seen(() => look(make(real), real))
        expect([what, mine]).toEqual([what, theirs])
      }
    })

    it(`is sent as the Response of the platform is, made of ${name}`, async () => {
      expect(await seen(() => sent(() => make(light)))).toEqual(await seen(() => sent(() => make(real))))
    })
  }

  it('is a Response beside those of the platform, which stay what they were', async () => {
    const fetched = await fetch('data:text/plain,hello')
    expect([fetched instanceof Response, new Response() instanceof Response, {} instanceof Response]).toEqual(
      [true, true, false],
    )
    class Mine extends Response {}
    expect([
      new Response() instanceof Mine,
      new Mine() instanceof Mine,
      new Mine() instanceof Response,
    ]).toEqual([false, true, true])
    expect([Response.name, new Response().constructor === Response]).toEqual(['Response', true])
  })

  it('keeps what it was given, whatever becomes of it', async () => {
    const bytes = new Uint8Array([1, 2])
    const headers = { 'x-a': '1' }
    const response = new LightResponse(bytes, { headers })
    bytes[0] = 9
    headers['x-a'] = '2'
    expect([[...(await response.bytes())], response.headers.get('x-a')]).toEqual([[1, 2], '1'])
  })

  it('shows itself to the console', async () => {
    const { inspect } = await import('node:util')
    const shown = inspect(new Response('a', { status: 201, headers: { b: 'c' } }))
    expect(shown).toMatch(/^Response \{/)
    expect(shown).toContain('status: 201')
    expect(shown).toContain("b: 'c'")
  })

  it('is sent unread where its body is known, and no other way', async () => {
    const plain = (await fetchHandler(() => new Response('a'))(new BodiedRequest('GET /'))) as HttpResponse
    expect(plain.body).toBe('a')
    const passed = (await fetchHandler(() => {
      const inner = new Response('a', { headers: { b: 'c' } })
      return new Response(inner.body, inner)
    })(new BodiedRequest('GET /'))) as HttpResponse
    expect(passed.body).toBe('a')
    const bytes = (await fetchHandler(() => new Response(new Uint8Array([1])))(
      new BodiedRequest('GET /'),
    )) as HttpResponse
    expect(bytes.body).toEqual(new Uint8Array([1]))
  })
})

/** What a server has to send for a response. */
async function sent(make: () => Response): Promise<unknown> {
  const response = (await fetchHandler(async () => make())(new BodiedRequest('GET /'))) as HttpResponse
  const { status, body, headers } = response
  const chunks: Uint8Array[] = []
  if (typeof body === 'string') chunks.push(Buffer.from(body))
  else if (body instanceof Uint8Array) chunks.push(body)
  else if (body !== undefined) for await (const chunk of body as AsyncIterable<Uint8Array>) chunks.push(chunk)
  const lines = [...headers].map(([name, value]) => `${name.toLowerCase()}: ${value}`).sort()
  return [status, lines, Buffer.concat(chunks).toString('latin1')]
}
