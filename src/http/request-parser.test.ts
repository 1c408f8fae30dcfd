import { describe, expect, it } from 'vitest'
import { bytesOf, cut, drive, single } from '../../test/http/drive.js'
import { type RawRequest, rawRequests } from '../../test/http/raw-requests.js'
import { defaultLimits } from './limits.js'
import { COMPLETE, INCOMPLETE, REFUSED, RequestParser } from './request-parser.js'

const shortBytes = 100
const withDefaults = rawRequests.filter((row) => row.limits === undefined)
const accepted = withDefaults.filter((row) => row.end === 'between')
const refused = withDefaults.filter((row) => typeof row.end === 'number')

describe.each(rawRequests.map((row) => [`${row.name} (${row.rfc}): ${row.end}`, row] as const))(
  '%s',
  (_, row) => {
    const bytes = bytesOf(row.text)
    const limits = limitsOf(row)
    const whole = drive([bytes], limits)

    it('is what the table says', () => {
      expect(whole).toMatchObject({ end: row.end, requests: row.requests })
    })

    it('is the same cut at each place, and at all of them', () => {
      for (let place = 0; place <= bytes.length; place++) {
        if (place > 2000 && place < bytes.length - 100) continue // in the midst of padding
        expect(drive(cut(bytes, place), limits), `cut at ${place}`).toEqual(whole)
      }
      if (bytes.length < 1000) expect(drive(single(bytes), limits)).toEqual(whole)
    })

    it.runIf(bytes.length <= shortBytes)('is the same cut at each two places', () => {
      for (let first = 1; first < bytes.length; first++)
        for (let second = first + 1; second < bytes.length; second++) {
          const parts = drive(cut(bytes, first, second), limits)
          if (JSON.stringify(parts) !== JSON.stringify(whole))
            expect(parts, `cut at ${first} and ${second}`).toEqual(whole)
        }
    })
  },
)

describe('requests that come together', () => {
  const all = accepted.map((row) => row.text).join('')
  const requests = accepted.flatMap((row) => row.requests)

  it('are all delivered', () => {
    expect(drive([bytesOf(all)])).toMatchObject({ end: 'between', requests, consumed: all.length })
    expect(drive(single(bytesOf(all)))).toMatchObject({ end: 'between', requests, consumed: all.length })
  })

  it.each(refused.map((row) => [row.name, row] as const))('are all delivered before %s', (_, row) => {
    const outcome = drive([bytesOf(all + row.text)])
    expect(outcome).toMatchObject({ end: row.end, requests: [...requests, ...row.requests] })
    expect(outcome.consumed).toBeGreaterThanOrEqual(all.length)
  })
})

describe('RequestParser', () => {
  const head = bytesOf('GET /orders?x=1 HTTP/1.1\r\nHost: a\r\n\r\n')

  it('gives positions relative to the message, wherever that begins', () => {
    const bytes = Buffer.concat([bytesOf('something else'), head])
    const parser = new RequestParser(defaultLimits)
    expect(parser.parse(bytes, 14)).toBe(COMPLETE)
    expect(parser.end).toBe(bytes.length)
    expect(bytes.toString('latin1', 14 + parser.targetStart, 14 + parser.targetEnd)).toBe('/orders?x=1')
    expect(bytes.toString('latin1', 14 + parser.hostStart, 14 + parser.hostEnd)).toBe('a')
  })

  it('gives the same hash for the same target, however it came', () => {
    const parser = new RequestParser(defaultLimits)
    parser.parse(head, 0)
    const { targetHash } = parser
    for (let place = 1; place < head.length; place++) {
      parser.reset()
      expect(parser.parse(head.subarray(0, place), 0)).toBe(INCOMPLETE)
      expect(parser.hasBegun).toBe(true)
      expect(parser.parse(head, 0)).toBe(COMPLETE)
      expect(parser.targetHash).toBe(targetHash)
    }
  })

  it('reads a line far beyond the depth of the stack', () => {
    const parser = new RequestParser({ ...defaultLimits, headBytes: Infinity, lineBytes: Infinity })
    const options = `${'x, '.repeat(300_000)}close`
    const bytes = bytesOf(`GET / HTTP/1.1\r\nHost: a\r\nConnection: ${options}\r\n\r\n`)
    expect(parser.parse(bytes, 0)).toBe(COMPLETE)
    expect(parser.keepAlive).toBe(false)
  })

  it('reads a head after trailers and after a refusal', () => {
    const parser = new RequestParser({ ...defaultLimits, trailerBytes: 8 })
    parser.resetForTrailers()
    expect(parser.parse(bytesOf('Content-Length: 5\r\n\r\n'), 0)).toBe(REFUSED)
    parser.reset()
    expect(parser.parse(head, 0)).toBe(COMPLETE)
  })

  it('says which limit was passed', () => {
    expect(reasonOf('headers: 2', { headers: 2 }, 'Host: a\r\nX: y\r\nZ:\r\n')).toBe(
      'more than 2 header fields',
    )
    expect(reasonOf('head', { headBytes: 30 }, 'Host: a\r\nX: y\r\n')).toBe('more than 30 bytes of headers')
    expect(reasonOf('line', { lineBytes: 20 }, `X: ${'y'.repeat(20)}`)).toBe(
      'a header line has more than 20 bytes',
    )
    expect(reasonOf('request line', { lineBytes: 10 }, '')).toBe('the request line has more than 10 bytes')
  })
})

function reasonOf(_: string, limits: RawRequest['limits'], lines: string): string {
  return drive([bytesOf(`GET / HTTP/1.1\r\n${lines}\r\n`)], { ...defaultLimits, ...limits }).reason
}

function limitsOf(row: RawRequest) {
  return { ...defaultLimits, ...row.limits }
}
