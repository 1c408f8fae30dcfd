import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Chan,
  chan,
  go,
  numGoroutine,
  type Operation,
  type RecvChan,
  type Routine,
  run,
  select,
  wait,
  yieldNow,
} from 'sluice'
import { withCancel, background } from 'sluice/context'
import { HttpError } from './http-error.js'
import { type MultipartLimits, type MultipartRequest, multipart, type Part } from './multipart.js'

const boundary = 'XyZ'
const contentType = `multipart/form-data; boundary=${boundary}`

/** A body of parts: each one its header lines, an empty line and its content. */
function bodyOf(...parts: string[]): string {
  return `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`
}

const field = (name: string, value: string) =>
  `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`
const file = (filename: string, content: string) =>
  `Content-Disposition: form-data; name="f"; filename="${filename}"\r\nContent-Type: text/plain\r\n\r\n${content}`

function requestOf(body: string | Uint8Array, pieceBytes = 1 << 20, type: string | undefined = contentType) {
  const bytes = Buffer.from(body)
  const pieces = chan<Uint8Array>(bytes.length)
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.trySend(bytes.subarray(at, at + pieceBytes))
  pieces.close()
  return request(pieces, type)
}

function request(body: RecvChan<Uint8Array>, type: string | undefined = contentType): MultipartRequest {
  return { body, header: (name) => (name === 'content-type' ? type : undefined) }
}

function* contentOf(body: RecvChan<Uint8Array>): Routine<string> {
  const pieces: Uint8Array[] = []
  for (let r = yield* body.next(); r.done !== true; r = yield* body.next()) pieces.push(r.value)
  return Buffer.concat(pieces).toString('latin1')
}

type Read = [name: string, content: string, filename?: string, contentType?: string]

function* readAll(req: MultipartRequest, limits?: MultipartLimits): Routine<Read[]> {
  const parts = multipart(req, limits)
  const read: Read[] = []
  for (let part = yield* parts.recv(); part !== undefined; part = yield* parts.recv()) {
    if (part.kind === 'field') read.push([part.name, part.value])
    else read.push([part.name, yield* contentOf(part.body), part.filename, part.contentType])
  }
  return read
}

/** What `waiting` fails with. */
function* failureOf(waiting: Routine<unknown> | Operation<unknown>): Routine<unknown> {
  try {
    yield* waiting
  } catch (error) {
    return error
  }
  return undefined
}

/** The next part, which has to be a file. */
function* nextFile(parts: RecvChan<Part>) {
  const part = yield* parts.recv()
  if (part?.kind !== 'file') throw new Error(`${part?.kind} is no file`)
  return part
}

