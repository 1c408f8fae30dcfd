import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ResponseError } from './response-head.js'
import { type ResponseInfo, ResponseReader } from './response-reader.js'

const ok = 'HTTP/1.1 200 OK\r\n'

/** The whole responses in the given pieces; each piece is overwritten after it was fed, as a socket does. */
function readAll(pieces: readonly Buffer[], reader = new ResponseReader()): ResponseInfo[] {
  const responses: ResponseInfo[] = []
  for (const piece of pieces) {
    const chunk = Buffer.from(piece)
    reader.feed(chunk)
    for (let each = reader.next(); each !== undefined; each = reader.next()) responses.push(each)
    chunk.fill(0)
  }
  return responses
}

/** The one response in the given pieces, then the end of the connection. */
function readPieces(pieces: readonly Buffer[], headOnly = false): ResponseInfo | 'refused' | undefined {
  const reader = new ResponseReader(headOnly)
  try {
    return readAll(pieces, reader)[0] ?? reader.end()
  } catch (error) {
    if (error instanceof ResponseError) return 'refused'
    throw error
  }
}

/** The bytes, cut at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [0, ...[...places].sort((a, b) => a - b), bytes.length]
  return ends.slice(1).map((end, i) => bytes.subarray(ends[i], end))
}

function read(text: string, headOnly = false) {
  return readPieces([Buffer.from(text, 'latin1')], headOnly)
}

function refusal(text: string): string {
  try {
    readAll([Buffer.from(text, 'latin1')])
  } catch (error) {
    return (error as ResponseError).message
  }
  return 'accepted'
}

/** Responses of every framing, some of them broken: `text`, whether it answers a HEAD, and what it is. */
const cases: [what: string, text: string, headOnly: boolean, result: ReturnType<typeof read>][] = [
  ['a sized body', `${ok}Content-Length: 5\r\n\r\nhello`, false, info(200, 5)],
  ['an empty sized body', `${ok}content-length:0\r\n\r\n`, false, info(200, 0)],
  [
    'equal lengths, given twice',
    `${ok}Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi`,
    false,
    info(200, 2),
  ],
  [
    'chunks, an extension and a trailer',
    `${ok}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nDigest: x\r\n\r\n`,
    false,
    info(200, 15),
  ],
  ['no chunk but the last', `${ok}Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n`, false, info(200, 0)],
  [
    'chunks of a coded body',
    `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
    false,
    info(200, 1),
  ],
  [
    'chunks beside a length, which ends the connection',
    `${ok}Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
    false,
    info(200, 1, false),
  ],
  ['a body until the close', `${ok}\r\nto the end`, false, info(200, 10, false)],
  ['an empty body until the close', `${ok}\r\n`, false, info(200, 0, false)],
  ['an answer to HEAD', `${ok}Content-Length: 500\r\n\r\n`, true, info(200, 0)],
  ['an answer to HEAD with a coding', `${ok}Transfer-Encoding: chunked\r\n\r\n`, true, info(200, 0)],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', false, info(204, 0)],
  ['304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n', false, info(304, 0)],
  [
    'interim responses before the real one',
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}Content-Length: 1\r\n\r\n!`,
    false,
    info(200, 1),
  ],
  ['a status line without a reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', false, info(200, 0)],
  ['Connection: close', `${ok}Connection: close\r\nContent-Length: 0\r\n\r\n`, false, info(200, 0, false)],
  [
    'close among other options',
    `${ok}Connection: Foo, Close\r\nContent-Length: 0\r\n\r\n`,
    false,
    info(200, 0, false),
  ],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', false, info(200, 0, false)],
  [
    'HTTP/1.0 that keeps the connection',
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n',
    false,
    info(200, 0),
  ],
  ['a body that is cut short', `${ok}Content-Length: 5\r\n\r\nhel`, false, undefined],
  ['chunks that are cut short', `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`, false, undefined],
  ['a head that is cut short', `${ok}Content-Le`, false, undefined],
  ['nothing at all', '', false, undefined],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', false, 'refused'],
  ['HTTP/2', 'HTTP/2 200\r\n\r\n', false, 'refused'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', false, 'refused'],
  ['a switch of protocols', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n', false, 'refused'],
  ['a header without a colon', `${ok}Content-Length\r\n\r\n`, false, 'refused'],
  ['a space before the colon', `${ok}Content-Length : 5\r\n\r\nhello`, false, 'refused'],
  ['a folded header', `${ok}A: b\r\n c\r\n\r\n`, false, 'refused'],
  ['a bare line feed in a header', `${ok}A: b\nContent-Length: 5\r\n\r\n`, false, 'refused'],
  ['different lengths', `${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nhi`, false, 'refused'],
  ['a negative length', `${ok}Content-Length: -1\r\n\r\n`, false, 'refused'],
  ['a coding that is not chunked', `${ok}Transfer-Encoding: gzip\r\n\r\n`, false, 'refused'],
  ['a size that is no number', `${ok}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, false, 'refused'],
  ['a chunk longer than its size', `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nhello\r\n`, false, 'refused'],
]

