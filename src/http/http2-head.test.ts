import { describe, expect, it } from 'vitest'
import { readHead } from './http2-head.js'
import { defaultLimits, type Limits } from './limits.js'

type Fields = readonly (readonly [string, string])[]

const pseudo = { ':method': 'GET', ':scheme': 'https', ':authority': 'a.example', ':path': '/' }

/** A head with these pseudo-headers instead of the usual ones, and these fields. */
function head(
  changes: Record<string, string | undefined> = {},
  fields: Fields = [],
  limits: Partial<Limits> = {},
) {
  const all = Object.entries({ ...pseudo, ...changes }).filter(([, value]) => value !== undefined) as [
    string,
    string,
  ][]
  return readHead([...all, ...fields].flat(), { ...defaultLimits, ...limits })
}

const statusOf = (read: () => unknown): unknown => {
  try {
    read()
    return 200
  } catch (error) {
    return (error as { status?: number }).status
  }
}

describe('the head of an HTTP/2 request', () => {
  it('gives the method, the target, the host and the fields', () => {
    const fields = [
      ['accept', '*/*'],
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
      ['content-length', '7'],
      ['expect', '100-Continue'],
    ] as const
    expect(head({ ':path': '/a%20b?c=%2F', ':method': 'POST' }, fields)).toEqual({
      method: 'POST',
      target: '/a%20b?c=%2F',
      host: 'a.example',
      fields: ['host', 'a.example', ...fields.flat()],
      contentLength: 7,
      expectsContinue: true,
    })
  })

  it('takes the host from the field where there is no :authority', () => {
    expect(head({ ':authority': undefined }, [['host', 'b.example:8443']])).toMatchObject({
      host: 'b.example:8443',
      fields: ['host', 'b.example:8443'],
    })
  })

  const rows: [string, number, Record<string, string | undefined>, Fields?][] = [
    ['OPTIONS *', 200, { ':method': 'OPTIONS', ':path': '*' }],
    ['a method of its own', 200, { ':method': 'PURGE' }],
    ['the same host twice, in different places', 200, {}, [['host', 'a.example']]],
    ['GET *', 400, { ':path': '*' }],
    ['a target without a slash', 400, { ':path': 'x' }],
    ['an absolute target', 400, { ':path': 'https://a.example/' }],
    ['no target', 400, { ':path': undefined }],
    ['a fragment', 400, { ':path': '/a#b' }],
    ['a space in the target', 400, { ':path': '/a b' }],
    ['a backslash', 400, { ':path': '/a\\b' }],
    ['a letter beyond ASCII', 400, { ':path': '/\u00fc' }],
    ['half an escape', 400, { ':path': '/%2' }],
    ['an escape of other letters', 400, { ':path': '/%zz' }],
    ['a percent sign at the end', 400, { ':path': '/a%' }],
    ['a percent sign behind an escape', 400, { ':path': '/%41%4' }],
    ['no method', 400, { ':method': undefined }],
    ['a method that is no word', 400, { ':method': 'GE T' }],
    ['CONNECT', 501, { ':method': 'CONNECT' }],
    ['http over TLS', 400, { ':scheme': 'http' }],
    ['another scheme', 400, { ':scheme': 'ftp' }],
    ['no host', 400, { ':authority': undefined }],
    ['an empty host', 400, { ':authority': '' }],
    ['a user in the host', 400, { ':authority': 'me@a.example' }],
    ['a path in the host', 400, { ':authority': 'a.example/x' }],
    ['a port that is none', 400, { ':authority': 'a.example:99999' }],
    ['another host in the field', 400, {}, [['host', 'b.example']]],
    [
      'two hosts',
      400,
      {},
      [
        ['host', 'a.example'],
        ['host', 'a.example'],
      ],
    ],
    ['an expectation that nobody meets', 417, {}, [['expect', 'miracles']]],
  ]
  it.each(rows)('%s: %d', (_what, status, changes, fields = []) => {
    expect(statusOf(() => head(changes, fields))).toBe(status)
  })

  const field = (bytes: number) => ['x'.repeat(10), 'y'.repeat(bytes - 14)] as const
  it.each([
    ['a target that fits', 200, { ':path': `/${'a'.repeat(8192 - 10)}` }, []],
    ['a target that is too long', 414, { ':path': `/${'a'.repeat(8192 - 9)}` }, []],
    ['a field that fits', 200, {}, [field(8192)]],
    ['a field that is too long', 431, {}, [field(8193)]],
    ['a hundred fields', 200, {}, Array.from({ length: 100 }, () => field(20))],
    ['a hundred and one', 431, {}, Array.from({ length: 101 }, () => field(20))],
    ['fields that fit together', 200, {}, [field(8000), field(8192)]],
    ['fields that do not', 431, {}, [field(8192), field(8192)]],
  ] as [string, number, Record<string, string>, Fields][])('%s: %d', (_what, status, changes, fields) => {
    expect(statusOf(() => head(changes, fields))).toBe(status)
  })

  it('holds to the limits that it is told', () => {
    expect(
      statusOf(() =>
        head(
          {},
          [
            ['a', 'b'],
            ['c', 'd'],
          ],
          { headers: 1 },
        ),
      ),
    ).toBe(431)
    expect(statusOf(() => head({ ':path': '/123456789012345' }, [], { lineBytes: 24 }))).toBe(414)
    expect(statusOf(() => head({}, [], { headBytes: 62 }))).toBe(431)
  })
})