describe('multipart', () => {
  it('gives fields and files in their order', () =>
    run(function* () {
      const body = bodyOf(field('a', '1'), file('x.txt', 'content'), field('a', ''), field('', 'nameless'))
      expect(yield* readAll(requestOf(body))).toEqual([
        ['a', '1'],
        ['f', 'content', 'x.txt', 'text/plain'],
        ['a', ''],
        ['', 'nameless'],
      ])
    }))

  it('reads the same however the body comes in pieces', () =>
    run(function* () {
      const tricky = `\r\n--${boundary.slice(0, 2)}Q\r\n--Xy\r\n-\r\n\r\n--x--${boundary}\r\r\n`
      const body = bodyOf(field('a', tricky), file('x.txt', tricky), file('', ''), field('b', 'end'))
      const whole = yield* readAll(requestOf(body))
      expect(whole).toEqual([
        ['a', tricky],
        ['f', tricky, 'x.txt', 'text/plain'],
        ['f', '', '', 'text/plain'],
        ['b', 'end'],
      ])
      for (let size = 1; size <= body.length; size++) {
        expect(yield* readAll(requestOf(body, size))).toEqual(whole)
      }
    }))

  it('reads in async code as well', async () => {
    const read: string[] = []
    for await (const part of multipart(requestOf(bodyOf(field('a', '1'), file('x', '23')), 5))) {
      if (part.kind === 'field') read.push(part.value)
      else for await (const piece of part.body) read.push(...Buffer.from(piece).toString())
    }
    expect(read).toEqual(['1', '2', '3'])
  })

  it('reads what FormData sends', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            fc.string({ unit: 'grapheme', minLength: 1 }).map((name) => name.replace(/["\r\n\\\0]/g, '_')),
            fc.oneof(
              fc.uint8Array({ maxLength: 200 }),
              fc.string().map((text) => text.replace(/[\r\n]/g, ' ')),
            ),
          ),
          { maxLength: 5 },
        ),
        fc.integer({ min: 1, max: 80 }),
        async (entries, size) => {
          const form = new FormData()
          for (const [name, value] of entries) {
            if (typeof value === 'string') form.append(name, value)
            else form.append(name, new Blob([value as Uint8Array<ArrayBuffer>]), 'a.bin')
          }
          const sent = new Response(form)
          const type = sent.headers.get('content-type') ?? ''
          const body = new Uint8Array(await sent.arrayBuffer())
          const expected = entries.map(([name, value]) =>
            typeof value === 'string'
              ? [name, value]
              : [name, Buffer.from(value).toString('latin1'), 'a.bin', 'application/octet-stream'],
          )
          expect(await run(() => readAll(requestOf(body, size, type)))).toEqual(expected)
        },
      ),
      { numRuns: 200 },
    ))

  it('takes an empty form, a preamble and an epilogue', () =>
    run(function* () {
      expect(yield* readAll(requestOf(`--${boundary}--`))).toEqual([])
      expect(yield* readAll(requestOf(`--${boundary}--\r\n`, 1))).toEqual([])
      const body = `preamble\r\n${bodyOf(field('a', '1'))}epilogue\r\n--${boundary}\r\n\r\n`
      for (const size of [1, 7, 1000]) expect(yield* readAll(requestOf(body, size))).toEqual([['a', '1']])
    }))

  it('decodes names and values as UTF-8', () =>
    run(function* () {
      const body = bodyOf(field('Größe', '😀'), file('家族.png', ''))
      expect(yield* readAll(requestOf(body, 3))).toEqual([
        ['Größe', '😀'],
        ['f', '', '家族.png', 'text/plain'],
      ])
    }))

  it.each([
    ['../../.ssh/id', 'id'],
    ['C:\\\\dir\\\\a.txt', 'a.txt'],
    ['C:\\dir\\a.txt', 'a.txt'],
    ['a\\"b".txt', undefined],
    ['..', ''],
  ])('makes the name of a file harmless: %s', (sent, filename) =>
    run(function* () {
      const read = readAll(requestOf(bodyOf(file(sent, ''))))
      if (filename === undefined) expect(yield* failureOf(read)).toMatchObject({ status: 400 })
      else expect((yield* read)[0]?.[2]).toBe(filename)
    }),
  )

  it("takes .NET's filename*, and prefers it", () =>
    run(function* () {
      const head = `Content-Disposition: form-data; name=f; filename="=?utf-8?B?"; filename*=utf-8''%E2%82%AC.txt`
      expect(yield* readAll(requestOf(bodyOf(`${head}\r\n\r\n`)))).toEqual([
        ['f', '', '€.txt', 'application/octet-stream'],
      ])
    }))
})