function info(status: number, bodyBytes: number, keepAlive = true): ResponseInfo {
  return { status, bodyBytes, keepAlive }
}

describe('the response reader', () => {
  it.each(cases)('reads %s', (_, text, headOnly, result) => {
    expect(read(text, headOnly)).toEqual(result)
  })

  it.each(cases)('comes to the same however the bytes are split: %s', (_, text, headOnly, result) => {
    const bytes = Buffer.from(text, 'latin1')
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(bytes.length)), (places) => {
        expect(readPieces(cut(bytes, places), headOnly)).toEqual(result)
      }),
      { examples: [[bytes.length === 0 ? [] : [...bytes.keys()]]] }, // each byte on its own
    )
  })

  it('reads responses that follow one another, however the bytes are split', () => {
    const whole = cases.filter(
      ([what, , headOnly, result]) => typeof result === 'object' && !headOnly && !what.includes('close'),
    )
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...whole), { minLength: 1, maxLength: 12 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true })),
        (chosen, places) => {
          const bytes = Buffer.from(chosen.map(([, text]) => text).join(''), 'latin1')
          const pieces = cut(
            bytes,
            places.map((place) => Math.floor(place * bytes.length)),
          )
          expect(readAll(pieces)).toEqual(chosen.map(([, , , result]) => result))
        },
      ),
    )
  })

  it('does not take a head for the last one because it is as long, or begins alike', () => {
    const heads = [
      `${ok}Content-Length: 2\r\n\r\nhi`,
      `${ok}Content-Length: 3\r\n\r\nhi!`,
      `${ok}Content-Length: 3\r\nA: b\r\n\r\nhi!`,
      'HTTP/1.1 404 OK\r\nContent-Length: 2\r\n\r\nhi',
    ]
    const responses = [info(200, 2), info(200, 3), info(200, 3), info(404, 2)]
    expect(readAll([Buffer.from(heads.join(''))])).toEqual(responses)
  })

  it('does not take the body of a response for the head of the next', () => {
    const inner = `${ok}Content-Length: 9\r\n\r\n`
    const outer = `${ok}Content-Length: ${inner.length}\r\n\r\n${inner}`
    expect(readAll([Buffer.from(outer.repeat(2))])).toEqual([
      info(200, inner.length),
      info(200, inner.length),
    ])
  })

  it('tells whether it stands amid a response', () => {
    const reader = new ResponseReader()
    const states = [`${ok}Content-`, 'Length: 2\r\n\r\n', 'h', 'i', `HTTP/1.1 100 Continue\r\n\r\n`].map(
      (text) => {
        readAll([Buffer.from(text)], reader)
        return reader.isAmid
      },
    )
    expect(states).toEqual([true, true, true, false, true])
  })

  it('refuses bytes after the end, where no request asked for more', () => {
    const reader = new ResponseReader()
    reader.feed(Buffer.from(`${ok}Content-Length: 2\r\n\r\nhi!`))
    expect(reader.next()).toEqual(info(200, 2))
    expect(() => reader.expectEnd()).toThrow('bytes after the end of the response')
  })

  it('refuses a head without an end, before it fills the memory', () => {
    expect(refusal(`${ok}A: ${'x'.repeat(70_000)}`)).toBe('a head or line of more than 64 KiB')
  })

  it('counts a large body without keeping it', () => {
    const head = Buffer.from(`${ok}Content-Length: 1000000\r\n\r\n`)
    const pieces = new Array<Buffer>(10).fill(Buffer.alloc(100_000))
    expect(readAll([head, ...pieces.slice(1)])).toEqual([])
    expect(readAll([head, ...pieces])).toEqual([info(200, 1_000_000)])
  })

  it('says how the bytes begin that are no HTTP', () => {
    expect(refusal('SSH-2.0-OpenSSH_9.2\r\n')).toBe('not an HTTP/1.1 response: "SSH-2.0-OpenSSH_9.2\\r\\n"')
  })
})
