import { describe, expect, it } from 'vitest'
import { bytesOf, cut, drive, single } from '../../test/http/drive.js'
import { rawRequests } from '../../test/http/raw-requests.js'
import { defaultLimits, type Limits } from './limits.js'
import { COMPLETE, INCOMPLETE, REFUSED, RequestParser } from './request-parser.js'

const shortBytes = 80
const withDefaults = rawRequests.filter((row) => row.limits === undefined)
const accepted = withDefaults.filter((row) => row.end === 'between')
const refused = withDefaults.filter((row) => typeof row.end === 'number')

describe('a request, whole and in every split', () => {
  it.each(rawRequests.map((row) => [`${row.name} (RFC ${row.rfc}): ${row.end}`, row] as const))(
    '%s',
    (_, row) => {
      const bytes = bytesOf(row.text)
      const limits = { ...defaultLimits, ...row.limits }
      const whole = drive([bytes], limits)
      expect(whole).toMatchObject({ end: row.end, requests: row.requests })
      const text = JSON.stringify(whole)
      for (const parts of splits(bytes)) {
        const outcome = drive(parts, limits)
        if (JSON.stringify(outcome) !== text)
          expect(outcome, `in parts of ${parts.map((part) => part.length)} bytes`).toEqual(whole)
      }
    },
  )
})

/** Cut at each place, short ones also at each two, and at all of them. */
function* splits(bytes: Buffer): Generator<Uint8Array[]> {
  const { length } = bytes
  for (let first = 1; first < length; first++) {
    if (first > 1000 && first < length - 100) continue // in the midst of padding
    yield cut(bytes, first)
    if (length > shortBytes) continue
    for (let second = first + 1; second < length; second++) yield cut(bytes, first, second)
  }
  if (length < 1000) yield single(bytes)
}

describe('requests that come together', () => {
  const all = accepted.map((row) => row.text).join('')
  const requests = accepted.flatMap((row) => row.requests)

  it('are all delivered', () => {
    const whole = { end: 'between', requests, consumed: all.length }
    expect(drive([bytesOf(all)])).toMatchObject(whole)
    expect(drive(single(bytesOf(all)))).toMatchObject(whole)
  })

  it('are all delivered before one that is refused, whatever that is', () => {
    expect(refused.length).toBeGreaterThan(100)
    for (const row of refused) {
      const outcome = drive([bytesOf(all + row.text)])
      const consumed = all.length + drive([bytesOf(row.text)]).consumed
      const expected = { end: row.end, requests: [...requests, ...row.requests], consumed }
      expect(outcome, row.name).toMatchObject(expected)
    }
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
    expect(reasonOf({ headers: 2 }, 'Host: a\r\nX: y\r\nZ:\r\n')).toBe('more than 2 header fields')
    expect(reasonOf({ headBytes: 30 }, 'Host: a\r\nX: y\r\n')).toBe('more than 30 bytes of headers')
    expect(reasonOf({ lineBytes: 20 }, `X: ${'y'.repeat(20)}`)).toBe('a header line has more than 20 bytes')
    expect(reasonOf({ lineBytes: 10 }, '')).toBe('the request line has more than 10 bytes')
  })
})

function reasonOf(limits: Partial<Limits>, lines: string): string {
  return drive([bytesOf(`GET / HTTP/1.1\r\n${lines}\r\n`)], { ...defaultLimits, ...limits }).reason
}