describe('multipart, of a body that is malformed,', () => {
  const a = field('a', '1')
  it.each([
    ['nothing', ''],
    ['no boundary', 'a=1&b=2'],
    ['another boundary', bodyOf(a).replaceAll(boundary, 'Other')],
    ['no last boundary', bodyOf(a).slice(0, -4)],
    ['an end in the middle of a field', bodyOf(a).slice(0, -12)],
    ['an end in the middle of a file', bodyOf(file('x', 'content')).slice(0, -14)],
    ['an end in a header', bodyOf(a).slice(0, 20)],
    ['a part without a header', bodyOf('x')],
    ['an empty part', bodyOf('')],
    ['two boundaries in a row', `--${boundary}\r\n${bodyOf(a)}`],
    ['something after a boundary', bodyOf(a).replace(boundary, `${boundary}x`)],
    ['no disposition', bodyOf('Content-Type: text/plain\r\n\r\n1')],
    ['another disposition', bodyOf('Content-Disposition: attachment; name="a"\r\n\r\n1')],
    ['no name', bodyOf('Content-Disposition: form-data; filename="x"\r\n\r\n1')],
    ['two names', bodyOf('Content-Disposition: form-data; name="a"; name="b"\r\n\r\n1')],
    ['two dispositions', bodyOf(`Content-Disposition: form-data; name="b"\r\n${a}`)],
    ['a name that does not end', bodyOf('Content-Disposition: form-data; name="a\r\n\r\n1')],
    ['a line break in a name', bodyOf(field('a\nb', '1'))],
    ['a header without a colon', bodyOf(`nonsense\r\n${a}`)],
    ['a header that does not end', bodyOf(field('a'.repeat(20_000), '1'))],
    ['a malformed filename*', bodyOf(`Content-Disposition: form-data; name=f; filename*=utf-8''%FF\r\n\r\n`)],
    [
      'a filename* in another charset',
      bodyOf(`Content-Disposition: form-data; name=f; filename*=x''a\r\n\r\n`),
    ],
    ['a name that is not UTF-8', Buffer.from(bodyOf(field('\xff', '1')), 'latin1')],
    ['a field that is not UTF-8', Buffer.from(bodyOf(field('a', '\xff')), 'latin1')],
  ])('refuses %s with 400', (_, body) =>
    run(function* () {
      for (const size of [1, 10, 100_000]) {
        expect(yield* failureOf(readAll(requestOf(body, size)))).toMatchObject({
          status: 400,
          detail: expect.stringMatching(/^the multipart body /),
        })
      }
    }),
  )

  it.each([
    ['a field in another charset', `Content-Type: text/plain; charset=latin1\r\n${a}`],
    ['a part in base64', `Content-Transfer-Encoding: base64\r\n${a}`],
  ])('refuses %s with 415', (_, part) =>
    run(function* () {
      expect(yield* failureOf(readAll(requestOf(bodyOf(part))))).toMatchObject({ status: 415 })
    }),
  )

  it('takes the encodings that change nothing', () =>
    run(function* () {
      const head = 'Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit'
      expect(yield* readAll(requestOf(bodyOf(`${head}\r\n${a}`)))).toEqual([['a', '1']])
    }))

  it('never hangs, crashes or makes up parts, whatever is broken', () => {
    const pieces = fc.constantFrom(
      '\r\n',
      '--',
      boundary,
      `--${boundary}`,
      '\r\n\r\n',
      a,
      file('x', 'y'),
      ':',
      '"',
      '\0',
      '-',
    )
    const whole = bodyOf(a, file('x', 'content'), field('b', '2'))
    const broken = fc
      .tuple(fc.nat(whole.length), fc.nat(5), pieces)
      .map(([at, gone, put]) => whole.slice(0, at) + put + whole.slice(at + gone))
    const made = fc.array(pieces, { maxLength: 12 }).map((all) => all.join(''))
    return fc.assert(
      fc.asyncProperty(fc.oneof(broken, made), fc.integer({ min: 1, max: 200 }), async (body, size) => {
        const read = await run(() => outcomeOf(requestOf(body, size)))
        expect(read).toEqual(await run(() => outcomeOf(requestOf(body))))
        expect(body.includes(`--${boundary}--`) || 'status' in read).toBe(true)
      }),
      { numRuns: 1500 },
    )
  })

  function* outcomeOf(req: MultipartRequest): Routine<object> {
    try {
      return yield* readAll(req)
    } catch (error) {
      if (error instanceof HttpError) return { status: error.status, detail: error.detail }
      throw error
    }
  }
})

describe('multipart, of a Content-Type,', () => {
  it.each([undefined, 'text/plain', 'multipart/mixed; boundary=a', 'multipart/form-datax; boundary=a'])(
    'refuses another one with 415: %s',
    (type) => {
      expect(() => multipart(request(chan(), type ?? ''))).toThrow(
        '415 Unsupported Media Type: the body has to be multipart/form-data',
      )
    },
  )

  it.each([
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=""',
    'multipart/form-data; boundary="a\nb"',
    'multipart/form-data; boundary="a "',
    'multipart/form-data; boundary=a; boundary=b',
    `multipart/form-data; boundary=${'a'.repeat(71)}`,
  ])('refuses one without a valid boundary with 400: %j', (type) => {
    expect(() => multipart(request(chan(), type))).toThrow(
      'the Content-Type multipart/form-data needs a boundary of 1 to 70 allowed characters',
    )
  })

  it('takes one in any case, and a boundary in quotes', () =>
    run(function* () {
      const type = `Multipart/Form-Data; charset=utf-8; Boundary="${boundary}"`
      expect(yield* readAll(requestOf(bodyOf(field('a', '1')), 9, type))).toEqual([['a', '1']])
    }))
})

describe('multipart, beyond a limit,', () => {
  const body = bodyOf(field('a', '12345'), file('x', '1234567'), field('b', '1'), file('y', '1'))

  it.each<[MultipartLimits, string]>([
    [{ maxFiles: 1 }, 'more than 1 files'],
    [{ maxFiles: 0 }, 'more than 0 files'],
    [{ maxFields: 1 }, 'more than 1 fields'],
    [{ maxParts: 3 }, 'more than 3 parts'],
    [{ maxFieldBytes: 4 }, 'a field of more than 4 bytes'],
    [{ maxFileBytes: 6 }, 'a file of more than 6 bytes'],
  ])('refuses with 413: %j', (limits, what) =>
    run(function* () {
      for (const size of [1, 1000]) {
        expect(yield* failureOf(readAll(requestOf(body, size), limits))).toMatchObject({
          status: 413,
          detail: `the multipart body has ${what}`,
        })
      }
    }),
  )

  it('takes what reaches the limits', () =>
    run(function* () {
      const limits = { maxFiles: 2, maxFields: 2, maxParts: 4, maxFieldBytes: 5, maxFileBytes: 7 }
      expect(yield* readAll(requestOf(body), limits)).toHaveLength(4)
    }))

  it('refuses a file that is too long where its end is read, and everything after it', () =>
    run(function* () {
      const parts = multipart(requestOf(bodyOf(file('x', '1234'), field('a', '1')), 1), { maxFileBytes: 3 })
      const { body } = yield* nextFile(parts)
      expect(yield* failureOf(contentOf(body))).toMatchObject({ status: 413 })
      expect(yield* failureOf(contentOf(body))).toMatchObject({ status: 413 })
      expect(yield* failureOf(parts.recv())).toMatchObject({ status: 413 })
    }))

  it('counts a file that nobody reads', () =>
    run(function* () {
      const parts = multipart(requestOf(bodyOf(file('x', '1234'), field('a', '1'))), { maxFileBytes: 3 })
      yield* nextFile(parts)
      expect(yield* failureOf(parts.recv())).toMatchObject({ status: 413 })
    }))

  it('refuses limits that are none', () => {
    for (const maxFiles of [-1, Number.NaN]) {
      expect(() => multipart(requestOf(''), { maxFiles })).toThrow(
        `multipart() needs a number from 0 for maxFiles, not ${maxFiles}`,
      )
    }
  })
})

/** Lets all others go on until they wait. */
function* settled(): Routine<void> {
  for (let i = 0; i < 20; i++) yield* yieldNow()
}

describe('the body of a file', () => {
  const two = bodyOf(file('x', 'first content'), file('y', 'second'))

  it('is received no faster than it is read', () =>
    run(function* () {
      const pieces = chan<Uint8Array>()
      const bytes = Buffer.from(bodyOf(file('x', '0123456789'.repeat(10))))
      let sent = 0
      const sender = go(function* () {
        for (; sent < bytes.length; sent++) yield* pieces.send(bytes.subarray(sent, sent + 1))
        pieces.close()
      })
      const parts = multipart(request(pieces))
      const { body } = yield* nextFile(parts)
      yield* settled()
      const atFirst = sent
      yield* settled()
      expect(sent).toBe(atFirst) // nobody has asked for more
      yield* body.recv() // came with the end of the header
      yield* body.recv()
      yield* settled()
      expect(sent).toBeGreaterThan(atFirst)
      expect(sent).toBeLessThan(atFirst + 5)
      sender.cancel()
    }))

  it('may be left unread: the rest is dropped when the next part is asked for', () =>
    run(function* () {
      for (const size of [1, 1000]) {
        const parts = multipart(requestOf(two, size))
        const first = yield* nextFile(parts)
        yield* first.body.recv()
        const second = yield* nextFile(parts)
        expect(second.filename).toBe('y')
        expect(yield* contentOf(second.body)).toBe('second')
        expect(yield* parts.recv()).toBeUndefined()
        expect(yield* parts.next()).toEqual({ done: true, value: undefined })
      }
    }))

  it('cannot be read, as if it ended there, once the rest was dropped', () =>
    run(function* () {
      const parts = multipart(requestOf(two, 4))
      const { body } = yield* nextFile(parts)
      yield* body.recv()
      yield* parts.recv()
      const message = 'the body of a file can be read until the next part is asked for'
      expect(() => body.tryRecv()).toThrow(message)
      expect(yield* failureOf(contentOf(body))).toMatchObject({ message: expect.stringContaining(message) })
    }))

  it('stays at its end where all of it was read', () =>
    run(function* () {
      const parts = multipart(requestOf(two))
      const { body } = yield* nextFile(parts)
      yield* contentOf(body)
      yield* parts.recv()
      expect(yield* body.recv()).toBeUndefined()
      expect(body.tryRecv()).toEqual({ done: true, value: undefined })
    }))

  it('leaves no goroutine behind when its reader loses interest', () =>
    run(function* () {
      const pieces = chan<Uint8Array>(1)
      pieces.trySend(Buffer.from(two.slice(0, 110)))
      const before = numGoroutine()
      yield* nextFile(multipart(request(pieces)))
      expect(numGoroutine()).toBe(before)
    }))

  it('belongs to whoever receives it: to change it changes nothing of what follows', () =>
    run(function* () {
      // The parser holds back what looks like the start of a boundary.
      const content = '\r\n\r\n\r\n--XyQ\r\n\r\n--X-'
      const { body } = yield* nextFile(multipart(requestOf(bodyOf(file('x', content)), 1)))
      let received = ''
      for (let piece = yield* body.recv(); piece !== undefined; piece = yield* body.recv()) {
        received += Buffer.from(piece).toString('latin1')
        piece.fill(0)
      }
      expect(received).toBe(content)
    }))
})

describe('waiting for a part', () => {
  const half = (pieces: Chan<Uint8Array>, text: string) => pieces.trySend(Buffer.from(text))

  it('can be given up, and tried again', () =>
    run(function* () {
      const pieces = chan<Uint8Array>(9)
      const parts = multipart(request(pieces))
      const ctx = withCancel(background())
      go(function* () {
        yield* yieldNow()
        half(pieces, bodyOf(field('a', '1')).slice(0, 30))
        yield* yieldNow()
        ctx.cancel()
      })
      expect(yield* failureOf(parts.recv().within(ctx))).toMatchObject({
        message: expect.stringContaining('context canceled'),
      })
      half(pieces, bodyOf(field('a', '1')).slice(30))
      expect(yield* parts.recv()).toEqual({ kind: 'field', name: 'a', value: '1' })
    }))

  it('can be a case of a select, that loses nothing when another one is chosen', () =>
    run(function* () {
      const pieces = chan<Uint8Array>(9)
      const parts = multipart(request(pieces))
      const other = chan<string>()
      go(function* () {
        half(pieces, bodyOf(field('a', '1')).slice(0, 40))
        yield* yieldNow()
        yield* other.send('first')
        half(pieces, bodyOf(field('a', '1')).slice(40))
      })
      expect(yield* select({ part: parts.recv(), other: other.recv() })).toEqual({
        key: 'other',
        value: 'first',
      })
      expect(yield* select({ part: parts.recv(), other: other.recv() })).toMatchObject({
        key: 'part',
        value: { value: '1' },
      })
    }))

  it('keeps what has come where a select is committed elsewhere', () => {
    const pieces = chan<Uint8Array>(9)
    const parts = multipart(request(pieces))
    const waiting = parts.recv().claim()
    expect(waiting.attempt()).toBe(false)
    waiting.parkFor({
      wake: () => {
        throw new Error('another thread was first')
      },
    })
    waiting.contend({ win: () => false })
    half(pieces, bodyOf(field('a', '1')))
    waiting.abandon()
    expect(parts.tryRecv()).toMatchObject({ value: { name: 'a' } })
  })

  it('is for one at a time', () =>
    run(function* () {
      const parts = multipart(request(chan()))
      const waiting = go(function* () {
        yield* parts.recv()
      })
      yield* yieldNow()
      expect(yield* failureOf(parts.recv())).toMatchObject({
        message: expect.stringContaining('a multipart body is read by one at a time'),
      })
      expect(() => parts.tryRecv()).toThrow('a multipart body is read by one at a time')
      waiting.cancel()
    }))

  it('fails with what the body fails with, from then on', () =>
    run(function* () {
      const gone = new HttpError(408, 'too slow')
      const failing: RecvChan<Uint8Array> = { ...requestOf('').body, next: () => wait(Promise.reject(gone)) }
      const parts = multipart(request(failing))
      for (let i = 0; i < 2; i++)
        expect(yield* failureOf(parts.recv())).toMatchObject({ message: expect.stringContaining('too slow') })
    }))

  it('needs no wait where enough has come', () => {
    const parts = multipart(requestOf(bodyOf(field('a', '1')), 6))
    expect(parts.tryRecv()).toMatchObject({ value: { name: 'a' } })
    expect(parts.tryRecv()).toEqual({ done: true, value: undefined })
    expect(multipart(request(chan())).tryRecv()).toBeUndefined()
  })
})
